//! The workloads of schedbench: what the schedulers are made to do.
//!
//! One file a workload, written once per programming model ([`schedulers::model`]), with its parameters, its known
//! answer and what it is expected to show. [`open`] joins a workload and a contender into a [`Cell`] that runs slice
//! by slice; [`oracle`] knows the answers without running anything.
//!
//! ```
//! use std::time::Duration;
//!
//! let params = [("workers".to_owned(), 1)].into();
//! let mut cell = workloads::open("ping_pong", "tokio-mt", &params)?;
//! let outcome = cell.slice(Duration::from_millis(10));
//! assert_eq!(outcome.answer, cell.expected(outcome.ops));
//! # Ok::<(), workloads::OpenError>(())
//! ```
//!
//! To add a workload, write its file and add its line to the list at the end of this one.

#![forbid(unsafe_code)]

mod arithmetic;
mod big;
mod bimodal_service;
mod blocking_calls;
mod blocking_io;
mod cell;
mod channel;
mod corpus;
mod digest;
mod fan_out_in;
mod fit;
mod fork_join;
mod lane;
mod map_reduce;
mod matmul;
mod memory;
mod mutex;
mod open_loop;
mod pace;
mod params;
mod parked_tasks;
mod passes;
mod philosophers;
mod ping_pong;
mod quicksort;
mod ring;
mod skynet;
mod spawn_join;
mod start_line;
mod stop_the_world;
mod tcp_echo;
mod tight_loop;
mod timer_churn;
mod timers;
mod victim;
mod wake_latency;
mod watch;
mod workload;
mod yield_storm;

pub use cell::{Cell, OpenError, Oracle, check_fit, check_fit_own, open, open_own, oracle};
pub use params::{Extent, ParamError, ParamSpec, Params, hint, plan, resolve};
pub use workload::{Body, Info, Metric, NotApplicable, Outcome, SampleKind, Takes, Visit, Workload};

macro_rules! workloads {
    ($($workload:ty;)*) => {
        /// Every workload, in the order of lists and reports.
        pub const ALL: &[Info] = &[$(<$workload>::INFO,)*];

        /// Calls `visitor` with the type of the workload called `name`; `None` if there is none.
        pub fn visit<V: Visit>(name: &str, visitor: V) -> Option<V::Output> {
            $(if name == <$workload>::INFO.name { return Some(visitor.visit::<$workload>()); })*
            None
        }
    };
}

workloads! {
    ping_pong::PingPong;
    tight_loop::TightLoop;
    blocking_io::BlockingIo;
    map_reduce::MapReduce;
    yield_storm::YieldStorm;
    spawn_join::SpawnJoin;
    parked_tasks::ParkedTasks;
    skynet::Skynet;
    fork_join::ForkJoin;
    matmul::Matmul;
    quicksort::Quicksort;
    channel::Channel;
    mutex::Mutex;
    fan_out_in::FanOutIn;
    ring::Ring;
    big::Big;
    philosophers::Philosophers;
    stop_the_world::StopTheWorld;
    wake_latency::WakeLatency;
    timers::Timers;
    timer_churn::TimerChurn;
    tcp_echo::TcpEcho;
    bimodal_service::BimodalService;
}
