//! The fork-join model: a task is a closure that runs to its end; it can fork others and wait for them, and for nothing else.

use super::Contender;

/// A scheduler of closures that run to completion: no channels, no timers, no waiting but for one's own forks. Shared with its tasks, which open scopes too.
pub trait ForkJoin: Contender + Sync {
    /// Hands out [`ScopeSpawn::spawn`] for the tasks of one [`scope`](ForkJoin::scope_in_place).
    type Scope<'scope>: ScopeSpawn<'scope>;

    /// Runs `main` on a worker and waits for it; a panic in it propagates.
    fn run<T: Send>(&self, main: impl FnOnce() -> T + Send) -> T;

    /// Runs both, possibly in parallel, and returns both results.
    fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B);

    /// Runs `body` *on the calling thread*, whatever it is, and waits for all that it spawns into the pool of `self`.
    fn scope_in_place<'scope, T>(&self, body: impl FnOnce(&Self::Scope<'scope>) -> T) -> T;
}

/// The spawning side of a scope.
pub trait ScopeSpawn<'scope> {
    /// Starts a task that may borrow what outlives the scope.
    fn spawn(&self, f: impl FnOnce() + Send + 'scope);
}
