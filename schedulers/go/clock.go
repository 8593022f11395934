package main

import "time"

var epoch = time.Now()

// instant is a moment, in nanoseconds after the program began. Reading it reads one clock; time.Now reads two.
type instant int64

func now() instant { return instant(time.Since(epoch)) }

func (i instant) since(earlier instant) time.Duration { return time.Duration(i - earlier) }

func (i instant) after(d time.Duration) instant { return i + instant(d) }

// sleepUntil waits for a moment, or not at all if it has passed. Go's timers take a duration.
func sleepUntil(moment instant) { time.Sleep(moment.since(now())) }

// pace says how often a loop of tiny operations looks at the clock: rarely enough that the clock costs under 1 % of the time, often enough that the loop ends
// near its deadline.
type pace struct {
	batch  uint64
	target time.Duration
}

func newPace() pace {
	// 2 reads in 250 are 0.8 %; 8 us keeps the samples of a fast loop to about a thousand in 10 ms.
	return pace{batch: 1, target: max(250*clockCost, 8*time.Microsecond)}
}

// took learns how long the last batch took. The batch shrinks at once but grows by doubling only.
func (p *pace) took(elapsed time.Duration) {
	fits := float64(p.batch) * float64(p.target) / float64(max(elapsed, 1))
	p.batch = max(1, min(uint64(min(fits, 1e18)), 2*p.batch))
}

// clockCost is what reading the clock costs here: the least of a few means, since noise only adds.
var clockCost = measureClock()

func measureClock() time.Duration {
	const reads = 200
	least := time.Hour
	for range 5 {
		begin := now()
		for range reads - 1 {
			now()
		}
		least = min(least, now().since(begin)/reads)
	}
	return least
}
