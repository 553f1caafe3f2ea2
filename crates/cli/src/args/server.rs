//! The arguments of the commands that use a server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use carlo_rest::Label as _;
use carlo_rest::account::{Role, Tier};
use carlo_rest::job::JobStatus;
use carlo_rest::order::JobOrder;
use carlo_rest::webhook::WebhookEvent;
use carlo_types::JobId;
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::{KEY_VARIABLE, PROFILE_VARIABLE, Request, URL_DEFAULT, URL_VARIABLE};

/// The server, the key, and the form of the output.
#[derive(Debug, Args)]
pub struct Server {
    /// The gateway to talk to
    #[arg(long, env = URL_VARIABLE, global = true,
        help = format!("The gateway to talk to [default: the profile's, or {URL_DEFAULT}]"))]
    pub url: Option<String>,
    /// The profile in ~/.config/carlo/config.toml with the gateway's URL, key file and certificates
    #[arg(long, value_name = "NAME", env = PROFILE_VARIABLE, global = true)]
    pub profile: Option<String>,
    /// The certificates of the authorities that signed the gateway's certificate, as PEM, for an
    /// https URL [default: the system's]
    #[arg(long, value_name = "FILE", env = "CARLO_CA_FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// The API key. A file or the environment variable is safer than the command line
    #[arg(long, env = KEY_VARIABLE, hide_env_values = true, global = true)]
    pub key: Option<String>,
    /// A file with the API key, read if no key is given otherwise
    #[arg(long, value_name = "FILE", env = "CARLO_API_KEY_FILE", global = true)]
    pub key_file: Option<PathBuf>,
    /// Print the server's response as one JSON object
    #[arg(long, global = true)]
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

/// `carlo submit`
#[derive(Debug, Args)]
pub struct Submit {
    /// What to simulate.
    #[command(flatten)]
    pub request: Request,
    /// The priority among your own jobs: 0 to 100, highest first [default: the file's, or 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub priority: Option<u32>,
    /// A name for the job, at most 128 characters [default: the file's, if any]
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// A URL to which the job's events are sent [default: the file's, or the key's, if any]
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// An event that is sent there; may be repeated [default: the end of the job]
    #[arg(long, value_name = "EVENT", value_parser = super::webhooks::event(), requires = "webhook")]
    pub webhook_event: Vec<WebhookEvent>,
    /// A file with the secret for the signatures [default: the URL's, or a new one, which is printed]
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Wait until the job ends, and print its results
    #[arg(short, long)]
    pub wait: bool,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// The commands about one job or several.
#[derive(Debug, Args)]
pub struct ManyJobs {
    /// The jobs: their ids, or the beginnings of them if no other recent job has the same
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<JobName>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// The commands about one job.
#[derive(Debug, Args)]
pub struct OneJob {
    /// The job: its id, or the beginning of it if no other recent job has the same
    pub id: JobName,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo jobs`
#[derive(Debug, Args)]
pub struct Jobs {
    /// Everybody's jobs, for keys with the role admin
    #[arg(long)]
    pub all: bool,
    /// This user's jobs, for keys with the role admin
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Only jobs in this state
    #[arg(long, visible_alias = "state", value_parser = status())]
    pub status: Option<JobStatus>,
    /// Only jobs with this in their name
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only jobs with this in their name, their ids or their owner
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// Only jobs that are no older than this: 90m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub age: Option<Duration>,
    /// Sort by created, ended, duration, name, status, user, priority or simulations; in descending
    /// order with a minus sign: --sort=-duration
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    pub sort: Option<JobOrder>,
    /// The number of the page, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub page: u32,
    /// Jobs on a page
    #[arg(long, value_name = "N", default_value_t = PAGE_SIZE_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_SIZE_MAX)))]
    pub page_size: u32,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo reprioritize`
#[derive(Debug, Args)]
pub struct Reprioritize {
    /// The jobs: job_…, or the beginning of an id that no other recent job has
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<JobName>,
    /// Which of one's own jobs goes first: 0 to 100, the highest first
    #[arg(long, value_name = "N", required_unless_present = "name",
        value_parser = clap::value_parser!(u32).range(..=100))]
    pub priority: Option<u32>,
    /// What lists call the job, at most 128 characters
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// Which page, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub page: u32,
    /// Print every record that is kept, a line of JSON each
    #[arg(long, conflicts_with = "page")]
    pub lines: bool,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo batch`
#[derive(Debug, Args)]
pub struct Batch {
    /// What to do.
    #[command(subcommand)]
    pub action: BatchAction,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// What to do with a batch.
#[derive(Debug, Subcommand)]
pub enum BatchAction {
    /// Submit a batch and print its id
    Submit {
        /// The batch, as JSON: the body of POST /simulations/batch; - reads stdin
        file: PathBuf,
    },
    /// List batches, newest first
    List {
        /// Everybody's batches, for keys with the role admin
        #[arg(long)]
        all: bool,
        /// This user's batches, for keys with the role admin
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// The number of the page, from 1
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Show a batch
    Status(OneBatch),
    /// Follow a batch until it ends
    Watch(OneBatch),
    /// Print the results of its ended jobs, one JSON object per line
    Results(OneBatch),
    /// Delete a batch that has ended, with its jobs and their results
    Delete(OneBatch),
    /// Cancel a batch
    Cancel {
        /// The batch.
        #[command(flatten)]
        batch: OneBatch,
        /// The reason, for people
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Let its running jobs finish
        #[arg(long)]
        keep_running: bool,
    },
}

/// The commands about one batch.
#[derive(Debug, Args)]
pub struct OneBatch {
    /// The batch: batch_…
    pub id: String,
}

/// `carlo usage`
#[derive(Debug, Args)]
pub struct Usage {
    /// Past months to show, too
    #[arg(long, value_name = "MONTHS", value_parser = clap::value_parser!(u32).range(1..=24))]
    pub history: Option<u32>,
    /// What everybody has used this month, those who spent most first, for keys with the role admin
    #[arg(long, conflicts_with = "history")]
    pub all: bool,
    /// Which page of that, from 1
    #[arg(long, value_name = "N", default_value_t = 1, requires = "all",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub page: u32,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo keys`
#[derive(Debug, Args)]
pub struct Keys {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Create a key and print its secret, which is never shown again
    Create {
        /// The user of the key
        #[arg(long, value_name = "USER")]
        user: String,
        /// The tier, which limits what the user may do
        #[arg(long, value_parser = tier())]
        tier: Tier,
        /// The role of the key
        #[arg(long, default_value = "user", value_parser = role())]
        role: Role,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Days after which it is refused [default: it doesn't expire]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
        expires_in_days: Option<u32>,
    },
    /// List all keys, without their secrets
    List,
    /// Revoke keys permanently
    Revoke {
        /// The keys' ids, as listed
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Create a key like this one, print its secret, and revoke this one
    Rotate {
        /// The key's id, as listed
        id: String,
        /// Days after which the new one is refused [default: as many as this one had]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
        expires_in_days: Option<u32>,
    },
}

/// `carlo tokens`
#[derive(Debug, Args)]
pub struct Tokens {
    /// What to do.
    #[command(subcommand)]
    pub action: TokensAction,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// What to do with join tokens.
#[derive(Debug, Subcommand)]
pub enum TokensAction {
    /// Create a token and print its text, which is never shown again
    Create {
        /// A note for people
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Days until the token expires [default: it doesn't expire]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
        expires_in_days: Option<u32>,
    },
    /// List all tokens, without their texts
    List,
    /// Revoke tokens permanently; workers that have joined with them stay
    Revoke {
        /// The tokens' ids, as listed
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// `carlo tiers`
#[derive(Debug, Args)]
pub struct Tiers {
    /// What to do.
    #[command(subcommand)]
    pub action: TiersAction,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// What to do with tiers.
#[derive(Debug, Subcommand)]
pub enum TiersAction {
    /// Print the limits of all tiers and the price of a token, as JSON
    Show,
    /// Replace them for the whole cluster
    Set {
        /// The tiers, as JSON; missing members get their defaults; - reads stdin
        file: PathBuf,
    },
}

/// `carlo cluster`
#[derive(Debug, Args)]
pub struct Cluster {
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo top`
#[derive(Debug, Args)]
pub struct Top {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = interval)]
    pub interval: f64,
    /// Look once and print it
    #[arg(long)]
    pub once: bool,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

fn interval(text: &str) -> Result<f64, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3_600.0).contains(seconds));
    seconds.ok_or("expected a number from 0.1 to 3600")
}

/// `carlo probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// The URL to request
    #[arg(default_value = "http://127.0.0.1:3001/readyz")]
    pub url: String,
    /// The certificates of the authorities that signed the daemon's certificate, as PEM, for an
    /// https URL [default: the system's]
    #[arg(long, value_name = "FILE", env = "CARLO_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Print the output as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `carlo nodes`
#[derive(Debug, Args)]
pub struct Nodes {
    /// What to do with them [default: list]
    #[command(subcommand)]
    pub action: Option<NodesAction>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// What to do with nodes.
#[derive(Debug, Subcommand)]
pub enum NodesAction {
    /// List the nodes
    List,
    /// Let nodes finish their leases and give them no more, also after restarts of nodes and
    /// coordinator
    Drain {
        /// The nodes.
        #[command(flatten)]
        nodes: ManyNodes,
        /// Wait until they have no more leases
        #[arg(short, long)]
        wait: bool,
    },
    /// Let drained nodes get leases again
    Undrain(ManyNodes),
    /// Let nodes get leases again that were quarantined because they computed wrongly
    LiftQuarantine(ManyNodes),
}

/// The commands about nodes.
#[derive(Debug, Args)]
pub struct ManyNodes {
    /// The nodes: their ids, or their names if no other node has the same
    #[arg(value_name = "ID", required = true)]
    pub nodes: Vec<String>,
}

/// A job on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobName {
    /// A whole id.
    Id(JobId),
    /// The beginning of an id, as tables show it on a narrow terminal.
    Prefix(String),
}

/// The least number of digits in the beginning of an id.
const PREFIX_DIGITS_MIN: usize = 4;

impl FromStr for JobName {
    type Err = <JobId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = text.strip_suffix('…').unwrap_or(text);
        let digits = prefix.strip_prefix("job_").unwrap_or_default();
        let is_prefix =
            digits.len() >= PREFIX_DIGITS_MIN && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) if is_prefix => Ok(Self::Prefix(prefix.to_owned())),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Prefix(prefix) => f.write_str(prefix),
        }
    }
}

/// A length of time, like `12h`; days have 24 hours.
fn age(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<jiff::Span>()
        .ok()
        .and_then(|span| span.total((jiff::Unit::Second, jiff::SpanRelativeTo::days_are_24_hours())).ok());
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| "expected a time like 90m, 12h or 7d".to_owned())
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.iter().map(|role| role.label()))
        .map(|word| Role::from_label(&word).expect("the parser lets only the words of a role pass"))
}

fn tier() -> impl TypedValueParser<Value = Tier> {
    PossibleValuesParser::new(Tier::ALL.iter().map(|tier| tier.as_str()))
        .map(|word| word.parse().expect("the parser lets only the words of a tier pass"))
}

fn status() -> impl TypedValueParser<Value = JobStatus> {
    PossibleValuesParser::new(JobStatus::ALL.iter().map(|status| status.label()))
        .map(|word| JobStatus::from_label(&word).expect("the parser lets only the words of a status pass"))
}
