package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// tightLoop is workloads/src/tight_loop.rs: hogs that only calculate, and a victim beside them that wants to run at each tick. Go's compiler puts no yield points
// into loops; the runtime preempts by signal.
func tightLoop(given params) (body, error) {
	hogs := given.int("hogs")
	if hogs == 0 {
		hogs = given.int("workers")
	}
	hog, tick := given.millis("hog_ms"), given.micros("tick_us")
	ticks := max(1, int(hog/tick))
	return func(time.Duration) outcome {
		steps := stepsIn(hog)
		victim := startVictim(tick, ticks)
		states := make([]uint64, hogs)
		var running sync.WaitGroup
		for at := range states {
			running.Go(func() { states[at] = walk(uint64(at)+1, steps) })
		}
		running.Wait()
		late := <-victim.lateNs
		wall := now().since(victim.begin)
		return outcome{
			ops:     uint64(len(late)),
			wall:    wall,
			answer:  tightLoopAnswer(len(late), states, steps),
			samples: []samples{{wake, late}},
		}
	}, nil
}

// tightLoopAnswer takes each hog's result back to what it started from: one that took a step too few does not arrive there.
func tightLoopAnswer(ticks int, states []uint64, steps uint64) string {
	seeds := make([]string, len(states))
	for at, state := range states {
		seeds[at] = fmt.Sprint(leapBack(state, steps))
	}
	return fmt.Sprintf("%d ticks beside hogs from %s", ticks, strings.Join(seeds, " "))
}
