package main

// workloads are those of schedbench, in the order of its catalogue.
var workloads = map[string]workload{
	"ping_pong":   {pingPong, []string{"pairs", "capacity", "hog"}},
	"tight_loop":  {tightLoop, []string{"hogs", "hog_ms", "tick_us"}},
	"blocking_io": {blockingIo, []string{"tasks", "calls", "share_percent", "tick_us"}},
	"map_reduce":  {mapReduce, []string{"kib", "grain_kib", "skew_percent"}},
}
