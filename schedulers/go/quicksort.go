package main

import (
	"fmt"
	"time"
)

// quicksortInsertion: parts as short as this are sorted by insertion.
const quicksortInsertion = 16

// quicksort is workloads/src/quicksort.rs: a part that is longer than the grain is partitioned, a goroutine is started for the lower part, and the upper one is called.
func quicksort(given params) (body, error) {
	n, grain := given.int("n"), given.int("grain")
	var array []uint32
	return func(budget time.Duration) outcome {
		if array == nil {
			array = make([]uint32, n)
		}
		return passAfterPass(budget, func() pass {
			for at := range array {
				array[at] = uint32(scatter(uint64(at)+1) >> 32)
			}
			wall := timed(func() { sortForking(array, grain) })
			return pass{wall, uint64(n), fmt.Sprintf("%d sorted, digest %016x", n, digest(array))}
		})
	}, nil
}

func sortForking(part []uint32, grain int) {
	if len(part) <= grain {
		sortPlainly(part)
		return
	}
	middle := partition(part)
	done := make(chan struct{})
	go func() {
		sortForking(part[:middle], grain)
		close(done)
	}()
	sortForking(part[middle:], grain)
	<-done
}

func sortPlainly(part []uint32) {
	if len(part) > quicksortInsertion {
		middle := partition(part)
		sortPlainly(part[:middle])
		sortPlainly(part[middle:])
		return
	}
	for sorted := 1; sorted < len(part); sorted++ {
		element, hole := part[sorted], sorted
		for ; hole > 0 && part[hole-1] > element; hole-- {
			part[hole] = part[hole-1]
		}
		part[hole] = element
	}
}

// partition moves what is small to the front and gives the length of the front (Hoare, around the median of three). Neither part is empty.
func partition(part []uint32) int {
	first, middle, last := part[0], part[len(part)/2], part[len(part)-1]
	pivot := max(min(first, middle), min(max(first, middle), last))
	low, high := 0, len(part)-1
	for {
		for part[low] < pivot {
			low++
		}
		for part[high] > pivot {
			high--
		}
		if low >= high {
			return high + 1
		}
		part[low], part[high] = part[high], part[low]
		low++
		high--
	}
}
