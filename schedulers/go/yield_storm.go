package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// The phases of a yield storm.
const (
	stormGathering = iota
	stormMeasuring
	stormOver
)

// yieldStorm is workloads/src/yield_storm.rs: goroutines that do nothing but runtime.Gosched. The first of them watches the clock for all.
func yieldStorm(given params) (body, error) {
	tasks := given.int("tasks")
	pace := newPace()
	return func(budget time.Duration) outcome {
		var started, phase atomic.Int64
		var total atomic.Uint64
		latch := make(chan struct{})
		counts := make(chan uint64, tasks)
		for range tasks - 1 {
			go func() {
				<-latch
				started.Add(1)
				for phase.Load() == stormGathering {
					runtime.Gosched()
				}
				var yields uint64
				for phase.Load() == stormMeasuring {
					runtime.Gosched()
					yields++
				}
				total.Add(yields)
				counts <- yields
			}()
		}
		var wall time.Duration
		go func() {
			<-latch
			started.Add(1)
			for started.Load() < int64(tasks) {
				runtime.Gosched()
			}
			var yields uint64
			begin := now()
			end := begin
			phase.Store(stormMeasuring)
			for yields == 0 || end.since(begin) < budget {
				for range pace.batch {
					runtime.Gosched()
				}
				yields += pace.batch
				moment := now()
				pace.took(moment.since(end))
				end = moment
			}
			phase.Store(stormOver)
			total.Add(yields)
			wall = end.since(begin)
			counts <- yields
		}()
		close(latch)
		var ops uint64
		for range tasks {
			ops += <-counts
		}
		return outcome{ops: ops, wall: wall, answer: fmt.Sprint(total.Load())}
	}, nil
}
