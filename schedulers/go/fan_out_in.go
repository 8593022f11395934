package main

import (
	"fmt"
	"sync"
	"time"
)

// fanOutIn is workloads/src/fan_out_in.rs: wave number n gives n to each of many goroutines, and the one of number i answers n + i.
func fanOutIn(given params) (body, error) {
	width := given.int("width")
	return func(budget time.Duration) outcome {
		answers := make(chan uint64, width)
		workers := make([]chan uint64, width)
		var running sync.WaitGroup
		for own := range workers {
			waves := make(chan uint64, 1)
			workers[own] = waves
			running.Go(func() {
				for number := range waves {
					answers <- number + uint64(own)
				}
			})
		}
		wave := func(number uint64) (sum uint64) {
			for _, worker := range workers {
				worker <- number
			}
			for range width {
				sum += <-answers
			}
			return sum
		}
		wave(0)
		begin := now()
		watch := newWatch(begin, budget, 1)
		var waves, sum uint64
		var aloneNs []int64
		for over := false; !over; {
			for range watch.batch() {
				sum += wave(waves)
				waves++
			}
			sent := now()
			sum += wave(waves)
			waves++
			back := now()
			aloneNs = append(aloneNs, int64(back.since(sent)))
			over = watch.lookAfter(sent, back)
		}
		for _, worker := range workers {
			close(worker)
		}
		running.Wait()
		return outcome{
			ops:     waves,
			wall:    watch.last.since(begin),
			answer:  fmt.Sprint(sum),
			samples: []samples{{response, aloneNs}},
		}
	}, nil
}
