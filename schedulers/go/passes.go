package main

import (
	"slices"
	"strings"
	"time"
)

// pass is one piece of work, done. The wall time is without set-up and checks, and the answer is the same for every pass.
type pass struct {
	wall   time.Duration
	ops    uint64
	answer string
}

// passAfterPass passes until the time is up, at least once; only what a pass times itself counts.
func passAfterPass(budget time.Duration, once func() pass) outcome {
	var did outcome
	var answers []string
	for len(answers) == 0 || did.wall < budget {
		done := once()
		did.wall += done.wall
		did.ops += done.ops
		answers = append(answers, done.answer)
	}
	// A right answer is always the same, so two answers are a wrong one.
	slices.Sort(answers)
	did.answer = strings.Join(slices.Compact(answers), "; ")
	return did
}

// timed is how long some work took.
func timed(work func()) time.Duration {
	begin := now()
	work()
	return now().since(begin)
}

// scatter is SplitMix64's finaliser: what is near before is far apart after.
func scatter(bits uint64) uint64 {
	bits = (bits ^ bits>>30) * 0xbf58476d1ce4e5b9
	bits = (bits ^ bits>>27) * 0x94d049bb133111eb
	return bits ^ bits>>31
}

// digest is that of values in this order.
func digest(values []uint32) (sum uint64) {
	for index, value := range values {
		sum += scatter(scatter(uint64(value)) + uint64(index))
	}
	return sum
}
