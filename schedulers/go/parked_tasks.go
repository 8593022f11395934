package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// parkedSteps: memory is read after each eighth of the goroutines.
const parkedSteps = 8

// parkedTasks is workloads/src/parked_tasks.rs: goroutines that wait at a latch, a channel that is closed to open it. The memory of one is the slope over the steps, in
// the first item of the process; later ones find the memory of those before them.
func parkedTasks(given params) (body, error) {
	tasks := given.int("tasks")
	var bytesEach *float64
	return func(time.Duration) outcome {
		latch := make(chan struct{})
		var open atomic.Bool
		var right atomic.Uint64
		var woken sync.WaitGroup
		woken.Add(tasks)
		var parked [parkedSteps][2]float64
		started := 0
		for step := range parkedSteps {
			until := tasks * (step + 1) / parkedSteps
			var arrived sync.WaitGroup
			arrived.Add(until - started)
			for ; started < until; started++ {
				go func() {
					arrived.Done()
					<-latch
					if open.Load() {
						right.Add(1)
					}
					woken.Done()
				}()
			}
			arrived.Wait()
			if bytesEach == nil {
				parked[step] = [2]float64{float64(started), float64(memoryBytes())}
			}
		}
		if bytesEach == nil {
			bytes := slope(parked[:])
			bytesEach = &bytes
		}
		open.Store(true)
		wall := timed(func() {
			close(latch)
			woken.Wait()
		})
		bytes := uint64(max(0, *bytesEach) * float64(tasks))
		return outcome{ops: uint64(tasks), wall: wall, answer: fmt.Sprint(right.Load()), bytes: &bytes}
	}, nil
}

// memoryBytes is what is resident and what the page tables take. smaps_rollup counts pages; VmRSS may be off by some for each CPU.
func memoryBytes() uint64 {
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	orPanic(err)
	for line := range strings.Lines(string(rollup)) {
		if rest, found := strings.CutPrefix(line, "Rss:"); found {
			resident, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
			orPanic(err)
			tables := statusField("VmPTE:", 1024)
			if tables == nil {
				panic("the kernel does not say how large the page tables are")
			}
			return resident*1024 + *tables
		}
	}
	panic("the kernel does not say what is resident")
}

// slope is that of the line through these points, by least squares.
func slope(points [][2]float64) float64 {
	var meanX, meanY, above, below float64
	for _, point := range points {
		meanX += point[0] / float64(len(points))
		meanY += point[1] / float64(len(points))
	}
	for _, point := range points {
		above += (point[0] - meanX) * (point[1] - meanY)
		below += (point[0] - meanX) * (point[0] - meanX)
	}
	return above / below
}
