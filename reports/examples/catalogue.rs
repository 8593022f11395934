//! Writes the report of a made-up run of the whole catalogue, to look at: `cargo run -p reports --example catalogue -- FOLDER`.
//!
//! In the folder there are then `all` (with tuned contenders) and `default` (without them, on a machine that has no Go).

use std::{env, path::PathBuf, process::ExitCode};

use reports::{Analysis, Machines, page};

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use synthetic::Synthetic;

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("expected a folder to write into");
        return ExitCode::from(2);
    };
    for (name, record) in [("all", Synthetic::catalogue(true, true)), ("default", Synthetic::catalogue(false, false))] {
        let analysis = Analysis::new(&[record.record()], Machines::MustMatch).expect("one record goes with itself");
        let written = page::write(&analysis, &folder.join(name)).expect("a folder that can be written");
        println!("{}\n{}", page::table(&analysis), written.page.display());
    }
    ExitCode::SUCCESS
}
