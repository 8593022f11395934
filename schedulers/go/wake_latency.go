package main

import (
	"fmt"
	"time"
)

// busySender: how long a busy sender keeps its worker.
const busySender = 200 * time.Microsecond

// stamp is a message with the moment at which it was sent; number 0 is the one that is not counted.
type stamp struct {
	number uint64
	sent   instant
}

// wakeLatency is workloads/src/wake_latency.rs: a goroutine that waits is sent a time stamp, and reads the clock when it runs.
func wakeLatency(given params) (body, error) {
	gap, busy := given.micros("gap_us"), given.bool("busy")
	return func(budget time.Duration) outcome {
		var busySteps uint64
		if busy {
			busySteps = stepsIn(busySender)
		}
		messages, answers := make(chan stamp, 1), make(chan uint64, 1)
		var wakeNs []int64
		var last uint64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for message := range messages {
				woken := now()
				if message.number > 0 {
					wakeNs = append(wakeNs, int64(woken.since(message.sent)))
					if message.number == last+1 {
						last++
					}
				}
				answers <- message.number
			}
		}()
		send := func(message stamp) {
			messages <- message
			walk(message.number, busySteps)
			if <-answers != message.number {
				panic("the answer to another message")
			}
		}
		send(stamp{0, now()})
		begin := now()
		var ops uint64
		for end := begin; end.since(begin) < budget; {
			if gap > 0 {
				time.Sleep(gap)
			}
			message := stamp{ops + 1, now()}
			send(message)
			ops, end = message.number, message.sent
		}
		wall := now().since(begin)
		close(messages)
		<-done
		return outcome{ops: ops, wall: wall, answer: fmt.Sprint(last), samples: []samples{{wake, wakeNs}}}
	}, nil
}
