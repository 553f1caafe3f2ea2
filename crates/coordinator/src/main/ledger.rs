//! `carlo-coordinator ledger`: export and import of the ledger as one file.

use std::path::PathBuf;

use anyhow::Context as _;
use carlo_coordinator::{Data, ledger_files};
use carlo_service::arguments::{self, List};
use carlo_service::{files, stderr};
use carlo_wire::{Coordinators, Trust};
use clap::{Args, Subcommand};
use tonic::metadata::{Ascii, MetadataValue};

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
    /// Write a consistent copy of the ledger to a file with a checksum. With --coordinator it is the
    /// ledger of a running cluster. Without, a ledger in a directory must not be in use
    #[command(visible_alias = "backup")]
    Export(Export),
    /// Create a ledger from an exported file. There must not be a ledger yet
    #[command(visible_alias = "restore")]
    Import(Files),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    files: Files,
    /// The URLs of coordinators of a running cluster, whose ledger is exported
    #[arg(long, value_name = "URL[,URL]")]
    coordinator: Vec<List>,
    /// A file with an administrator's API key, for --coordinator
    #[arg(long, env = "CARLO_API_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A file with the authorities whose certificates are accepted, as PEM, instead of the system's,
    /// for --coordinator
    #[arg(long, env = "CARLO_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The file
    file: PathBuf,
    /// The directory of the ledger
    #[arg(long, env = "CARLO_DATA_DIR", value_name = "DIR", conflicts_with = "etcd")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    etcd: EtcdArguments,
}

impl Files {
    fn data(self) -> anyhow::Result<(Data, PathBuf)> {
        let data = match self.data_dir {
            Some(directory) => Data::Directory(directory),
            None if self.etcd.is_given() => self.etcd.data().context(BadArguments)?.0,
            None => {
                let missing = anyhow::anyhow!("give the ledger, with --data-dir or --etcd");
                return Err(missing.context(BadArguments));
            }
        };
        Ok((data, self.file))
    }
}

impl Export {
    /// The cluster whose ledger is wanted, and the key for it; `None` for a ledger without a
    /// coordinator.
    fn cluster(&mut self) -> anyhow::Result<Option<(Coordinators, Option<MetadataValue<Ascii>>)>> {
        let urls = arguments::items(std::mem::take(&mut self.coordinator));
        if urls.is_empty() {
            return Ok(None);
        }
        let trust = self.ca_file.as_deref().map(Trust::from_file).transpose()?.unwrap_or_default();
        let coordinators = Coordinators::trusting(&urls, trust, |endpoint| endpoint).context(BadArguments)?;
        let key = self.key_file.as_deref().map(|path| {
            let failed = || format!("failed to use the API key in {}", path.display());
            let text = files::read_text(path).with_context(failed)?;
            MetadataValue::try_from(text.trim()).with_context(failed)
        });
        Ok(Some((coordinators, key.transpose().context(BadArguments)?)))
    }
}

pub(crate) async fn run(command: LedgerCommand) -> anyhow::Result<()> {
    match command {
        LedgerCommand::Export(mut export) => {
            let path = export.files.file.clone();
            let entries = match export.cluster()? {
                Some((coordinators, key)) => {
                    ledger_files::download(&coordinators, key.as_ref(), &path).await?
                }
                None => ledger_files::export(&export.files.data()?.0, &path).await?,
            };
            stderr::say(&format!("{entries} entries are in {}", path.display()));
        }
        LedgerCommand::Import(files) => {
            let (data, file) = files.data()?;
            let (entries, origin) = ledger_files::import(&data, &file).await?;
            stderr::say(&format!("{entries} entries were imported, which {origin} exported"));
        }
    }
    Ok(())
}
