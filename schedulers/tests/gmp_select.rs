//! `select!`: cases, defaults, both sides of a channel, messages that are evaluated late, losers that leave no trace.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Receiver, RecvError, Runtime, SendError, Sender, TryRecvError, TrySendError};

const LONG: Duration = Duration::from_secs(3600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn runtime(procs: usize) -> Runtime {
    // SAFETY: the tests keep nothing that belongs to a thread across a call to gmp.
    unsafe { Runtime::builder().procs(procs).build() }.unwrap()
}

/// The same on one P, on two, and on a plain thread.
fn everywhere(test: impl Fn() + Send + Sync) {
    runtime(1).run(&test);
    runtime(2).run(&test);
    test();
}

/// Runs `f` beside the caller, whatever that is: a G where there is a runtime, else a thread.
fn beside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> impl FnOnce() -> T {
    let (sender, receiver) = gmp::channel(1);
    let f = move || drop(sender.send(f()));
    if catch_unwind(gmp::procs).is_ok() {
        drop(gmp::spawn(f));
    } else {
        drop(std::thread::spawn(f));
    }
    move || receiver.recv().expect("it ended without a panic")
}

#[test]
fn the_case_that_can_be_done_is_done() {
    everywhere(|| {
        let (full, _full) = gmp::channel(0);
        let (room, from_room) = gmp::channel(1);
        let (_empty, empty) = gmp::channel::<u8>(3);
        for n in 0..100 {
            gmp::select! {
                send(full, 0u8) -> _ => unreachable!(),
                recv(empty) -> _ => unreachable!(),
                send(room, n) -> sent => assert_eq!(sent, Ok(())),
            }
            gmp::select! {
                recv(from_room) -> value => assert_eq!(value, Ok(n)),
                send(full, 0u8) -> _ => unreachable!(),
                recv(empty) -> _ => unreachable!(),
            }
        }
    });
}

#[test]
fn default_is_taken_only_if_nothing_can_be_done() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel(1);
        for _ in 0..100 {
            let taken = gmp::select! {
                recv(receiver) -> _ => false,
                default => true,
            };
            assert!(taken);
            gmp::select! {
                send(sender, ()) -> sent => sent.unwrap(),
                default => unreachable!(),
            }
            gmp::select! {
                send(sender, ()) -> _ => unreachable!(),
                default => {}
            }
            gmp::select! {
                recv(receiver) -> value => value.unwrap(),
                default(LONG) => unreachable!(),
            }
        }
        gmp::select! { default => {} }
        gmp::select! { default() => {} }
    });
}

#[test]
fn default_with_a_time_waits_for_that_long() {
    everywhere(|| {
        let (_sender, receiver) = gmp::channel::<()>(0);
        for wait in [0, 1, 20] {
            let begin = Instant::now();
            gmp::select! {
                recv(receiver) -> _ => unreachable!(),
                default(ms(wait)) => {}
            }
            assert!(begin.elapsed() >= ms(wait));
            let begin = Instant::now();
            gmp::select! { default(ms(wait)) => {} }
            assert!(begin.elapsed() >= ms(wait));
        }
    });
}

#[test]
fn a_value_comes_before_the_time_is_over() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel(0);
        let (other, from_other) = gmp::channel(0);
        let done = beside(move || {
            gmp::time::sleep(ms(5));
            sender.send(1).unwrap();
            assert_eq!(from_other.recv(), Ok('x'));
        });
        gmp::select! {
            recv(receiver) -> value => assert_eq!(value, Ok(1)),
            default(LONG) => unreachable!(),
        }
        gmp::select! {
            recv(receiver) -> _ => unreachable!("it sends no more, and stays until it has received"),
            send(other, 'x') -> sent => assert_eq!(sent, Ok(())),
            default(LONG) => unreachable!(),
        }
        done();
    });
}

#[test]
fn a_disconnected_channel_can_always_be_selected() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel::<String>(0);
        let waits = beside({
            let receiver = receiver.clone();
            move || {
                gmp::select! {
                    recv(receiver) -> value => value,
                    recv(gmp::never::<()>()) -> _ => unreachable!(),
                }
            }
        });
        gmp::time::sleep(ms(5));
        assert!(sender.close());
        assert_eq!(waits(), Err(RecvError));
        for _ in 0..10 {
            gmp::select! {
                recv(receiver) -> value => assert_eq!(value, Err(RecvError)),
                default => unreachable!(),
            }
            gmp::select! {
                send(sender, "back".to_owned()) -> sent => assert_eq!(sent, Err(SendError("back".to_owned()))),
                default => unreachable!(),
            }
        }
        let (sender, receiver) = gmp::channel(1);
        sender.send(0).unwrap();
        let waits = beside(move || {
            gmp::select! {
                send(sender, 5) -> sent => sent,
                default(LONG) => unreachable!(),
            }
        });
        gmp::time::sleep(ms(5));
        drop(receiver);
        assert_eq!(waits(), Err(SendError(5)));
    });
}

#[test]
fn one_select_has_room_for_many_cases() {
    let channels: Vec<_> = (0..40).map(gmp::channel).collect();
    let r: Vec<&Receiver<usize>> = channels.iter().map(|(_, receiver)| receiver).collect();
    for (n, (sender, _)) in channels.iter().enumerate().skip(1) {
        sender.send(n).unwrap();
        let value = gmp::select! {
            recv(r[0]) -> v => v, recv(r[1]) -> v => v, recv(r[2]) -> v => v, recv(r[3]) -> v => v, recv(r[4]) -> v => v,
            recv(r[5]) -> v => v, recv(r[6]) -> v => v, recv(r[7]) -> v => v, recv(r[8]) -> v => v, recv(r[9]) -> v => v,
            recv(r[10]) -> v => v, recv(r[11]) -> v => v, recv(r[12]) -> v => v, recv(r[13]) -> v => v, recv(r[14]) -> v => v,
            recv(r[15]) -> v => v, recv(r[16]) -> v => v, recv(r[17]) -> v => v, recv(r[18]) -> v => v, recv(r[19]) -> v => v,
            recv(r[20]) -> v => v, recv(r[21]) -> v => v, recv(r[22]) -> v => v, recv(r[23]) -> v => v, recv(r[24]) -> v => v,
            recv(r[25]) -> v => v, recv(r[26]) -> v => v, recv(r[27]) -> v => v, recv(r[28]) -> v => v, recv(r[29]) -> v => v,
            recv(r[30]) -> v => v, recv(r[31]) -> v => v, recv(r[32]) -> v => v, recv(r[33]) -> v => v, recv(r[34]) -> v => v,
            recv(r[35]) -> v => v, recv(r[36]) -> v => v, recv(r[37]) -> v => v, recv(r[38]) -> v => v, recv(r[39]) -> v => v,
        };
        assert_eq!(value, Ok(n));
    }
}

/// Go: TestSelectDuplicateChannel.
#[test]
fn a_channel_may_stand_in_several_cases_and_no_waiter_stays_behind() {
    everywhere(|| {
        let (c, from_c) = gmp::channel(0);
        let (d, from_d) = gmp::channel(0);
        let (e, from_e) = gmp::channel(0);
        let a = beside({
            let from_c = from_c.clone();
            move || {
                gmp::select! {
                    recv(from_c) -> _ => unreachable!(),
                    recv(from_c) -> _ => unreachable!(),
                    recv(from_d) -> value => assert_eq!(value, Ok(7)),
                }
                e.send(9).unwrap();
            }
        });
        gmp::time::sleep(ms(2));
        let b = beside(move || from_c.recv());
        gmp::time::sleep(ms(2));
        d.send(7).unwrap();
        assert_eq!(from_e.recv(), Ok(9));
        c.send(8).unwrap();
        assert_eq!(b(), Ok(8));
        a();
    });
}

#[test]
fn a_select_on_both_sides_of_a_channel_does_not_meet_itself() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel(0);
        gmp::select! {
            send(sender, 1) -> _ => unreachable!(),
            recv(receiver) -> _ => unreachable!(),
            default(ms(2)) => {}
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        let (sender, receiver) = gmp::channel(1);
        for n in 0..10 {
            let sent = gmp::select! {
                send(sender, n) -> sent => sent.is_ok(),
                recv(receiver) -> value => value != Ok(n - 1),
                default => unreachable!("one of the two can be done"),
            };
            assert_eq!(sent, n % 2 == 0);
        }
    });
}

/// crossbeam: matching. Each of an even number of selects on both sides meets another.
#[test]
fn selects_meet_each_other_two_by_two() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            for count in [2, 44] {
                let (sender, receiver) = gmp::channel(0);
                let handles: Vec<_> = (0..count)
                    .map(|n| {
                        let (sender, receiver) = (sender.clone(), receiver.clone());
                        gmp::spawn(move || {
                            gmp::select! {
                                send(sender, n) -> sent => { sent.unwrap(); None }
                                recv(receiver) -> value => Some((n, value.unwrap())),
                            }
                        })
                    })
                    .collect();
                let pairs: Vec<_> = handles.into_iter().filter_map(|handle| handle.join().unwrap()).collect();
                assert!(pairs.iter().all(|(receiver, sender)| receiver != sender));
                let mut all: Vec<_> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..count));
            }
        });
    }
}

#[test]
fn a_message_is_evaluated_only_if_its_case_is_selected() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel(1);
        let mut pending = vec!["last".to_owned(), "first".to_owned()];
        let mut got = Vec::new();
        let (nowhere, _kept) = gmp::channel(0);
        // With nothing pending, `pop().unwrap()` would panic; with the buffer full it would lose what it popped.
        while got.len() < 2 {
            gmp::select! {
                send(if pending.is_empty() { &nowhere } else { &sender }, pending.pop().unwrap()) -> sent => sent.unwrap(),
                recv(receiver) -> value => got.push(value.unwrap()),
            }
        }
        assert_eq!(got, ["first", "last"]);
    });
}

#[test]
fn a_body_may_take_what_the_cases_borrow() {
    let (sender, receiver) = gmp::channel(1);
    let message = String::from("moved into one case or the other");
    let mut kept = None;
    let receiver = gmp::select! {
        send(sender, message) -> sent => {
            sent.unwrap();
            drop(sender);
            receiver
        }
        recv(receiver) -> _ => {
            kept = Some(message);
            drop(sender);
            receiver
        }
    };
    assert_eq!(kept, None);
    assert!(receiver.into_iter().eq(["moved into one case or the other".to_owned()]));
}

fn panics() -> u32 {
    std::panic::resume_unwind(Box::new(()))
}

/// A receiver that a select has promised to serve is not lost if the message never comes.
#[test]
fn a_message_that_panics_or_leaves_sends_nothing_and_loses_nobody() {
    fn leaves(sender: &Sender<u32>) -> Option<()> {
        let message: Option<u32> = None;
        gmp::select! {
            send(sender, message?) -> sent => sent.ok(),
        }
    }
    everywhere(|| {
        type Way = fn(Receiver<u32>) -> Result<u32, RecvError>;
        let ways: [Way; 3] = [
            |r| r.recv(),
            |r| r.recv_timeout(LONG).map_err(|_| RecvError),
            |r| {
                gmp::select! {
                    recv(r) -> value => value,
                    recv(gmp::never::<()>()) -> _ => unreachable!(),
                }
            },
        ];
        for receive in ways {
            // The receiver waits first; and the select waits first.
            for (first, second) in [(2, 0), (0, 2)] {
                let (sender, receiver) = gmp::channel(0);
                let receives = beside(move || {
                    gmp::time::sleep(ms(second));
                    receive(receiver)
                });
                gmp::time::sleep(ms(first));
                assert_eq!(leaves(&sender), None);
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    gmp::select! {
                        send(sender, panics()) -> _ => unreachable!(),
                    }
                }));
                assert!(caught.is_err());
                sender.send(6).unwrap();
                assert_eq!(receives(), Ok(6));
            }
        }
    });
}

/// A place that was promised and not used goes to the next.
#[test]
fn a_promised_place_is_nobody_elses_until_it_is_given_back() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel(1);
        let waits = {
            let sender = sender.clone();
            move || beside(move || sender.send(2))
        };
        let mut sends = None;
        let caught = catch_unwind(AssertUnwindSafe(|| {
            gmp::select! {
                send(sender, {
                    assert_eq!(sender.len(), 0);
                    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
                    sends = Some(waits());
                    gmp::time::sleep(ms(2));
                    panics()
                }) -> _ => unreachable!(),
            }
        }));
        assert!(caught.is_err());
        assert_eq!(sends.unwrap()(), Ok(()));
        assert_eq!(receiver.recv(), Ok(2));
        // And closed meanwhile: the message comes back.
        let sent = gmp::select! {
            send(sender, { sender.close(); 3 }) -> sent => sent,
        };
        assert_eq!(sent, Err(SendError(3)));
        assert_eq!(receiver.recv(), Err(RecvError));
    });
}

#[test]
fn operations_that_do_not_wait_meet_a_select_that_waits_to_send() {
    everywhere(|| {
        let (sender, receiver) = gmp::channel(0);
        let sends = beside(move || {
            for n in 0..20 {
                gmp::select! {
                    send(sender, n) -> sent => sent.unwrap(),
                    recv(gmp::never::<()>()) -> _ => unreachable!(),
                }
            }
        });
        let mut got = Vec::new();
        while got.len() < 20 {
            let value = if got.len() % 2 == 0 {
                receiver.try_recv().ok()
            } else {
                gmp::select! {
                    recv(receiver) -> value => value.ok(),
                    default => None,
                }
            };
            if value.is_none() {
                gmp::yield_now();
            }
            got.extend(value);
        }
        assert!(got.into_iter().eq(0..20));
        sends();
    });
}

/// Go: TestSelectStackAdjust, TestChanSendInterface.
#[test]
fn a_case_that_loses_takes_nothing_and_drops_nothing() {
    everywhere(|| {
        let value = Arc::new(());
        let (a, from_a) = gmp::channel(1);
        let (b, from_b) = gmp::channel(1);
        a.send(value.clone()).unwrap();
        for _ in 0..100 {
            b.send(value.clone()).unwrap();
            let (mut of_a, mut of_b) = (None, None);
            gmp::select! {
                recv(from_a) -> value => of_a = Some(value.unwrap()),
                recv(from_b) -> value => of_b = Some(value.unwrap()),
            }
            assert!(of_a.is_some() != of_b.is_some());
            assert_eq!(a.len() + b.len(), 1);
            assert_eq!(Arc::strong_count(&value), 3);
            // The full one sends nothing, and evaluates nothing.
            if of_b.is_some() {
                let message: fn() -> Arc<()> = || panic!("a message that is not sent");
                gmp::select! {
                    send(a, message()) -> _ => {}
                    default => {}
                }
            } else {
                a.send(from_b.recv().unwrap()).unwrap();
            }
        }
        drop((from_a, from_b));
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

/// Timers as cases, two waiting Gs and Gs that do system calls (Go: TestTimerFairness2).
#[test]
fn selects_see_their_timers_while_others_are_busy() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (to, from) = gmp::channel::<()>(0);
            let handles: Vec<_> = (0..2)
                .map(|_| {
                    let (to, from) = (to.clone(), from.clone());
                    gmp::spawn(move || {
                        let timer = gmp::time::after(ms(20));
                        let mut turns = 0u64;
                        loop {
                            gmp::block_in_place(|| std::fs::metadata("/").map(drop).unwrap());
                            gmp::select! {
                                send(to, ()) -> _ => turns += 1,
                                recv(from) -> _ => turns += 1,
                                recv(timer) -> _ => return turns,
                            }
                        }
                    })
                })
                .collect();
            let turns: u64 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert!(turns.is_multiple_of(2), "each turn is a meeting of two");
        });
    }
}

/// A goroutine that unwinds blocks its thread instead of parking.
#[test]
fn a_destructor_may_select_while_unwinding() {
    struct Selects(Receiver<u32>, Arc<AtomicUsize>);
    impl Drop for Selects {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            gmp::select! {
                recv(self.0) -> _ => unreachable!(),
                default(ms(1)) => _ = self.1.fetch_add(1, Relaxed),
            }
            gmp::select! {
                recv(gmp::never::<()>()) -> _ => unreachable!(),
                recv(self.0) -> value => _ = self.1.fetch_add(value.unwrap() as usize, Relaxed),
            }
            assert_eq!(self.0.recv_timeout(ms(1)).ok(), None);
        }
    }
    for procs in [1, 2] {
        let sum = Arc::new(AtomicUsize::new(0));
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(0);
            let selects = Selects(receiver, sum.clone());
            let unwinds = gmp::spawn(move || {
                let _selects = selects;
                std::panic::resume_unwind(Box::new(()));
            });
            while sum.load(Relaxed) == 0 {
                gmp::yield_now(); // Not before the first select is over.
            }
            gmp::select! { send(sender, 10) -> sent => sent.unwrap() }
            assert!(unwinds.join().is_err());
        });
        assert_eq!(sum.load(Relaxed), 11);
    }
}

#[test]
fn gs_of_different_runtimes_and_threads_select_on_the_same_channels() {
    const EACH: u64 = 2000;
    let (a, from_a) = gmp::channel(0);
    let (b, from_b) = gmp::channel(2);
    let sends = {
        move || {
            let (a, b) = (a, b); // They go when this is done.
            let mut sum = 0;
            for n in 0..EACH {
                gmp::select! {
                    send(a, n) -> sent => sent.unwrap(),
                    send(b, n) -> sent => sent.unwrap(),
                }
                sum += n;
            }
            sum
        }
    };
    let receives = move || {
        let mut sum = 0;
        loop {
            gmp::select! {
                recv(from_a) -> value => match value { Ok(value) => sum += value, Err(RecvError) => break },
                recv(from_b) -> value => match value { Ok(value) => sum += value, Err(RecvError) => break },
            }
        }
        // One of them is gone, so both are; the other may hold something.
        sum + from_b.try_iter().sum::<u64>() + from_a.try_iter().sum::<u64>()
    };
    let (one, two) = (runtime(1), runtime(2));
    let receivers = [one.spawn(receives.clone()), two.spawn(receives.clone())];
    let thread = std::thread::spawn(receives);
    let senders = [one.spawn(sends.clone()), two.spawn(sends.clone())];
    let sent = sends() + senders.into_iter().map(|sender| sender.join().unwrap()).sum::<u64>();
    let received = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum::<u64>() + thread.join().unwrap();
    assert_eq!((sent, received), (3 * EACH * (EACH - 1) / 2, sent));
}
