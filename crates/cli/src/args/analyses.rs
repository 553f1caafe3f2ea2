//! The arguments of analyses of several plans, which are computed here or by a server.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use carlo_types::analysis::Variable;
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{KEY_VARIABLE, Request, Server, simulations};
use crate::sweep::Over;

/// The server of commands that by default compute on this machine.
#[derive(Debug, Args)]
pub struct Elsewhere {
    /// Use this gateway instead of this machine; `CARLO_URL` is ignored
    #[arg(long, conflicts_with = "threads")]
    pub url: Option<String>,
    /// Use the gateway of this profile instead of this machine; `CARLO_PROFILE` is ignored
    #[arg(long, value_name = "NAME", conflicts_with = "threads")]
    pub profile: Option<String>,
    /// The certificates of the authorities that signed the gateway's certificate, as PEM, for an
    /// https URL [default: the system's]
    #[arg(long, value_name = "FILE", env = "CARLO_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// The API key. A file or the environment variable is safer than the command line
    #[arg(long, env = KEY_VARIABLE, hide_env_values = true)]
    pub key: Option<String>,
    /// A file with the API key, read if no key is given otherwise
    #[arg(long, value_name = "FILE", env = "CARLO_API_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// Print the output as one JSON object
    #[arg(long)]
    pub json: bool,
}

impl Elsewhere {
    /// The server, if one was given.
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
