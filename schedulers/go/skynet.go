package main

import (
	"fmt"
	"sync"
	"time"
)

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
