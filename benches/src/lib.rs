//! The harness of schedbench: it plans, starts children, lets them take turns, checks what they answer, and writes the record.
//!
//! [`schedbench`] is the program, and what the bench target `suite` starts; it starts itself again, with the hidden verb `child`, for
//! each contender of each round. A measurement is made in fresh processes that take turns in slices of about 10 ms; the unit of
//! every statistic is the round.
//!
//! What a run goes through: `cli` parses, `plan` decides what there is to run, `partition` takes a share of it, `budget` says how long
//! it may take, `run` writes head and end of the record, `rounds` repeats `round` over all variants until each `table` has enough, `round`
//! starts a `child` for each contender and hands out turns, `folder` keeps the record, and `resume` goes on with one.

#![forbid(unsafe_code)]

mod budget;
mod child;
mod cli;
mod conditions;
mod contenders;
mod filter;
mod folder;
mod go;
mod hash;
mod looks;
mod machine;
mod partition;
mod pin;
mod plan;
mod progress;
mod protocol;
mod resume;
mod round;
mod rounds;
mod run;
mod schedule;
mod seat;
mod selection;
mod stop;
mod table;
mod utc;

use std::process::ExitCode;

pub use cli::schedbench;
use schedulers::contender::Own;

/// [`schedbench`] with one more contender, `C`: a `main` function for somebody's own scheduler.
///
/// # Panics
/// If a contender of its name is in the list.
pub fn schedbench_with<C: Own>() -> ExitCode {
    contenders::bring::<C>();
    schedbench()
}
