package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What a latency sample is; the names are the record's.
const (
	// From the moment that a goroutine should run (intended, not actual, for timers) to the moment that it runs.
	wake = "wake"
	// From the intended start of a request to its completion.
	response = "response"
	// From the actual start of a request to its completion.
	service = "service"
)

// samples are latencies in nanoseconds.
type samples struct {
	kind string
	ns   []int64
}

// outcome is what one slice did.
type outcome struct {
	ops uint64
	// Set-up, joins and checks are outside of it.
	wall    time.Duration
	answer  string
	samples []samples
	// The memory that the operations held, in workloads that measure it.
	bytes *uint64
}

// body runs a workload for about the given time, or one item of fixed size; it may keep state between slices, and leaves no goroutine behind.
type body func(budget time.Duration) outcome

// notApplicable says why a workload cannot be written in Go: a sentence for the report.
type notApplicable string

func (reason notApplicable) Error() string { return string(reason) }

// params are those of a workload; the harness has checked their names and ranges.
type params map[string]uint64

func (p params) uint64(name string) uint64 { return p[name] }

func (p params) int(name string) int { return int(p[name]) }

func (p params) bool(name string) bool { return p[name] != 0 }

func (p params) micros(name string) time.Duration { return time.Duration(p[name]) * time.Microsecond }

func (p params) millis(name string) time.Duration { return time.Duration(p[name]) * time.Millisecond }

// A workload makes its body, which costs nothing until it is run: `check` makes many.
type workload struct {
	make func(params) (body, error)
	// The parameters that it reads; `workers` is read by everybody.
	params []string
}

// open makes the body of a workload; the error is a notApplicable where Go's scheduler cannot do what it asks for.
func open(name string, given params) (body, error) {
	known, ok := workloads[name]
	if !ok {
		return nil, notApplicable(fmt.Sprintf("the Go program has no workload '%s'", name))
	}
	expected := append([]string{"workers"}, known.params...)
	for _, param := range expected {
		if _, ok := given[param]; !ok {
			return nil, fmt.Errorf("%s needs the parameter '%s'", name, param)
		}
	}
	// A parameter that is not read would be another workload under the same name.
	if len(given) > len(expected) {
		var unknown []string
		for param := range given {
			if !slices.Contains(expected, param) {
				unknown = append(unknown, param)
			}
		}
		slices.Sort(unknown)
		return nil, fmt.Errorf("%s does not know the parameter '%s'", name, strings.Join(unknown, "', '"))
	}
	return known.make(given)
}
