package main

import (
	"fmt"
	"sync"
	"time"
)

// locker is what one goroutine of mutex or philosophers did.
type locker struct {
	ops uint64
	end instant
}

// repeatLocking repeats an operation under locks until the slice is over.
func repeatLocking(line *startLine, operation func()) (did locker) {
	watch := line.cross()
	for over := false; !over; over = watch.look() {
		batch := watch.batch()
		for range batch {
			operation()
		}
		did.ops += batch
	}
	did.end = watch.last
	return did
}

// addUp is the outcome of all of them but the answer.
func addUp(line *startLine, lockers []locker) (did outcome) {
	var end instant
	for _, one := range lockers {
		did.ops += one.ops
		end = max(end, one.end)
	}
	did.wall = line.wall(end)
	return did
}

// visitEvery is how long the visitor sleeps between two visits.
const visitEvery = 100 * time.Microsecond

// mutex is workloads/src/mutex.rs: goroutines that lock one sync.Mutex, add one to the counter in it, and unlock it; and a visitor that measures how long one waits.
func mutex(given params) (body, error) {
	tasks, hold := given.int("tasks"), time.Duration(given["hold_ns"])
	return func(budget time.Duration) outcome {
		var steps uint64
		if hold > 0 {
			steps = stepsIn(hold)
		}
		line := drawLine(tasks+1, tasks, budget)
		var lock sync.Mutex
		var counter uint64
		lockers := make([]locker, tasks)
		var running sync.WaitGroup
		for own := range lockers {
			running.Go(func() {
				lockers[own] = repeatLocking(line, func() {
					lock.Lock()
					before := counter
					if steps > 0 {
						walk(before, steps)
					}
					counter = before + 1
					lock.Unlock()
				})
			})
		}
		var visits uint64
		var waitsNs []int64
		visitor := make(chan struct{})
		go func() {
			defer close(visitor)
			watch := line.cross()
			for hasIt := instant(0); hasIt < watch.deadline; {
				time.Sleep(visitEvery)
				asked := now()
				lock.Lock()
				hasIt = now()
				counter++
				lock.Unlock()
				visits++
				// A long wait counts also for each visit that would have been due meanwhile.
				for due := asked; due <= hasIt; due = due.after(visitEvery) {
					waitsNs = append(waitsNs, int64(hasIt.since(due)))
				}
			}
		}()
		line.start()
		running.Wait()
		<-visitor
		did := addUp(line, lockers)
		did.ops += visits
		did.answer = fmt.Sprint(counter)
		did.samples = []samples{{response, waitsNs}}
		return did
	}, nil
}
