package main

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
)

// usage is what the kernel counts of this process, all threads, those that have ended included.
type usage struct {
	cpuNs          int64
	ctxVoluntary   int64
	ctxInvoluntary int64
}

func usageNow() usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return usage{r.Utime.Nano() + r.Stime.Nano(), r.Nvcsw, r.Nivcsw}
}

func (u usage) since(before usage) usage {
	return usage{u.cpuNs - before.cpuNs, u.ctxVoluntary - before.ctxVoluntary, u.ctxInvoluntary - before.ctxInvoluntary}
}

// statusField is a number of /proc/self/status in the given unit; nil if the kernel does not say. Not ru_maxrss for memory: Linux carries that over from
// before exec, so that a child would report its parent's.
func statusField(field string, unit uint64) *uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, field); found {
			if value, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64); err == nil {
				value *= unit
				return &value
			}
		}
	}
	return nil
}

// runtimeCounters are those of the runtime's own that cost nothing to read.
func runtimeCounters() map[string]uint64 {
	names := map[string]string{
		"/gc/cycles/total:gc-cycles":           "gc_cycles",
		"/gc/heap/allocs:bytes":                "allocated_bytes",
		"/sched/goroutines-created:goroutines": "goroutines_created",
		"/memory/classes/heap/stacks:bytes":    "stack_bytes",
	}
	counters := map[string]uint64{}
	for metric, name := range names {
		sample := []metrics.Sample{{Name: metric}}
		metrics.Read(sample)
		// An older runtime does not know all of them.
		if sample[0].Value.Kind() == metrics.KindUint64 {
			counters[name] = sample[0].Value.Uint64()
		}
	}
	return counters
}

// dieWithParent asks the kernel to end this process with its parent, even in the middle of a slice.
func dieWithParent() {
	const prSetPdeathsig = 1
	// What cannot be had is not needed: stdin ends too.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetPdeathsig, uintptr(syscall.SIGKILL), 0)
}
