//! The `schedbench` command.

fn main() {}
