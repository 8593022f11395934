package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// pingPong is workloads/src/ping_pong.rs: pairs of goroutines with two channels each, and a number that goes to and fro, one higher each time. The first ping
// watches the clock for all, and times one trip alone after each batch.
func pingPong(given params) (body, error) {
	game := pingPongGame{given.int("pairs"), given.int("capacity"), given.bool("hog")}
	pace := newPace()
	return func(budget time.Duration) outcome {
		tallies := game.play(budget, pace)
		pace = tallies[0].pace
		return pingPongOutcome(tallies)
	}, nil
}

type pingPongGame struct {
	pairs    int
	capacity int
	hog      bool
}

// tally is what one ping counted.
type tally struct {
	begin, end instant
	trips      uint64
	// What came back last.
	number uint64
	// Answers that were not one more than what was sent.
	wrong uint64
	pace  pace
	// Of the trips that were timed alone.
	aloneNs []int64
}

func (t *tally) trip(answer uint64) {
	t.trips++
	if answer != t.number+1 {
		t.wrong++
	}
	t.number = answer
}

// look ends a batch at `sent`, and one more trip, timed alone, at `now`. A batch of one trip was alone as well.
func (t *tally) look(sent, now instant) {
	batch := sent.since(t.end)
	if t.pace.batch == 1 {
		t.aloneNs = append(t.aloneNs, int64(batch))
	}
	t.pace.took(batch)
	t.aloneNs = append(t.aloneNs, int64(now.since(sent)))
	t.end = now
}

func pingPongOutcome(tallies []tally) outcome {
	var trips, number, wrong uint64
	var alone []int64
	begin, end := tallies[0].begin, tallies[0].end
	for i := range tallies {
		t := &tallies[i]
		trips += t.trips
		number += t.number
		wrong += t.wrong
		alone = append(alone, t.aloneNs...)
		begin, end = min(begin, t.begin), max(end, t.end)
	}
	answer := fmt.Sprint(number)
	if wrong > 0 {
		answer = fmt.Sprintf("%d with %d wrong answers", number, wrong)
	}
	return outcome{ops: trips, wall: end.since(begin), answer: answer, samples: []samples{{response, alone}}}
}

func (game pingPongGame) play(budget time.Duration, pace pace) []tally {
	var over atomic.Bool
	var met, pings, pongs sync.WaitGroup
	gate := make(chan struct{})
	tallies := make([]tally, game.pairs)
	met.Add(game.pairs)
	for pair := range game.pairs {
		toPong := make(chan uint64, game.capacity)
		toPing := make(chan uint64, game.capacity)
		pongs.Go(func() {
			for number := range toPong {
				toPing <- number + 1
			}
		})
		pings.Go(func() {
			defer close(toPong)
			toPong <- 0
			<-toPing
			met.Done()
			<-gate
			begin := now()
			t := tally{begin: begin, end: begin, pace: pace}
			if pair > 0 {
				for !over.Load() {
					toPong <- t.number
					t.trip(<-toPing)
				}
				t.end = now()
				tallies[pair] = t
				return
			}
			deadline := begin.after(budget)
			var hog sync.WaitGroup
			if game.hog {
				hog.Go(func() { hogUntil(deadline) })
			}
			for t.end < deadline {
				for range t.pace.batch {
					toPong <- t.number
					t.trip(<-toPing)
				}
				sent := now()
				toPong <- t.number
				t.trip(<-toPing)
				t.look(sent, now())
			}
			over.Store(true)
			hog.Wait()
			tallies[pair] = t
		})
	}
	met.Wait()
	close(gate)
	pings.Wait()
	pongs.Wait()
	return tallies
}

// hogUntil calculates until a moment without one call into the scheduler.
func hogUntil(deadline instant) {
	for now() < deadline {
		walk(0, 1_000)
	}
}
