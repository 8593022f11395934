package main

import (
	"fmt"
	"time"
)

// ring is workloads/src/ring.rs: goroutines in a circle that pass on a number, one higher at each hop. The main goroutine is one of them and alone looks at the
// clock; when the time is over it keeps what comes home.
func ring(given params) (body, error) {
	tasks, tokens := given.int("tasks"), given.int("tokens")
	return func(budget time.Duration) outcome {
		home := make(chan uint64, tokens)
		received := make(chan uint64, tasks)
		toNext := home
		for range tasks - 1 {
			mine, next := make(chan uint64, tokens), toNext
			toNext = mine
			go func() {
				var count uint64
				for hops := range mine {
					count++
					next <- hops + 1
				}
				close(next)
				received <- count
			}()
		}
		// A lap that shows that all are there; it is not counted.
		toNext <- 0
		<-home
		begin := now()
		watch := newWatch(begin, budget, 1)
		untilLook := watch.batch()
		for range tokens {
			toNext <- 0
		}
		var ops, sum uint64
		over := false
		for away := tokens; away > 0; {
			hops := <-home + 1
			ops++
			if untilLook--; untilLook == 0 {
				over = watch.look() || over
				untilLook = watch.batch()
			}
			if over {
				away--
				sum += hops
			} else {
				toNext <- hops
			}
		}
		wall := now().since(begin)
		close(toNext)
		for range tasks - 1 {
			ops += <-received - 1
		}
		return outcome{ops: ops, wall: wall, answer: fmt.Sprint(sum)}
	}, nil
}
