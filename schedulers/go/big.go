package main

import (
	"fmt"
	"time"
)

// bigMessage is what is in a mailbox: a question, an answer (from is answerFrom), or the last word (from is lastWordFrom).
type bigMessage struct {
	from   int
	number uint64
}

const (
	answerFrom   = -1
	lastWordFrom = -2
)

// bigTally is what a goroutine counts.
type bigTally struct {
	answered, received, wrong uint64
	end                       instant
}

// big is workloads/src/big.rs: goroutines that each ask another one, chosen at random, wait for its answer, and answer all who ask them.
func big(given params) (body, error) {
	tasks := given.int("tasks")
	return func(budget time.Duration) outcome {
		line := drawLine(tasks, tasks, budget)
		mailboxes := make([]chan bigMessage, tasks)
		for own := range mailboxes {
			// A question of each other task, an answer, the last word.
			mailboxes[own] = make(chan bigMessage, tasks+1)
		}
		over := make(chan struct{}, tasks)
		tallies := make(chan bigTally, tasks)
		for own := range tasks {
			go func() {
				watch := line.cross()
				var tally bigTally
				state := uint64(own)
				// Receives until its answer is there, or the last word; whether it goes on after that.
				serve := func() bool {
					for message := range mailboxes[own] {
						switch message.from {
						case lastWordFrom:
							return false
						case answerFrom:
							tally.received++
							if message.number != tally.answered+1 {
								tally.wrong++
							}
							tally.answered++
							return true
						default:
							tally.received++
							mailboxes[message.from] <- bigMessage{answerFrom, message.number + 1}
						}
					}
					return false
				}
				for done := false; !done; done = watch.look() {
					for range watch.batch() {
						state = walk(state, 1)
						// The high half is the random one.
						other := int((state >> 32) % uint64(tasks-1))
						if other >= own {
							other++
						}
						mailboxes[other] <- bigMessage{own, tally.answered}
						if !serve() {
							panic("the last word came while an answer was awaited")
						}
					}
				}
				tally.end = watch.last
				over <- struct{}{}
				if serve() {
					panic("an answer to no question")
				}
				tallies <- tally
			}()
		}
		line.start()
		for range tasks {
			<-over
		}
		for _, mailbox := range mailboxes {
			mailbox <- bigMessage{from: lastWordFrom}
		}
		var total bigTally
		for range tasks {
			tally := <-tallies
			total.answered += tally.answered
			total.received += tally.received
			total.wrong += tally.wrong
			total.end = max(total.end, tally.end)
		}
		answer := fmt.Sprint(total.received)
		if total.wrong > 0 {
			answer = fmt.Sprintf("%d with %d wrong answers", total.received, total.wrong)
		}
		return outcome{ops: 2 * total.answered, wall: line.wall(total.end), answer: answer}
	}, nil
}
