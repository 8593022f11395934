//! The examples do what they say.

use std::time::Duration;

#[path = "../examples/blocked_thread.rs"]
mod blocked_thread;
#[path = "../examples/http.rs"]
mod http;
#[path = "../examples/mandelbrot.rs"]
mod mandelbrot;
#[path = "../examples/map_reduce.rs"]
mod map_reduce;
#[expect(dead_code, reason = "its `main` asks for more than is to be had here")]
#[path = "../examples/million.rs"]
mod million;
#[path = "../examples/tight_loop.rs"]
mod tight_loop;
#[expect(dead_code, reason = "its `main` writes to the current directory")]
#[path = "../examples/trace.rs"]
mod trace;

#[test]
fn main_continues_while_a_goroutine_waits_for_an_answer() {
    let story = http::story().unwrap();
    assert_eq!(story.first().unwrap(), "Program continues...");
    assert_eq!(story.last().unwrap(), r#"Done, result is {"path": "/goroutines"}"#);
    assert!(story.iter().any(|line| line == "Does other things"), "{story:?}");
    http::main().unwrap();
}

#[test]
fn map_reduce_counts_every_word_once() {
    assert!(map_reduce::count_words(Vec::new()).unwrap().is_empty());
    let lines = (0..999).map(|n| format!("{} of {n}", ["one", "two", "three"][n % 3])).collect();
    let counts = map_reduce::count_words(lines).unwrap();
    assert_eq!([counts["one"], counts["two"], counts["three"], counts["of"], counts["17"]], [333, 333, 333, 999, 1]);
    map_reduce::main().unwrap();
}

#[test]
fn the_mandelbrot_set_has_its_shape_and_its_area() {
    let (rows, area) = mandelbrot::picture(200).unwrap();
    assert_eq!(rows.len(), 200);
    // The upper half mirrors the lower one; their y may differ in the last bit, which moves points at the edge.
    let same = |above: usize| rows[above].steps.iter().zip(&rows[199 - above].steps).filter(|(a, b)| a == b).count();
    assert!((0..100).all(|above| same(above) > 190));
    assert!((area - 1.506).abs() < 0.05, "{area}");
    mandelbrot::main().unwrap();
}

#[test]
fn a_blocked_thread_does_not_stop_the_world() {
    let report = blocked_thread::block_one_of_one().unwrap();
    assert_eq!((report.procs, report.read.as_str()), (1, "the world goes on"));
    assert!(report.retakes >= 1 && report.threads >= 3 && report.cpus >= 1, "{report:?}");
    blocked_thread::main().unwrap();
}

#[test]
fn goroutines_that_wait_are_woken_and_joined_without_loss() {
    const COUNT: usize = 3_000;
    let report = million::park(COUNT).unwrap();
    assert_eq!(report.joined, COUNT, "{report:?}");
    // A page of the stack for each; what other tests have, or give back, is less.
    let [before, parked, ..] = report.memory.map(|[pages, _]| pages);
    assert!(report.mappings > 0 && parked - before > 2 * COUNT as i64, "{report:?}");
}

#[test]
fn a_tight_loop_starves_nobody() {
    let (count, late) = tight_loop::tick_beside_a_loop().unwrap();
    assert!(count > 0 && late.len() == 50);
    // Each in turn waits for others at most, never for the loop to end, which it does after them.
    assert!(late.iter().sum::<Duration>() < Duration::from_secs(20), "{late:?}");
    tight_loop::main().unwrap();
}

#[test]
fn a_trace_shows_ping_pong_a_hog_and_a_blocking_call() {
    // The tests may run twice at a time.
    let name = format!("trace-{}.json", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let summary = trace::record_in(&path).unwrap();
    let timeline: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((summary.dropped, &timeline["otherData"]["events"]), (0, &summary.events.into()));
    let events = timeline["traceEvents"].as_array().unwrap();
    let ended = |why: &str| events.iter().filter(|event| event["args"]["why"] == why).count();
    // Each ball that comes back has been waited for, here or there. Other tests' runtimes are in it too.
    let [waits, blocks, ends] = [ended("chan receive") + ended("chan send"), ended("blocking call"), ended("ended")];
    assert!(waits >= 100 && blocks >= 1 && ends >= 1, "{waits} waits, {blocks} blocking calls, {ends} ends");
}
