package main

// workloads are those of schedbench, in the order of its catalogue.
var workloads = map[string]workload{
	"ping_pong":       {pingPong, []string{"pairs", "capacity", "hog", "pipe"}},
	"tight_loop":      {tightLoop, []string{"hogs", "hog_ms", "tick_us"}},
	"blocking_io":     {blockingIo, []string{"tasks", "calls", "share_percent", "tick_us"}},
	"map_reduce":      {mapReduce, []string{"kib", "grain_kib", "skew_percent"}},
	"yield_storm":     {yieldStorm, []string{"tasks"}},
	"spawn_join":      {spawnJoin, []string{"mode", "batch"}},
	"parked_tasks":    {parkedTasks, []string{"tasks"}},
	"skynet":          {skynet, []string{"leaves", "channels"}},
	"fork_join":       {forkJoin, []string{"kernel", "n", "cutoff"}},
	"matmul":          {matmul, []string{"n", "grain"}},
	"quicksort":       {quicksort, []string{"n", "grain"}},
	"channel":         {channel, []string{"producers", "consumers", "capacity", "select"}},
	"mutex":           {mutex, []string{"tasks", "hold_ns"}},
	"wake_latency":    {wakeLatency, []string{"gap_us", "busy"}},
	"timers":          {timers, []string{"sleepers"}},
	"timer_churn":     {timerChurn, []string{"waiting"}},
	"tcp_echo":        {tcpEcho, []string{"connections", "bytes", "load_percent"}},
	"bimodal_service": {bimodalService, []string{"load_percent", "short_us", "long_us", "long_permille"}},
	"fan_out_in":      {fanOutIn, []string{"width"}},
	"ring":            {ring, []string{"tasks", "tokens"}},
	"big":             {big, []string{"tasks"}},
	"philosophers":    {philosophers, []string{"tasks"}},
	"stop_the_world":  {stopTheWorld, []string{"spinning", "blocked", "in_calls"}},
}
