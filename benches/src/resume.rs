//! May a run go on? Only as the run that it was: same program, same source, same machine, same plan.
//!
//! What a record must say for that is in its `run` row; orders of contenders need nothing more, since they are drawn from the seed,
//! the variant and the round's number.

use anyhow::{Context, bail, ensure};
use reports::{
    Record,
    record::{Git, Machine, Run},
};

use crate::{machine, plan::Plan, run};

/// Refuses a record that no run can go on with here.
///
/// # Errors
/// It is complete, or of another version, source or machine, or has too little to go on with: a sentence without the record's name.
pub fn check(record: &Record) -> anyhow::Result<()> {
    if record.end.as_ref().is_some_and(|end| end.status == "complete") {
        bail!("the run is complete, expected one that was interrupted or killed");
    }
    let (was, is) = (&record.run.version, run::version());
    ensure!(*was == is, "made by schedbench {was}, and this is {is}: a run must not mix two programs");
    same_source(record.run.git.as_ref(), machine::git().as_ref())?;
    let Some(machine) = &record.machine else { bail!("no machine is recorded: nothing was measured, begin a new run") };
    same_machine(machine, &machine::machine())?;
    ensure!(record.checkpoint.is_some(), "no checkpoint: the run was killed before its first round, begin a new one");
    Ok(())
}

/// Refuses a plan that is not the record's: a contender is missing that was there, say.
///
/// # Errors
/// As [`check`].
pub fn same_plan(run: &Run, plan: &Plan) -> anyhow::Result<()> {
    let was = run.plan.as_deref().context("the record does not say what was planned")?;
    ensure!(
        was == plan.digest(),
        "the plan is not what it was: another set of contenders is available here now (a Go toolchain, a program that is \
         named by a relative path)"
    );
    Ok(())
}

fn same_source(was: Option<&Git>, is: Option<&Git>) -> anyhow::Result<()> {
    let name = |git: Option<&Git>| git.map_or_else(|| "an unknown revision".to_owned(), |git| git.rev.clone());
    if was.map(|git| &git.rev) != is.map(|git| &git.rev) {
        bail!("made by the source {}, and this is {}: a run must not mix two programs", name(was), name(is));
    }
    let dirty = |git: Option<&Git>| git.is_some_and(|git| git.dirty);
    if dirty(was) != dirty(is) {
        let when = if dirty(was) { "then and not now" } else { "now and not then" };
        bail!("the source has changes that are not committed, {when}: a run must not mix two programs");
    }
    Ok(())
}

fn same_machine(was: &Machine, is: &Machine) -> anyhow::Result<()> {
    let name = |machine: &Machine| format!("{}, {} cores, key {}", machine.cpu, machine.cores, machine.key);
    ensure!(was.key == is.key, "made on another machine ({}), and this is {}", name(was), name(is));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(rev: &str, dirty: bool) -> Git {
        Git { rev: rev.to_owned(), dirty }
    }

    #[test]
    fn only_the_same_source_goes_on() {
        same_source(None, None).unwrap();
        same_source(Some(&git("a", true)), Some(&git("a", true))).unwrap();
        for (was, is) in [
            (Some(git("a", false)), Some(git("b", false))),
            (Some(git("a", false)), None),
            (Some(git("a", false)), Some(git("a", true))),
        ] {
            let error = same_source(was.as_ref(), is.as_ref()).unwrap_err().to_string();
            assert!(error.contains("two programs") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn only_the_same_machine_goes_on() {
        let here = machine::machine();
        same_machine(&here, &here).unwrap();
        let other = Machine { key: "another".to_owned(), ..here.clone() };
        assert!(same_machine(&other, &here).unwrap_err().to_string().contains("key another"));
    }
}
