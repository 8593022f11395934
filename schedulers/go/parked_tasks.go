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

const (
	// Memory is read after each eighth of the goroutines.
	parkedSteps = 8
	// From arriving it is still some steps to waiting.
	parkedSettle = time.Millisecond
)

// parkedTasks is workloads/src/parked_tasks.rs: goroutines that wait at a latch, a channel that is closed to open it. The memory of one is the slope over the steps, in
// the first item of the process; later ones find the memory of those before them.
func parkedTasks(given params) (body, error) {
	tasks := given.int("tasks")
	var bytesEach *float64
	return func(time.Duration) outcome {
		latch := make(chan struct{})
		var arrived, awake, right atomic.Int64
		var open atomic.Bool
		var running sync.WaitGroup
		var lastAwake instant
		park := func() {
			arrived.Add(1)
			<-latch
			if awake.Add(1) == int64(tasks) {
				lastAwake = now()
			}
			if open.Load() {
				right.Add(1)
			}
		}
		steps := 1
		if bytesEach == nil {
			steps = parkedSteps
		}
		var readings [][2]float64
		started := 0
		for step := range steps {
			for until := tasks * (step + 1) / steps; started < until; started++ {
				running.Go(park)
			}
			for arrived.Load() < int64(started) {
				time.Sleep(parkedSettle)
			}
			time.Sleep(parkedSettle)
			readings = append(readings, [2]float64{float64(started), float64(memoryBytes())})
		}
		if bytesEach == nil {
			bytes := slope(readings)
			bytesEach = &bytes
		}
		open.Store(true)
		begin := now()
		close(latch)
		running.Wait()
		bytes := uint64(max(0, *bytesEach) * float64(tasks))
		return outcome{ops: uint64(tasks), wall: lastAwake.since(begin), answer: fmt.Sprint(right.Load()), bytes: &bytes}
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
