package main

import (
	"math"
	"time"
)

// splitMix is the generator of workloads/src/open_loop.rs: the same crowd for everybody.
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	return scatter(uint64(*s))
}

// unit is evenly distributed in (0, 1].
func (s *splitMix) unit() float64 { return float64(s.next()>>11+1) / (1 << 53) }

// chance is true `permille` times in 1000, on average.
func (s *splitMix) chance(permille uint64) bool { return s.unit()*1000 <= float64(permille) }

// arrivals says when requests are meant to start: a Poisson process.
type arrivals struct {
	random    splitMix
	meanGapNs float64
}

func newArrivals(random splitMix, perSecond float64) arrivals {
	return arrivals{random, 1e9 / perSecond}
}

// gap is the time from one arrival to the next, exponentially distributed.
func (a *arrivals) gap() time.Duration {
	return time.Duration(a.meanGapNs * -math.Log(a.random.unit()))
}

// latencies are what became of the requests of an open loop, in nanoseconds: a response counts from the moment at which its request was meant to start, service from the
// actual start.
type latencies struct {
	responseNs, serviceNs []int64
}

func (l *latencies) add(intended, started, completed instant) {
	l.responseNs = append(l.responseNs, int64(completed.since(intended)))
	l.serviceNs = append(l.serviceNs, int64(completed.since(started)))
}

func (l *latencies) samples() []samples {
	return []samples{{response, l.responseNs}, {service, l.serviceNs}}
}
