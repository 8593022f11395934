//! Timers: sleeping, channels that a clock feeds, resets and stops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::*},
    },
    time::{Duration, Instant},
};

use schedulers::gmp::{
    self, Receiver, RecvTimeoutError, Runtime, TryRecvError,
    time::{Timer, after, sleep, tick},
};

const LONG: Duration = Duration::from_secs(3600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
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

fn nothing_comes(receiver: &Receiver<Instant>) {
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(ms(3)), Err(RecvTimeoutError::Timeout));
}

/// Go: TestAfter.
#[test]
fn after_gives_one_value_and_not_too_early() {
    everywhere(|| {
        for wait in [0, 1, 100] {
            let begin = Instant::now();
            let receiver = after(ms(wait));
            let due = receiver.recv().unwrap();
            assert!(due >= begin + ms(wait) && Instant::now() >= due);
            nothing_comes(&receiver);
        }
    });
}

/// Go: TestTicker, TestAfterTick.
#[test]
fn a_ticker_ticks_at_its_pace() {
    everywhere(|| {
        let begin = Instant::now();
        let ticks = tick(ms(10));
        let due: Vec<_> = ticks.iter().take(10).collect();
        assert!(begin.elapsed() >= ms(100) && begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        let period = |pair: &[Instant]| (pair[1] - pair[0]).as_nanos();
        assert!(due.windows(2).all(|pair| period(pair) >= 10_000_000 && period(pair) % 10_000_000 == 0), "{due:?}");
    });
}

/// Go: TestAfterTick, its numbers.
#[test]
fn ten_waits_of_a_hundred_milliseconds_take_a_second() {
    runtime(2).run(|| {
        let begin = Instant::now();
        let waits = gmp::spawn(move || {
            (0..10).for_each(|_| _ = after(ms(100)).recv().unwrap());
            begin.elapsed()
        });
        let last = tick(ms(100)).iter().nth(9).unwrap();
        for took in [last - begin, waits.join().unwrap()] {
            assert!(took >= ms(1000) && took < ms(3000), "{took:?}");
        }
    });
}

#[test]
fn ticks_that_nobody_received_are_dropped() {
    everywhere(|| {
        let begin = Instant::now();
        let ticks = tick(ms(1));
        sleep(ms(20));
        let first = ticks.recv().unwrap();
        let second = ticks.recv().unwrap();
        assert!(first >= begin + ms(1) && second >= begin + ms(21));
        assert!(second > first && (second - first).as_nanos().is_multiple_of(1_000_000));
    });
}

#[test]
#[should_panic(expected = "a period of 0")]
fn a_ticker_without_a_period_panics() {
    tick(Duration::ZERO);
}

/// Go: TestOverflowSleep, TestOverflowPeriodRuntimeTimer, TestOverflowRuntimeTimer.
#[test]
fn durations_beyond_what_a_clock_can_count_never_end() {
    everywhere(|| {
        for duration in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 40)] {
            nothing_comes(&after(duration));
            nothing_comes(&tick(duration));
            let timer = Timer::new(duration);
            nothing_comes(timer.receiver());
            assert!(timer.stop());
            let (sender, receiver) = gmp::channel(0);
            let sends = std::thread::spawn(move || {
                std::thread::sleep(ms(2));
                sender.send(1).unwrap();
            });
            assert_eq!(receiver.recv_timeout(duration), Ok(1));
            gmp::block_in_place(|| sends.join().unwrap());
        }
    });
    for procs in [1, 2] {
        static WOKEN: AtomicBool = AtomicBool::new(false);
        runtime(procs).run(|| {
            for duration in [Duration::MAX, Duration::from_secs(1 << 40)] {
                drop(gmp::spawn(move || {
                    sleep(duration);
                    WOKEN.store(true, SeqCst);
                }));
            }
            sleep(ms(10));
            assert!(!WOKEN.load(SeqCst));
        });
    }
}

/// Go: TestSleepZeroDeadlock, in its spirit: a sleep of nothing beside others that spawn and sleep.
#[test]
fn a_sleep_of_nothing_always_returns() {
    for procs in [1, 2, 4] {
        runtime(procs).run(|| {
            let done = Arc::new(AtomicBool::new(false));
            let spawns = gmp::spawn({
                let done = done.clone();
                move || {
                    while !done.load(Relaxed) {
                        let handles: Vec<_> = (0..10).map(|_| gmp::spawn(|| sleep(us(1)))).collect();
                        handles.into_iter().for_each(|handle| handle.join().unwrap());
                    }
                }
            });
            for _ in 0..1000 {
                sleep(Duration::ZERO);
                gmp::time::sleep_until(Instant::now() - ms(1));
            }
            done.store(true, Relaxed);
            spawns.join().unwrap();
        });
    }
}

/// Go: TestAfterStop, for channels; TestTimerStopStress.
#[test]
fn a_timer_that_was_stopped_never_gives_anything() {
    everywhere(|| {
        let timer = Timer::new(ms(5));
        assert!(timer.stop(), "it was pending");
        assert!(!timer.stop(), "and is no more");
        nothing_comes(timer.receiver());
        sleep(ms(5));
        nothing_comes(timer.receiver());

        let timers: Vec<_> = (0..100).map(|n| Timer::new(us(500 + 5 * n))).collect();
        let stopped: Vec<_> = timers.iter().map(Timer::stop).collect();
        sleep(ms(3));
        for (timer, stopped) in timers.iter().zip(stopped) {
            assert!(stopped, "no value was received, so it was pending");
            assert_eq!(timer.receiver().try_recv(), Err(TryRecvError::Empty));
        }
    });
}

/// Go 1.23: the value of a timer that fired before it was stopped or reset cannot be received afterwards.
#[test]
fn no_value_is_stale() {
    everywhere(|| {
        let timer = Timer::new(ms(1));
        sleep(ms(2));
        assert!(timer.stop(), "fired, but nobody has received it");
        nothing_comes(timer.receiver());

        assert!(!timer.reset(ms(1)));
        sleep(ms(2));
        assert!(timer.reset(LONG));
        nothing_comes(timer.receiver());
        let reset = Instant::now();
        assert!(timer.reset(ms(10)));
        assert!(timer.receiver().recv().unwrap() >= reset + ms(10));
        assert!(!timer.reset(LONG), "its value was received");
        assert!(timer.stop());
    });
}

/// Go: TestChan of package time.
#[test]
fn a_clocks_channel_shows_no_buffer() {
    everywhere(|| {
        let timer = Timer::new(Duration::ZERO);
        for receiver in [timer.receiver(), &after(Duration::ZERO), &tick(us(1))] {
            sleep(us(10));
            assert_eq!((receiver.len(), receiver.capacity()), (0, Some(0)));
            assert!(receiver.try_recv().is_ok());
            assert_eq!((receiver.len(), receiver.capacity()), (0, Some(0)));
        }
    });
}

#[test]
fn of_two_who_wait_for_one_value_one_gets_it() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let receiver = after(ms(2));
            let waits: Vec<_> = (0..2)
                .map(|_| {
                    let receiver = receiver.clone();
                    gmp::spawn(move || receiver.recv_timeout(ms(20)).is_ok())
                })
                .collect();
            let got = waits.into_iter().map(|handle| u32::from(handle.join().unwrap())).sum::<u32>();
            assert_eq!(got, 1);
        });
    }
}

#[test]
fn who_waits_for_a_timer_waits_for_its_new_time() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let timer = Arc::new(Timer::new(LONG));
            let begin = Instant::now();
            let waits: Vec<fn(&Timer) -> Instant> = vec![
                |timer| timer.receiver().recv().unwrap(),
                |timer| timer.receiver().recv_timeout(LONG).unwrap(),
                |timer| {
                    gmp::select! {
                        recv(timer.receiver()) -> due => due.unwrap(),
                        recv(gmp::never::<()>()) -> _ => unreachable!(),
                        default(LONG) => unreachable!(),
                    }
                },
            ];
            for wait in waits {
                let waiting = gmp::spawn({
                    let timer = timer.clone();
                    move || wait(&timer)
                });
                sleep(ms(1));
                // Stopped, later, earlier: the last word counts.
                assert!(timer.stop());
                assert!(!timer.reset(LONG));
                assert!(timer.reset(ms(1)));
                let due = waiting.join().unwrap();
                assert!(due > begin && due <= Instant::now());
                assert!(!timer.reset(LONG));
            }
        });
    }
}

/// Go: TestTimerModifiedEarlier: a timer that is moved to the past at once, under load.
#[test]
fn a_timer_that_is_moved_earlier_fires_soon() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let timer = Timer::new(LONG);
            for _ in 0..1000 {
                for _ in 0..10 {
                    timer.stop();
                    timer.reset(us(1));
                    timer.reset(LONG);
                }
                timer.reset(Duration::ZERO);
                assert!(timer.receiver().recv_timeout(Duration::from_secs(8)).is_ok());
            }
        });
    }
}

/// Go: TestAdjustTimers.
#[test]
fn timers_that_are_moved_at_random_fire_at_their_last_time() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let begin = Instant::now();
            let handles: Vec<_> = (0..100u64)
                .map(|id| {
                    gmp::spawn(move || {
                        let timer = Timer::new(Duration::from_secs(10 + id));
                        let mut state = id + 1;
                        for _ in 0..20 {
                            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            match state >> 62 {
                                0 => _ = timer.reset(LONG),
                                1 => _ = timer.stop(),
                                2 => _ = timer.receiver().recv_timeout(us(100)),
                                _ => _ = timer.reset(ms(50 + (state >> 40) % 100)),
                            }
                            sleep(us((state >> 33) % 500));
                        }
                        let reset = Instant::now();
                        timer.reset(ms(20));
                        assert!(timer.receiver().recv().unwrap() >= reset + ms(20));
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
        });
    }
}

/// Go: TestMultiWakeupTimer, its number.
#[test]
fn many_may_share_a_timer_and_reset_it() {
    for procs in [1, 2] {
        runtime(procs).run(|| {
            let timer = Arc::new(Timer::new(us(1)));
            let received = Arc::new(AtomicU32::new(0));
            let handles: Vec<_> = (0..procs.max(2))
                .map(|_| {
                    let (timer, received) = (timer.clone(), received.clone());
                    gmp::spawn(move || {
                        for _ in 0..10_000 {
                            gmp::select! {
                                recv(timer.receiver()) -> due => {
                                    due.unwrap();
                                    received.fetch_add(1, Relaxed);
                                }
                                recv(after(us(20))) -> due => assert!(due.is_ok()),
                            }
                            timer.reset(us(1));
                        }
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            assert!(received.load(Relaxed) > 0);
        });
    }
}

/// Go: TestMultiWakeupTicker, its number.
#[test]
fn many_may_share_a_ticker() {
    const SHARERS: usize = 2;
    runtime(SHARERS).run(|| {
        let ticks = tick(us(1));
        let handles = [(); SHARERS].map(|()| {
            let ticks = ticks.clone();
            gmp::spawn(move || {
                let mut due: Vec<_> = ticks.iter().take(100_000 / SHARERS).collect();
                assert!(due.is_sorted());
                due.dedup();
                due.len()
            })
        });
        // Nobody sees a tick twice.
        let seen: usize = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
        assert_eq!(seen, 100_000);
    });
}

/// Go: TestLongAdjustTimers.
#[test]
fn five_thousand_sleepers_and_a_million_operations_with_timeouts() {
    let begin = Instant::now();
    runtime(2).run(|| {
        let sleepers: Vec<_> = (0..5000u64).map(|n| gmp::spawn(move || sleep(us(n * 40)))).collect();
        let (sender, receiver) = gmp::channel(10);
        let sends = gmp::spawn(move || (0..500_000u64).for_each(|n| sender.send_timeout(n, LONG).unwrap()));
        let mut sum = 0;
        while let Ok(n) = receiver.recv_timeout(LONG) {
            sum += n;
        }
        assert_eq!(sum, 500_000 * 499_999 / 2);
        sends.join().unwrap();
        sleepers.into_iter().for_each(|handle| handle.join().unwrap());
    });
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

/// Equal deadlines, and deadlines in the wrong order.
#[test]
fn a_thousand_waits_with_deadlines_end_in_their_order() {
    runtime(1).run(|| {
        let base = Instant::now() + ms(30);
        let woken = Arc::new(gmp::sync::Mutex::new(Vec::new()));
        let handles: Vec<_> = (0..1000u32)
            .rev()
            .map(|n| {
                let woken = woken.clone();
                gmp::spawn(move || {
                    let left = base + us(20) * (n / 2) - Instant::now();
                    if n % 3 == 0 {
                        sleep(left);
                    } else {
                        assert!(after(left).recv().is_ok());
                    }
                    assert!(Instant::now() >= base + us(20) * (n / 2));
                    woken.lock().push(n);
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        let mut woken = std::mem::take(&mut *woken.lock());
        woken.sort_unstable();
        assert!(woken.into_iter().eq(0..1000));
    });
}
