//! Which of the cases of a `select!` is chosen: any that can be done, each as likely as the others, and never `default` instead.

use std::time::Duration;

use schedulers::gmp::{self, Receiver, Runtime, time::Timer};

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

#[test]
fn each_of_the_ready_cases_is_as_likely_as_the_others() {
    everywhere(|| {
        const ROUNDS: usize = 10_000;
        let channels: [_; 4] = std::array::from_fn(|_| gmp::channel(1));
        let [(_, a), (_, b), (to, _), (_, never)] = &channels;
        channels[0].0.close();
        let mut counts = [0; 5];
        for _ in 0..ROUNDS {
            channels[1].0.try_send(0u8).ok();
            channels[2].1.try_recv().ok();
            let chosen = gmp::select! {
                recv(a) -> _ => 0,
                recv(never) -> _ => unreachable!(),
                recv(b) -> _ => 1,
                send(to, 0) -> _ => 2,
                recv(a) -> _ => 3,
                recv(gmp::time::after(Duration::ZERO)) -> _ => 4,
            };
            counts[chosen] += 1;
        }
        // 2000 each; the standard deviation is 40.
        assert!(counts.iter().all(|count| (1600..2400).contains(count)), "{counts:?}");
    });
}

/// Go: TestPseudoRandomSend, its capacities. A hundred throws of a coin show one side ten times or less once in 10^17.
#[test]
fn of_two_sends_on_one_channel_both_are_chosen_often() {
    const SENDS: usize = 100;
    for (procs, capacity) in [(1, 0), (2, 0), (1, SENDS), (2, SENDS)] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(capacity);
            let received = gmp::spawn(move || {
                let values: Vec<usize> = receiver
                    .iter()
                    .inspect(|_| gmp::yield_now()) // The sender waits for a receiver now and then, and does not at other times.
                    .collect();
                [0, 1].map(|case| values.iter().filter(|&&value| value == case).count())
            });
            for _ in 0..SENDS {
                gmp::select! {
                    send(sender, 0) -> sent => sent.unwrap(),
                    send(sender, 1) -> sent => sent.unwrap(),
                }
            }
            drop(sender);
            let counts = received.join().unwrap();
            assert_eq!(counts[0] + counts[1], SENDS);
            assert!(counts.iter().all(|&count| count > SENDS / 10), "{counts:?}");
        });
    }
}

/// Go: TestNonblockSelectRace. A select sees all its channels at one moment.
#[test]
fn of_two_channels_one_of_which_is_always_ready_default_is_never_taken() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (a, from_a) = gmp::channel(1);
            let (b, from_b) = gmp::channel(1);
            let (begin, begins) = gmp::channel(1);
            let (end, ends) = gmp::channel(1);
            let looks = {
                let (from_a, from_b) = (from_a.clone(), from_b.clone());
                move || {
                    for () in begins {
                        gmp::select! {
                            recv(from_a) -> value => value.unwrap(),
                            recv(from_b) -> value => value.unwrap(),
                            default => panic!("both were empty at one moment"),
                        }
                        end.send(()).unwrap();
                    }
                }
            };
            let looks = gmp::spawn(looks);
            for _ in 0..100_000 {
                a.send(()).unwrap();
                begin.send(()).unwrap();
                b.send(()).unwrap();
                from_a.try_recv().ok();
                ends.recv().unwrap();
                from_b.try_recv().ok();
            }
            drop(begin);
            looks.join().unwrap();
        });
    }
}

/// Whether a select that has found `receiver` empty, and goes on to find another that is never empty, chooses the first when there is something after all.
fn is_seen_after<T, R>(receiver: &Receiver<T>, something: impl FnOnce() -> R) -> bool {
    gmp::select! {
        recv(receiver) -> _ => panic!("it is empty"),
        default => {}
    }
    let _until_then = something();
    let (to_other, other) = gmp::channel(1);
    (0..100_000).any(|_| {
        gmp::yield_now();
        to_other.try_send(()).unwrap();
        gmp::select! {
            recv(receiver) -> _ => true,
            recv(other) -> _ => false,
        }
    })
}

/// A channel that was found empty is not looked at again before something has come: in whichever way it comes.
#[test]
fn whatever_comes_to_a_channel_that_was_found_empty_is_seen() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let (sender, receiver) = gmp::channel(1);
            assert!(is_seen_after(&receiver, || sender.send(1).unwrap()), "a message in the buffer");
            let offers = || {
                gmp::select! {
                    send(sender, 1) -> sent => sent.unwrap(),
                }
            };
            assert!(is_seen_after(&receiver, offers), "one that a select has sent");
            assert!(is_seen_after(&receiver, || sender.close()), "the end");

            let (sender, receiver) = gmp::channel(0);
            let its = sender.clone();
            assert!(is_seen_after(&receiver, || gmp::spawn(move || its.send(1).unwrap())), "one who waits to send");
            let its = sender.clone();
            let waits = move || its.send_timeout(1, Duration::from_secs(60)).unwrap();
            assert!(is_seen_after(&receiver, || gmp::spawn(waits)), "one who waits for a while");
            let its = sender.clone();
            let offers = move || {
                gmp::select! {
                    send(its, 1) -> sent => sent.unwrap(),
                }
            };
            assert!(is_seen_after(&receiver, || gmp::spawn(offers)), "a select that would send");
            assert!(is_seen_after(&receiver, || drop(sender)), "the last sender's end");

            let timer = Timer::new(Duration::from_millis(1));
            assert!(is_seen_after(timer.receiver(), || gmp::time::sleep(Duration::from_millis(2))), "an alarm");
            assert!(is_seen_after(timer.receiver(), || timer.reset(Duration::ZERO)), "one that was set again");
        });
    }
}
