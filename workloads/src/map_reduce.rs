//! `map_reduce`: how often is each word in a text? Chunks are counted apart, and their counts are merged.
//!
//! What it shows, what to expect and whose it is: see [`MapReduce::INFO`](Workload::INFO), which the report prints.
//!
//! An item is one count of the whole [text](corpus), and a slice is as many as fit in its time; making the text,
//! cutting it and checking the result are not timed. All models count with the same code and the same hash, and merge
//! with the same code. In the blocking and the asynchronous model there is a task for each chunk, and the main task
//! merges their counts as it joins them; in the fork-join model the chunks are halved by `join` down to one, and
//! merged on the way back. The serial floor is that last form without forks: it merges too.
//!
//! All merge the same pairs, by halves, since the order decides how much work there is: of 1 MiB in 64 chunks, one table
//! that takes in all others costs 327 instructions a word, counting included, and halves cost 386.
//!
//! The answer is a digest of all pairs of word and count that does not depend on their order, checked for every item.

use std::{
    cell::OnceCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    pin::Pin,
    sync::Arc,
    time::Duration,
    vec,
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    corpus,
    digest::scatter,
    params::{ParamSpec, Params, WORKERS},
    passes::{Pass, pass_after_pass, timed, timed_async},
    workload::{Body, Info, Metric, NotApplicable, Takes, Workload},
};

/// See the [module](self).
pub struct MapReduce {
    cut: Cut,
    /// Counted by [`expected`](Workload::expected) when it is first asked.
    answer: OnceCell<String>,
}

impl Workload for MapReduce {
    const INFO: Info = Info {
        name: "map_reduce",
        title: "Map and reduce",
        op: "word",
        model: Model::ForkJoin,
        metric: Metric::TimePerOp,
        shows: "How well a scheduler spreads plain calculation over its workers: counting the words of a text, in \
                chunks of some 100 us, and merging the counts.",
        expect: "On one worker all should be within a few per cent of the floor, since 64 tasks a pass are few and all \
                 merge the same pairs; a thread for each chunk adds its 10 to 50 us of creation. Who merges counts \
                 soon after they were made still has them in its cache: fork-join pools, and those whose main task \
                 runs next when a task has ended. On two, the counting halves. Merging, about a third of the work, \
                 halves too where it is done on the way back from forks (rayon), and is left to the main task \
                 elsewhere.",
        origin: "PBBS's wordCounts; the word count of MapReduce (Dean and Ghemawat, 2004).",
        params: &[
            ParamSpec { name: "kib", about: "size of the text in KiB", min: 1, max: 65_536, default: 1_024 },
            ParamSpec { name: "grain_kib", about: "size of a chunk in KiB", min: 1, max: 65_536, default: 16 },
            ParamSpec {
                name: "skew_percent",
                about: "how much of the text is one single chunk",
                min: 0,
                max: 100,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[&[]],
        full: &[&[("grain_kib", 1)], &[("skew_percent", 30)]],
        floor: true,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("grain_kib", 1)], timed_ms: 28, untimed_ms: 0 },
            Takes { of: &[], timed_ms: 14, untimed_ms: 1 },
        ],
    };

    fn new(params: &Params) -> Self {
        let cut = Cut { kib: params["kib"], grain_kib: params["grain_kib"], skew_percent: params["skew_percent"] };
        MapReduce { cut, answer: OnceCell::new() }
    }

    fn expected(&self, _ops: u64) -> String {
        self.answer.get_or_init(|| answer(&count(corpus::text(self.cut.kib)))).clone()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let mut chunks = self.cut.when_needed();
        Ok(Box::new(move |contender, time| {
            let chunks = chunks();
            pass_after_pass(time, || {
                let chunks = Arc::clone(&chunks);
                pass(contender.run(move || {
                    timed(|| {
                        let tasks: Vec<_> = chunks.iter().map(|&chunk| R::spawn(move || count(chunk))).collect();
                        merge_joined::<R>(tasks.len(), &mut tasks.into_iter())
                    })
                }))
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let mut chunks = self.cut.when_needed();
        Ok(Box::new(move |contender, time| {
            let chunks = chunks();
            pass_after_pass(time, || {
                let chunks = Arc::clone(&chunks);
                pass(contender.run(timed_async(async move {
                    let tasks: Vec<_> = chunks.iter().map(|&chunk| R::spawn(async move { count(chunk) })).collect();
                    merge_awaited::<R>(tasks.len(), &mut tasks.into_iter()).await
                })))
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let mut chunks = self.cut.when_needed();
        Ok(Box::new(move |contender, time| {
            let chunks = chunks();
            pass_after_pass(time, || pass(contender.run(|| timed(|| count_halves::<R>(&chunks)))))
        }))
    }
}

/// The text and how it is cut.
#[derive(Clone, Copy)]
struct Cut {
    kib: u64,
    grain_kib: u64,
    skew_percent: u64,
}

impl Cut {
    /// Gives the chunks; makes the text when it is first called, so that a cell that is only looked at costs nothing.
    fn when_needed(self) -> impl FnMut() -> Arc<[&'static str]> {
        let mut chunks: Option<Arc<[_]>> = None;
        let cut = move || corpus::chunks(corpus::text(self.kib), self.grain_kib, self.skew_percent).into();
        move || Arc::clone(chunks.get_or_insert_with(cut))
    }
}

/// How often each word was met.
type Counts = HashMap<&'static str, u64, BuildHasherDefault<Fnv>>;

fn count(chunk: &'static str) -> Counts {
    let mut counts = Counts::default();
    for word in chunk.split_ascii_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// The smaller one goes into the larger one.
fn merge(a: Counts, b: Counts) -> Counts {
    let (mut into, from) = if a.len() < b.len() { (b, a) } else { (a, b) };
    for (word, count) in from {
        *into.entry(word).or_default() += count;
    }
    into
}

/// The counts of the next `tasks`, joined in order.
fn merge_joined<R: Blocking>(tasks: usize, from: &mut vec::IntoIter<R::JoinHandle<Counts>>) -> Counts {
    match tasks {
        0 => Counts::default(),
        1 => R::join(from.next().expect("there are so many")),
        _ => {
            let left = merge_joined::<R>(tasks / 2, from);
            merge(left, merge_joined::<R>(tasks - tasks / 2, from))
        }
    }
}

/// [`merge_joined`] for futures.
fn merge_awaited<R: Async>(
    tasks: usize,
    from: &mut vec::IntoIter<R::JoinHandle<Counts>>,
) -> Pin<Box<dyn Future<Output = Counts> + Send + '_>> {
    Box::pin(async move {
        match tasks {
            0 => Counts::default(),
            1 => R::join(from.next().expect("there are so many")).await,
            _ => {
                let left = merge_awaited::<R>(tasks / 2, from).await;
                merge(left, merge_awaited::<R>(tasks - tasks / 2, from).await)
            }
        }
    })
}

fn count_halves<R: ForkJoin>(chunks: &[&'static str]) -> Counts {
    match chunks {
        [] => Counts::default(),
        [chunk] => count(chunk),
        _ => {
            let (left, right) = chunks.split_at(chunks.len() / 2);
            let (left, right) = R::join(|| count_halves::<R>(left), || count_halves::<R>(right));
            merge(left, right)
        }
    }
}

/// One pass over the text.
fn pass((wall, counts): (Duration, Counts)) -> Pass {
    Pass { wall, ops: counts.values().sum(), answer: answer(&counts) }
}

fn answer(counts: &Counts) -> String {
    let pair = |(word, count): (&&str, &u64)| {
        let mut hasher = Fnv::default();
        hasher.write(word.as_bytes());
        scatter(hasher.finish().wrapping_add(scatter(*count)))
    };
    let digest = counts.iter().map(pair).fold(0, u64::wrapping_add);
    format!("{} words, {} different, digest {digest:016x}", counts.values().sum::<u64>(), counts.len())
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo): short, quick for short words, and the same everywhere.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "to be or not to be \n";

    #[test]
    fn words_are_counted() {
        let counts = count(TEXT);
        assert_eq!((counts["to"], counts["be"], counts["or"], counts["not"], counts.len()), (2, 2, 1, 1, 4));
    }

    #[test]
    fn merging_parts_gives_the_whole_in_any_order() {
        let (left, right) = TEXT.split_at(6);
        assert_eq!(merge(count(left), count(right)), count(TEXT));
        assert_eq!(answer(&merge(count(right), count(left))), answer(&count(TEXT)));
    }

    #[test]
    fn a_lost_word_and_two_that_changed_places_are_noticed() {
        let right = answer(&count(TEXT));
        assert_ne!(answer(&count("to be or not to")), right);
        assert_ne!(answer(&count("to to to be or not")), right);
    }
}
