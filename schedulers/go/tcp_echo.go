package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"time"
)

// echoWarmUp is the length of one of the closed loops that tell the capacity.
const echoWarmUp = 10 * time.Millisecond

// echoEnd begins what ends a server's goroutine; no request has this number.
const echoEnd = math.MaxUint64

// tcpEcho is workloads/src/tcp_echo.rs: clients send requests over TCP to a server in the same process, which sends them back. Package net; without Nagle's delay, which
// is its default.
func tcpEcho(given params) (body, error) {
	count, size, load := given.int("connections"), given.int("bytes"), given.uint64("load_percent")
	var open []*echoConnection
	var capacity float64
	return func(budget time.Duration) outcome {
		if open == nil {
			open = openEcho(count, size)
		}
		if load > 0 && capacity == 0 {
			for range 3 {
				did := echoSlice(open, 0, echoWarmUp)
				capacity = max(capacity, float64(did.ops)/did.wall.Seconds())
			}
		}
		return echoSlice(open, capacity*float64(load)/100/float64(count), budget)
	}, nil
}

// echoConnection is a connection, between slices.
type echoConnection struct {
	client, server net.Conn
	random         splitMix
	sent, received []byte
	number         uint64
}

func openEcho(count, size int) []*echoConnection {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	orPanic(err)
	open := make([]*echoConnection, count)
	for number := range open {
		// Completed by the kernel, which keeps it until it is accepted.
		client, err := net.Dial("tcp", listener.Addr().String())
		orPanic(err)
		server, err := listener.Accept()
		orPanic(err)
		// The requests of a connection differ from each other and from those of all others.
		sent := make([]byte, size)
		for at := range sent {
			sent[at] = byte(number + at)
		}
		open[number] = &echoConnection{
			client: client, server: server, random: splitMix(number),
			sent: sent, received: make([]byte, size), number: uint64(number) << 40,
		}
	}
	orPanic(listener.Close())
	return open
}

// serve sends back what comes, until the end was sent.
func (c *echoConnection) serve() {
	frame := make([]byte, len(c.sent))
	for {
		_, err := io.ReadFull(c.server, frame)
		orPanic(err)
		if binary.LittleEndian.Uint64(frame) == echoEnd {
			return
		}
		_, err = c.server.Write(frame)
		orPanic(err)
	}
}

// echoTally is what a client counted.
type echoTally struct {
	latencies latencies
	wrong     uint64
	end       instant
}

// request sends those requests that are meant for the time from `begin` on, as a Poisson process; or, if perSecond is 0, each as soon as the one before is answered, for so
// long from when the client first runs.
func (c *echoConnection) request(begin instant, budget time.Duration, perSecond float64) echoTally {
	tally := echoTally{end: begin}
	var arrivals arrivals
	var next instant
	if perSecond > 0 {
		arrivals = newArrivals(splitMix(c.random.next()), perSecond)
		next = begin.after(arrivals.gap())
	}
	moment := now()
	end := moment.after(budget)
	if perSecond > 0 {
		end = begin.after(budget)
	}
	for {
		intended := moment
		if perSecond > 0 {
			intended = next
			next = next.after(arrivals.gap())
		}
		if intended >= end {
			break
		}
		if intended > moment {
			sleepUntil(intended)
			moment = now()
		}
		c.number++
		binary.LittleEndian.PutUint64(c.sent, c.number)
		_, err := c.client.Write(c.sent)
		orPanic(err)
		_, err = io.ReadFull(c.client, c.received)
		orPanic(err)
		tally.end = now()
		tally.latencies.add(intended, moment, tally.end)
		if !bytes.Equal(c.sent, c.received) {
			tally.wrong++
		}
		moment = tally.end
	}
	binary.LittleEndian.PutUint64(c.sent, echoEnd)
	_, err := c.client.Write(c.sent)
	orPanic(err)
	return tally
}

func echoSlice(open []*echoConnection, perSecond float64, budget time.Duration) outcome {
	var begin instant
	latch := make(chan struct{})
	tallies := make([]echoTally, len(open))
	var running sync.WaitGroup
	for at, connection := range open {
		running.Go(connection.serve)
		running.Go(func() {
			<-latch
			tallies[at] = connection.request(begin, budget, perSecond)
		})
	}
	begin = now()
	close(latch)
	running.Wait()
	var all latencies
	var wrong uint64
	end := begin
	for _, tally := range tallies {
		all.responseNs = append(all.responseNs, tally.latencies.responseNs...)
		all.serviceNs = append(all.serviceNs, tally.latencies.serviceNs...)
		wrong += tally.wrong
		end = max(end, tally.end)
	}
	ops := uint64(len(all.responseNs))
	return outcome{ops: ops, wall: end.since(begin), answer: fmt.Sprint(ops - wrong), samples: all.samples()}
}
