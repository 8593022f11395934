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
	// From asking to having, of those that were timed alone.
	waitsNs []int64
}

// repeatLocking repeats an operation under locks until the slice is over. After each batch it times one alone; `operation` tells when it had its locks if it is
// asked to.
func repeatLocking(line *startLine, operation func(), timed func() instant) locker {
	watch := line.cross()
	var did locker
	for over := false; !over; {
		batch := watch.batch()
		for range batch {
			operation()
		}
		asked := now()
		hasIt := timed()
		did.ops += batch + 1
		did.waitsNs = append(did.waitsNs, int64(hasIt.since(asked)))
		over = watch.lookAfter(asked, hasIt)
	}
	did.end = now()
	return did
}

// addUp is the outcome of all of them but the answer.
func addUp(line *startLine, lockers []locker) outcome {
	did := outcome{}
	var end instant
	var waits []int64
	for _, one := range lockers {
		did.ops += one.ops
		end = max(end, one.end)
		waits = append(waits, one.waitsNs...)
	}
	did.wall = line.wall(end)
	did.samples = []samples{{response, waits}}
	return did
}

// mutex is workloads/src/mutex.rs: goroutines that lock one sync.Mutex, add one to the counter in it, and unlock it.
func mutex(given params) (body, error) {
	tasks, hold := given.int("tasks"), time.Duration(given["hold_ns"])
	return func(budget time.Duration) outcome {
		var steps uint64
		if hold > 0 {
			steps = stepsIn(hold)
		}
		line := drawLine(tasks, tasks, budget)
		var lock sync.Mutex
		var counter uint64
		count := func() {
			before := counter
			if steps > 0 {
				walk(before, steps)
			}
			counter = before + 1
		}
		lockers := make([]locker, tasks)
		var running sync.WaitGroup
		for own := range lockers {
			running.Go(func() {
				lockers[own] = repeatLocking(line, func() {
					lock.Lock()
					count()
					lock.Unlock()
				}, func() instant {
					lock.Lock()
					hasIt := now()
					count()
					lock.Unlock()
					return hasIt
				})
			})
		}
		line.start()
		running.Wait()
		did := addUp(line, lockers)
		did.answer = fmt.Sprint(counter)
		return did
	}, nil
}

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
				}, func() instant {
					first.Lock()
					second.Lock()
					eats := now()
					first.uses++
					second.uses++
					second.Unlock()
					first.Unlock()
					return eats
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
