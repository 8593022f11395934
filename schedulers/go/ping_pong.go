package main

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// pingPong is workloads/src/ping_pong.rs: pairs of goroutines with two channels each, and a number that goes to and fro, one higher each time. The first ping
// watches the clock for all, and times one trip alone after each batch. With pipe=1 the channels are the kernel's pipes, read by calls that block.
func pingPong(given params) (body, error) {
	game := pingPongGame{given.int("pairs"), given.int("capacity"), given.bool("hog"), given.bool("pipe")}
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
	pipe     bool
}

// lane is what a pair plays over.
type lane struct {
	// trip sends a number and receives the answer.
	trip func(number uint64) uint64
	// pong answers until the lane is closed.
	pong func()
	// hangUp closes it for the pong.
	hangUp func()
}

func channelLane(capacity int) lane {
	toPong, toPing := make(chan uint64, capacity), make(chan uint64, capacity)
	return lane{
		trip: func(number uint64) uint64 {
			toPong <- number
			return <-toPing
		},
		pong: func() {
			for number := range toPong {
				toPing <- number + 1
			}
		},
		hangUp: func() { close(toPong) },
	}
}

func pipeLane() lane {
	fromPing, toPong := pipe()
	fromPong, toPing := pipe()
	send := func(to int, number uint64) {
		var bytes [8]byte
		binary.NativeEndian.PutUint64(bytes[:], number)
		// Never waits: there is one number on its way at most.
		writeAll(to, bytes[:])
	}
	receive := func(from int) (uint64, error) {
		var bytes [8]byte
		err := readFull(from, bytes[:])
		return binary.NativeEndian.Uint64(bytes[:]), err
	}
	return lane{
		trip: func(number uint64) uint64 {
			send(toPong, number)
			answer, err := receive(fromPong)
			orPanic(err)
			return answer
		},
		pong: func() {
			for number, err := receive(fromPing); err == nil; number, err = receive(fromPing) {
				send(toPing, number+1)
			}
			for _, end := range []int{fromPing, toPing, fromPong} {
				orPanic(syscall.Close(end))
			}
		},
		hangUp: func() { orPanic(syscall.Close(toPong)) },
	}
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
		var lane lane
		if game.pipe {
			lane = pipeLane()
		} else {
			lane = channelLane(game.capacity)
		}
		pongs.Go(lane.pong)
		pings.Go(func() {
			defer lane.hangUp()
			lane.trip(0)
			met.Done()
			<-gate
			begin := now()
			t := tally{begin: begin, end: begin, pace: pace}
			if pair > 0 {
				for !over.Load() {
					t.trip(lane.trip(t.number))
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
					t.trip(lane.trip(t.number))
				}
				sent := now()
				t.trip(lane.trip(t.number))
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
