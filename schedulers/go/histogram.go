package main

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
)

// histogram is an HdrHistogram of nanoseconds: 1 ns to 60 s, 3 significant digits, as in every record.
//
// A bucket is a power of two, cut into sub-buckets of equal width: 2048 of them tell 3 digits apart. Each bucket but the first shares its lower half with the
// one before, so only its upper half has counts of its own. (G. Tene, HdrHistogram, and its V2 encoding.)
type histogram struct {
	counts []int64
	max    int64
}

const (
	histEncoding  = "HdrV2Deflate-base64"
	histHighest   = 60_000_000_000
	subBucketBits = 11
	halfBucket    = 1 << (subBucketBits - 1)
	v2Cookie      = 0x1c849313
	v2ZlibCookie  = 0x1c849314
)

func newHistogram() *histogram {
	return &histogram{counts: make([]int64, bucketIndex(histHighest)+1)}
}

// record counts a value; what is out of range counts as the nearest that is not.
func (h *histogram) record(ns int64) {
	ns = min(max(ns, 1), histHighest)
	h.counts[bucketIndex(ns)]++
	h.max = max(h.max, ns)
}

func bucketIndex(value int64) int {
	bucket := bits.Len64(uint64(value)|(1<<subBucketBits-1)) - subBucketBits
	return (bucket+1)*halfBucket + int(value>>bucket) - halfBucket
}

// encode gives the histogram as the record has it: V2 in zlib, in base64.
func (h *histogram) encode() string {
	plain := binary.BigEndian.AppendUint32(nil, v2Cookie)
	counts := h.encodeCounts()
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(counts)))
	plain = binary.BigEndian.AppendUint32(plain, 0) // The offset of the index.
	plain = binary.BigEndian.AppendUint32(plain, 3) // Significant digits.
	plain = binary.BigEndian.AppendUint64(plain, 1)
	plain = binary.BigEndian.AppendUint64(plain, histHighest)
	plain = binary.BigEndian.AppendUint64(plain, math.Float64bits(1)) // Whole numbers are what they are.
	plain = append(plain, counts...)

	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	// Neither can fail: the buffer grows.
	_, _ = writer.Write(plain)
	_ = writer.Close()

	whole := binary.BigEndian.AppendUint32(nil, v2ZlibCookie)
	whole = binary.BigEndian.AppendUint32(whole, uint32(packed.Len()))
	return base64.StdEncoding.EncodeToString(append(whole, packed.Bytes()...))
}

// encodeCounts gives the counts up to the highest value's: numbers that are not negative are counts, others skip so many zeros.
func (h *histogram) encodeCounts() []byte {
	var encoded []byte
	limit := bucketIndex(h.max)
	for index := 0; index <= limit; {
		zeros := 0
		for index+zeros <= limit && h.counts[index+zeros] == 0 {
			zeros++
		}
		if zeros > 1 {
			encoded = appendZigZag(encoded, int64(-zeros))
			index += zeros
			continue
		}
		encoded = appendZigZag(encoded, h.counts[index])
		index++
	}
	return encoded
}

// appendZigZag appends a number as the format has it: LEB128 of the zig-zag code, but 64 bits in 9 bytes at most. No count here needs the ninth, which differs
// from what binary.AppendUvarint writes.
func appendZigZag(to []byte, number int64) []byte {
	return binary.AppendUvarint(to, uint64(number<<1)^uint64(number>>63))
}
