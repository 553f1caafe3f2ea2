//! Export and import of a ledger as one file, for `carlo-coordinator ledger`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carlo_kernel::MODEL_VERSION;
use carlo_store::LedgerError;
use carlo_store::portable::{self, PortableError};
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::{Coordinators, status, v1};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status};

use crate::config::{Data, LEDGER_FILE};

/// The URL with which an import takes part in the election in etcd. Nobody can connect to it.
const ADDRESS: &str = "http://ledger.invalid";
/// How long an import waits to be elected.
const LEAD_MAX: Duration = Duration::from_secs(15);

/// The reason why a ledger could not be exported or imported.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub enum LedgerFileError {
    /// The export failed.
    #[error("failed to export the ledger to {}", file.display())]
    Export { file: PathBuf, source: PortableError },
    /// The import failed.
    #[error("failed to import the ledger from {}", file.display())]
    Import { file: PathBuf, source: PortableError },
    /// A coordinator uses the ledger.
    #[error("failed to export the ledger: {0}; with --coordinator a running cluster sends it")]
    Used(LedgerError),
    /// The running cluster doesn't send its ledger.
    #[error("failed to export the ledger of the running cluster: {why}")]
    Refused { why: String },
    /// There is no ledger in this directory.
    #[error("failed to export the ledger: there is none in {}", .0.display())]
    NoLedger(PathBuf),
    /// Another coordinator leads.
    #[error("failed to import the ledger: a coordinator leads there; stop all of them first")]
    InUse,
}

/// The program that writes an export, in words.
pub(crate) fn origin() -> String {
    format!("carlo-coordinator {}, model version {MODEL_VERSION}", env!("CARGO_PKG_VERSION"))
}

/// Writes a consistent copy of a ledger that no coordinator uses, or that is in etcd, to a new file
/// that only its owner can read. Returns the number of entries.
///
/// # Errors
///
/// If there is no ledger, if it is in a directory and in use by a coordinator, or if the file
/// exists or can't be written.
pub async fn export(data: &Data, file: &Path) -> Result<u64, LedgerFileError> {
    if let Data::Directory(directory) = data
        && !directory.join(LEDGER_FILE).exists()
    {
        return Err(LedgerFileError::NoLedger(directory.clone()));
    }
    let failed = |source: PortableError| LedgerFileError::Export { file: file.to_owned(), source };
    let ledger = data.open(ADDRESS).map_err(|error| match error {
        error @ LedgerError::InUse { .. } => LedgerFileError::Used(error),
        error => failed(error.into()),
    })?;
    let write = async |made: &File| {
        let contents = portable::contents(&*ledger, &origin()).await?;
        portable::write(&contents, BufWriter::new(made))?;
        Ok(())
    };
    create(file, write).await.map_err(failed)
}

/// Writes a consistent copy of the ledger of a running cluster to a new file that only its owner
/// can read. The leader of the `coordinators` sends it to administrators, whose API key is `key`.
/// Returns the number of entries.
///
/// # Errors
///
/// If no coordinator sends the ledger, or if the file exists or can't be written.
pub async fn download(
    coordinators: &Coordinators,
    key: Option<&MetadataValue<Ascii>>,
    file: &Path,
) -> Result<u64, LedgerFileError> {
    let failed = |source: PortableError| LedgerFileError::Export { file: file.to_owned(), source };
    let refused = |status: Status| LedgerFileError::Refused { why: status::to_fault(&status).message };
    let call = |channel| {
        let mut request = Request::new(v1::ExportLedgerRequest {});
        if let Some(key) = key {
            request.metadata_mut().insert("x-api-key", key.clone());
        }
        async move { ClusterClient::new(channel).export_ledger(request).await }
    };
    let mut pieces = coordinators.call(call).await.map_err(refused)?.into_inner();
    let write = async |mut made: &File| {
        while let Some(v1::ExportedLedger { piece }) = pieces.message().await.map_err(io::Error::other)? {
            made.write_all(&piece)?;
        }
        Ok(())
    };
    create(file, write).await.map_err(failed)
}

/// Creates a file, lets it be written, and reads it back to check that the export is usable.
/// Returns the number of entries.
async fn create(
    file: &Path,
    write: impl AsyncFnOnce(&File) -> Result<(), PortableError>,
) -> Result<u64, PortableError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    let exported = async {
        write(&made).await?;
        made.sync_all()?;
        let contents = portable::read(BufReader::new(File::open(file)?))?;
        Ok(contents.entries.len() as u64)
    };
    exported.await.inspect_err(|_| {
        // An incomplete file would block another attempt.
        let _ = std::fs::remove_file(file);
    })
}

/// Creates a ledger from a file. Returns the number of entries, and a description of the program
/// that wrote the file.
///
/// # Errors
///
/// If the file can't be read, is damaged or comes from a later release, or if a ledger exists
/// already.
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
