// Command schedbench is the contender `go`: a child process of schedbench in which Go's scheduler runs.
//
// It speaks the child protocol (docs/PROTOCOL.md): a request a line on stdin, an answer a line on stdout, nothing else there. Every workload is written as a
// Go programmer would: goroutines, channels, sync.Mutex, select, time, net. What is measured runs on goroutines, on as many Ps as there are workers; between
// requests the main goroutine sits in read(2).
//
// Only the standard library is used, so that a toolchain is all that a build needs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

func main() {
	dieWithParent()
	// Some workloads need somebody outside of the scheduler: another process, which is this program as well.
	switch {
	case slices.Contains(os.Args[1:], answersArgument):
		answerRequests()
		return
	case slices.Contains(os.Args[1:], outsiderArgument):
		sendRequests(slices.Contains(os.Args[1:], outsiderSpins))
		return
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "schedbench's go child:", err)
		os.Exit(2)
	}
}

// request is what the parent asks; the fields that a command does not have are zero.
type request struct {
	Cmd      string `json:"cmd"`
	Workload string `json:"workload"`
	Params   params `json:"params"`
	TimeMs   int64  `json:"time_ms"`
	Warmup   bool   `json:"warmup"`
}

type started struct {
	Ok        bool             `json:"ok"`
	Contender string           `json:"contender"`
	Version   string           `json:"version"`
	Config    map[string]int64 `json:"config"`
}

type fits struct {
	Ok bool `json:"ok"`
}

type refused struct {
	Ok     bool   `json:"ok"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

type slice struct {
	Ops            uint64  `json:"ops"`
	WallNs         int64   `json:"wall_ns"`
	CpuNs          int64   `json:"cpu_ns"`
	Answer         string  `json:"answer"`
	CtxVoluntary   int64   `json:"ctx_voluntary"`
	CtxInvoluntary int64   `json:"ctx_involuntary"`
	Bytes          *uint64 `json:"bytes,omitempty"`
}

type finished struct {
	Hists        []hist            `json:"hists"`
	PeakRssBytes *uint64           `json:"peak_rss_bytes,omitempty"`
	Threads      *uint64           `json:"threads,omitempty"`
	Counters     map[string]uint64 `json:"counters"`
}

type hist struct {
	Kind string `json:"kind"`
	Enc  string `json:"enc"`
	Data string `json:"data"`
}

// serve answers requests until `finish` or the end of the input, which is the end of the parent.
func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	answers := json.NewEncoder(out)
	answers.SetEscapeHTML(false)
	var cell *running
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			return fmt.Errorf("not a request: %s", line)
		}
		var answer any
		switch asked.Cmd {
		case "check":
			answer = fits{true}
			if _, err := open(asked.Workload, asked.Params); err != nil {
				answer = refusal(err)
			}
		case "start":
			body, err := open(asked.Workload, asked.Params)
			if err != nil {
				answer = refusal(err)
				break
			}
			cell = &running{body: body, hists: map[string]*histogram{}}
			answer = start(asked.Params)
		case "slice":
			if cell == nil {
				return fmt.Errorf("slice before start")
			}
			answer = cell.slice(time.Duration(asked.TimeMs)*time.Millisecond, asked.Warmup)
		case "finish":
			if cell == nil {
				return nil
			}
			return answers.Encode(cell.finish())
		default:
			return fmt.Errorf("not a command: %s", asked.Cmd)
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// start sets the number of Ps, and says what the runtime then has.
func start(given params) started {
	runtime.GOMAXPROCS(given.int("workers"))
	name := "go"
	// The only way to read it is to set it.
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	if percent < 0 {
		name = "go-nogc"
	}
	return started{
		Ok:        true,
		Contender: name,
		Version:   strings.TrimPrefix(runtime.Version(), "go"),
		Config:    map[string]int64{"workers": int64(runtime.GOMAXPROCS(0)), "gc": b2i(percent >= 0)},
	}
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func refusal(err error) refused {
	kind := "start"
	if _, ok := err.(notApplicable); ok {
		kind = "n/a"
	}
	return refused{Kind: kind, Reason: err.Error()}
}

// running is a workload with what has been measured on it so far.
type running struct {
	body  body
	hists map[string]*histogram
}

func (r *running) slice(budget time.Duration, warmup bool) slice {
	before := usageNow()
	did := r.body(budget)
	used := usageNow().since(before)
	if !warmup {
		for _, batch := range did.samples {
			into := r.hists[batch.kind]
			if into == nil {
				into = newHistogram()
				r.hists[batch.kind] = into
			}
			for _, ns := range batch.ns {
				into.record(ns)
			}
		}
	}
	return slice{
		Ops:            did.ops,
		WallNs:         int64(did.wall),
		CpuNs:          used.cpuNs,
		Answer:         did.answer,
		CtxVoluntary:   used.ctxVoluntary,
		CtxInvoluntary: used.ctxInvoluntary,
		Bytes:          did.bytes,
	}
}

func (r *running) finish() finished {
	hists := []hist{}
	for _, kind := range []string{wake, response, service} {
		if h := r.hists[kind]; h != nil {
			hists = append(hists, hist{Kind: kind, Enc: histEncoding, Data: h.encode()})
		}
	}
	return finished{
		Hists:        hists,
		PeakRssBytes: statusField("VmHWM:", 1024),
		Threads:      statusField("Threads:", 1),
		Counters:     runtimeCounters(),
	}
}
