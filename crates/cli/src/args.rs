//! The arguments of the command line. The commands interpret them, and the server checks requests.

#[cfg(feature = "cluster")]
mod analyses;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod server;
#[cfg(feature = "cluster")]
mod webhooks;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "cluster")]
use cluster::AFTER_HELP;

#[cfg(feature = "cluster")]
pub use {analyses::*, cluster::*, server::*, webhooks::*};

#[cfg(not(feature = "cluster"))]
const AFTER_HELP: &str = "\
Exit codes:
  0    success
  1    something failed
  2    bad input: the arguments, the file, or the request in it
  6    the results differ from those of their request (verify)
  130  interrupted by Ctrl-C

Errors go to stderr. This program was built without the commands for clusters and servers, which Cargo's default features add.";

/// Monte Carlo simulation of household finances: simulate on this machine, run a cluster, or use
/// one.
#[derive(Debug, Parser)]
#[command(name = "carlo", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Simulate a request on this machine and print the results
    Run(Run),
    /// Recompute stored results on this machine and compare
    Verify(Verify),
    /// With a cluster.
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    WithCluster(Box<ClusterCommand>),
    /// Print the completions of this command line for a shell
    Completions(Completions),
    /// Write the manual pages, one for each command
    Man(Man),
}

/// A request, and options that override values in its file.
#[derive(Debug, Args)]
pub struct Request {
    /// The request, as JSON; - reads stdin
    pub file: PathBuf,
    /// How many simulations.
    #[arg(short = 'n', long, value_name = "N", value_parser = simulations,
        help = "How many simulations: 5000000, 5_000_000, 5e6 or 5M [default: the file's, or 100,000]")]
    pub simulations: Option<u64>,
    /// The seed of the random numbers [default: the file's, or random]
    #[arg(long)]
    pub seed: Option<u64>,
}

/// `carlo run`
#[derive(Debug, Args)]
pub struct Run {
    /// What to simulate.
    #[command(flatten)]
    pub request: Request,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Print the whole job as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `carlo verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The results, as JSON: the output of `carlo run --json` or `carlo status --json`, or only its
    /// member `results`; - reads stdin
    pub file: PathBuf,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Print the verdict as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `carlo completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
    /// Print the script as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `carlo man`
#[derive(Debug, Args)]
pub struct Man {
    /// The directory for the pages
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Print the names of the pages as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Parses a whole number in any of the usual forms: `5000000`, `5_000_000`, `5e6`, `2.5M`.
fn simulations(text: &str) -> Result<u64, &'static str> {
    const SUFFIXES: [(char, u32); 4] = [('k', 3), ('m', 6), ('b', 9), ('t', 12)];
    const EXPECTED: &str = "expected a whole number like 5000000, 5_000_000, 5e6 or 5M";
    let text = text.to_ascii_lowercase();
    let suffix = SUFFIXES.into_iter().find_map(|(letter, power)| Some((text.strip_suffix(letter)?, power)));
    let (text, suffix_power) = suffix.unwrap_or((&text, 0));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: u32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().map_err(|_| EXPECTED)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');

    let digits: String = [whole, fraction].concat().chars().filter(|letter| *letter != '_').collect();
    if whole.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(EXPECTED);
    }
    let shift =
        u32::try_from(fraction.len()).ok().and_then(|places| (exponent + suffix_power).checked_sub(places));
    let number: u64 = digits.parse().map_err(|_| EXPECTED)?;
    shift.and_then(|shift| 10_u64.checked_pow(shift)?.checked_mul(number)).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn large_numbers_are_read_as_people_write_them() {
        for (text, number) in [
            ("0", 0),
            ("5000000", 5_000_000),
            ("5_000_000", 5_000_000),
            ("5e6", 5_000_000),
            ("5E+6", 5_000_000),
            ("5M", 5_000_000),
            ("2.5M", 2_500_000),
            ("2.50e1", 25),
            ("10k", 10_000),
            ("1b", 1_000_000_000),
            ("1e12", 1_000_000_000_000),
            ("1T", 1_000_000_000_000),
            ("1.0", 1),
        ] {
            assert_eq!(simulations(text), Ok(number), "{text}");
        }
        let wrong = [
            "",
            "_",
            "M",
            "e6",
            ".5M",
            "-1",
            "+1",
            "1.5",
            "2.55e1",
            "5 000",
            "5,000",
            "1e-3",
            "1e20",
            "5Mk",
            "ten",
            "1e",
            "1e4294967295",
        ];
        for text in wrong {
            assert!(simulations(text).is_err(), "{text:?}");
        }
    }
}
