//! `carlo`: see the library.

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    carlo_cli::execute(carlo_service::arguments::parse(), started).into()
}
