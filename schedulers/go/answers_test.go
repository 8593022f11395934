package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The program is also the process beside it that some workloads start.
func TestMain(m *testing.M) {
	switch {
	case slices.Contains(os.Args[1:], answersArgument):
		answerRequests()
	case slices.Contains(os.Args[1:], outsiderArgument):
		sendRequests(slices.Contains(os.Args[1:], outsiderSpins))
	default:
		os.Exit(m.Run())
	}
}

func isOps(ops uint64) string { return fmt.Sprint(ops) }

func isSum(ops uint64) string { return fmt.Sprint(ops * (ops - 1) / 2) }

func is(answer string) func(uint64) string { return func(uint64) string { return answer } }

// The answers are those that the harness computes; it checks them again, each time.
var cases = []struct {
	workload string
	given    params
	expected func(ops uint64) string
}{
	{"ping_pong", params{"pairs": 3, "capacity": 1, "hog": 0, "pipe": 0}, isOps},
	{"ping_pong", params{"pairs": 1, "capacity": 0, "hog": 1, "pipe": 0}, isOps},
	{"ping_pong", params{"pairs": 2, "capacity": 1, "hog": 0, "pipe": 1}, isOps},
	{"tight_loop", params{"hogs": 0, "hog_ms": 30, "tick_us": 1000}, nil},
	{"blocking_io", params{"tasks": 8, "calls": 5, "share_percent": 80, "tick_us": 1000}, nil},
	{"map_reduce", params{"kib": 64, "grain_kib": 4, "skew_percent": 30}, nil},
	{"yield_storm", params{"tasks": 5}, isOps},
	{"yield_storm", params{"tasks": 1}, isOps},
	{"spawn_join", params{"mode": 0, "batch": 100}, isSum},
	{"spawn_join", params{"mode": 1, "batch": 100}, isSum},
	{"spawn_join", params{"mode": 2, "batch": 100}, isSum},
	{"parked_tasks", params{"tasks": 1000}, isOps},
	{"skynet", params{"leaves": 1234, "channels": 1}, is(fmt.Sprint(1234 * 1233 / 2))},
	{"skynet", params{"leaves": 1000, "channels": 0}, is("499500")},
	{"fork_join", params{"kernel": 0, "n": 16, "cutoff": 0}, is("987")},
	{"fork_join", params{"kernel": 0, "n": 20, "cutoff": 9}, is("6765")},
	{"fork_join", params{"kernel": 1, "n": 8, "cutoff": 0}, is("92")},
	{"fork_join", params{"kernel": 1, "n": 9, "cutoff": 5}, is("352")},
	{"fork_join", params{"kernel": 2, "n": 5, "cutoff": 0}, is("3987")},
	{"fork_join", params{"kernel": 2, "n": 7, "cutoff": 2}, is("63914")},
	{"matmul", params{"n": 50, "grain": 16}, nil},
	{"quicksort", params{"n": 5000, "grain": 100}, nil},
	{"channel", params{"producers": 1, "consumers": 1, "capacity": 128, "select": 0}, isSum},
	{"channel", params{"producers": 4, "consumers": 4, "capacity": 0, "select": 0}, isSum},
	{"channel", params{"producers": 2, "consumers": 2, "capacity": 1, "select": 8}, isSum},
	{"channel", params{"producers": 1, "consumers": 1, "capacity": 1, "select": 2}, isSum},
	{"mutex", params{"tasks": 8, "hold_ns": 0}, isOps},
	{"mutex", params{"tasks": 3, "hold_ns": 1000}, isOps},
	{"wake_latency", params{"gap_us": 0, "busy": 1}, isOps},
	{"wake_latency", params{"gap_us": 100, "busy": 0}, isOps},
	{"timers", params{"sleepers": 50}, is("400")},
	{"timer_churn", params{"waiting": 10}, isOps},
	{"tcp_echo", params{"connections": 5, "bytes": 64, "load_percent": 0}, isOps},
	{"tcp_echo", params{"connections": 5, "bytes": 8, "load_percent": 50}, isOps},
	{"bimodal_service", params{"load_percent": 50, "short_us": 1, "long_us": 500, "long_permille": 5}, isSum},
	{"fan_out_in", params{"width": 7}, func(ops uint64) string {
		return fmt.Sprint(7*(ops*(ops-1)/2) + ops*21)
	}},
	{"ring", params{"tasks": 20, "tokens": 3}, isOps},
	{"big", params{"tasks": 8}, isOps},
	{"philosophers", params{"tasks": 5}, isOps},
	{"stop_the_world", params{"spinning": 2, "blocked": 10, "in_calls": 1}, isOps},
}

func TestEveryWorkloadGivesTheKnownAnswerSliceAfterSlice(t *testing.T) {
	tested := map[string]bool{}
	for _, one := range cases {
		tested[one.workload] = true
		for _, workers := range []uint64{1, 2} {
			given := params{"workers": workers}
			for name, value := range one.given {
				given[name] = value
			}
			t.Run(fmt.Sprintf("%s/%v", one.workload, given), func(t *testing.T) {
				start(given)
				body, err := open(one.workload, given)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					did := body(5 * time.Millisecond)
					if did.ops == 0 || did.wall <= 0 {
						t.Fatalf("%d operations in %v", did.ops, did.wall)
					}
					if one.expected != nil && did.answer != one.expected(did.ops) {
						t.Errorf("%d operations gave '%s', expected '%s'", did.ops, did.answer, one.expected(did.ops))
					}
					for _, batch := range did.samples {
						if len(batch.ns) == 0 {
							t.Errorf("no %s samples", batch.kind)
						}
						if len(batch.ns) > 0 && slices.Min(batch.ns) < 0 {
							t.Errorf("a %s sample is negative", batch.kind)
						}
					}
				}
			})
		}
	}
	for name := range workloads {
		if !tested[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

// talk gives the answers to some requests.
func talk(t *testing.T, requests ...string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := serve(strings.NewReader(strings.Join(requests, "\n")+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	for line := range strings.Lines(out.String()) {
		var answer map[string]any
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	return answers
}

func TestTheProtocolIsSpoken(t *testing.T) {
	answers := talk(t,
		`{"cmd":"check","workload":"ring","params":{"tasks":5,"tokens":1,"workers":2}}`,
		`{"cmd":"check","workload":"no_such_work","params":{}}`,
		`{"cmd":"check","workload":"ring","params":{"tasks":5,"tokens":1,"colour":3,"workers":2}}`,
		`{"cmd":"start","workload":"fan_out_in","params":{"width":5,"workers":2}}`,
		`{"cmd":"slice","time_ms":2,"warmup":true}`,
		`{"cmd":"slice","time_ms":2}`,
		`{"cmd":"finish"}`)
	if len(answers) != 7 {
		t.Fatalf("%d answers", len(answers))
	}
	if answers[0]["ok"] != true || answers[1]["kind"] != "n/a" || answers[2]["kind"] != "start" {
		t.Errorf("check: %v", answers[:3])
	}
	config := answers[3]["config"].(map[string]any)
	if answers[3]["contender"] != "go" || config["workers"] != 2.0 || config["gc"] != 1.0 {
		t.Errorf("start: %v", answers[3])
	}
	if hists := answers[6]["hists"].([]any); len(hists) != 1 {
		t.Errorf("finish: %v", answers[6])
	}
}

func TestWarmUpLeavesNoHistogram(t *testing.T) {
	answers := talk(t,
		`{"cmd":"start","workload":"fan_out_in","params":{"width":5,"workers":1}}`,
		`{"cmd":"slice","time_ms":2,"warmup":true}`,
		`{"cmd":"finish"}`)
	if hists := answers[2]["hists"].([]any); len(hists) != 0 {
		t.Errorf("%v", hists)
	}
}
