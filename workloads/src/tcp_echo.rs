//! `tcp_echo`: clients send requests over TCP to a server in the same scheduler, which sends them back.
//!
//! What it shows, what to expect and whose it is: see [`TcpEcho::INFO`](Workload::INFO), which the report prints.
//!
//! Each connection has a task at either end and one request under way at most. The server's reads a whole request and writes it
//! back; the client's writes one, reads as many bytes and compares each. Connections are opened once, over the loopback
//! device, without Nagle's delay, and stay open between slices.
//!
//! **Closed loop** (`load_percent=0`): a client sends its next request as soon as it has the answer to the one before. **Open
//! loop**: requests come to every connection as a Poisson process of its own ([`open_loop`](crate::open_loop)), all
//! together at `load_percent` of the capacity. The capacity is that of this process: before its first slice it runs
//! the closed loop three times for [`WARM_UP`], untimed, and takes the highest rate, since noise only lowers it. So every
//! contender is asked for the same share of what it can do, not for the same rate. A client waits for the moment at which
//! its next request is meant to start with its scheduler's timer; how late that wakes it is in the response and not in the service.
//!
//! All tasks are started first and wait at a latch; the time begins as it is opened, and ends with the last answer. In the
//! closed loop each client goes on for the slice's time from when it first runs; in the open one every request that is
//! meant for before the slice's end is sent and counts, however late. Then each client sends [`END`], untimed, and all
//! tasks end and give their sockets back. The answer is the number of echoes that were right.

use std::{
    mem,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    fit,
    open_loop::{Arrivals, Latencies, Random},
    params::{ParamSpec, Params, WORKERS},
    workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Workload},
};

/// The length of one of the closed loops that tell the capacity: a thousand requests or so.
const WARM_UP: Duration = Duration::from_millis(10);
/// The first bytes of what ends a server's task; no request has this number.
const END: [u8; 8] = u64::MAX.to_le_bytes();

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct TcpEcho {
    connections: usize,
    bytes: usize,
    load_percent: u32,
}

impl Workload for TcpEcho {
    const INFO: Info = Info {
        name: "tcp_echo",
        title: "TCP echo",
        op: "request",
        model: Model::Blocking,
        metric: Metric::MeanOf(SampleKind::Response),
        shows: "What a network service gets from its scheduler: 64 connections on which a request is sent back and \
                forth. Without a load in percent each client sends as fast as it is answered, so the mean response is \
                the number of connections by the requests per second; with one, requests come when they come.",
        expect: "The kernel's part, two writes and two reads, is 5 to 8 us a request for all. Threads pay a switch in \
                 the kernel for each wait; a poller that serves many sockets with one call (epoll in tokio, gmp, Go) \
                 pays less the more are ready, and tries the socket first. In the open loop the response also holds how \
                 late timers are: a millisecond in tokio, less than 0.1 elsewhere.",
        origin: "wrk2 (responses from the intended start); the echo servers of many runtimes.",
        params: &[
            ParamSpec {
                name: "connections",
                about: "connections, each with a task at either end",
                min: 1,
                max: 10_000,
                default: 64,
            },
            ParamSpec { name: "bytes", about: "the length of a request", min: 8, max: 1 << 20, default: 64 },
            ParamSpec {
                name: "load_percent",
                about: "0: closed loop; else an open loop at so much of its capacity",
                min: 0,
                max: 100,
                default: 0,
            },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[
            &[("connections", 1)],
            &[("connections", 1_000)],
            &[("load_percent", 10)],
            &[("load_percent", 50)],
            &[("load_percent", 80)],
            &[("load_percent", 95)],
        ],
        floor: false,
        // Some 20 requests a connection, and little beside what it takes to start the tasks.
        item_ms: 20,
        round_factor: 1,
        takes: &[
            Takes { of: &[("connections", 1_000)], timed_ms: 98, untimed_ms: 40 },
            Takes { of: &[], timed_ms: 22, untimed_ms: 3 },
        ],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges of the parameters are small");
        TcpEcho {
            connections: size("connections"),
            bytes: size("bytes"),
            load_percent: u32::try_from(params["load_percent"]).expect("the range allows 100"),
        }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, 2 * this.connections)?;
        let mut connections = Vec::new();
        let mut capacity = None;
        Ok(Box::new(move |contender, time| {
            if connections.is_empty() {
                connections = contender.run(move || blocking_open::<R>(this));
            }
            let mut slice = |load, time| {
                let open = mem::take(&mut connections);
                let (open, tally) = contender.run(move || blocking_slice::<R>(open, load, time));
                connections = open;
                tally
            };
            let load = this.load(&mut capacity, |time| slice(Load::Closed, time));
            slice(load, time).outcome()
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, 2 * this.connections)?;
        let mut connections = Vec::new();
        let mut capacity = None;
        Ok(Box::new(move |contender, time| {
            if connections.is_empty() {
                connections = contender.run(async_open::<R>(this));
            }
            let mut slice = |load, time| {
                let (open, tally) = contender.run(async_slice::<R>(mem::take(&mut connections), load, time));
                connections = open;
                tally
            };
            let load = this.load(&mut capacity, |time| slice(Load::Closed, time));
            slice(load, time).outcome()
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a fork-join pool has no sockets: a task that waits for one blocks its worker".to_owned()))
    }
}

impl TcpEcho {
    /// What each connection is to bear. `closed_loop` runs for a while; it is asked for the capacity once a process.
    fn load(&self, capacity: &mut Option<f64>, mut closed_loop: impl FnMut(Duration) -> Tally) -> Load {
        if self.load_percent == 0 {
            return Load::Closed;
        }
        let capacity =
            *capacity.get_or_insert_with(|| (0..3).map(|_| closed_loop(WARM_UP).per_second()).fold(1.0, f64::max));
        Load::Open { per_second: capacity * f64::from(self.load_percent) / 100.0 / self.connections as f64 }
    }

    fn connection<S>(&self, number: usize, client: S, server: S) -> Connection<S> {
        let client =
            Client { stream: client, random: Random::with_seed(number as u64), frame: Frame::new(number, self.bytes) };
        Connection { client, server }
    }
}

/// What a connection is to bear.
#[derive(Clone, Copy)]
enum Load {
    Closed,
    Open { per_second: f64 },
}

/// A connection, between slices.
struct Connection<S> {
    client: Client<S>,
    server: S,
}

struct Client<S> {
    stream: S,
    random: Random,
    frame: Frame,
}

/// A client's request, and room for the answer.
struct Frame {
    sent: Vec<u8>,
    received: Vec<u8>,
    number: u64,
}

impl Frame {
    /// The requests of `connection` differ from each other and from those of all others.
    fn new(connection: usize, bytes: usize) -> Self {
        let sent = (0..bytes).map(|byte| (connection + byte) as u8).collect();
        Frame { sent, received: vec![0; bytes], number: (connection as u64) << 40 }
    }

    fn next(&mut self) {
        self.number += 1;
        self.sent[..END.len()].copy_from_slice(&self.number.to_le_bytes());
    }

    fn is_echoed(&self) -> bool {
        self.sent == self.received
    }

    fn end(&mut self) {
        self.sent[..END.len()].copy_from_slice(&END);
    }
}

/// When requests of a connection are meant to start.
enum Starts {
    /// As soon as the one before is answered, until it is over for this client.
    Closed { over: Instant },
    /// When they come, until it is over for all.
    Open { arrivals: Arrivals, next: Instant, over: Instant },
}

impl Starts {
    /// `begin` is everybody's; the client runs `now`.
    fn new(load: Load, begin: Instant, now: Instant, time: Duration, random: &mut Random) -> Self {
        match load {
            Load::Closed => Starts::Closed { over: now + time },
            Load::Open { per_second } => {
                let mut arrivals = Arrivals::new(random.split(), per_second);
                let next = begin + arrivals.gap();
                Starts::Open { arrivals, next, over: begin + time }
            }
        }
    }

    /// When the next is meant to start, if the one before it has just been answered.
    fn next(&mut self, now: Instant) -> Option<Instant> {
        match self {
            Starts::Closed { over } => (now < *over).then_some(now),
            Starts::Open { arrivals, next, over } => {
                let intended = *next;
                *next += arrivals.gap();
                (intended < *over).then_some(intended)
            }
        }
    }
}

/// What a client counted, or all of them.
struct Tally {
    begin: Instant,
    end: Instant,
    wrong: u64,
    latencies: Latencies,
}

impl Tally {
    fn new(begin: Instant) -> Self {
        Tally { begin, end: begin, wrong: 0, latencies: Latencies::default() }
    }

    fn add(&mut self, intended: Instant, started: Instant, completed: Instant, is_right: bool) {
        self.latencies.add(intended, started, completed);
        self.wrong += u64::from(!is_right);
        self.end = completed;
    }

    fn append(&mut self, other: Tally) {
        self.latencies.append(other.latencies);
        self.wrong += other.wrong;
        self.end = self.end.max(other.end);
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / (self.end - self.begin).as_secs_f64().max(1e-9)
    }

    fn outcome(self) -> Outcome {
        let ops = self.latencies.len() as u64;
        Outcome {
            ops,
            wall: self.end - self.begin,
            answer: (ops - self.wrong).to_string(),
            samples: self.latencies.into_samples(),
            bytes: None,
        }
    }
}

const SOCKETS: &str = "the operating system gives us loopback sockets";
const PEER_STAYS: &str = "the peer stays until the end was sent";
const SET_BEFORE_OPEN: &str = "the beginning is set before the latch is opened";

fn blocking_open<R: Blocking>(echo: TcpEcho) -> Vec<Connection<R::Stream>> {
    let (listener, address) = R::listen().expect(SOCKETS);
    let connection = |number| {
        // Completed by the kernel, which keeps it until it is accepted.
        let client = R::connect(address).expect(SOCKETS);
        echo.connection(number, client, R::accept(&listener).expect(SOCKETS))
    };
    (0..echo.connections).map(connection).collect()
}

/// Reads until `frame` is full.
fn blocking_fill<R: Blocking>(stream: &mut R::Stream, frame: &mut [u8]) {
    let mut filled = 0;
    while filled < frame.len() {
        let read = R::read(stream, &mut frame[filled..]).expect(PEER_STAYS);
        assert_ne!(read, 0, "{PEER_STAYS}");
        filled += read;
    }
}

fn blocking_slice<R: Blocking>(
    connections: Vec<Connection<R::Stream>>,
    load: Load,
    time: Duration,
) -> (Vec<Connection<R::Stream>>, Tally) {
    let (latch, begin) = (R::latch(), Arc::new(OnceLock::new()));
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|Connection { mut client, mut server }| {
            let mut frame = vec![0; client.frame.sent.len()];
            let server = R::spawn(move || {
                loop {
                    blocking_fill::<R>(&mut server, &mut frame);
                    if frame.starts_with(&END) {
                        return server;
                    }
                    R::write_all(&mut server, &frame).expect(PEER_STAYS);
                }
            });
            let (latch, begin) = (latch.clone(), Arc::clone(&begin));
            let client = R::spawn(move || {
                R::pass(&latch);
                let begin: Instant = *begin.get().expect(SET_BEFORE_OPEN);
                let mut tally = Tally::new(begin);
                let mut now = Instant::now();
                let mut starts = Starts::new(load, begin, now, time, &mut client.random);
                while let Some(intended) = starts.next(now) {
                    if intended > now {
                        R::sleep_until(intended);
                        now = Instant::now();
                    }
                    client.frame.next();
                    R::write_all(&mut client.stream, &client.frame.sent).expect(PEER_STAYS);
                    blocking_fill::<R>(&mut client.stream, &mut client.frame.received);
                    let completed = Instant::now();
                    tally.add(intended, now, completed, client.frame.is_echoed());
                    now = completed;
                }
                client.frame.end();
                R::write_all(&mut client.stream, &client.frame.sent).expect(PEER_STAYS);
                (client, tally)
            });
            (client, server)
        })
        .collect();
    let mut total = Tally::new(*begin.get_or_init(Instant::now));
    R::open(&latch);
    let end = |(client, server)| {
        let (client, tally) = R::join(client);
        total.append(tally);
        Connection { client, server: R::join(server) }
    };
    let connections = tasks.into_iter().map(end).collect();
    (connections, total)
}

async fn async_open<R: Async>(echo: TcpEcho) -> Vec<Connection<R::Stream>> {
    let (listener, address) = R::listen().await.expect(SOCKETS);
    let mut connections = Vec::with_capacity(echo.connections);
    for number in 0..echo.connections {
        let client = R::connect(address).await.expect(SOCKETS);
        connections.push(echo.connection(number, client, R::accept(&listener).await.expect(SOCKETS)));
    }
    connections
}

/// Reads until `frame` is full.
async fn async_fill<R: Async>(stream: &mut R::Stream, frame: &mut [u8]) {
    let mut filled = 0;
    while filled < frame.len() {
        let read = R::read(stream, &mut frame[filled..]).await.expect(PEER_STAYS);
        assert_ne!(read, 0, "{PEER_STAYS}");
        filled += read;
    }
}

async fn async_slice<R: Async>(
    connections: Vec<Connection<R::Stream>>,
    load: Load,
    time: Duration,
) -> (Vec<Connection<R::Stream>>, Tally) {
    let (latch, begin) = (R::latch(), Arc::new(OnceLock::new()));
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|Connection { mut client, mut server }| {
            let mut frame = vec![0; client.frame.sent.len()];
            let server = R::spawn(async move {
                loop {
                    async_fill::<R>(&mut server, &mut frame).await;
                    if frame.starts_with(&END) {
                        return server;
                    }
                    R::write_all(&mut server, &frame).await.expect(PEER_STAYS);
                }
            });
            let (latch, begin) = (latch.clone(), Arc::clone(&begin));
            let client = R::spawn(async move {
                R::pass(&latch).await;
                let begin: Instant = *begin.get().expect(SET_BEFORE_OPEN);
                let mut tally = Tally::new(begin);
                let mut now = Instant::now();
                let mut starts = Starts::new(load, begin, now, time, &mut client.random);
                while let Some(intended) = starts.next(now) {
                    if intended > now {
                        R::sleep_until(intended).await;
                        now = Instant::now();
                    }
                    client.frame.next();
                    R::write_all(&mut client.stream, &client.frame.sent).await.expect(PEER_STAYS);
                    async_fill::<R>(&mut client.stream, &mut client.frame.received).await;
                    let completed = Instant::now();
                    tally.add(intended, now, completed, client.frame.is_echoed());
                    now = completed;
                }
                client.frame.end();
                R::write_all(&mut client.stream, &client.frame.sent).await.expect(PEER_STAYS);
                (client, tally)
            });
            (client, server)
        })
        .collect();
    let mut total = Tally::new(*begin.get_or_init(Instant::now));
    R::open(&latch);
    let mut connections = Vec::with_capacity(tasks.len());
    for (client, server) in tasks {
        let (client, tally) = R::join(client).await;
        total.append(tally);
        connections.push(Connection { client, server: R::join(server).await });
    }
    (connections, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(load_percent: u32) -> TcpEcho {
        TcpEcho { connections: 4, bytes: 64, load_percent }
    }

    #[test]
    fn one_wrong_byte_and_the_echo_of_another_request_are_noticed() {
        let mut frame = Frame::new(3, 64);
        frame.next();
        frame.received = frame.sent.clone();
        assert!(frame.is_echoed());
        frame.received[63] ^= 1;
        assert!(!frame.is_echoed());
        let mut other = Frame::new(4, 64);
        other.next();
        frame.received = other.sent;
        assert!(!frame.is_echoed());
        frame.received = frame.sent.clone();
        frame.next();
        assert!(!frame.is_echoed());

        let now = Instant::now();
        let mut tally = Tally::new(now);
        [true, false].into_iter().for_each(|is_right| tally.add(now, now, now, is_right));
        assert_ne!(tally.outcome().answer, echo(0).expected(2));
    }

    #[test]
    fn the_capacity_is_the_best_of_three_and_asked_for_once() {
        let begin = Instant::now();
        let mut rates = [1_000, 4_000, 2_000].into_iter();
        let mut closed_loop = |_| {
            let mut tally = Tally::new(begin);
            let requests = rates.next().expect("three closed loops");
            (0..requests).for_each(|_| tally.add(begin, begin, begin + Duration::from_secs(1), true));
            tally
        };
        let mut capacity = None;
        for _ in 0..2 {
            let Load::Open { per_second } = echo(50).load(&mut capacity, &mut closed_loop) else { panic!("open loop") };
            assert_eq!(per_second, 500.0, "half of 4000, over 4 connections");
        }
        assert!(matches!(echo(0).load(&mut capacity, closed_loop), Load::Closed));
    }

    #[test]
    fn an_open_loop_does_not_wait_for_the_answer_and_a_closed_one_does() {
        let (begin, time) = (Instant::now(), Duration::from_secs(1));
        let starts = |load, now| Starts::new(load, begin, now, time, &mut Random::with_seed(0));
        let much_later = begin + 100 * time;

        let mut open = starts(Load::Open { per_second: 1_000.0 }, much_later);
        let intended: Vec<_> = std::iter::from_fn(|| open.next(much_later)).collect();
        assert!((850..1_150).contains(&intended.len()) && intended.is_sorted(), "{}", intended.len());
        assert!(intended.iter().all(|intended| (begin..begin + time).contains(intended)));

        let mut closed = starts(Load::Closed, much_later);
        assert_eq!(closed.next(much_later), Some(much_later), "who comes late sends a request too");
        assert_eq!(closed.next(much_later + time / 2), Some(much_later + time / 2));
        assert_eq!(closed.next(much_later + time), None);
    }
}
