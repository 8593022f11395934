package main

import (
	"sync/atomic"
	"time"
)

// victim is a goroutine that wants to run at each tick, and writes down how late it was. The load is open: tick k is meant for begin + k * tick however late the
// one before was, and a victim that wakes late answers for every tick that has passed (no coordinated omission).
type victim struct {
	begin instant
	// Receives the nanoseconds by which each tick was late.
	lateNs chan []int64
	// Ticks meant for later than this moment are not its business; 0 while that is not known.
	end atomic.Int64
}

// startVictim starts a victim and waits until it has begun, so that the load that is put beside it cannot come first. With `ticks` 0 they go on until `end` is set.
func startVictim(tick time.Duration, ticks int) *victim {
	v := &victim{lateNs: make(chan []int64, 1)}
	begun := make(chan instant)
	go func() {
		time.Sleep(tick)
		begin := now()
		if ticks > 0 {
			v.end.Store(int64(begin.after(tick * time.Duration(ticks))))
		}
		begun <- begin
		late := make([]int64, 0, ticks)
		for next := begin.after(tick); !v.isOver(next); {
			sleepUntil(next)
			for woken := now(); next <= woken && !v.isOver(next); next = next.after(tick) {
				late = append(late, int64(woken.since(next)))
			}
		}
		v.lateNs <- late
	}()
	v.begin = <-begun
	return v
}

func (v *victim) isOver(next instant) bool {
	end := v.end.Load()
	return end != 0 && end < int64(next)
}
