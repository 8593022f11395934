package main

import (
	"fmt"
	"sync"
	"time"
)

// callsAFile: one blocking call in so many is a file's.
const callsAFile = 61

// blockingIo is workloads/src/blocking_io.rs: goroutines that make real blocking calls one after the other, and a victim beside them. A Go programmer does nothing
// special to block: the runtime takes the P from a system call that stays.
func blockingIo(given params) (body, error) {
	load := blockingLoad{given.int("tasks"), given.uint64("calls"), given.uint64("share_percent")}
	tick := given.micros("tick_us")
	var opened *calls
	return func(time.Duration) outcome {
		if opened == nil {
			opened = openCalls(load.tasks)
		}
		victim := startVictim(tick, 0)
		begin := now()
		sums := make([]uint64, load.tasks)
		var running sync.WaitGroup
		for task := range sums {
			running.Go(func() {
				first := uint64(task) * load.calls
				for number := first; number < first+load.calls; number++ {
					sums[task] += opened.make(task, call{load.kindOf(number), number})
				}
			})
		}
		running.Wait()
		finish := now()
		victim.end.Store(int64(finish))
		ops := uint64(load.tasks) * load.calls
		return outcome{
			ops:     ops,
			wall:    finish.since(begin),
			answer:  blockingAnswer(ops, sums),
			samples: []samples{{wake, <-victim.lateNs}},
		}
	}, nil
}

type blockingLoad struct {
	tasks        int
	calls        uint64
	sharePercent uint64
}

// kindOf: of every hundred calls sharePercent block, as evenly spread as whole numbers allow.
func (load blockingLoad) kindOf(number uint64) callKind {
	nth := number * load.sharePercent / 100
	switch {
	case (number+1)*load.sharePercent/100 == nth:
		return callKindCalculate
	case nth%callsAFile == 0:
		return callKindFile
	case nth%2 == 0:
		return callKindSleep
	default:
		return callKindPipe
	}
}

func blockingAnswer(calls uint64, sums []uint64) string {
	var sum uint64
	for _, one := range sums {
		sum += one
	}
	return fmt.Sprintf("%d calls, sum %016x", calls, sum)
}
