//! A text to count words in, made up: the same on every machine, with the word frequencies of real text.
//!
//! Zipf's law with exponent 1: the word of rank r is met in proportion to 1/r. Frequent words are short, as in real
//! languages. All is done in whole numbers, so that no rounding mode can change the text.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use fastrand::Rng;

/// Distinct words: about those of a novel's every-day vocabulary.
const VOCABULARY: usize = 4_000;
const SEED: u64 = 0x5eed;
/// Words in a line.
const LINE: usize = 12;

/// The text of about `kib` KiB: words, each followed by a space or a line's end. It is made once a process, and kept:
/// tasks may refer to it for as long as they like, so that their results need no copies of words.
pub(crate) fn text(kib: u64) -> &'static str {
    static TEXTS: Mutex<BTreeMap<u64, &'static str>> = Mutex::new(BTreeMap::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.entry(kib).or_insert_with(|| String::leak(generate(kib)))
}

fn generate(kib: u64) -> String {
    let mut rng = Rng::with_seed(SEED);
    let words = vocabulary(&mut rng);
    let cumulative: Vec<u64> = (1..=VOCABULARY as u64)
        .scan(0, |sum, rank| {
            *sum += (1 << 32) / rank;
            Some(*sum)
        })
        .collect();
    let total = cumulative[VOCABULARY - 1];
    let bytes = usize::try_from(kib * 1024).expect("the parameter's range fits memory");
    let mut text = String::with_capacity(bytes + 32);
    let mut words_in_line = 0;
    while text.len() < bytes {
        let at = rng.u64(..total);
        text.push_str(&words[cumulative.partition_point(|&below| below <= at)]);
        words_in_line = (words_in_line + 1) % LINE;
        text.push(if words_in_line == 0 { '\n' } else { ' ' });
    }
    text
}

/// Distinct words by rank.
fn vocabulary(rng: &mut Rng) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut words = Vec::with_capacity(VOCABULARY);
    while words.len() < VOCABULARY {
        // One letter more for each factor of 4 in rank.
        let shortest = 2 + (words.len() + 1).ilog2() / 2;
        let length = rng.u32(shortest..shortest + 3);
        let word: String = (0..length).map(|_| rng.char('a'..='z')).collect();
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

/// Cuts `text` at word boundaries: one chunk of about `skew_percent` of it, then chunks of about `grain_kib` KiB each.
pub(crate) fn chunks(text: &str, grain_kib: u64, skew_percent: u64) -> Vec<&str> {
    let size = |bytes: u64| usize::try_from(bytes).expect("a chunk is not larger than a text");
    let large = size(text.len() as u64 * skew_percent / 100);
    let grain = size(grain_kib * 1024);
    let mut chunks = Vec::with_capacity(2 + text.len() / grain);
    let mut begin = 0;
    while begin < text.len() {
        let wanted = begin + if begin == 0 && large > grain { large } else { grain };
        let end = next_word(text, wanted);
        chunks.push(&text[begin..end]);
        begin = end;
    }
    chunks
}

/// The end of the word that `at` is in, and of the space after it.
fn next_word(text: &str, at: usize) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace();
    match text.as_bytes().get(at - 1..) {
        Some(rest) => rest.iter().position(ends).map_or(text.len(), |spaces| at + spaces),
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FNV-1a.
    fn digest(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn the_text_is_the_same_everywhere() {
        // If this fails after an update of fastrand, results before and after are about different texts.
        assert_eq!(format!("{:016x}", digest(text(64))), "42eabc7986fc1b42");
        assert_eq!(text(64), generate(64));
        assert!(text(64).len() >= 64 * 1024 && text(64).len() < 64 * 1024 + 32);
    }

    #[test]
    fn words_are_as_frequent_as_zipf_says() {
        let mut counts = std::collections::HashMap::<_, usize>::new();
        text(1024).split_ascii_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
        let words: usize = counts.values().sum();
        let mut by_rank: Vec<_> = counts.into_values().collect();
        by_rank.sort_unstable_by(|a, b| b.cmp(a));
        // The sum of 1/r for r up to 4000 is 8.87.
        for rank in [1, 2, 10, 100] {
            let expected = words as f64 / 8.87 / rank as f64;
            let found = by_rank[rank - 1] as f64;
            assert!((found / expected - 1.0).abs() < 0.15, "rank {rank}: {found}, expected {expected}");
        }
    }

    #[test]
    fn without_skew_chunks_are_of_the_grain_and_with_it_one_is_large() {
        let text = text(64);
        assert_eq!(chunks(text, 4, 0).len(), 16);
        let skewed = chunks(text, 4, 50);
        assert!(skewed[0].len() >= 32 * 1024 && skewed[0].len() < 33 * 1024);
        assert_eq!(skewed.len(), 9);
        assert_eq!(chunks(text, 4, 100).len(), 1);
    }

    proptest! {
        #[test]
        fn chunks_are_the_whole_text_and_cut_no_word(kib in 1u64..40, grain_kib in 1u64..50, skew in 0u64..=100) {
            let text = text(kib);
            let chunks = chunks(text, grain_kib, skew);
            prop_assert_eq!(chunks.concat(), text);
            prop_assert!(chunks.iter().all(|chunk| chunk.ends_with([' ', '\n'])));
        }
    }
}
