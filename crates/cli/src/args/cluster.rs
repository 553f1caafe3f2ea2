//! The commands that run a cluster or use a server.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    Audit, Batch, Cluster, Compare, Jobs, Keys, ManyJobs, Nodes, OneJob, Probe, Replay, Report, Reprioritize,
    Samples, Solve, Submit, Sweep, Tiers, Tokens, Top, Usage, WebhookReach, Webhooks,
};

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

/// What `carlo --help` says after its commands.
pub(super) const AFTER_HELP: &str = "\
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

Errors go to stderr. CARLO_LOG=info (or debug, carlo_schedule=debug, …) logs what the daemons of up do.";

/// What to do with a cluster or a server.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
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

#[cfg(test)]
mod tests {
    use carlo_rest::job::JobStatus;
    use clap::Parser as _;

    use super::*;
    use crate::args::{Arguments, Command};

    #[test]
    fn a_status_is_one_of_the_contracts_words() {
        let parse = |word| Arguments::try_parse_from(["carlo", "jobs", "--status", word]);
        let Command::WithCluster(command) = parse("cancelled").unwrap().command else { panic!("no cluster") };
        let ClusterCommand::Jobs(jobs) = *command else { panic!("another command") };
        assert_eq!(jobs.status, Some(JobStatus::Cancelled));
        assert!(parse("done").unwrap_err().to_string().contains("possible values: queued, running"));
    }

    #[test]
    fn an_id_is_checked_before_it_becomes_part_of_a_url() {
        let error = Arguments::try_parse_from(["carlo", "cancel", "../jobs"]).unwrap_err().to_string();
        assert!(error.contains("is not a job id"), "{error}");
    }
}
