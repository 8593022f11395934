//! A cell: one workload with its parameters on one running contender, slice by slice.
//!
//! Two names are turned into two types, one visit inside the other: the outer visit knows the workload, the inner one
//! the contender as well. From there on everything is statically dispatched; a cell costs one virtual call a slice.

use std::{collections::BTreeMap, io, marker::PhantomData, time::Duration};

use schedulers::{
    contender::{self, Entry, Own},
    model::{Async, Blocking, Config, Contender, ForkJoin, Model},
};

use crate::{
    fit,
    params::{ParamError, Params, hint, resolve},
    workload::{self, Body, NotApplicable, Outcome, Workload},
};

/// Why a cell cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No workload of this name.
    #[error("unknown workload '{0}', {one_of}", one_of = one_of(.0, crate::ALL.iter().map(|info| info.name)))]
    UnknownWorkload(String),
    /// No contender of this name.
    #[error("unknown contender '{0}', {one_of}", one_of = one_of(.0, contender::ALL.iter().map(|one| one.name)))]
    UnknownContender(String),
    /// A parameter that cannot be.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The workload cannot be written for the contender.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// The contender did not start.
    #[error("the contender did not start: {0}")]
    Start(#[from] io::Error),
}

/// "expected this, that", with what is near to `given`.
fn one_of(given: &str, names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<_> = names.collect();
    format!("expected {}{}", names.join(", "), hint(given, names.iter().copied()))
}

/// A running contender with a workload on it. Dropping it stops the contender.
pub trait Cell {
    /// The contender's version.
    fn version(&self) -> String;
    /// The configuration that the contender really runs with.
    fn echo(&self) -> BTreeMap<String, u64>;
    /// Runs for about `time`, or one item of fixed size. No task of it is left when it returns.
    ///
    /// # Panics
    /// If a task panics, or the operating system refuses what the workload needs (threads, pipes, a file).
    fn slice(&mut self, time: Duration) -> Outcome;
    /// What the answer of a slice of `ops` operations must be.
    fn expected(&self, ops: u64) -> String;
    /// The contender's own counters.
    fn counters(&self) -> BTreeMap<String, u64>;
}

/// Starts `contender` and joins `workload` with it. `params` may leave parameters out: they take their defaults.
///
/// # Errors
/// See [`OpenError`].
pub fn open(workload: &str, contender: &str, params: &Params) -> Result<Box<dyn Cell>, OpenError> {
    let start = fit(workload, Listed(contender), params)?;
    Ok(start()?)
}

/// As [`open`], for a contender that is not in the list.
///
/// # Errors
/// See [`OpenError`].
pub fn open_own<C: Own>(workload: &str, params: &Params) -> Result<Box<dyn Cell>, OpenError> {
    let start = fit(workload, Brought::<C>(PhantomData), params)?;
    Ok(start()?)
}

/// Whether the cell exists: as [`open`], but starts nothing.
///
/// # Errors
/// See [`OpenError`]; `NotApplicable` is the report's `n/a`.
pub fn check_fit(workload: &str, contender: &str, params: &Params) -> Result<(), OpenError> {
    fit(workload, Listed(contender), params).map(drop)
}

/// As [`check_fit`], for a contender that is not in the list.
///
/// # Errors
/// See [`OpenError`].
pub fn check_fit_own<C: Own>(workload: &str, params: &Params) -> Result<(), OpenError> {
    fit(workload, Brought::<C>(PhantomData), params).map(drop)
}

/// What the answer of a slice of so many operations must be; see [`oracle`].
pub type Oracle = Box<dyn Fn(u64) -> String>;

/// The answers that `workload` must give, for a process that runs no contender. `params` may leave parameters out.
///
/// # Errors
/// See [`OpenError`].
pub fn oracle(workload: &str, params: &Params) -> Result<Oracle, OpenError> {
    crate::visit(workload, Answers { params }).ok_or_else(|| OpenError::UnknownWorkload(workload.to_owned()))?
}

struct Answers<'a> {
    params: &'a Params,
}

impl workload::Visit for Answers<'_> {
    type Output = Result<Oracle, OpenError>;

    fn visit<W: Workload>(self) -> Self::Output {
        let workload = W::new(&resolve(&W::INFO, self.params)?);
        Ok(Box::new(move |ops| workload.expected(ops)))
    }
}

/// A cell that exists and has not been started.
type Start = Box<dyn FnOnce() -> io::Result<Box<dyn Cell>>>;

fn fit(workload: &str, who: impl Who, params: &Params) -> Result<Start, OpenError> {
    crate::visit(workload, Fit { who, params }).ok_or_else(|| OpenError::UnknownWorkload(workload.to_owned()))?
}

struct Fit<'a, C> {
    who: C,
    params: &'a Params,
}

impl<C: Who> workload::Visit for Fit<'_, C> {
    type Output = Result<Start, OpenError>;

    fn visit<W: Workload>(self) -> Self::Output {
        let params = resolve(&W::INFO, self.params)?;
        let workers = usize::try_from(params["workers"]).expect("resolve has checked the range");
        fit::contender(&self.who.entry()?, &W::INFO, workers)?;
        self.who.join(|| Join { workload: W::new(&params), config: Config { workers } })
    }
}

/// How a contender is found.
trait Who {
    fn entry(&self) -> Result<Entry, OpenError>;
    fn join<W: Workload>(self, join: impl Fn() -> Join<W>) -> Result<Start, OpenError>;
}

/// By its name in the list.
struct Listed<'a>(&'a str);

impl Who for Listed<'_> {
    fn entry(&self) -> Result<Entry, OpenError> {
        let entry = contender::ALL.iter().find(|entry| entry.name == self.0);
        entry.copied().ok_or_else(|| OpenError::UnknownContender(self.0.to_owned()))
    }

    fn join<W: Workload>(self, join: impl Fn() -> Join<W>) -> Result<Start, OpenError> {
        let entry = self.entry()?;
        let mut reason = None;
        for model in in_order(entry.models, W::INFO.model) {
            match contender::visit(entry.name, model, join()).expect("the entry has the model") {
                Ok(start) => return Ok(start),
                // The first is of the model that it should be.
                Err(not_applicable) => reason = reason.or(Some(not_applicable)),
            }
        }
        Err(reason.expect("a contender has at least one model").into())
    }
}

/// `models`, `first` before the others.
fn in_order(models: &[Model], first: Model) -> impl Iterator<Item = Model> {
    let (preferred, rest): (Vec<_>, Vec<_>) = models.iter().partition(|model| **model == first);
    preferred.into_iter().chain(rest)
}

/// By its type.
struct Brought<C>(PhantomData<C>);

impl<C: Own> Who for Brought<C> {
    fn entry(&self) -> Result<Entry, OpenError> {
        Ok(C::entry())
    }

    fn join<W: Workload>(self, join: impl Fn() -> Join<W>) -> Result<Start, OpenError> {
        Ok(C::accept(join())?)
    }
}

struct Join<W> {
    workload: W,
    config: Config,
}

impl<W: Workload> Join<W> {
    fn with<R: Contender>(self, body: Body<R>) -> Start {
        let Join { workload, config } = self;
        Box::new(move || Ok(Box::new(Joined { body, contender: R::start(config)?, workload })))
    }
}

impl<W: Workload> contender::Visit for Join<W> {
    type Output = Result<Start, NotApplicable>;

    fn blocking<R: Blocking>(self) -> Self::Output {
        let body = self.workload.blocking::<R>()?;
        Ok(self.with(body))
    }

    fn asynchronous<R: Async>(self) -> Self::Output {
        let body = self.workload.asynchronous::<R>()?;
        Ok(self.with(body))
    }

    fn fork_join<R: ForkJoin>(self) -> Self::Output {
        let body = self.workload.fork_join::<R>()?;
        Ok(self.with(body))
    }
}

/// Fields are dropped in this order: what the body keeps between slices goes while the contender still runs.
struct Joined<W, R> {
    body: Body<R>,
    contender: R,
    workload: W,
}

impl<W: Workload, R: Contender> Cell for Joined<W, R> {
    fn version(&self) -> String {
        R::version()
    }

    fn echo(&self) -> BTreeMap<String, u64> {
        self.contender.echo()
    }

    fn slice(&mut self, time: Duration) -> Outcome {
        (self.body)(&self.contender, time)
    }

    fn expected(&self, ops: u64) -> String {
        self.workload.expected(ops)
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        self.contender.counters()
    }
}
