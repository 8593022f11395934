package main

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Between two pauses.
	stwRun = 100 * time.Microsecond
	// What a spinner calculates between two calls into the scheduler.
	stwSpin = time.Microsecond
)

// stopTheWorld is workloads/src/stop_the_world.rs with what Go has: runtime.ReadMemStats stops the world to take its figures. Nothing of ours runs meanwhile, so a
// sample is the whole call, with the reading of the figures in it, and what is checked is the runtime's own count of its pauses.
func stopTheWorld(given params) (body, error) {
	spinning, blocked, inCalls := given.int("spinning"), given.int("blocked"), given.int("in_calls")
	var opened *calls
	return func(budget time.Duration) outcome {
		if opened == nil {
			opened = openCalls(inCalls)
		}
		steps := stepsIn(stwSpin)
		var over atomic.Bool
		var here, running sync.WaitGroup
		silent := make(chan struct{})
		beside := func(count int, run func(own int)) {
			here.Add(count)
			for own := range count {
				running.Go(func() {
					here.Done()
					run(own)
				})
			}
		}
		beside(blocked, func(int) { <-silent })
		beside(inCalls, func(own int) {
			for number := uint64(0); !over.Load(); number++ {
				call := call{callKindPipe, number}
				if opened.make(own, call) != call.value() {
					panic("a call was not made")
				}
			}
		})
		beside(spinning, func(own int) {
			for !over.Load() {
				walk(uint64(own), steps)
				runtime.Gosched()
			}
		})
		here.Wait()

		var figures runtime.MemStats
		var pausesNs []int64
		before := pausesCounted()
		begin := now()
		end := begin
		for end.since(begin) < budget || len(pausesNs) == 0 {
			time.Sleep(stwRun)
			called := now()
			runtime.ReadMemStats(&figures)
			end = now()
			pausesNs = append(pausesNs, int64(end.since(called)))
		}
		counted := pausesCounted() - before
		over.Store(true)
		close(silent)
		running.Wait()
		ops := uint64(len(pausesNs))
		return outcome{
			ops:     ops,
			wall:    end.since(begin),
			answer:  fmt.Sprint(min(ops, counted)),
			samples: []samples{{wake, pausesNs}},
		}
	}, nil
}

// pausesCounted is how often the world was stopped for something else than the garbage collector.
func pausesCounted() (count uint64) {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}}
	metrics.Read(sample)
	for _, bucket := range sample[0].Value.Float64Histogram().Counts {
		count += bucket
	}
	return count
}
