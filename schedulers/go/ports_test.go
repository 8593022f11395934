package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What is ported from the Rust side must give the same there and here: these figures are in its tests as well.

func TestTheTextIsTheSameAsInRust(t *testing.T) {
	if found := fmt.Sprintf("%016x", fnv1a(corpusText(64))); found != "42eabc7986fc1b42" {
		t.Errorf("digest %s", found)
	}
}

func TestChunksAreTheWholeTextAndCutNoWord(t *testing.T) {
	text := corpusText(64)
	for _, cut := range []struct {
		grain, skew uint64
		chunks      int
	}{{4, 0, 16}, {4, 50, 9}, {4, 100, 1}, {100, 0, 1}} {
		chunks := corpusChunks(text, cut.grain, cut.skew)
		if len(chunks) != cut.chunks || strings.Join(chunks, "") != text {
			t.Errorf("%v: %d chunks", cut, len(chunks))
		}
		for _, chunk := range chunks {
			if !strings.HasSuffix(chunk, " ") && !strings.HasSuffix(chunk, "\n") {
				t.Errorf("%v: a word was cut", cut)
			}
		}
	}
}

func TestCountsOfPartsAreThoseOfTheWhole(t *testing.T) {
	text := "to be or not to be \n"
	whole := countWords(text)
	if whole["to"] != 2 || whole["not"] != 1 || len(whole) != 4 {
		t.Errorf("%v", whole)
	}
	parts := mergeCounts(countWords(text[:6]), countWords(text[6:]))
	if countsAnswer(parts) != countsAnswer(whole) {
		t.Errorf("%v", parts)
	}
	if countsAnswer(countWords("to be or not to")) == countsAnswer(whole) {
		t.Error("a lost word is not noticed")
	}
}

func TestLeapingIsWalking(t *testing.T) {
	for _, one := range [][2]uint64{{0, 0}, {0, 1}, {7, 2}, {1<<64 - 1, 1000}, {42, 123_457}} {
		state, steps := one[0], one[1]
		if leap(state, steps) != walk(state, steps) || leapBack(walk(state, steps), steps) != state {
			t.Errorf("%d steps from %d", steps, state)
		}
	}
}

func TestDigestsAreThoseOfRust(t *testing.T) {
	if scatter(1) != 0x5692161d100b05e5 || digest([]uint32{3, 1, 2}) != 0x58139c2a085f7069 {
		t.Errorf("%x, %x", scatter(1), digest([]uint32{3, 1, 2}))
	}
}

func TestRandomNumbersAreThoseOfSplitMix(t *testing.T) {
	random := splitMix(1_234_567)
	if first := random.next(); first != 6_457_827_717_110_365_317 {
		t.Errorf("%d", first)
	}
}

func TestSleepsAndPipesAreEvenAndFilesRare(t *testing.T) {
	count := func(load blockingLoad) (counts [4]int) {
		for number := range uint64(load.tasks) * load.calls {
			counts[load.kindOf(number)]++
		}
		return counts
	}
	if found := count(blockingLoad{64, 16, 100}); found != [4]int{503, 504, 17, 0} {
		t.Errorf("%v", found)
	}
	if found := count(blockingLoad{10, 10, 33}); found[callKindCalculate] != 67 {
		t.Errorf("%v", found)
	}
}

func TestEachKindOfCallGivesTheValueThatIsKnownBeforehand(t *testing.T) {
	calls := openCalls(2)
	for kind := callKindSleep; kind <= callKindCalculate; kind++ {
		for _, number := range []uint64{0, 1, 777} {
			call := call{kind, number}
			begin := now()
			if calls.make(int(number%2), call) != call.value() {
				t.Errorf("%v", call)
			}
			if kind == callKindPipe && now().since(begin) < answerAfter {
				t.Error("an answer came before it was due")
			}
		}
	}
}

func TestAHogThatStoppedEarlyIsNoticed(t *testing.T) {
	right := tightLoopAnswer(300, []uint64{walk(1, 1000), walk(2, 1000)}, 1000)
	if right != "300 ticks beside hogs from 1 2" {
		t.Error(right)
	}
	if tightLoopAnswer(300, []uint64{walk(1, 1000), walk(2, 999)}, 1000) == right {
		t.Error("it is not")
	}
}

func TestProductsAndOrdersAreThoseOfTheDefinition(t *testing.T) {
	const n = 20
	blocks, whole := newProduct(n, 7), piece{0, n, 0, n}
	blocks.multiply(whole)
	for row := range n {
		for column := range n {
			var sum uint32
			for at := range n {
				sum += blocks.left[row*n+at] * blocks.right[at*n+column]
			}
			if blocks.elements[row*n+column] != sum {
				t.Fatalf("row %d, column %d", row, column)
			}
		}
	}
	part := []uint32{5, 3, 9, 1, 1, 7, 3, 8, 2, 2, 6, 4, 0, 5, 5, 9, 1, 0, 3, 2}
	sortForking(part, 4)
	for at := range part[1:] {
		if part[at] > part[at+1] {
			t.Fatalf("%v", part)
		}
	}
}

func TestALateVictimAnswersForEveryTick(t *testing.T) {
	victim := startVictim(time.Millisecond, 20)
	if late := <-victim.lateNs; len(late) != 20 {
		t.Errorf("%d ticks", len(late))
	}
}

func TestBatchesGrowWithTheSpeedAndShrinkAtOnce(t *testing.T) {
	pace := pace{batch: 1, target: 8 * time.Microsecond}
	for range 32 {
		pace.took(time.Duration(40 * pace.batch))
	}
	if pace.batch != 200 {
		t.Errorf("%d", pace.batch)
	}
	pace.took(10 * time.Millisecond)
	if pace.batch != 1 {
		t.Errorf("%d", pace.batch)
	}
	pace.took(0)
	if pace.batch != 2 {
		t.Errorf("%d", pace.batch)
	}
}

func TestValuesOfOneBucketShareTheirFirstThreeDigits(t *testing.T) {
	for _, value := range []int64{1, 2047, 2048, 2049, 123_456, 1_000_000_007, histHighest} {
		index := bucketIndex(value)
		if bucketIndex(value+value/1000) == index && value > 2048 {
			t.Errorf("%d shares its bucket with what is a thousandth more", value)
		}
		if value < 2048 && index != int(value) {
			t.Errorf("%d is in bucket %d", value, index)
		}
	}
	h := newHistogram()
	h.record(-5)
	h.record(1 << 60)
	if h.counts[1] != 1 || h.counts[bucketIndex(histHighest)] != 1 {
		t.Error("what is out of range is not counted as the nearest")
	}
}
