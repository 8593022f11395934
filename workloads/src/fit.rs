//! What a workload needs of a scheduler beyond its model, and the sentence for the report where it is not there.

use schedulers::{
    contender::Entry,
    model::{Limits, Role},
};

use crate::workload::{Info, NotApplicable};

/// What holds for every workload: so many workers, and work that a floor can do if it is one.
pub(crate) fn contender(entry: &Entry, info: &Info, workers: usize) -> Result<(), NotApplicable> {
    if entry.role == Role::Floor && !info.floor {
        return Err(NotApplicable(format!("{} is plain sequential code, which has no tasks to schedule", entry.name)));
    }
    if workers > entry.max_workers {
        return Err(NotApplicable(format!("{} has no more workers than {}", entry.name, entry.max_workers)));
    }
    Ok(())
}

/// Channels with a bound of `capacity`.
pub(crate) fn capacity(name: &str, limits: Limits, capacity: usize) -> Result<(), NotApplicable> {
    match limits.min_channel_capacity {
        None => Err(NotApplicable(format!("{name}'s channels have no bound: a sender never waits"))),
        Some(min) if capacity < min => {
            Err(NotApplicable(format!("{name}'s bounded channel has no rendezvous: its smallest capacity is {min}")))
        }
        Some(_) => Ok(()),
    }
}

/// Channels that several tasks receive from.
pub(crate) fn many_receivers(name: &str, limits: Limits) -> Result<(), NotApplicable> {
    if limits.many_receivers {
        return Ok(());
    }
    Err(NotApplicable(format!("{name}'s channel has one receiver")))
}

/// Waiting for the first of several channels.
pub(crate) fn select(name: &str, limits: Limits) -> Result<(), NotApplicable> {
    if limits.select {
        return Ok(());
    }
    Err(NotApplicable(format!("{name} cannot wait for several channels at once")))
}

/// Calls that block their thread, by several tasks at once.
pub(crate) fn blocking_calls(name: &str, limits: Limits) -> Result<(), NotApplicable> {
    if limits.blocks_aside {
        return Ok(());
    }
    Err(NotApplicable(format!(
        "a call that blocks holds up a worker of {name}, and who would end it may wait for that worker"
    )))
}

/// A mutex that tasks on several workers use at once.
pub(crate) fn mutex(name: &str, limits: Limits, workers: usize) -> Result<(), NotApplicable> {
    if limits.sound_mutex || workers == 1 {
        return Ok(());
    }
    Err(NotApplicable(format!(
        "with more than one worker, tasks that want a lock of {name} end in a corrupt heap now and then (SIGABRT)"
    )))
}

/// So many tasks at once.
pub(crate) fn tasks(name: &str, limits: Limits, tasks: usize) -> Result<(), NotApplicable> {
    if tasks <= limits.max_tasks {
        return Ok(());
    }
    Err(NotApplicable(format!("{tasks} tasks at once are more than {name} can have by default, {}", limits.max_tasks)))
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
        max_tasks: usize::MAX,
    };
    const NONE: Limits = Limits {
        min_channel_capacity: None,
        many_receivers: false,
        select: false,
        blocks_aside: false,
        sound_mutex: false,
        max_tasks: 10,
    };

    #[test]
    fn what_is_there_fits_and_what_is_not_says_who_lacks_it() {
        let needs = |limits| {
            [
                capacity("it", limits, 0),
                many_receivers("it", limits),
                select("it", limits),
                blocking_calls("it", limits),
                mutex("it", limits, 2),
                tasks("it", limits, 11),
            ]
        };
        assert_eq!(needs(ALL), [const { Ok(()) }; 6]);
        for need in needs(NONE) {
            assert!(need.is_err_and(|reason| reason.to_string().contains("it")));
        }
        assert_eq!(tasks("it", NONE, 10), Ok(()));
        assert_eq!(mutex("it", NONE, 1), Ok(()));
    }

    #[test]
    fn a_capacity_below_the_smallest_is_a_rendezvous_that_it_lacks() {
        let limits = Limits { min_channel_capacity: Some(1), ..ALL };
        assert_eq!(capacity("it", limits, 1), Ok(()));
        assert!(capacity("it", limits, 0).is_err());
    }
}
