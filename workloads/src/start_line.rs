//! Where the tasks of a slice meet before it begins: none is in the timed part while another is still being started.
//!
//! Each task says that it is there and waits at a latch; when all are there, the main task opens it. The first task
//! over the line starts the time of all, so that a slice ends for all of them at the same moment. Made of the
//! scheduler's own channel and latch.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use schedulers::model::{Async, Blocking};

use crate::watch::Watch;

/// The line, for a task; `S` and `L` are the scheduler's sender and latch.
#[derive(Clone)]
pub(crate) struct StartLine<S, L> {
    here: S,
    latch: L,
    clock: Clock,
    lookers: usize,
}

/// The time of a slice, which the first task begins.
#[derive(Clone)]
pub(crate) struct Clock {
    begin: Arc<OnceLock<Instant>>,
    time: Duration,
}

impl Clock {
    fn watch(&self, lookers: usize) -> Watch {
        Watch::at(*self.begin.get_or_init(Instant::now), self.time, lookers)
    }

    /// The length of the slice, if its tasks ended at `ends`.
    pub(crate) fn wall(&self, ends: impl Iterator<Item = Instant>) -> Duration {
        let begin = *self.begin.get().expect("a task has crossed the line");
        ends.max().expect("there is a task").saturating_duration_since(begin)
    }
}

/// The line, for the main task; `S`, `L` and `V` are the scheduler's sender, latch and receiver.
pub(crate) struct Starter<S, L, V> {
    /// For the tasks to clone.
    pub(crate) line: StartLine<S, L>,
    all_here: V,
    tasks: usize,
}

impl<S, L, V> Starter<S, L, V> {
    fn new((here, all_here): (S, V), latch: L, tasks: usize, lookers: usize, time: Duration) -> Self {
        let clock = Clock { begin: Arc::default(), time };
        Starter { line: StartLine { here, latch, clock, lookers }, all_here, tasks }
    }
}

/// [`Starter`] for blocking tasks.
pub(crate) type BlockingStarter<R> =
    Starter<<R as Blocking>::Sender<()>, <R as Blocking>::Latch, <R as Blocking>::Receiver<()>>;

/// [`Starter`] for futures.
pub(crate) type AsyncStarter<R> = Starter<<R as Async>::Sender<()>, <R as Async>::Latch, <R as Async>::Receiver<()>>;

const MAIN_WAITS: &str = "the main task waits until all are there";
const TASKS_WAIT: &str = "the tasks wait at the line";

/// A line for `tasks` tasks, of which `lookers` watch the clock.
pub(crate) fn draw_blocking<R: Blocking>(tasks: usize, lookers: usize, time: Duration) -> BlockingStarter<R> {
    Starter::new(R::channel(tasks), R::latch(), tasks, lookers, time)
}

/// Waits for the others. The watch has begun.
pub(crate) fn cross_blocking<R: Blocking>(line: StartLine<R::Sender<()>, R::Latch>) -> Watch {
    R::send(&line.here, ()).expect(MAIN_WAITS);
    R::pass(&line.latch);
    line.clock.watch(line.lookers)
}

/// Waits for all tasks and lets them go.
pub(crate) fn start_blocking<R: Blocking>(starter: BlockingStarter<R>) -> Clock {
    for _ in 0..starter.tasks {
        R::recv(&starter.all_here).expect(TASKS_WAIT);
    }
    R::open(&starter.line.latch);
    starter.line.clock
}

/// [`draw_blocking`] for futures.
pub(crate) fn draw_async<R: Async>(tasks: usize, lookers: usize, time: Duration) -> AsyncStarter<R> {
    Starter::new(R::channel(tasks), R::latch(), tasks, lookers, time)
}

/// [`cross_blocking`] for futures.
pub(crate) async fn cross_async<R: Async>(line: StartLine<R::Sender<()>, R::Latch>) -> Watch {
    R::send(&line.here, ()).await.expect(MAIN_WAITS);
    R::pass(&line.latch).await;
    line.clock.watch(line.lookers)
}

/// [`start_blocking`] for futures.
pub(crate) async fn start_async<R: Async>(mut starter: AsyncStarter<R>) -> Clock {
    for _ in 0..starter.tasks {
        R::recv(&mut starter.all_here).await.expect(TASKS_WAIT);
    }
    R::open(&starter.line.latch);
    starter.line.clock
}
