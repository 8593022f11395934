package main

import (
	"fmt"
	"sync"
	"time"
)

const (
	// Naps of a sleeper.
	timersNaps = 8
	// The shortest nap.
	timersShortest = time.Millisecond
	// The longest, and the time within which all begin.
	timersLongest = 10 * time.Millisecond
	// How long after the latch was opened the schedule begins, for each sleeper.
	timersLead = 10 * time.Microsecond
)

// timers is workloads/src/timers.rs: goroutines that take eight naps of 1 to 10 ms each, by a schedule, and write down how late they woke.
func timers(given params) (body, error) {
	sleepers := given.int("sleepers")
	return func(time.Duration) outcome {
		type slept struct {
			lateNs []int64
			early  uint64
			end    instant
		}
		var begin instant
		latch := make(chan struct{})
		all := make([]slept, sleepers)
		var running sync.WaitGroup
		for own := range all {
			running.Go(func() {
				<-latch
				mine := slept{lateNs: make([]int64, 0, timersNaps)}
				random := splitMix(own)
				end := begin.after(time.Duration(float64(timersLongest) * random.unit()))
				sleepUntil(end)
				for range timersNaps {
					end = end.after(timersShortest + time.Duration(float64(timersLongest-timersShortest)*random.unit()))
					sleepUntil(end)
					woken := now()
					if woken < end {
						mine.early++
					}
					mine.lateNs = append(mine.lateNs, max(0, int64(woken.since(end))))
					mine.end = woken
				}
				all[own] = mine
			})
		}
		begin = now().after(timersLead * time.Duration(sleepers))
		close(latch)
		running.Wait()
		var early uint64
		var lateNs []int64
		end := begin
		for _, one := range all {
			early += one.early
			lateNs = append(lateNs, one.lateNs...)
			end = max(end, one.end)
		}
		ops := uint64(len(lateNs))
		return outcome{ops: ops, wall: end.since(begin), answer: fmt.Sprint(ops - early), samples: []samples{{wake, lateNs}}}
	}, nil
}

// churnTimeout never ends a wait: it is far longer than a harness waits for a slice.
const churnTimeout = 600 * time.Second

// timerChurn is workloads/src/timer_churn.rs: two goroutines send a number to and fro, and each receives with a timeout that is never reached, in the way that Go's
// documentation shows: select with time.After.
func timerChurn(given params) (body, error) {
	waiting := given.int("waiting")
	pace := newPace()
	return func(budget time.Duration) outcome {
		receive := func(from <-chan uint64, timeout time.Duration) (number uint64, open, inTime bool) {
			select {
			case number, open = <-from:
				return number, open, true
			case <-time.After(timeout):
				return 0, true, false
			}
		}
		hold := make(chan uint64)
		timedOut := make(chan bool, waiting)
		var waits sync.WaitGroup
		waits.Add(waiting)
		for waiter := range waiting {
			go func() {
				waits.Done()
				_, _, inTime := receive(hold, churnTimeout/2+churnTimeout*time.Duration(waiter)/time.Duration(waiting))
				timedOut <- !inTime
			}()
		}
		waits.Wait()
		toOther, toMain := make(chan uint64, 1), make(chan uint64, 1)
		other := make(chan struct{})
		go func() {
			defer close(other)
			for {
				number, open, inTime := receive(toOther, churnTimeout)
				if !open || !inTime {
					return
				}
				toMain <- number + 1
			}
		}()
		var ops, number, wrong uint64
		trip := func() {
			toOther <- number
			answer, _, inTime := receive(toMain, churnTimeout)
			ops += 2
			if !inTime || answer != number+1 {
				wrong++
			}
			number += 2
		}
		// The first is not counted.
		trip()
		ops, number = 0, 0
		begin := now()
		end := begin
		for end.since(begin) < budget {
			for range pace.batch {
				trip()
			}
			moment := now()
			pace.took(moment.since(end))
			end = moment
		}
		close(toOther)
		close(hold)
		<-other
		for range waiting {
			if <-timedOut {
				wrong++
			}
		}
		answer := fmt.Sprint(number)
		if wrong > 0 {
			answer = fmt.Sprintf("%d with %d waits that ended wrongly", number, wrong)
		}
		return outcome{ops: ops, wall: end.since(begin), answer: answer}
	}, nil
}
