//! `carlo-coordinator ledger`: export and import of the ledger as one file.

use std::path::PathBuf;

use anyhow::Context as _;
use carlo_coordinator::{Data, ledger_files};
use carlo_service::telemetry;
use clap::{Args, Subcommand};

use crate::BadArguments;
use crate::etcd::EtcdArguments;

/// Commands that don't start a coordinator.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Export or import the ledger as one file: to back it up, restore it, or move it between a
    /// directory and etcd
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Write a consistent copy of the ledger to a file with a checksum. A ledger in etcd may be in
    /// use meanwhile; one in a directory may not
    #[command(visible_alias = "backup")]
    Export(Files),
    /// Create a ledger from an exported file. There must not be a ledger yet
    #[command(visible_alias = "restore")]
    Import(Files),
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The file
    file: PathBuf,
    /// The directory of the ledger
    #[arg(
        long,
        env = "CARLO_DATA_DIR",
        value_name = "DIR",
        required_unless_present = "etcd",
        conflicts_with = "etcd"
    )]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    etcd: EtcdArguments,
}

impl Files {
    fn data(self) -> anyhow::Result<(Data, PathBuf)> {
        let data = match self.data_dir {
            Some(directory) => Data::Directory(directory),
            None => self.etcd.data().context(BadArguments)?.0,
        };
        Ok((data, self.file))
    }
}

pub(crate) async fn run(command: LedgerCommand) -> anyhow::Result<()> {
    match command {
        LedgerCommand::Export(files) => {
            let (data, file) = files.data()?;
            let entries = ledger_files::export(&data, &file).await?;
            telemetry::say(&format!("{entries} entries are in {}", file.display()));
        }
        LedgerCommand::Import(files) => {
            let (data, file) = files.data()?;
            let (entries, origin) = ledger_files::import(&data, &file).await?;
            telemetry::say(&format!("{entries} entries were imported, which {origin} exported"));
        }
    }
    Ok(())
}
