package main

import (
	"math/bits"
	"sync"
	"time"
)

// Call-free work for hogs, as workloads/src/arithmetic.rs: a linear congruential generator that is stepped, and its closed form, which checks the result
// without doing the work again.
const (
	// Knuth's MMIX constants (TAOCP 2, 3.3.4).
	factor    = 6_364_136_223_846_793_005
	increment = 1_442_695_040_888_963_407
)

// walk is the state so many steps after `state`, by taking every step: no clock, no call and no memory access in the loop.
//
//go:noinline
func walk(state, steps uint64) uint64 {
	for ; steps > 0; steps-- {
		state = state*factor + increment
	}
	return state
}

// leap is the state so many steps after `state` in at most 64 squarings (F. Brown, "Random Number Generation with Arbitrary Strides", 1994).
func leap(state, steps uint64) uint64 {
	var f, i uint64 = factor, increment
	var wholeFactor, wholeIncrement uint64 = 1, 0
	for ; steps > 0; steps >>= 1 {
		if steps&1 == 1 {
			wholeFactor *= f
			wholeIncrement = wholeIncrement*f + i
		}
		i *= f + 1
		f *= f
	}
	return wholeFactor*state + wholeIncrement
}

// leapBack is the state so many steps before `state`: the period is 2^64, so going back is going on.
func leapBack(state, steps uint64) uint64 { return leap(state, -steps) }

const probeSteps = 2_000_000

// probeTime is the least of some probes, since whatever disturbs one makes it longer; measured once a process.
var probeTime = sync.OnceValue(func() time.Duration {
	least := time.Hour
	for seed := range uint64(8) {
		begin := now()
		walk(seed, probeSteps)
		least = min(least, now().since(begin))
	}
	return least
})

// stepsIn is how many steps take about so long on an otherwise idle core.
func stepsIn(d time.Duration) uint64 {
	return max(1, probeSteps*uint64(d)/uint64(max(1, probeTime())))
}

// random is the generator of the Rust crate fastrand (Wyrand), so that what is made up at random is the same here and there.
type random uint64

func (r *random) uint64() uint64 {
	*r += 0x2d358dccaa6c78a5
	high, low := bits.Mul64(uint64(*r), uint64(*r)^0x8bb84b93962eacc9)
	return high ^ low
}

// below is a number below n, each equally likely (D. Lemire, "Fast Random Integer Generation in an Interval", 2019), as fastrand's u64(0..n).
func (r *random) below(n uint64) uint64 {
	high, low := bits.Mul64(r.uint64(), n)
	if low < n {
		for threshold := -n % n; low < threshold; {
			high, low = bits.Mul64(r.uint64(), n)
		}
	}
	return high
}

// below32 is fastrand's u32(0..n): it takes the lower half of a draw.
func (r *random) below32(n uint32) uint32 {
	product := uint64(uint32(r.uint64())) * uint64(n)
	if uint32(product) < n {
		for threshold := -n % n; uint32(product) < threshold; {
			product = uint64(uint32(r.uint64())) * uint64(n)
		}
	}
	return uint32(product >> 32)
}
