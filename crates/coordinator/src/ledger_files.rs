//! The ledger as one file, written and read beside a coordinator rather than by one:
//! `carlo-coordinator ledger`.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carlo_kernel::MODEL_VERSION;
use carlo_store::portable::{self, PortableError};

use crate::config::{Data, LEDGER_FILE};

/// Who these calls are where coordinators of one etcd know each other by address. Nobody ever asks
/// it.
const ADDRESS: &str = "http://ledger.invalid";
/// How long an import waits until nobody else leads.
const LEAD_MAX: Duration = Duration::from_secs(15);

/// Why a ledger wasn't exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// The export failed.
    #[error("failed to export the ledger to {}", file.display())]
    Export {
        /// To where.
        file: PathBuf,
        /// Why.
        source: PortableError,
    },
    /// The import failed.
    #[error("failed to import the ledger from {}", file.display())]
    Import {
        /// From where.
        file: PathBuf,
        /// Why.
        source: PortableError,
    },
    /// There is nothing to export.
    #[error("failed to export the ledger: there is none in {}", .0.display())]
    NoLedger(PathBuf),
    /// Another coordinator leads.
    #[error("failed to import the ledger: a coordinator leads there; stop all of them first")]
    InUse,
}

/// Writes the ledger, as of one moment, to a file that doesn't exist yet and that its owner alone
/// can read. How many entries it has.
///
/// # Errors
///
/// When there is no ledger, or it is in a directory and a coordinator runs on it, or the file
/// exists or can't be written.
pub async fn export(data: &Data, file: &Path) -> Result<u64, LedgerFileError> {
    if let Data::Directory(directory) = data
        && !directory.join(LEDGER_FILE).exists()
    {
        return Err(LedgerFileError::NoLedger(directory.clone()));
    }
    let failed = |source: PortableError| LedgerFileError::Export { file: file.to_owned(), source };
    let ledger = data.open(ADDRESS).map_err(|error| failed(error.into()))?;
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    let made = made.map_err(|error| failed(error.into()))?;
    let origin = format!("carlo-coordinator {}, model version {MODEL_VERSION}", env!("CARGO_PKG_VERSION"));
    let exported = async {
        let entries = portable::export(&*ledger, &origin, BufWriter::new(&made)).await?;
        made.sync_all()?;
        // A backup that can't be read is none.
        portable::read(BufReader::new(File::open(file)?))?;
        Ok(entries)
    };
    exported.await.map_err(|error| {
        // Half a file would only be in the way.
        let _ = std::fs::remove_file(file);
        failed(error)
    })
}

/// Makes a ledger of what a file holds, where there is none yet. How many entries it has, and who
/// wrote the file.
///
/// # Errors
///
/// When the file can't be read, is damaged or of a later release, or there is a ledger already.
pub async fn import(data: &Data, file: &Path) -> Result<(u64, String), LedgerFileError> {
    let failed = |source: PortableError| LedgerFileError::Import { file: file.to_owned(), source };
    let opened = File::open(file).map_err(|error| failed(error.into()))?;
    // The whole file is checked before anything is written.
    let contents = portable::read(BufReader::new(opened)).map_err(failed)?;
    let (entries, origin) = (contents.entries.len() as u64, contents.origin.clone());
    let ledger = data.open(ADDRESS).map_err(|error| failed(error.into()))?;
    let imported = tokio::time::timeout(LEAD_MAX, portable::import_into(&*ledger, contents));
    match imported.await {
        Ok(imported) => imported.map_err(failed)?,
        Err(_) => return Err(LedgerFileError::InUse),
    }
    Ok((entries, origin))
}
