package main

import "testing"

// What `.ci/truth` compares the suite's cells with: the same loops, timed by package testing.

func BenchmarkPingPong(b *testing.B) {
	toPong, toPing := make(chan uint64, 1), make(chan uint64, 1)
	go func() {
		for number := range toPong {
			toPing <- number + 1
		}
	}()
	var number uint64
	for b.Loop() {
		toPong <- number
		number = <-toPing
	}
	close(toPong)
}

func BenchmarkSpawnJoin(b *testing.B) {
	var number uint64
	for b.Loop() {
		done := make(chan uint64, 1)
		go func() { done <- number }()
		if <-done != number {
			b.Fatal("another number")
		}
		number++
	}
}

func BenchmarkChannel(b *testing.B) {
	messages := make(chan uint64, 128)
	done := make(chan uint64)
	go func() {
		var sum uint64
		for number := range messages {
			sum += number
		}
		done <- sum
	}()
	var number uint64
	for b.Loop() {
		messages <- number
		number++
	}
	close(messages)
	if sum := <-done; sum != number*(number-1)/2 {
		b.Fatal("messages were lost")
	}
}
