//! Traces: what the file shows is what the program did. One trace at a time goes on in a process, so these tests take turns.

use std::{
    collections::HashSet,
    io::{self, ErrorKind, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{self, GoroutineState, Runtime, WaitReason, sync, trace};
use timeline::{File, Trace};

mod timeline;

fn my_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Traces what `program` does, and looks at what holds for every trace without losses.
fn traced<T>(program: impl FnOnce() -> T) -> (Trace, T) {
    traced_if_whole(program).expect("too little happens for a loss")
}

/// As [`traced`]; `None` if something was lost, since the collector did not get a CPU in time.
fn traced_if_whole<T>(program: impl FnOnce() -> T) -> Option<(Trace, T)> {
    let file = File::default();
    trace::start(file.clone()).unwrap();
    let value = program();
    let summary = trace::stop().unwrap();
    let trace = file.read();
    assert_eq!(trace.whole["otherData"]["dropped_events"], summary.dropped);
    assert_eq!(trace.whole["otherData"]["events"], summary.events);
    (summary.dropped == 0).then(|| {
        trace.check();
        (trace, value)
    })
}

fn until(mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60));
        gmp::time::sleep(Duration::from_millis(1));
    }
}

/// Runs `main`, and waits until all is at rest: who waits for a goroutine may go on before it has quite left.
fn run<T: Send>(runtime: &Runtime, main: impl FnOnce() -> T + Send) -> T {
    let value = runtime.run(main);
    rest(runtime);
    value
}

fn rest(runtime: &Runtime) {
    until(|| {
        let stats = runtime.stats();
        stats.idle_threads + 1 == stats.threads // sysmon.
    });
}

#[test]
fn each_goroutine_has_its_slices_and_their_reasons() {
    let _turn = my_turn();
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let (trace, ids) = traced(|| {
            run(&runtime, || {
                let (sender, receiver) = gmp::channel::<u32>(0);
                let (stays, left) = gmp::channel::<u32>(0);
                let receives = gmp::spawn(move || {
                    receiver.recv().unwrap();
                    gmp::time::sleep(Duration::from_millis(1));
                });
                let blocks = gmp::spawn(move || {
                    gmp::block_in_place(|| std::thread::sleep(Duration::from_millis(1)));
                    gmp::select! { recv(left) -> value => _ = value, recv(left) -> value => _ = value }
                });
                let panics = gmp::spawn(|| std::panic::resume_unwind(Box::new(())));
                let waits = |id, reason| {
                    until(|| {
                        let snapshot = runtime.snapshot();
                        let of = |id| snapshot.goroutines.iter().find(|goroutine| goroutine.id == id);
                        of(id).is_some_and(|goroutine| goroutine.state == GoroutineState::Waiting(reason))
                    });
                };
                waits(receives.id(), WaitReason::ChanReceive);
                waits(blocks.id(), WaitReason::Select);
                sender.send(1).unwrap();
                drop(stays);
                let ids = [receives.id(), blocks.id(), panics.id()];
                receives.join().unwrap();
                blocks.join().unwrap();
                panics.join().unwrap_err();
                (gmp::current_id().unwrap(), ids)
            })
        });
        let (main, [receives, blocks, panics]) = ids;
        assert_eq!(trace.whys(receives), ["chan receive", "sleep", "ended"]);
        assert_eq!(trace.whys(blocks), ["blocking call", "select", "ended"]);
        assert_eq!(trace.whys(panics), ["ended"]);
        let mains = trace.whys(main);
        assert!(mains.iter().all(|why| ["sleep", "join", "ended"].contains(why)), "{mains:?}");
        assert_eq!(mains.last(), Some(&"ended"));
        // And no others.
        let names: HashSet<_> = trace.on_ps().map(|slice| slice.name.clone()).collect();
        assert_eq!(names, HashSet::from([main, receives, blocks, panics].map(|id| format!("G{id}"))));
        let spawned: Vec<_> = trace.marks("spawn").iter().map(|mark| mark["args"]["g"].clone()).collect();
        assert_eq!(spawned, [main, receives, blocks, panics].map(|id| format!("G{id}")));
        assert!(!trace.arrows.is_empty());
        let blocked = trace.slices.iter().find(|slice| slice.name == format!("G{blocks} blocks")).unwrap();
        assert_eq!(blocked.lane.0, "gmp Ms");
        assert!(blocked.until_ns - blocked.since_ns >= 1_000_000, "{blocked:?}");
    }
}

#[test]
fn a_yield_is_told_from_a_wait() {
    let _turn = my_turn();
    let runtime = runtime(1);
    let (trace, ids) = traced(|| {
        run(&runtime, || {
            let yields = || (0..3).for_each(|_| gmp::yield_now());
            let (a, b) = (gmp::spawn(yields), gmp::spawn(yields));
            let ids = [a.id(), b.id()];
            a.join().unwrap();
            b.join().unwrap();
            ids
        })
    });
    // Whoever comes last has nobody to yield to.
    for whys in ids.map(|id| trace.whys(id)) {
        let (end, yields) = whys.split_last().unwrap();
        assert_eq!(*end, "ended");
        assert!(yields.len() <= 3 && yields.iter().all(|&why| why == "yield"), "{whys:?}");
    }
    assert!(ids.iter().any(|&id| trace.whys(id).len() == 4));
}

/// Ends the traffic, also when a test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Sleeping, blocking, computing, spawning, all at once.
fn traffic(stop: &AtomicBool) {
    gmp::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    gmp::time::sleep(Duration::from_micros(300));
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                gmp::block_in_place(|| std::thread::sleep(Duration::from_micros(200)));
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(5) && !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
                gmp::checkpoint();
            }
        });
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                let (sender, receiver) = gmp::channel(1);
                let handles: Vec<_> = (0..10u32).map(|n| gmp::spawn(move || n)).collect();
                let sum = gmp::spawn(move || receiver.iter().sum::<u32>());
                handles.into_iter().for_each(|handle| sender.send(handle.join().unwrap()).unwrap());
                drop(sender);
                assert_eq!(sum.join().unwrap(), 45);
                gmp::time::sleep(Duration::from_micros(100));
            }
        });
    });
}

#[test]
fn slices_of_a_lane_are_disjoint_whatever_goes_on() {
    let _turn = my_turn();
    let runtime = runtime(2);
    let stop = AtomicBool::new(false);
    let (trace, ()) = std::thread::scope(|threads| {
        let _stops = Stops(&stop);
        threads.spawn(|| runtime.run(|| traffic(&stop)));
        // In the midst of it.
        std::thread::sleep(Duration::from_millis(20));
        traced(|| {
            let before = runtime.stats();
            until(|| {
                let now = runtime.stats();
                now.handoffs >= before.handoffs + 3 && now.parks >= before.parks + 50 && now.wakes > before.wakes
            });
        })
    });
    let lanes: HashSet<_> = trace.on_ps().map(|slice| slice.lane.2.as_str()).collect();
    assert!(lanes.iter().all(|lane| ["P0", "P1"].contains(lane)), "{lanes:?}");
    let marked = |name| trace.marks(name).len();
    assert!(marked("hand-off") >= 3 && marked("wake") + marked("start") > 0);
    assert!(trace.on_ps().count() >= 50);
}

#[test]
fn steals_appear_as_often_as_they_happen() {
    let _turn = my_turn();
    let runtime = runtime(2);
    let (trace, steals) = traced(|| {
        run(&runtime, || {
            until(|| {
                let handles: Vec<_> =
                    (0..100).map(|_| gmp::spawn(|| std::hint::black_box((0..5000u64).sum::<u64>()))).collect();
                handles.into_iter().for_each(|handle| _ = handle.join().unwrap());
                runtime.stats().steals >= 3
            });
        });
        runtime.stats().steals
    });
    let marks = trace.marks("steal");
    assert_eq!(marks.len() as u64, steals);
    for mark in marks {
        assert!(mark["args"]["gs"].as_u64().unwrap() >= 1);
        let from = mark["args"]["from"].as_str().unwrap();
        let to = trace.marks.iter().find(|(_, other)| other == mark).map(|(lane, _)| lane.2.as_str()).unwrap();
        assert!(from != to && ["P0", "P1"].contains(&from), "{mark}");
    }
}

#[test]
fn goroutines_that_execute_when_a_trace_begins_and_ends_have_slices() {
    let _turn = my_turn();
    let runtime = runtime(2);
    let (stop, runs) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        let _stops = Stops(&stop);
        let hog = threads.spawn(|| {
            runtime.run(|| {
                runs.store(gmp::current_id().unwrap(), Relaxed);
                while !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        });
        while runs.load(Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let (trace, ()) = traced(|| std::thread::sleep(Duration::from_millis(20)));
        stop.store(true, Relaxed);
        hog.join().unwrap();
        let slices: Vec<_> = trace.on_ps().collect();
        assert_eq!(slices.len(), 1, "{slices:?}");
        assert_eq!((slices[0].name.as_str(), slices[0].since_ns), (&*format!("G{}", runs.load(Relaxed)), 0));
        assert_eq!(slices[0].why, "trace stopped");
        assert!(slices[0].until_ns >= 20_000_000);
    });
}

#[test]
fn a_hog_is_seen_to_lose_its_p() {
    let _turn = my_turn();
    let runtime = runtime(1);
    let (trace, (hog, other)) = traced(|| {
        run(&runtime, || {
            let done = Arc::new(AtomicBool::new(false));
            let seen = done.clone();
            let hog = gmp::spawn(move || {
                while !seen.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let other = gmp::spawn(move || done.store(true, Relaxed));
            let ids = (hog.id(), other.id());
            gmp::yield_now(); // `other` is in front: let the hog have the P.
            hog.join().unwrap();
            other.join().unwrap();
            ids
        })
    });
    assert_eq!(trace.whys(other), ["ended"]);
    assert_eq!(trace.whys(hog), ["ended"]);
    let retakes = trace.marks("retake").len();
    let lost = trace.on_ps().filter(|slice| slice.why == "retaken").count();
    assert_eq!(retakes, lost);
    assert_eq!(trace.slices.iter().filter(|slice| slice.name.ends_with("lost its P")).count(), retakes);
    assert_eq!(retakes as u64, runtime.stats().retakes);
}

/// Go's `TestTraceFutileWakeup`.
#[test]
fn a_woken_goroutine_does_not_block_again_without_progress() {
    const RECEIVERS: usize = 5;
    const VALUES: usize = 200;
    let _turn = my_turn();
    for procs in [1, 2] {
        let runtime = runtime(procs);
        let (trace, received) = traced(|| {
            run(&runtime, || {
                let (sender, receiver) = gmp::channel::<usize>(0);
                let (other, never) = gmp::channel::<usize>(0);
                let handles: Vec<_> = (0..RECEIVERS)
                    .map(|n| {
                        let (receiver, never) = (receiver.clone(), never.clone());
                        gmp::spawn(move || {
                            let mut count = 0;
                            loop {
                                let value = if n % 2 == 0 {
                                    receiver.recv().ok()
                                } else {
                                    gmp::select! { recv(receiver) -> value => value.ok(), recv(never) -> _ => None }
                                };
                                match value {
                                    Some(_) => count += 1,
                                    None => return count,
                                }
                            }
                        })
                    })
                    .collect();
                let all_wait = || {
                    until(|| {
                        let snapshot = runtime.snapshot();
                        let waiting = |reason| snapshot.count(GoroutineState::Waiting(reason));
                        waiting(WaitReason::ChanReceive) + waiting(WaitReason::Select) == RECEIVERS
                    });
                };
                // So each value, and the end, is one wait for somebody.
                for value in 0..VALUES {
                    all_wait();
                    sender.send(value).unwrap();
                }
                all_wait();
                sender.close();
                drop(other);
                handles.into_iter().map(|handle| (handle.id(), handle.join().unwrap())).collect::<Vec<_>>()
            })
        });
        assert_eq!(received.iter().map(|(_, count)| count).sum::<usize>(), VALUES);
        for (id, count) in received {
            let waits = trace.whys(id).into_iter().filter(|why| ["chan receive", "select"].contains(why)).count();
            assert_eq!(waits, count + 1, "G{id}");
        }
    }
}

#[test]
fn runtimes_have_processes_of_their_own() {
    let _turn = my_turn();
    let (first, second) = (runtime(1), runtime(1));
    let (trace, ()) = traced(|| {
        first.run(|| ());
        second.run(|| ());
    });
    let processes: HashSet<_> = trace.slices.iter().map(|slice| (slice.lane.0.as_str(), slice.lane.1)).collect();
    assert_eq!(processes.iter().filter(|process| process.0 == "gmp Ps").count(), 2, "{processes:?}");
    let numbers: HashSet<_> = processes.iter().map(|process| process.1).collect();
    assert_eq!(numbers.len(), processes.len());
}

#[test]
fn one_trace_at_a_time() {
    let _turn = my_turn();
    assert_eq!(trace::stop().unwrap_err().kind(), ErrorKind::NotFound);
    trace::start(io::sink()).unwrap();
    assert_eq!(trace::start(io::sink()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    trace::stop().unwrap();
    assert_eq!(trace::stop().unwrap_err().kind(), ErrorKind::NotFound);
    // From a goroutine as well.
    runtime(1).run(|| {
        trace::start(io::sink()).unwrap();
        assert_eq!(trace::start(io::sink()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        trace::stop().unwrap();
    });
}

/// Go's `TestTraceStressStartStop`: goroutines and a thread begin and end traces as they like.
#[test]
fn traces_begin_and_end_under_load_at_any_time() {
    let _turn = my_turn();
    let runtime = runtime(2);
    let stop = AtomicBool::new(false);
    let traces = AtomicU64::new(0);
    let start_and_stop = |rounds: usize| {
        for _ in 0..rounds {
            let file = File::default();
            match trace::start(file.clone()) {
                Ok(()) => {
                    gmp::time::sleep(Duration::from_micros(500));
                    // Somebody else may have ended it, and perhaps begun the next: then that is what we end.
                    if trace::stop().is_ok() {
                        traces.fetch_add(1, Relaxed);
                    }
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
                    gmp::time::sleep(Duration::from_micros(100));
                    let _ = trace::stop();
                }
            }
        }
    };
    std::thread::scope(|threads| {
        threads.spawn(|| start_and_stop(50));
        threads.spawn(|| {
            runtime.run(|| {
                gmp::scope(|scope| {
                    let _stops = Stops(&stop);
                    scope.spawn(|| traffic(&stop));
                    let rounds = [scope.spawn(|| start_and_stop(50)), scope.spawn(|| start_and_stop(50))];
                    rounds.into_iter().for_each(|handle| handle.join().unwrap());
                });
            });
        });
    });
    let _ = trace::stop();
    assert!(traces.load(Relaxed) > 0);
    rest(&runtime);
    // And the last one is as whole as the first.
    let (trace, id) = traced(|| run(&runtime, gmp::current_id));
    assert_eq!(trace.whys(id.unwrap()), ["ended"]);
}

#[test]
fn each_of_many_traces_under_load_is_whole() {
    let _turn = my_turn();
    let runtime = runtime(2);
    let stop = AtomicBool::new(false);
    runtime.run(|| {
        gmp::scope(|scope| {
            let _stops = Stops(&stop);
            scope.spawn(|| traffic(&stop));
            let mut whole = 0;
            until(|| {
                let trace = traced_if_whole(|| gmp::time::sleep(Duration::from_millis(1)));
                whole += usize::from(trace.is_some_and(|(trace, ())| trace.on_ps().count() > 0));
                whole == 20
            });
        });
    });
}

#[test]
fn a_writer_that_fails_ends_the_trace_with_its_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(ErrorKind::StorageFull, "full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            std::panic::resume_unwind(Box::new(()))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let _turn = my_turn();
    let runtime = runtime(1);
    let used = || runtime.run(|| gmp::spawn(gmp::yield_now).join().unwrap());
    trace::start(Full).unwrap();
    used();
    assert_eq!(trace::stop().unwrap_err().kind(), ErrorKind::StorageFull);
    trace::start(Panics).unwrap();
    used();
    assert_eq!(trace::stop().unwrap_err().kind(), ErrorKind::Other);
    let (trace, ()) = traced(used);
    assert!(trace.on_ps().count() >= 2);
}

#[test]
fn what_is_lost_while_the_writer_blocks_is_counted() {
    /// Writes when it may.
    struct Later(Arc<(sync::Mutex<bool>, sync::Condvar)>, File);
    impl Write for Later {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (may, changed) = &*self.0;
            changed.wait_while(&mut may.lock(), |may| !*may);
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let _turn = my_turn();
    let runtime = runtime(1);
    let (gate, file) = (Arc::new((sync::Mutex::new(false), sync::Condvar::new())), File::default());
    trace::start(Later(gate.clone(), file.clone())).unwrap();
    // More than a few threads keep: each message is four switches.
    runtime.run(|| {
        let (sender, receiver) = gmp::channel(0);
        let other = gmp::spawn(move || (0..300_000).for_each(|n| sender.send(n).unwrap()));
        assert_eq!(receiver.iter().count(), 300_000);
        other.join().unwrap();
    });
    *gate.0.lock() = true;
    gate.1.notify_all();
    let summary = trace::stop().unwrap();
    assert!(summary.events > 0 && summary.dropped > 0, "{summary:?}");
    let trace = file.read();
    assert_eq!(trace.whole["otherData"]["dropped_events"], summary.dropped);
    let mut end = 0;
    for slice in trace.on_ps() {
        assert!(slice.since_ns >= end);
        end = slice.until_ns;
    }
}
