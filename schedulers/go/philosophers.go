package main

import (
	"fmt"
	"sync"
	"time"
)

// fork is a mutex and how often it was used; two of them in one cache line would be one to the caches.
type fork struct {
	sync.Mutex
	uses uint64
	_    [48]byte
}

// philosophers is workloads/src/philosophers.rs: goroutines around a table, each of which needs the two forks beside it; the one of the lower number first.
func philosophers(given params) (body, error) {
	tasks := given.int("tasks")
	return func(budget time.Duration) outcome {
		line := drawLine(tasks, tasks, budget)
		forks := make([]fork, tasks)
		forksOf := func(own int) (first, second int) {
			left, right := own, (own+1)%tasks
			return min(left, right), max(left, right)
		}
		lockers := make([]locker, tasks)
		var running sync.WaitGroup
		for own := range lockers {
			at, and := forksOf(own)
			first, second := &forks[at], &forks[and]
			running.Go(func() {
				lockers[own] = repeatLocking(line, func() {
					first.Lock()
					second.Lock()
					first.uses++
					second.uses++
					second.Unlock()
					first.Unlock()
				})
			})
		}
		line.start()
		running.Wait()
		did := addUp(line, lockers)
		meals := make([]uint64, tasks)
		for own := range lockers {
			first, second := forksOf(own)
			meals[first] += lockers[own].ops
			meals[second] += lockers[own].ops
		}
		var uses, wrong uint64
		for at := range forks {
			uses += forks[at].uses
			if forks[at].uses != meals[at] {
				wrong++
			}
		}
		did.answer = fmt.Sprint(uses / 2)
		if wrong > 0 {
			did.answer = fmt.Sprintf("%d forks that disagree with their neighbours", wrong)
		}
		return did
	}, nil
}
