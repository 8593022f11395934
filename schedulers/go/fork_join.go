package main

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// forkJoin is workloads/src/fork_join.rs: recursive problems whose every call is a goroutine. A node starts one for each of its children but the last, which it calls
// itself, and then receives their results; the operation is such a fork. Sub-problems with so many levels below them as the cut-off says, or fewer, are plain code.
func forkJoin(given params) (body, error) {
	n, cutoff := given["n"], given["cutoff"]
	var solve func() uint64
	var leaves uint64
	switch given["kernel"] {
	case 0:
		solve = func() uint64 { return fib(n, cutoff) }
		leaves = fibNumber(subtract(n+1, max(1, cutoff)) + 1)
	case 1:
		if n > 14 {
			return nil, notApplicable(fmt.Sprintf("%d queens take too long: 14 at most", n))
		}
		root := board{all: 1<<n - 1}
		solve = func() uint64 { return queens(root, cutoff) }
		leaves = queensLeaves(root, cutoff)
	default:
		if n > 10 {
			return nil, notApplicable(fmt.Sprintf("T1 has 10 levels, not %d", n))
		}
		root := utsRoot(n)
		solve = func() uint64 { return utsSize(root, cutoff) }
		leaves = utsLeaves[subtract(n, cutoff)]
	}
	return func(budget time.Duration) outcome {
		return passAfterPass(budget, func() pass {
			var value uint64
			wall := timed(func() { value = solve() })
			return pass{wall, leaves - 1, fmt.Sprint(value)}
		})
	}, nil
}

// subtract is a - b, or 0.
func subtract(a, b uint64) uint64 { return a - min(a, b) }

// fibNumber is the n-th Fibonacci number, by adding up.
func fibNumber(n uint64) uint64 {
	this, next := uint64(0), uint64(1)
	for range n {
		this, next = next, this+next
	}
	return this
}

func fib(n, cutoff uint64) uint64 {
	if n <= max(1, cutoff) {
		return fibPlain(n)
	}
	forked := make(chan uint64, 1)
	go func() { forked <- fib(n-1, cutoff) }()
	called := fib(n-2, cutoff)
	return <-forked + called
}

func fibPlain(n uint64) uint64 {
	if n < 2 {
		return n
	}
	return fibPlain(n-1) + fibPlain(n-2)
}

// board has a queen in each of the rows so far; one bit a column. A full board is a solution.
type board struct {
	all, columns uint32
	// Columns of the next row that a diagonal attacks from the left, and from the right.
	rising, falling uint32
}

// free are the columns of the next row where a queen can stand.
func (b board) free() uint32 { return b.all &^ (b.columns | b.rising | b.falling) }

func (b board) levels() uint64 { return uint64(bits.OnesCount32(b.all ^ b.columns)) }

func (b board) with(queen uint32) board {
	return board{b.all, b.columns | queen, (b.rising | queen) << 1, (b.falling | queen) >> 1}
}

// queens is how many solutions a board has, with a goroutine for each place of the next queen but the last.
func queens(b board, cutoff uint64) uint64 {
	if b.levels() <= cutoff {
		return queensPlain(b)
	}
	free := b.free()
	if free == 0 {
		return b.value()
	}
	forks := bits.OnesCount32(free) - 1
	forked := make(chan uint64, forks)
	for ; free&(free-1) != 0; free &= free - 1 {
		child := b.with(free & -free)
		go func() { forked <- queens(child, cutoff) }()
	}
	sum := queens(b.with(free), cutoff)
	for range forks {
		sum += <-forked
	}
	return sum
}

func (b board) value() uint64 {
	if b.columns == b.all {
		return 1
	}
	return 0
}

func queensPlain(b board) uint64 {
	sum := b.value()
	for free := b.free(); free != 0; free &= free - 1 {
		sum += queensPlain(b.with(free & -free))
	}
	return sum
}

// queensLeaves is how many boards have no place for a queen, or are cut off.
func queensLeaves(b board, cutoff uint64) (leaves uint64) {
	if b.levels() <= cutoff || b.free() == 0 {
		return 1
	}
	for free := b.free(); free != 0; free &= free - 1 {
		leaves += queensLeaves(b.with(free&-free), cutoff)
	}
	return leaves
}

// utsLeaves are those of UTS's tree T1 cut after so many levels; the last is published.
var utsLeaves = [...]uint64{1, 5, 59, 201, 744, 3_232, 12_839, 51_124, 205_878, 825_408, 3_305_118}

// utsNode is a node of T1: 20 bytes of SHA-1, from which its number of children follows (Olivier et al., LCPC 2006).
type utsNode struct {
	state [sha1.Size]byte
	// Levels below it.
	left uint64
}

func utsRoot(levels uint64) utsNode {
	const seed = 19
	return utsNode{sha1.Sum(binary.BigEndian.AppendUint32(make([]byte, 16, 20), seed)), levels}
}

// children is geometrically distributed with an expectation of 4: the distribution's inverse of 31 bits of the state.
func (n utsNode) children() int {
	if n.left == 0 {
		return 0
	}
	const stop = 1.0 / (1.0 + 4.0)
	uniform := float64(binary.BigEndian.Uint32(n.state[16:])&0x7fffffff) / (1 << 31)
	return min(100, int(math.Floor(math.Log(1-uniform)/math.Log(1-stop))))
}

func (n utsNode) child(nth int) utsNode {
	var text [sha1.Size + 4]byte
	copy(text[:], n.state[:])
	binary.BigEndian.PutUint32(text[sha1.Size:], uint32(nth))
	return utsNode{sha1.Sum(text[:]), n.left - 1}
}

// utsSize is how many nodes there are, with a goroutine for each child but the last.
func utsSize(n utsNode, cutoff uint64) uint64 {
	if n.left <= cutoff {
		return utsPlain(n)
	}
	forks := n.children() - 1
	if forks < 0 {
		return 1
	}
	forked := make(chan uint64, forks)
	for nth := range forks {
		go func() { forked <- utsSize(n.child(nth), cutoff) }()
	}
	sum := 1 + utsSize(n.child(forks), cutoff)
	for range forks {
		sum += <-forked
	}
	return sum
}

func utsPlain(n utsNode) uint64 {
	sum := uint64(1)
	for nth := range n.children() {
		sum += utsPlain(n.child(nth))
	}
	return sum
}
