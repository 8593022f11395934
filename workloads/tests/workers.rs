//! Fair by construction: no more tasks execute at once than there are workers, as many do if there is enough to do, and the main task is
//! among them.
//!
//! Where tasks stay with workers that are threads, the threads that execute any are counted. gmp moves its workers from thread to
//! thread, so there the tasks that are in the middle of a short calculation are counted; gmp itself says how often it has taken a
//! worker away from a task, which then runs on beside those that have one. Threads of the system have no workers, but CPUs.

mod one_config;

use std::{
    collections::HashSet,
    hint, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sched::sched_getcpu;
use schedulers::{
    contender::{self, Visit},
    model::{Async, Blocking, Config, Contender, ForkJoin, Role, fork_join::ScopeSpawn},
};

const TASKS: u64 = 300;

/// What the tasks of one contender have seen.
#[derive(Default)]
struct Seen {
    threads: Mutex<HashSet<thread::ThreadId>>,
    cpus: Mutex<HashSet<usize>>,
    tasks: AtomicU64,
    calculating: AtomicU64,
    most_calculating: AtomicU64,
    met: AtomicU64,
}

impl Seen {
    /// What a task does: some 10 us in which it calls nobody.
    fn calculate(&self) {
        let most = self.calculating.fetch_add(1, SeqCst) + 1;
        for n in 0..10_000 {
            hint::black_box(n);
        }
        self.calculating.fetch_sub(1, SeqCst);
        self.most_calculating.fetch_max(most, SeqCst);
        self.record();
    }

    /// Spins until `count` tasks do so: it ends only if they all execute at once.
    fn meet(&self, count: u64) {
        self.met.fetch_add(1, SeqCst);
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.met.load(SeqCst) < count {
            assert!(Instant::now() < deadline, "{count} tasks do not execute at once");
        }
        self.record();
    }

    fn record(&self) {
        self.threads.lock().unwrap().insert(thread::current().id());
        self.cpus.lock().unwrap().insert(sched_getcpu().unwrap());
        self.tasks.fetch_add(1, SeqCst);
    }
}

/// Executes the tasks; gives what they have seen, and how often the contender has taken a worker away from one of them.
struct Observe {
    workers: u64,
}

impl Observe {
    fn start<R: Contender>(&self) -> io::Result<R> {
        R::start(Config { workers: self.workers as usize })
    }

    fn end<R: Contender>(contender: &R, seen: &Seen) -> u64 {
        assert!(
            !seen.threads.lock().unwrap().contains(&thread::current().id()),
            "a task was executed by who called run"
        );
        contender.counters().get("retakes").copied().unwrap_or(0)
    }
}

impl Visit for Observe {
    type Output = io::Result<(Arc<Seen>, u64)>;

    fn blocking<R: Blocking>(self) -> Self::Output {
        let (contender, seen, workers) = (self.start::<R>()?, Arc::<Seen>::default(), self.workers);
        let of_tasks = Arc::clone(&seen);
        contender.run(move || {
            let spawn = |task: fn(&Seen, u64)| {
                let seen = Arc::clone(&of_tasks);
                R::spawn(move || task(&seen, workers))
            };
            let many: Vec<_> = (0..TASKS).map(|_| spawn(|seen, _| seen.calculate())).collect();
            of_tasks.calculate();
            many.into_iter().for_each(R::join);
            let all: Vec<_> = (0..workers).map(|_| spawn(Seen::meet)).collect();
            all.into_iter().for_each(R::join);
        });
        let retakes = Self::end(&contender, &seen);
        Ok((seen, retakes))
    }

    fn asynchronous<R: Async>(self) -> Self::Output {
        let (contender, seen, workers) = (self.start::<R>()?, Arc::<Seen>::default(), self.workers);
        let of_tasks = Arc::clone(&seen);
        contender.run(async move {
            let spawn = |task: fn(&Seen, u64)| {
                let seen = Arc::clone(&of_tasks);
                R::spawn(async move { task(&seen, workers) })
            };
            let many: Vec<_> = (0..TASKS).map(|_| spawn(|seen, _| seen.calculate())).collect();
            of_tasks.calculate();
            for task in many {
                R::join(task).await;
            }
            let all: Vec<_> = (0..workers).map(|_| spawn(Seen::meet)).collect();
            for task in all {
                R::join(task).await;
            }
        });
        let retakes = Self::end(&contender, &seen);
        Ok((seen, retakes))
    }

    fn fork_join<R: ForkJoin>(self) -> Self::Output {
        let (contender, seen, workers) = (self.start::<R>()?, Arc::<Seen>::default(), self.workers);
        contender.scope_in_place(|scope| (0..TASKS).for_each(|_| scope.spawn(|| seen.calculate())));
        contender.run(|| R::join(|| seen.calculate(), || ()));
        contender.scope_in_place(|scope| (0..workers).for_each(|_| scope.spawn(|| seen.meet(workers))));
        let retakes = Self::end(&contender, &seen);
        Ok((seen, retakes))
    }
}

#[test]
fn contenders_with_one_configuration_a_process_pass_these_tests_too() {
    one_config::test_the_others();
}

#[test]
fn as_many_tasks_execute_at_once_as_there_are_workers_and_no_more() {
    let mut observed = 0;
    for entry in contender::ALL.iter().filter(|entry| entry.role != Role::Floor) {
        for (workers, &model) in
            [1, 2].iter().flat_map(|workers| entry.models.iter().map(move |model| (*workers, model)))
        {
            if !one_config::is_here(entry.name, workers) || workers as usize > entry.max_workers {
                continue;
            }
            let at = format!("{} with {workers} workers", entry.name);
            let (seen, retakes) = match contender::visit(entry.name, model, Observe { workers }).unwrap() {
                Ok(observed) => observed,
                // Threads, with more workers than this machine has CPUs.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => continue,
                Err(error) => panic!("{at}: {error}"),
            };
            observed += 1;
            assert_eq!(seen.tasks.load(SeqCst), TASKS + 1 + workers, "{at}");
            let count = match entry.name {
                "gmp" => seen.most_calculating.load(SeqCst).saturating_sub(retakes),
                name if name.starts_with("os-threads") => seen.cpus.lock().unwrap().len() as u64,
                _ => {
                    let threads = seen.threads.lock().unwrap().len() as u64;
                    assert_eq!(threads, workers, "{at}: threads");
                    threads
                }
            };
            assert!(count <= workers, "{at}: {count} at once");
        }
    }
    assert_ne!(observed, 0);
}
