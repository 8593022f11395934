//! As many goroutines execute at once as there are Ps, however they were spawned, and whatever the Ms did before.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::*},
    },
};

use schedulers::gmp::{
    self, GoroutineState, JoinHandle, Runtime,
    net::{TcpListener, is_closed},
};

const PROCS: usize = 4;
const ROUNDS: usize = 10;

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// Player `id` of [`PROCS`]: waits for each of its three turns without ever calling gmp.
fn take_turns(turn: &AtomicUsize, id: usize) {
    for mine in (0..3).map(|n| n * PROCS + id) {
        while turn.load(Acquire) != mine {
            std::hint::spin_loop();
        }
        turn.store(mine + 1, Release);
    }
}

fn join_all(handles: impl IntoIterator<Item = JoinHandle<()>>) {
    handles.into_iter().for_each(|handle| handle.join().unwrap());
}

/// Go: TestGoroutineParallelism.
#[test]
fn spinners_that_wait_for_each_other_all_end() {
    runtime(PROCS).run(|| {
        for _ in 0..ROUNDS {
            let turn = Arc::new(AtomicUsize::new(0));
            let players = (0..PROCS).map(|id| {
                let turn = turn.clone();
                gmp::spawn(move || take_turns(&turn, id))
            });
            join_all(players.collect::<Vec<_>>());
            assert_eq!(turn.load(Relaxed), 3 * PROCS);
        }
    });
}

/// All Ms have something to do for a moment, and are about to sleep when it is over.
fn load() {
    let begun = Arc::new(AtomicUsize::new(0));
    let all = (0..PROCS).map(|_| {
        let begun = begun.clone();
        gmp::spawn(move || {
            begun.fetch_add(1, Relaxed);
            while begun.load(Relaxed) < PROCS {
                std::hint::spin_loop();
            }
        })
    });
    join_all(all.collect::<Vec<_>>());
}

/// Go: TestGoroutineParallelism2, all of its variants.
#[test]
fn spinners_spawned_by_others_after_a_load_or_beside_a_listener_all_end() {
    for (loaded, listening) in [(false, false), (true, false), (false, true), (true, true)] {
        runtime(PROCS).run(|| {
            for _ in 0..ROUNDS {
                if loaded {
                    load();
                }
                let listener = listening.then(|| {
                    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
                    let accepts = listener.clone();
                    (listener, gmp::spawn(move || accepts.accept().map(drop)))
                });
                let turn = Arc::new(AtomicUsize::new(0));
                let parents = (0..PROCS / 2).map(|parent| {
                    let turn = turn.clone();
                    gmp::spawn(move || {
                        let children = [0, 1].map(|child| {
                            let turn = turn.clone();
                            gmp::spawn(move || take_turns(&turn, 2 * parent + child))
                        });
                        join_all(children);
                    })
                });
                join_all(parents.collect::<Vec<_>>());
                assert_eq!(turn.load(Relaxed), 3 * PROCS);
                if let Some((listener, accepts)) = listener {
                    listener.close().unwrap();
                    let error = accepts.join().unwrap().unwrap_err();
                    assert!(is_closed(&error) && error.kind() == ErrorKind::NotConnected);
                }
            }
        });
    }
}

/// Go: TestReadMetricsSched, the part about many Ps. That they were seen at the same moment is what the snapshot says.
#[test]
fn ten_spinners_on_fourteen_ps_execute_all_at_once() {
    let runtime = runtime(14);
    let before = runtime.stats().spawned;
    let stop = Arc::new(AtomicBool::new(false));
    let spinners: Vec<_> = (0..10)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(move || {
                while !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    assert_eq!(runtime.stats().spawned - before, 10);
    // One that had no core for a while, with others waiting, has lost its P: it executes all the same.
    let executing = || {
        let snapshot = runtime.snapshot();
        snapshot.count(GoroutineState::Executing) + snapshot.count(GoroutineState::Syscall)
    };
    while executing() < 10 {
        std::thread::yield_now();
    }
    stop.store(true, Relaxed);
    join_all(spinners);
    assert_eq!(runtime.shutdown(), 0);
}
