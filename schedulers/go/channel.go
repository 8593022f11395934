package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// channel is workloads/src/channel.rs: producers send the numbers from 0 up, which they take from one counter by blocks, and consumers add up what they receive.
func channel(given params) (body, error) {
	load := channelLoad{given.int("producers"), given.int("consumers"), given.int("capacity"), given.int("select")}
	switch load.choices {
	case 0, 2, 4, 8:
	default:
		return nil, notApplicable(fmt.Sprintf("select=%d: it is over 2, 4 or 8 channels, or 0 for none", load.choices))
	}
	return load.slice, nil
}

type channelLoad struct {
	producers, consumers, capacity, choices int
}

func (load channelLoad) slice(budget time.Duration) outcome {
	channels := make([]chan uint64, max(1, load.choices))
	senders := len(channels) * load.producers
	line := drawLine(senders+load.consumers, senders, budget)
	var numbers atomic.Uint64
	for at := range channels {
		channels[at] = make(chan uint64, load.capacity)
		var left atomic.Int64
		left.Store(int64(load.producers))
		for range load.producers {
			go func() {
				watch := line.cross()
				for over := false; !over; over = watch.look() {
					batch := watch.batch()
					end := numbers.Add(batch)
					for number := end - batch; number < end; number++ {
						channels[at] <- number
					}
				}
				if left.Add(-1) == 0 {
					close(channels[at])
				}
			}()
		}
	}
	sums := make([]uint64, load.consumers)
	ends := make([]instant, load.consumers)
	var consumers sync.WaitGroup
	for own := range load.consumers {
		consumers.Go(func() {
			line.cross()
			sum := receiveSelecting(channels)
			for _, channel := range channels {
				for number := range channel {
					sum += number
				}
			}
			sums[own], ends[own] = sum, now()
		})
	}
	line.start()
	consumers.Wait()
	var sum uint64
	var end instant
	for own := range sums {
		sum += sums[own]
		end = max(end, ends[own])
	}
	return outcome{ops: numbers.Load(), wall: line.wall(end), answer: fmt.Sprint(sum)}
}

// receiveSelecting receives from all of the channels, where there are several, until the first of them is closed.
func receiveSelecting(from []chan uint64) (sum uint64) {
	var number uint64
	open := len(from) > 1
	for open {
		switch len(from) {
		case 2:
			select {
			case number, open = <-from[0]:
			case number, open = <-from[1]:
			}
		case 4:
			select {
			case number, open = <-from[0]:
			case number, open = <-from[1]:
			case number, open = <-from[2]:
			case number, open = <-from[3]:
			}
		default:
			select {
			case number, open = <-from[0]:
			case number, open = <-from[1]:
			case number, open = <-from[2]:
			case number, open = <-from[3]:
			case number, open = <-from[4]:
			case number, open = <-from[5]:
			case number, open = <-from[6]:
			case number, open = <-from[7]:
			}
		}
		// What a closed channel gives is 0.
		sum += number
	}
	return sum
}
