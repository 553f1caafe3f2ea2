//! `carlo`: see the library.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

fn main() -> ExitCode {
    let started = Instant::now();
    carlo_cli::execute(carlo_cli::args::Arguments::parse(), started).into()
}
