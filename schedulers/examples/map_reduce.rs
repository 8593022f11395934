//! A mini map-reduce: goroutines count the words of their parts of a text, another adds the counts up.
//!
//! Twice as many mappers as there are Ps, so that whoever is done early takes over from the others by stealing.

use std::{collections::BTreeMap, io};

use schedulers::gmp::{self, Runtime};

type Counts = BTreeMap<String, usize>;

const TEXT: &str = "\
the G is a goroutine and the M is a machine and the P is a processor
the P has a queue of its own and the G waits in the queue of a P
an M without a P runs no G and an M with a P runs the G that is next
and when the queue of its P is empty the M steals from the queue of another P";

fn map(part: &[String]) -> Counts {
    let mut counts = Counts::new();
    for word in part.iter().flat_map(|line| line.split_whitespace()) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn reduce(all: impl Iterator<Item = Counts>) -> Counts {
    let mut sum = Counts::new();
    for (word, count) in all.flatten() {
        *sum.entry(word).or_default() += count;
    }
    sum
}

/// How often each word stands in `lines`.
pub fn count_words(lines: Vec<String>) -> io::Result<Counts> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::new()? };
    Ok(runtime.run(move || {
        let (sender, receiver) = gmp::channel(gmp::procs());
        let share = lines.len().div_ceil(2 * gmp::procs()).max(1);
        for part in lines.chunks(share) {
            let (part, sender) = (part.to_vec(), sender.clone());
            drop(gmp::spawn(move || sender.send(map(&part))));
        }
        drop(sender); // The channel ends with the last mapper.
        gmp::spawn(move || reduce(receiver.iter())).join().expect("adding up does not panic")
    }))
}

/// Counts the words of a text, many times over.
pub fn main() -> io::Result<()> {
    let lines = TEXT.lines().map(str::to_owned).cycle().take(4 * 10_000).collect();
    let mut counts: Vec<_> = count_words(lines)?.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().take(5).for_each(|(word, count)| println!("{count:>8} {word}"));
    Ok(())
}
