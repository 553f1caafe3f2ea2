//! The arguments of the commands that only talk to a server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use carlo_rest::Label as _;
use carlo_rest::account::{Role, Tier};
use carlo_rest::job::JobStatus;
use carlo_types::JobId;
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::{KEY_VARIABLE, PROFILE_VARIABLE, Request, URL_DEFAULT, URL_VARIABLE};

/// Which server, and how its answer is printed.
#[derive(Debug, Args)]
pub struct Server {
    /// The gateway to talk to
    #[arg(long, env = URL_VARIABLE, global = true,
        help = format!("The gateway to talk to [default: the profile's, or {URL_DEFAULT}]"))]
    pub url: Option<String>,
    /// The profile of ~/.config/carlo/config.toml that names the gateway, the file with its key,
    /// and its certificates
    #[arg(long, value_name = "NAME", env = PROFILE_VARIABLE, global = true)]
    pub profile: Option<String>,
    /// Certificates of those who vouch for a gateway at an https URL, as PEM [default: the
    /// system's]
    #[arg(long, value_name = "FILE", env = "CARLO_CA_FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// The key to show it; better in a file or the variable than on the command line
    #[arg(long, env = KEY_VARIABLE, hide_env_values = true, global = true)]
    pub key: Option<String>,
    /// A file with the key, read where no key is given otherwise
    #[arg(long, value_name = "FILE", env = "CARLO_API_KEY_FILE", global = true)]
    pub key_file: Option<PathBuf>,
    /// Print the server's answer as one JSON object
    #[arg(long, global = true)]
    pub json: bool,
}

/// Which server, for commands that compute here unless told otherwise.
#[derive(Debug, Args)]
pub struct Elsewhere {
    /// Ask this gateway rather than compute here; `CARLO_URL` doesn't count
    #[arg(long, conflicts_with = "threads")]
    pub url: Option<String>,
    /// Ask the gateway of this profile rather than compute here; `CARLO_PROFILE` doesn't count
    #[arg(long, value_name = "NAME", conflicts_with = "threads")]
    pub profile: Option<String>,
    /// Certificates of those who vouch for a gateway at an https URL, as PEM [default: the
    /// system's]
    #[arg(long, value_name = "FILE", env = "CARLO_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// The key to show it; better in a file or the variable than on the command line
    #[arg(long, env = KEY_VARIABLE, hide_env_values = true)]
    pub key: Option<String>,
    /// A file with the key, read where no key is given otherwise
    #[arg(long, value_name = "FILE", env = "CARLO_API_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// Print the answer as one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Elsewhere {
    /// The server that was named, if any.
    pub fn server(&self) -> Option<Server> {
        let is_named = self.url.is_some() || self.profile.is_some();
        is_named.then(|| Server {
            url: self.url.clone(),
            profile: self.profile.clone(),
            ca_file: self.ca_file.clone(),
            key: self.key.clone(),
            key_file: self.key_file.clone(),
            json: self.json,
        })
    }
}

/// `carlo submit`
#[derive(Debug, Args)]
pub struct Submit {
    /// What to simulate.
    #[command(flatten)]
    pub request: Request,
    /// Which of one's own jobs goes first: 0 to 100, the highest first [default: the file's, or 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub priority: Option<u32>,
    /// What lists call the job, at most 128 characters [default: the file's, if any]
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Wait until the job ends, and print its answer
    #[arg(short, long)]
    pub wait: bool,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// The commands about one job or several.
#[derive(Debug, Args)]
pub struct ManyJobs {
    /// The jobs: job_…, or the beginning of an id that no other recent job has
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<JobName>,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// The commands about one job.
#[derive(Debug, Args)]
pub struct OneJob {
    /// The job: job_…, or the beginning of an id that no other recent job has
    pub id: JobName,
    /// Where.
    #[command(flatten)]
    pub server: Server,
}

/// `carlo jobs`
#[derive(Debug, Args)]
pub struct Jobs {
    /// Only jobs with this status
    #[arg(long, value_parser = status())]
    pub status: Option<JobStatus>,
    /// Which page, from 1
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
        /// The batch, as JSON: what POST /simulations/batch takes; - reads stdin
        file: PathBuf,
    },
    /// List batches, newest first
    List {
        /// Which page, from 1
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Show a batch
    Status(OneBatch),
    /// Follow a batch until it ends
    Watch(OneBatch),
    /// Print what its ended jobs found, a line of JSON each
    Results(OneBatch),
    /// Cancel a batch
    Cancel {
        /// The batch.
        #[command(flatten)]
        batch: OneBatch,
        /// Why, for people
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
    /// Make a key and print its secret, which is shown this once
    Create {
        /// Whose it is
        #[arg(long, value_name = "USER")]
        user: String,
        /// What its user may do in a month
        #[arg(long, value_parser = tier())]
        tier: Tier,
        /// What it may do
        #[arg(long, default_value = "user", value_parser = role())]
        role: Role,
    },
    /// List all keys, without their secrets
    List,
    /// Take keys back, for good
    Revoke {
        /// The keys' ids, as listed
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Make a key like this one, print its secret, and take this one back
    Rotate {
        /// The key's id, as listed
        id: String,
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
    /// Make a token and print its text, which is shown this once
    Create {
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// Days after which no worker joins with it any more [default: it doesn't expire]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
        expires_in_days: Option<u32>,
    },
    /// List all tokens, without their texts
    List,
    /// Take tokens back, for good; workers that have joined with them go on
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
    /// Print what each tier may do and what work costs, as JSON
    Show,
    /// Replace that for the whole cluster
    Set {
        /// The tiers, as JSON; what it leaves out has its default; - reads stdin
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

/// `carlo probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// What to ask
    #[arg(default_value = "http://127.0.0.1:3001/readyz")]
    pub url: String,
    /// Certificates of those who vouch for a daemon at an https URL, as PEM [default: the system's]
    #[arg(long, value_name = "FILE", env = "CARLO_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Print the answer as one JSON object
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
    /// Let nodes finish what they hold and give them nothing more, also when they or the
    /// coordinator restart
    Drain {
        /// Which.
        #[command(flatten)]
        nodes: ManyNodes,
        /// Wait until they hold nothing any more
        #[arg(short, long)]
        wait: bool,
    },
    /// Give drained nodes work again
    Undrain(ManyNodes),
}

/// The commands about nodes.
#[derive(Debug, Args)]
pub struct ManyNodes {
    /// The nodes: node_…, or their names where no other node has them
    #[arg(value_name = "ID", required = true)]
    pub nodes: Vec<String>,
}

/// A job as somebody names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobName {
    /// By its id.
    Id(JobId),
    /// By how its id begins, as tables show it on a narrow terminal.
    Prefix(String),
}

/// Digits that the beginning of an id has at least.
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
