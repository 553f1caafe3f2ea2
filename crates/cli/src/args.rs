//! The command line as typed. What the words mean is for the commands; what a request may say is
//! for the server.

mod server;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use carlo_types::analysis::Variable;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::sweep::Over;

pub use server::*;

/// Where the gateway of `carlo up` listens, and where every client looks for one.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:3001";
/// The same as a URL.
pub const URL_DEFAULT: &str = "http://127.0.0.1:3001";
/// The variable that names another gateway.
pub const URL_VARIABLE: &str = "CARLO_URL";
/// The variable that names a profile.
pub const PROFILE_VARIABLE: &str = "CARLO_PROFILE";
/// The variable that holds the key.
pub const KEY_VARIABLE: &str = "CARLO_API_KEY";

const AFTER_HELP: &str = "\
Exit codes:
  0    it worked
  1    something failed: no server answers, or the server failed
  2    bad input: the arguments, the file, or the request in it
  3    the job failed (run, watch, submit --wait), or not all of a batch completed (batch watch)
  4    the job or batch was cancelled (run, watch, submit --wait, batch watch)
  5    there is no such job, batch, node or key
  6    the answer is not what its request gives (verify)
  7    refused for want of a good key, or of its rights (--key, --key-file, CARLO_API_KEY)
  8    refused by a limit, a quota or a budget; what was said tells when to come back
  130  interrupted by Ctrl-C (up ends that way, with 0)

Servers may have names, in ~/.config/carlo/config.toml; --profile office uses this one, and default = \"office\" without it:
  [profiles.office]
  url = \"https://carlo.example:3001\"
  key-file = \"office-key\"
  ca-file = \"office-ca.pem\"

Errors go to stderr. CARLO_LOG=info (or debug, carlo_schedule=debug, …) shows what the parts of run and up do.";

/// Monte Carlo simulation of household finances: simulate here, run a cluster, or talk to one.
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
    /// Simulate a request on this machine and print the answer
    Run(Run),
    /// Show one simulation of a job, month by month
    Replay(Replay),
    /// Write what became of single simulations of a job: balances, success, first short months, …
    Samples(Samples),
    /// Write a complete job as one HTML page that prints, charts and every assumption included
    Report(Report),
    /// Compare up to eight requests on the same luck
    Compare(Compare),
    /// Find the value of one number of a request that gives a wanted probability
    Solve(Solve),
    /// Compute a request at many values of one or two of its numbers, all on the same luck
    Sweep(Sweep),
    /// Recompute a stored answer on this machine and compare
    Verify(Verify),
    /// Run a whole cluster on this machine until Ctrl-C
    Up(Up),
    /// Submit a request to a cluster and print the job's id
    Submit(Submit),
    /// Show jobs
    Status(ManyJobs),
    /// Follow a job, node by node, until it ends, and print its answer
    Watch(OneJob),
    /// Cancel jobs
    Cancel(ManyJobs),
    /// Say why a job waits: what for, behind how many others, and what the cluster does meanwhile
    Explain(OneJob),
    /// List jobs, newest first
    Jobs(Jobs),
    /// Show the cluster and its nodes
    Cluster(Cluster),
    /// Jobs that are submitted together, with a budget
    Batch(Batch),
    /// Show what has been used this month, and what is left
    Usage(Usage),
    /// The keys of everybody, for keys with the role admin
    Keys(Keys),
    /// What workers join with, for keys with the role admin
    Tokens(Tokens),
    /// What each tier may do, for keys with the role admin
    Tiers(Tiers),
    /// List the nodes, or take one out of service for a while
    Nodes(Nodes),
    /// Ask a daemon once whether it is healthy or ready
    Probe(Probe),
    /// Print a shell's completions of this command line
    Completions(Completions),
    /// Write the manual's pages, one for each command
    Man(Man),
}

/// A request, and what replaces the file's word.
#[derive(Debug, Args)]
pub struct Request {
    /// The request, as JSON; - reads stdin
    pub file: PathBuf,
    /// How many simulations.
    #[arg(short = 'n', long, value_name = "N", value_parser = simulations,
        help = "How many simulations: 5000000, 5_000_000, 5e6 or 5M [default: the file's, or 100,000]")]
    pub simulations: Option<u64>,
    /// The seed that every draw follows from [default: the file's, or drawn at random]
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

/// `carlo replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// The job: job_…, or the beginning of an id that no other recent job has
    pub id: JobName,
    /// The simulation, from 0; the job's `notable` simulations are worth a look
    pub index: u64,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo samples`
#[derive(Debug, Args)]
pub struct Samples {
    /// The job: job_…, or the beginning of an id that no other recent job has
    pub id: JobName,
    /// The index of the first simulation
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub first: u64,
    /// How many, at most 1,000,000
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub count: u64,
    /// How to write them
    #[arg(long, value_enum, default_value_t = SamplesFormat::Csv)]
    pub format: SamplesFormat,
    /// Where to write them [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// How single simulations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SamplesFormat {
    /// A line of names, then one for each
    Csv,
    /// An object for each
    Jsonl,
    /// An Arrow stream (IPC)
    Arrow,
}

impl SamplesFormat {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Jsonl => "application/jsonl",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// `carlo report`
#[derive(Debug, Args)]
pub struct Report {
    /// The job: job_…, or the beginning of an id that no other recent job has
    pub id: JobName,
    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo compare`
#[derive(Debug, Args)]
pub struct Compare {
    /// The requests, as JSON; the others are compared with the first, whose seed and number of
    /// simulations hold for all
    #[arg(required = true, num_args = 1..=8)]
    pub files: Vec<PathBuf>,
    /// How many simulations.
    #[arg(short = 'n', long, value_name = "N", value_parser = simulations,
        help = "How many simulations [default: the first file's, or 100,000]")]
    pub simulations: Option<u64>,
    /// The seed that every draw follows from [default: the first file's, or drawn at random]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Where, unless here.
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

/// `carlo solve`
#[derive(Debug, Args)]
pub struct Solve {
    /// The plan of which one number may change.
    #[command(flatten)]
    pub request: Request,
    /// The number that may change
    #[arg(long = "for", value_name = "WHAT", value_parser = PossibleValuesParser::new(Variable::ALL.iter().map(|variable| variable.as_str())))]
    pub variable: String,
    /// The wanted probability: above 0, below 1
    #[arg(short, long, value_name = "P", default_value_t = 0.9)]
    pub probability: f64,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Where, unless here.
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

/// `carlo sweep`
#[derive(Debug, Args)]
pub struct Sweep {
    /// The plan of which one or two numbers change.
    #[command(flatten)]
    pub request: Request,
    /// A number and its values, once or twice: /plan/incomeUntil=240:480:12 (from, to, step), or
    /// numbers with commas between them
    #[arg(long, value_name = "POINTER=VALUES", required = true)]
    pub over: Vec<Over>,
    /// How to print the points; json is the whole job
    #[arg(long, value_enum, default_value_t = SweepFormat::Text)]
    pub format: SweepFormat,
    /// Print the whole job as one JSON object: the same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// How the points of a sweep are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SweepFormat {
    /// A table for one axis, a heat map for two
    Text,
    /// The whole job
    Json,
    /// A line of names, then one for each point
    Csv,
    /// An object for each point
    Jsonl,
}

/// `carlo verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The answer, as JSON: what `carlo run --json` or `carlo status --json` printed, or its
    /// results alone; - reads stdin
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
    /// Whose
    pub shell: clap_complete::Shell,
    /// Print the script as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `carlo man`
#[derive(Debug, Args)]
pub struct Man {
    /// The directory to write them to
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Print the names of the pages as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `carlo up`
#[derive(Debug, Args)]
pub struct Up {
    /// Where the REST gateway listens: a loopback address, port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "CARLO_LISTEN", default_value = LISTEN_DEFAULT)]
    pub listen: SocketAddr,
    /// Where the coordinator listens for further workers and gRPC clients: a loopback address
    #[arg(long, value_name = "ADDR", env = "CARLO_COORDINATOR_LISTEN", default_value = "127.0.0.1:0")]
    pub coordinator_listen: SocketAddr,
    /// Where jobs are kept.
    #[arg(
        long,
        value_name = "DIR",
        env = "CARLO_DATA_DIR",
        help = "Where jobs are kept [default: $XDG_DATA_HOME/carlo, or ~/.local/share/carlo]"
    )]
    pub data_dir: Option<PathBuf>,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N", env = "CARLO_THREADS")]
    pub threads: Option<NonZeroUsize>,
    /// Open the pages in the browser
    #[arg(long, conflicts_with = "no_web")]
    pub open: bool,
    /// Serve no pages for people, the REST interface alone
    #[arg(long, env = "CARLO_NO_WEB")]
    pub no_web: bool,
    /// Print what runs where as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Reads a whole number the way people write large ones: `5000000`, `5_000_000`, `5e6`, `2.5M`.
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
    use carlo_rest::job::JobStatus;

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

    #[test]
    fn a_status_is_one_of_the_contracts_words() {
        let parse = |word| Arguments::try_parse_from(["carlo", "jobs", "--status", word]);
        let Command::Jobs(jobs) = parse("cancelled").unwrap().command else { panic!("other command") };
        assert_eq!(jobs.status, Some(JobStatus::Cancelled));
        assert!(parse("done").unwrap_err().to_string().contains("possible values: queued, running"));
    }

    #[test]
    fn an_id_is_checked_before_it_becomes_part_of_a_url() {
        let error = Arguments::try_parse_from(["carlo", "cancel", "../jobs"]).unwrap_err().to_string();
        assert!(error.contains("is not a job id"), "{error}");
    }
}
