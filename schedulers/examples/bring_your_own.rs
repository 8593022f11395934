//! Bring your own scheduler: a toy thread pool, one queue behind one lock, as a contender beside all others.
//!
//! `cargo run --release -p benches --example bring_your_own -- run map_reduce` measures it and writes the report: it is
//! the whole `schedbench` program, with `toy-pool` in it.

use schedulers::contender::{Own, Visit};
use schedulers::model::{Config, Contender, ForkJoin, Model, fork_join::ScopeSpawn};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::{cell::RefCell, io, iter, marker::PhantomData, mem, process::ExitCode, thread};

fn main() -> ExitCode {
    benches::schedbench_with::<ToyPool>()
}

struct ToyPool(Arc<Queue>, Vec<thread::JoinHandle<()>>);
/// The queue of the jobs that wait, and whether the pool is closed; and whom it wakes.
#[derive(Default)]
struct Queue(Mutex<(VecDeque<Job>, bool)>, Condvar);
struct Scope<'scope>(Arc<Queue>, Mutex<Vec<Outcome<()>>>, PhantomData<&'scope mut &'scope ()>);
type Outcome<T> = mpsc::Receiver<thread::Result<T>>;
type Job = Box<dyn FnOnce() + Send>;
thread_local!(static QUEUE: RefCell<Arc<Queue>> = RefCell::default());

impl Queue {
    fn push<'a, T: Send + 'a>(&self, f: impl FnOnce() -> T + Send + 'a) -> Outcome<T> {
        let (done, outcome) = mpsc::channel();
        let job: Box<dyn FnOnce() + Send + 'a> = Box::new(move || drop(done.send(catch_unwind(AssertUnwindSafe(f)))));
        // SAFETY: only the lifetime changes. Whoever calls this receives the outcome before it returns or unwinds.
        let job = unsafe { mem::transmute::<Box<dyn FnOnce() + Send + 'a>, Job>(job) };
        self.0.lock().unwrap().0.push_back(job);
        self.1.notify_one();
        outcome
    }
    fn work(self: Arc<Self>) {
        QUEUE.set(Arc::clone(&self));
        let wait = || self.1.wait_while(self.0.lock().unwrap(), |(jobs, closed)| jobs.is_empty() && !*closed);
        while let Some(job) = { wait().unwrap().0.pop_front() } {
            job();
        }
    }
}

fn value<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

impl Contender for ToyPool {
    const NAME: &'static str = "toy-pool";
    const SUMMARY: &'static str = "a toy: threads that share one queue behind one lock";
    fn version() -> String {
        "1".to_owned()
    }
    fn start(config: Config) -> io::Result<Self> {
        let mut pool = ToyPool(Arc::default(), Vec::new());
        for queue in iter::repeat_n(Arc::clone(&pool.0), config.workers) {
            pool.1.push(thread::Builder::new().spawn(|| queue.work())?);
        }
        Ok(pool)
    }
    fn echo(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("workers".to_owned(), self.1.len() as u64)])
    }
}

impl Drop for ToyPool {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
        self.1.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

impl ForkJoin for ToyPool {
    type Scope<'scope> = Scope<'scope>;
    fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T {
        value(self.0.push(main).recv().unwrap())
    }
    fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        let queue = QUEUE.with_borrow(Arc::clone);
        let outcome = queue.push(b);
        let a = catch_unwind(AssertUnwindSafe(a));
        // While `b` is not done, this worker does what else there is, the newest first.
        let newest = || queue.0.lock().unwrap().0.pop_back();
        let help = || newest().map_or_else(thread::yield_now, |job| job());
        let b = iter::repeat_with(|| outcome.try_recv().inspect_err(|_| help())).find_map(Result::ok);
        (value(a), value(b.unwrap()))
    }
    fn scope_in_place<'scope, T>(&self, body: impl FnOnce(&Scope<'scope>) -> T) -> T {
        let scope = Scope(Arc::clone(&self.0), Mutex::default(), PhantomData);
        let result = catch_unwind(AssertUnwindSafe(|| body(&scope)));
        let ends: Vec<_> = scope.1.into_inner().unwrap().iter().map(|outcome| outcome.recv().unwrap()).collect();
        ends.into_iter().for_each(value);
        value(result)
    }
}

impl<'scope> ScopeSpawn<'scope> for Scope<'scope> {
    fn spawn(&self, f: impl FnOnce() + Send + 'scope) {
        self.1.lock().unwrap().push(self.0.push(f));
    }
}

impl Own for ToyPool {
    const MODEL: Model = Model::ForkJoin;
    fn accept<V: Visit>(visitor: V) -> V::Output {
        visitor.fork_join::<Self>()
    }
}
