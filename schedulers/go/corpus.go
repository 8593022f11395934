package main

import (
	"math/bits"
	"sort"
	"strings"
)

// The text of workloads/src/corpus.rs: the same bytes. Zipf's law with exponent 1, frequent words are short.
const (
	corpusVocabulary = 4_000
	corpusSeed       = 0x5eed
	corpusLine       = 12
)

// corpusText is the text of about so many KiB: words, each followed by a space or a line's end.
func corpusText(kib uint64) string {
	rng := random(corpusSeed)
	words := corpusWords(&rng)
	cumulative := make([]uint64, corpusVocabulary)
	var total uint64
	for rank := range uint64(corpusVocabulary) {
		total += (1 << 32) / (rank + 1)
		cumulative[rank] = total
	}
	size := int(kib * 1024)
	var text strings.Builder
	text.Grow(size + 32)
	for wordsInLine := 0; text.Len() < size; {
		at := rng.below(total)
		text.WriteString(words[sort.Search(len(cumulative), func(i int) bool { return cumulative[i] > at })])
		wordsInLine = (wordsInLine + 1) % corpusLine
		if wordsInLine == 0 {
			text.WriteByte('\n')
		} else {
			text.WriteByte(' ')
		}
	}
	return text.String()
}

// corpusWords are distinct words by rank.
func corpusWords(rng *random) []string {
	seen := map[string]bool{}
	words := make([]string, 0, corpusVocabulary)
	for len(words) < corpusVocabulary {
		// One letter more for each factor of 4 in rank.
		shortest := 2 + (bits.Len(uint(len(words)+1))-1)/2
		word := make([]byte, shortest+int(rng.below32(3)))
		for at := range word {
			word[at] = 'a' + byte(rng.below32(26))
		}
		if !seen[string(word)] {
			seen[string(word)] = true
			words = append(words, string(word))
		}
	}
	return words
}

// corpusChunks cuts a text at word boundaries: one chunk of about so many per cent of it, then chunks of about grainKib each.
func corpusChunks(text string, grainKib, skewPercent uint64) []string {
	large := len(text) * int(skewPercent) / 100
	grain := int(grainKib * 1024)
	var chunks []string
	for begin := 0; begin < len(text); {
		wanted := begin + grain
		if begin == 0 && large > grain {
			wanted = large
		}
		end := nextWord(text, wanted)
		chunks = append(chunks, text[begin:end])
		begin = end
	}
	return chunks
}

// nextWord is the end of the word that `at` is in, and of the space after it.
func nextWord(text string, at int) int {
	if at-1 > len(text) {
		return len(text)
	}
	space := strings.IndexAny(text[at-1:], " \n")
	if space < 0 {
		return len(text)
	}
	return at + space
}
