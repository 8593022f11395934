//! The thread that turns trails into a file, while the trace goes on.
//!
//! **One order.** It (1) reads the clock, (2) takes what is in all trails, (3) sorts. An event that it has not found is recorded under the lock of a trail after (2)
//! has had that lock, or in a trail that was added after (2) has had the lock of their list; its time is read under the lock, so it is not before (1). So everything
//! before (1) is there, in its place, and can be written. The rest waits for the next round.

use std::{
    io::{self, Write},
    sync::{Arc, atomic::Ordering::*},
};

use super::{Event, NUMBER, Recorder, Summary, lock, timeline::Timeline};
use crate::gmp::futex::now_ns;

/// How long events lie at most before somebody fetches them. A trail that is half full calls earlier. Untuned.
const ROUND_NS: u64 = 10_000_000;

/// The life of the thread.
///
/// # Errors
/// The writer's; the trace is over then.
pub(super) fn collect(recorder: &Recorder, writer: impl Write) -> io::Result<Summary> {
    let _over = Over(recorder);
    let mut timeline = Timeline::begin(writer, recorder.origin_ns)?;
    for &(runtime, what) in &recorder.states {
        timeline.add(Event { at_ns: recorder.origin_ns, runtime, what })?;
    }
    let mut summary = Summary::default();
    let mut waiting: Vec<Event> = Vec::new();
    loop {
        // Before the clock is read: what was recorded before the end is earlier than that.
        let last = recorder.has_ended();
        let until_ns = now_ns();
        summary.dropped += fetch(recorder, &mut waiting);
        waiting.sort_by_key(|event| event.at_ns); // Stable: what a thread did in one nanosecond stays in order.
        let whole = waiting.partition_point(|event| event.at_ns < until_ns);
        summary.events += whole as u64;
        waiting.drain(..whole).try_for_each(|event| timeline.add(event))?;
        if last {
            timeline.end(until_ns, summary)?;
            return Ok(summary);
        }
        recorder.parker.park(until_ns + ROUND_NS);
    }
}

/// Takes what is in the trails; how many events were dropped.
fn fetch(recorder: &Recorder, events: &mut Vec<Event>) -> u64 {
    let mut dropped = 0;
    // A trail whose thread is gone, or is in another trace now, gets nothing more.
    let mut gone = Vec::new();
    let trails = {
        let mut trails = lock(&recorder.trails);
        trails.retain(|trail| {
            let stays = Arc::strong_count(trail) > 1;
            gone.extend((!stays).then(|| trail.clone()));
            stays
        });
        trails.clone()
    };
    for trail in gone.iter().chain(&trails) {
        let kept = trail.take();
        events.extend(kept.events);
        dropped += kept.dropped;
    }
    dropped
}

/// Dropped, also by an error or a panic of the writer's, it sees to it that nobody records anything more.
struct Over<'a>(&'a Recorder);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        // Unless another trace has begun.
        let _ = NUMBER.0.compare_exchange(self.0.number, 0, Relaxed, Relaxed);
    }
}
