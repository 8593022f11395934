package main

import (
	"fmt"
	"time"
)

// matmul is workloads/src/matmul.rs: the product of two square matrices of whole numbers; a piece is cut along its longer side, a goroutine is started for one half,
// and the other is called.
func matmul(given params) (body, error) {
	n, grain := given.int("n"), given.int("grain")
	var it *product
	return func(budget time.Duration) outcome {
		if it == nil {
			it = newProduct(n, grain)
		}
		whole := piece{0, n, 0, n}
		return passAfterPass(budget, func() pass {
			clear(it.elements)
			wall := timed(func() { it.multiply(whole) })
			return pass{wall, it.blocks(whole), fmt.Sprintf("digest %016x", digest(it.elements))}
		})
	}, nil
}

// product is the product, and what it is made of, row by row.
type product struct {
	n, grain              int
	left, right, elements []uint32
}

func newProduct(n, grain int) *product {
	factors := make([]uint32, 2*n*n)
	for at := range factors {
		factors[at] = uint32(scatter(uint64(at) + 1))
	}
	return &product{n, grain, factors[:n*n], factors[n*n:], make([]uint32, n*n)}
}

// piece is a rectangle of the product.
type piece struct {
	top, bottom, left, right int
}

// halves cuts a piece in two; ok is false if neither side is longer than the grain.
func (p *product) halves(whole piece) (one, other piece, ok bool) {
	rows, columns := whole.bottom-whole.top, whole.right-whole.left
	one, other = whole, whole
	switch {
	case max(rows, columns) <= p.grain:
		return one, other, false
	case rows >= columns:
		one.bottom = whole.top + rows/2
		other.top = one.bottom
	default:
		one.right = whole.left + columns/2
		other.left = one.right
	}
	return one, other, true
}

func (p *product) blocks(whole piece) uint64 {
	one, other, ok := p.halves(whole)
	if !ok {
		return 1
	}
	return p.blocks(one) + p.blocks(other)
}

func (p *product) multiply(whole piece) {
	forked, called, ok := p.halves(whole)
	if !ok {
		p.fill(whole)
		return
	}
	done := make(chan struct{})
	go func() {
		p.multiply(forked)
		close(done)
	}()
	p.multiply(called)
	<-done
}

// fill computes the elements of a block.
func (p *product) fill(block piece) {
	for row := block.top; row < block.bottom; row++ {
		sums := p.elements[row*p.n:][block.left:block.right]
		for at, factor := range p.left[row*p.n:][:p.n] {
			for column, element := range p.right[at*p.n:][block.left:block.right] {
				sums[column] += factor * element
			}
		}
	}
}
