package main

import (
	"fmt"
	"sync"
	"time"
)

// spawnJoin is workloads/src/spawn_join.rs: goroutines that give a number and end. Go has no handle to join one by: one at a time gives its number through a channel
// of its own, many put it into a place of their own and are waited for with a sync.WaitGroup.
func spawnJoin(given params) (body, error) {
	batch := given.uint64("batch")
	switch given["mode"] {
	case 0:
		pace := newPace()
		return func(budget time.Duration) outcome { return spawnOneAtATime(budget, &pace) }, nil
	case 1:
		return func(budget time.Duration) outcome { return batchAfterBatch(budget, batch, spawnBatch) }, nil
	case 2:
		return func(budget time.Duration) outcome { return batchAfterBatch(budget, batch, spawnChain) }, nil
	default:
		return nil, notApplicable("a Go program has no thread outside of its scheduler that could start goroutines")
	}
}

func spawnOneAtATime(budget time.Duration, pace *pace) outcome {
	var tasks, sum uint64
	begin := now()
	end := begin
	for end.since(begin) < budget || tasks == 0 {
		for range pace.batch {
			sum += spawnAndJoin(tasks)
			tasks++
		}
		moment := now()
		pace.took(moment.since(end))
		end = moment
	}
	return outcome{ops: tasks, wall: end.since(begin), answer: fmt.Sprint(sum)}
}

func spawnAndJoin(number uint64) uint64 {
	done := make(chan uint64, 1)
	go func() { done <- number }()
	return <-done
}

// batchAfterBatch runs batches until the time is up, at least one. `run` gives each goroutine its place, and says how long it took.
func batchAfterBatch(budget time.Duration, batch uint64, run func(first uint64, places []uint64) time.Duration) outcome {
	var did outcome
	var sum uint64
	places := make([]uint64, batch)
	for did.ops == 0 || did.wall < budget {
		clear(places)
		did.wall += run(did.ops, places)
		did.ops += batch
		for _, number := range places {
			sum += number
		}
	}
	did.answer = fmt.Sprint(sum)
	return did
}

func spawnBatch(first uint64, places []uint64) time.Duration {
	return timed(func() {
		var all sync.WaitGroup
		for at := range places {
			all.Go(func() { places[at] = first + uint64(at) })
		}
		all.Wait()
	})
}

func spawnChain(first uint64, places []uint64) time.Duration {
	var all sync.WaitGroup
	end := make(chan struct{}, 1)
	var link func(at int)
	link = func(at int) {
		places[at] = first + uint64(at)
		if at+1 == len(places) {
			end <- struct{}{}
			return
		}
		all.Go(func() { link(at + 1) })
	}
	wall := timed(func() {
		all.Go(func() { link(0) })
		<-end
	})
	all.Wait()
	return wall
}
