//! The gate: a file of limits, and whether a record keeps them.
//!
//! ```toml
//! tolerance = "5%"        # how far over its limit a row may be: the edge is limit * (1 + tolerance)
//! alpha = 0.01            # the chance of a false alarm over the whole family of rows
//! rounds = 8              # fewest valid rounds that give a verdict
//! allow_quick = false     # whether the record of a --quick run is accepted
//!
//! [[row]]
//! workload = "ping_pong{workers=1}"   # every variant that has these parameters; or just "ping_pong"
//! contender = "gmp"
//! vs = "ratio:tokio-mt"               # compared with this contender of the same run, paired by round
//! limit = 0.5                         # gmp / tokio-mt must not be over this
//! metric = "time"                     # "time", the workload's own metric, or "cpu", CPU time by operation
//! ```
//! The four keys at the top have these defaults; so has `metric`. Timings of another machine or day never gate: a row
//! compares within one run.
//!
//! # Verdicts
//! A row that matches several variants is judged in each. With d_i = ln(contender / vs) by round, and its exact Wilcoxon
//! signed-rank bounds (each one-sided):
//!
//! - **FAIL**: the lower bound is over the edge, at the row's share of alpha. The gate raises an alarm if *any* row does, so
//!   the rows share alpha among them: Holm's correction.
//! - **PASS**: the upper bound is under the edge, at alpha. The gate passes only if *every* row does, so a row that should
//!   not pass has to slip through by itself: no correction (an intersection-union test; Berger, "Multiparameter
//!   hypothesis testing and acceptance sampling", Technometrics 24, 1982).
//! - **INCONCLUSIVE**: neither, or too few rounds.
//! - **BROKEN**: the contender hung, crashed or computed something wrong in some round; no timing makes up for that.
//!
//! # How many rounds a family needs
//! The strongest thing that n rounds can say is that all n lie on one side of the edge, which chance does with p = 2^-n. For
//! m rows to share alpha that must be at most alpha / m: 8 rounds carry 2 rows at 1 %, 9 carry 5, 10 carry 10, 12 carry 40.
//! A gate that can never fail is worse than one that says how sure it is, so with fewer rounds a row still fails when *every* round is over the
//! edge, as long as 2^-n itself is at most alpha (7 rounds at 1 %); the report then says what the family's chance of a false alarm really is (at
//! most the sum of the rows' levels: 3.1 % for 8 rows at 8 rounds), and how many rounds would keep alpha. Those chances are for code *at* the edge;
//! code that keeps its limit is a tolerance away from it.

mod check;
mod config;
mod outcome;

pub use check::check;
pub use config::{Config, GateError, Row, RowMetric, Selector};
pub use outcome::{Judgement, Outcome, Status, Verdict};
