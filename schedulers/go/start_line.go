package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// startLine is where the goroutines of a slice meet before it begins: none is in the timed part while another is still being started. The first one over the line
// starts the time of all.
type startLine struct {
	here    sync.WaitGroup
	gate    chan struct{}
	begin   atomic.Int64
	budget  time.Duration
	lookers int
}

// drawLine draws a line for so many goroutines, of which `lookers` watch the clock.
func drawLine(goroutines, lookers int, budget time.Duration) *startLine {
	line := &startLine{gate: make(chan struct{}), budget: budget, lookers: lookers}
	line.here.Add(goroutines)
	return line
}

// cross waits for the others. The watch has begun.
func (line *startLine) cross() watch {
	line.here.Done()
	<-line.gate
	line.begin.CompareAndSwap(0, int64(now()))
	return newWatch(instant(line.begin.Load()), line.budget, line.lookers)
}

// start waits for all and lets them go.
func (line *startLine) start() {
	line.here.Wait()
	close(line.gate)
}

// wall is the length of the slice, if its last goroutine ended at `end`.
func (line *startLine) wall(end instant) time.Duration {
	return end.since(instant(line.begin.Load()))
}

// watch is how one goroutine that repeats a tiny operation knows that its slice is over. Where several look, each takes its share of the clock's cost: a batch is as
// long as if the others' time were not its own.
type watch struct {
	pace     pace
	lookers  int
	last     instant
	deadline instant
}

func newWatch(begin instant, budget time.Duration, lookers int) watch {
	return watch{pace: newPace(), lookers: lookers, last: now(), deadline: begin.after(budget)}
}

// batch is how many operations to do before looking.
func (w *watch) batch() uint64 { return w.pace.batch }

// look ends a batch; whether the slice is over.
func (w *watch) look() bool {
	moment := now()
	return w.lookAfter(moment, moment)
}

// lookAfter ends a batch at batchEnd, and one more operation, that was timed alone, at `now`. Whether the slice is over.
func (w *watch) lookAfter(batchEnd, now instant) bool {
	w.pace.took(batchEnd.since(w.last) / time.Duration(w.lookers))
	w.last = now
	return now >= w.deadline
}
