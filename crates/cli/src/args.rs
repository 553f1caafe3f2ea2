//! The arguments of the command line. The commands interpret them, and the server checks requests.

mod server;
mod webhooks;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use carlo_types::analysis::Variable;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::sweep::Over;

pub use server::*;
pub use webhooks::*;

/// The default address of the gateway of `carlo up`, and of the gateway that clients use.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:3001";
/// The same address as a URL.
pub const URL_DEFAULT: &str = "http://127.0.0.1:3001";
/// The environment variable with the URL of another gateway.
pub const URL_VARIABLE: &str = "CARLO_URL";
/// The environment variable with the name of a profile.
pub const PROFILE_VARIABLE: &str = "CARLO_PROFILE";
/// The environment variable with the API key.
pub const KEY_VARIABLE: &str = "CARLO_API_KEY";

const AFTER_HELP: &str = "\
Exit codes:
  0    success
  1    something failed: no server can be reached, or the server failed
  2    bad input: the arguments, the file, or the request in it
  3    the job failed (run, watch, submit --wait), or not all of a batch completed (batch watch)
  4    the job or batch was cancelled (run, watch, submit --wait, batch watch)
  5    there is no such job, batch, node or key
  6    the results differ from those of their request (verify)
  7    the key is missing, unknown, or lacks the necessary role (--key, --key-file, CARLO_API_KEY)
  8    refused because of a limit, a quota or a budget; the message says when to try again
  130  interrupted by Ctrl-C (up ends that way, with 0)

Servers can have names in ~/.config/carlo/config.toml. --profile office selects this one, as does default = \"office\":
  [profiles.office]
  url = \"https://carlo.example:3001\"
  key-file = \"office-key\"
  ca-file = \"office-ca.pem\"

Errors go to stderr. CARLO_LOG=info (or debug, carlo_schedule=debug, …) logs what the daemons of run and up do.";

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
    /// Show one simulation of a job, month by month
    Replay(Replay),
    /// Write the outcomes of single simulations of a job: balances, success, first short months, …
    Samples(Samples),
    /// Write a printable HTML report of a complete job, with charts and all assumptions
    Report(Report),
    /// Compare up to eight requests with the same random numbers
    Compare(Compare),
    /// Find the value of one number of a request that gives a wanted probability
    Solve(Solve),
    /// Simulate a request at many values of one or two of its numbers, with the same random numbers
    Sweep(Sweep),
    /// Recompute stored results on this machine and compare
    Verify(Verify),
    /// Run a whole cluster on this machine until Ctrl-C
    Up(Up),
    /// Submit a request to a cluster and print the job's id
    Submit(Submit),
    /// Show jobs
    Status(ManyJobs),
    /// Follow a job, node by node, until it ends, and print its results
    Watch(OneJob),
    /// Cancel jobs
    Cancel(ManyJobs),
    /// Change the priority or the name of jobs that have not ended
    Reprioritize(Reprioritize),
    /// Delete jobs that have ended, with their results
    Delete(ManyJobs),
    /// Say why a job waits, its position in the queue, and what the cluster is computing
    Explain(OneJob),
    /// List jobs, newest first
    Jobs(Jobs),
    /// Show the cluster and its nodes
    Cluster(Cluster),
    /// Show the cluster and its nodes live, until q or Ctrl-C
    Top(Top),
    /// Jobs that are submitted together, with a budget
    Batch(Batch),
    /// Show the usage of this month, and what is left
    Usage(Usage),
    /// Create, list and revoke API keys; needs a key with the role admin
    Keys(Keys),
    /// Show what administrators have changed, for keys with the role admin
    Audit(Audit),
    /// Create, list and revoke join tokens for workers; needs a key with the role admin
    Tokens(Tokens),
    /// Show or change the limits of tiers; needs a key with the role admin
    Tiers(Tiers),
    /// Where events are sent, and what has become of them
    Webhooks(Webhooks),
    /// List the nodes, drain them, or lift their quarantine
    Nodes(Nodes),
    /// Check once whether a daemon is healthy or ready
    Probe(Probe),
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

/// `carlo replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// The job: its id, or the beginning of it if no other recent job has the same
    pub id: JobName,
    /// The index of the simulation, from 0; the results name notable ones
    pub index: u64,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo samples`
#[derive(Debug, Args)]
pub struct Samples {
    /// The job: its id, or the beginning of it if no other recent job has the same
    pub id: JobName,
    /// The index of the first simulation
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub first: u64,
    /// The number of simulations, at most 1,000,000
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub count: u64,
    /// The format
    #[arg(long, value_enum, default_value_t = SamplesFormat::Csv)]
    pub format: SamplesFormat,
    /// Where to write them [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// The formats of single simulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SamplesFormat {
    /// A line of names, then a line for each simulation
    Csv,
    /// A JSON object for each simulation, one per line
    Jsonl,
    /// An Arrow IPC stream
    Arrow,
}

impl SamplesFormat {
    /// The media type of the format.
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
    /// The job: its id, or the beginning of it if no other recent job has the same
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
    /// The requests, as JSON. The others are compared with the first, whose seed and number of
    /// simulations apply to all
    #[arg(required = true, num_args = 1..=8)]
    pub files: Vec<PathBuf>,
    /// How many simulations.
    #[arg(short = 'n', long, value_name = "N", value_parser = simulations,
        help = "How many simulations [default: the first file's, or 100,000]")]
    pub simulations: Option<u64>,
    /// The seed of the random numbers [default: the first file's, or random]
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
    /// numbers separated by commas
    #[arg(long, value_name = "POINTER=VALUES", required = true)]
    pub over: Vec<Over>,
    /// The format of the points; json is the whole job
    #[arg(long, value_enum, default_value_t = SweepFormat::Text, conflicts_with = "json")]
    pub format: SweepFormat,
    /// The priority among your own jobs: 0 to 100, highest first [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub priority: Option<u32>,
    /// A name for the job, at most 128 characters
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Threads that compute [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Where, unless here; --json is the same as --format json.
    #[command(flatten)]
    pub elsewhere: Elsewhere,
}

/// The formats of the points of a sweep.
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

/// `carlo up`
#[derive(Debug, Args)]
pub struct Up {
    /// The loopback address of the REST gateway; port 0 means any free port
    #[arg(long, value_name = "ADDR", env = "CARLO_LISTEN", default_value = LISTEN_DEFAULT)]
    pub listen: SocketAddr,
    /// The loopback address of the coordinator, for further workers and gRPC clients
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
    /// Open the web interface in the browser
    #[arg(long, conflicts_with = "no_web")]
    pub open: bool,
    /// Serve only the REST API, without the web interface
    #[arg(long, env = "CARLO_NO_WEB")]
    pub no_web: bool,
    /// Where webhooks may be sent.
    #[command(flatten)]
    pub webhooks: WebhookReach,
    /// Print the addresses as one JSON object
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
