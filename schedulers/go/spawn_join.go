package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
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

// skynet is workloads/src/skynet.rs: a tree of goroutines, ten children each, whose leaves send their numbers up to be added.
func skynet(given params) (body, error) {
	leaves := given.uint64("leaves")
	add := skynetAdd
	if given.bool("channels") {
		add = skynetGather
	}
	tasks := skynetTasks(0, leaves)
	return func(budget time.Duration) outcome {
		return passAfterPass(budget, func() pass {
			var sum uint64
			wall := timed(func() { sum = add(0, leaves) })
			return pass{wall, tasks, fmt.Sprint(sum)}
		})
	}, nil
}

const skynetChildren = 10

// skynetChild is what a child is given of the numbers; it may be nothing.
func skynetChild(start, end, nth uint64) (from, to uint64) {
	size := end - start
	return start + size*nth/skynetChildren, start + size*(nth+1)/skynetChildren
}

func skynetTasks(start, end uint64) uint64 {
	tasks := uint64(1)
	for nth := range uint64(skynetChildren) {
		if from, to := skynetChild(start, end, nth); end-start > 1 && to > from {
			tasks += skynetTasks(from, to)
		}
	}
	return tasks
}

// skynetGather gets the answers of the children through a channel.
func skynetGather(start, end uint64) (sum uint64) {
	if end-start == 1 {
		return start
	}
	answers := make(chan uint64, skynetChildren)
	children := 0
	for nth := range uint64(skynetChildren) {
		if from, to := skynetChild(start, end, nth); to > from {
			children++
			go func() { answers <- skynetGather(from, to) }()
		}
	}
	for range children {
		sum += <-answers
	}
	return sum
}

// skynetAdd waits for the children, each of which has a place for its answer.
func skynetAdd(start, end uint64) (sum uint64) {
	if end-start == 1 {
		return start
	}
	var children sync.WaitGroup
	var answers [skynetChildren]uint64
	for nth := range uint64(skynetChildren) {
		if from, to := skynetChild(start, end, nth); to > from {
			children.Go(func() { answers[nth] = skynetAdd(from, to) })
		}
	}
	children.Wait()
	for _, answer := range answers {
		sum += answer
	}
	return sum
}

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
