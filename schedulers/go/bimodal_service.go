package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// bimodalService is workloads/src/bimodal_service.rs: requests come from outside, nearly all of them short and a few very long; each is a goroutine of its own.
//
// A goroutine that gave the requests would need a P itself, so they come from a process beside this one, through a pipe, as a Go server gets its requests: the poller wakes a
// goroutine that reads what has come, and starts a goroutine for each. Others get theirs from a thread outside of the scheduler: that costs less than a read, and the
// thread's CPU time is in their figure.
func bimodalService(given params) (body, error) {
	short, long, permille := given.micros("short_us"), given.micros("long_us"), given.uint64("long_permille")
	mean := (float64(short)*float64(1000-permille) + float64(long)*float64(permille)) / 1000
	perSecond := float64(given.int("workers")) * float64(given.uint64("load_percent")) / 100 * 1e9 / mean
	spins := runtime.NumCPU() > given.int("workers")
	arrivals, lengths := newArrivals(1, perSecond), splitMix(2)
	var outside *outsider
	return func(budget time.Duration) outcome {
		if outside == nil {
			outside = startOutsider(spins)
		}
		shortSteps, longSteps := stepsIn(short), stepsIn(long)
		var offsets []time.Duration
		var steps []uint64
		for offset := arrivals.gap(); offset < budget; offset += arrivals.gap() {
			offsets = append(offsets, offset)
			if lengths.chance(permille) {
				steps = append(steps, longSteps)
			} else {
				steps = append(steps, shortSteps)
			}
		}
		type served struct {
			started, completed instant
			state              uint64
		}
		all := make([]served, len(steps))
		var running sync.WaitGroup
		begin, lateNs := outside.give(offsets, func(number int) {
			running.Go(func() {
				started := now()
				state := walk(uint64(number), steps[number])
				all[number] = served{started, now(), state}
			})
		})
		running.Wait()
		var sum uint64
		var became latencies
		end := begin
		for number, one := range all {
			became.add(begin.after(offsets[number]), one.started, one.completed)
			sum += leapBack(one.state, steps[number])
			end = max(end, one.completed)
		}
		return outcome{
			ops:     uint64(len(all)),
			wall:    end.since(begin),
			answer:  fmt.Sprint(sum),
			samples: append(became.samples(), samples{wake, lateNs}),
		}
	}, nil
}

// outsider is the process that sends requests.
type outsider struct {
	schedule io.Writer
	requests io.Reader
	// What the monotonic clock shows at instant 0.
	epochNs int64
}

const (
	// outsiderArgument makes this program that process.
	outsiderArgument = "outsider"
	outsiderSpins    = "spins"
)

func startOutsider(spins bool) *outsider {
	command := exec.Command("/proc/self/exe", outsiderArgument)
	if spins {
		command.Args = append(command.Args, outsiderSpins)
	}
	command.Stderr = os.Stderr
	schedule, err := command.StdinPipe()
	orPanic(err)
	requests, err := command.StdoutPipe()
	orPanic(err)
	orPanic(command.Start())
	// Both are the same clock, read one after the other: the least difference is the nearest.
	epochNs := monotonicNs() - int64(now())
	for range 100 {
		epochNs = min(epochNs, -int64(now())+monotonicNs())
	}
	return &outsider{schedule, requests, epochNs}
}

// give calls `take` for each request when it has come. It gives the beginning of the schedule, and how late the requests were sent.
func (o *outsider) give(offsets []time.Duration, take func(number int)) (begin instant, lateNs []int64) {
	text := binary.LittleEndian.AppendUint64(nil, uint64(len(offsets)))
	for _, offset := range offsets {
		text = binary.LittleEndian.AppendUint64(text, uint64(offset))
	}
	_, err := o.schedule.Write(text)
	orPanic(err)
	lateNs = make([]int64, 0, len(offsets))
	var buffer [4096]byte
	begun := false
	// What is sent are 8 bytes each time: a pipe does not tear them apart.
	for len(lateNs) < len(offsets) || !begun {
		n, err := o.requests.Read(buffer[:])
		orPanic(err)
		for at := 0; at < n; at += 8 {
			value := int64(binary.LittleEndian.Uint64(buffer[at:]))
			if !begun {
				begin, begun = instant(value-o.epochNs), true
				continue
			}
			lateNs = append(lateNs, value)
			take(len(lateNs) - 1)
		}
	}
	return begin, lateNs
}

// sendRequests is what that process does: it reads schedules, and for each writes its beginning, and at the moment of each request by how much that is late.
func sendRequests(spins bool) {
	runtime.GOMAXPROCS(1)
	send := func(value int64) { writeAll(1, binary.LittleEndian.AppendUint64(nil, uint64(value))) }
	for {
		var count [8]byte
		if readFull(0, count[:]) != nil {
			return
		}
		schedule := make([]byte, 8*binary.LittleEndian.Uint64(count[:]))
		if readFull(0, schedule) != nil {
			return
		}
		begin := monotonicNs()
		send(begin)
		for at := 0; at < len(schedule); at += 8 {
			intended := begin + int64(binary.LittleEndian.Uint64(schedule[at:]))
			late := monotonicNs() - intended
			for ; late < 0; late = monotonicNs() - intended {
				if !spins {
					nanosleep(time.Duration(-late))
				}
			}
			send(late)
		}
	}
}
