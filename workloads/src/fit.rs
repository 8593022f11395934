//! What a workload needs of a scheduler beyond its model, and the sentence for the report where it is not there.
//!
//! The sentences do not name the contender: reports say each once, with all contenders that it is true of.

use schedulers::{
    contender::Entry,
    model::{Limits, Role},
};

use crate::workload::{Info, NotApplicable};

/// What holds for every workload: so many workers, and work that a floor can do if it is one.
pub(crate) fn contender(entry: &Entry, info: &Info, workers: usize) -> Result<(), NotApplicable> {
    if entry.role == Role::Floor && !info.floor {
        return Err(NotApplicable("plain sequential code has no tasks to schedule".to_owned()));
    }
    if workers > entry.max_workers {
        return Err(NotApplicable(format!("it has no more workers than {}", entry.max_workers)));
    }
    Ok(())
}

/// Channels with a bound of `capacity`.
pub(crate) fn capacity(limits: Limits, capacity: usize) -> Result<(), NotApplicable> {
    match limits.min_channel_capacity {
        None => Err(NotApplicable("its channels have no bound: a sender never waits".to_owned())),
        Some(min) if capacity < min => {
            Err(NotApplicable(format!("its bounded channel has no rendezvous: the smallest capacity is {min}")))
        }
        Some(_) => Ok(()),
    }
}

/// Channels that several tasks receive from.
pub(crate) fn many_receivers(limits: Limits) -> Result<(), NotApplicable> {
    if limits.many_receivers {
        return Ok(());
    }
    Err(NotApplicable("its channel has one receiver".to_owned()))
}

/// Waiting for the first of several channels.
pub(crate) fn select(limits: Limits) -> Result<(), NotApplicable> {
    if limits.select {
        return Ok(());
    }
    Err(NotApplicable("it cannot wait for several channels at once".to_owned()))
}

/// Calls that block their thread, by several tasks at once.
pub(crate) fn blocking_calls(limits: Limits) -> Result<(), NotApplicable> {
    if limits.blocks_aside {
        return Ok(());
    }
    Err(NotApplicable("a call that blocks holds up a worker, and who would end it may wait for that worker".to_owned()))
}

/// A mutex that tasks on several workers use at once.
pub(crate) fn mutex(limits: Limits, workers: usize) -> Result<(), NotApplicable> {
    if limits.sound_mutex || workers == 1 {
        return Ok(());
    }
    Err(NotApplicable(
        "with more than one worker, tasks that want a lock of its own end in a corrupt heap now and then (SIGABRT)"
            .to_owned(),
    ))
}

/// That each of so many tasks, which only yield, has its turn at some time.
pub(crate) fn yields(limits: Limits, tasks: usize, workers: usize) -> Result<(), NotApplicable> {
    if limits.fair_yield || workers == 1 || tasks <= workers {
        return Ok(());
    }
    Err(NotApplicable("with more than one worker, tasks that yield can keep others from ever running".to_owned()))
}

/// So many tasks at once.
pub(crate) fn tasks(limits: Limits, tasks: usize) -> Result<(), NotApplicable> {
    if tasks <= limits.max_tasks {
        return Ok(());
    }
    Err(NotApplicable(format!("{tasks} tasks at once are more than it can have by default, {}", limits.max_tasks)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Limits = Limits {
        min_channel_capacity: Some(0),
        many_receivers: true,
        select: true,
        blocks_aside: true,
        sound_mutex: true,
        fair_yield: true,
        max_tasks: usize::MAX,
    };
    const NONE: Limits = Limits {
        min_channel_capacity: None,
        many_receivers: false,
        select: false,
        blocks_aside: false,
        sound_mutex: false,
        fair_yield: false,
        max_tasks: 10,
    };

    #[test]
    fn what_is_there_fits_and_what_is_not_says_what_lacks() {
        let needs = |limits| {
            [
                capacity(limits, 0),
                many_receivers(limits),
                select(limits),
                blocking_calls(limits),
                mutex(limits, 2),
                yields(limits, 3, 2),
                tasks(limits, 11),
            ]
        };
        assert_eq!(needs(ALL), [const { Ok(()) }; 7]);
        for need in needs(NONE) {
            assert!(need.is_err());
        }
        assert_eq!(tasks(NONE, 10), Ok(()));
        assert_eq!(mutex(NONE, 1), Ok(()));
        assert_eq!((yields(NONE, 9, 1), yields(NONE, 2, 2)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_capacity_below_the_smallest_is_a_rendezvous_that_it_lacks() {
        let limits = Limits { min_channel_capacity: Some(1), ..ALL };
        assert_eq!(capacity(limits, 1), Ok(()));
        assert!(capacity(limits, 0).is_err());
    }
}
