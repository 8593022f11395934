package main

import (
	"fmt"
	"time"
)

// mapReduce is workloads/src/map_reduce.rs: how often is each word in a text? A goroutine counts each chunk, with Go's own map, and sends its counts; the main goroutine
// receives them in order and merges them by halves.
func mapReduce(given params) (body, error) {
	var chunks []string
	return func(budget time.Duration) outcome {
		if chunks == nil {
			chunks = corpusChunks(corpusText(given["kib"]), given["grain_kib"], given["skew_percent"])
		}
		return passAfterPass(budget, func() pass {
			var total map[string]uint64
			wall := timed(func() {
				counted := make([]chan map[string]uint64, len(chunks))
				for at, chunk := range chunks {
					counted[at] = make(chan map[string]uint64, 1)
					go func() { counted[at] <- countWords(chunk) }()
				}
				total = mergeHalves(counted)
			})
			var words uint64
			for _, count := range total {
				words += count
			}
			return pass{wall, words, countsAnswer(total)}
		})
	}, nil
}

func mergeHalves(counted []chan map[string]uint64) map[string]uint64 {
	if len(counted) == 1 {
		return <-counted[0]
	}
	middle := len(counted) / 2
	left := mergeHalves(counted[:middle])
	return mergeCounts(left, mergeHalves(counted[middle:]))
}

func countWords(chunk string) map[string]uint64 {
	counts := map[string]uint64{}
	begin := 0
	for at := range len(chunk) {
		if chunk[at] == ' ' || chunk[at] == '\n' {
			if at > begin {
				counts[chunk[begin:at]]++
			}
			begin = at + 1
		}
	}
	if begin < len(chunk) {
		counts[chunk[begin:]]++
	}
	return counts
}

// mergeCounts puts the smaller one into the larger one.
func mergeCounts(into, from map[string]uint64) map[string]uint64 {
	if len(into) < len(from) {
		into, from = from, into
	}
	for word, count := range from {
		into[word] += count
	}
	return into
}

// countsAnswer is a digest of all pairs of word and count that does not depend on their order.
func countsAnswer(counts map[string]uint64) string {
	var words, digest uint64
	for word, count := range counts {
		words += count
		digest += scatter(fnv1a(word) + scatter(count))
	}
	return fmt.Sprintf("%d words, %d different, digest %016x", words, len(counts), digest)
}

func fnv1a(text string) uint64 {
	hash := uint64(0xcbf29ce484222325)
	for at := range len(text) {
		hash = (hash ^ uint64(text[at])) * 0x100000001b3
	}
	return hash
}
