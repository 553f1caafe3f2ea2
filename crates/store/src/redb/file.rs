//! The file of a ledger: creates it so that a crash leaves a complete one or none, and refuses
//! files that are not a ledger.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use ::redb::backends::FileBackend;
use ::redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableError, TableHandle,
};
use tempfile::NamedTempFile;

use super::{ENTRIES, META, SCHEMA, SCHEMA_VERSION};
use crate::ledger::LedgerError;

/// Pages that redb caches. The coordinator keeps its state in memory and reads the ledger only when
/// it starts.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// The settings with which every database is opened.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Opens the ledger at `path`, and creates it first if nothing is there.
pub(super) fn open(path: &Path) -> Result<Database, LedgerError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let reason = "it is not a regular file".to_owned();
            return Err(LedgerError::Unreadable { path: path.to_owned(), reason });
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
        Err(source) => return Err(LedgerError::open(path, "look for the ledger", source)),
    }
    // The check reads the file once, which a starting coordinator does anyway. Without it redb
    // trusts a file that was closed properly, and panics later if the disk has damaged it.
    let database =
        builder().set_check_integrity_on_open(true).open(path).map_err(|error| explain(path, error))?;
    check_schema(path, &database)?;
    Ok(database)
}

/// Opens the ledger in `storage`, and creates it first if the storage is empty.
pub(super) fn open_over(storage: impl StorageBackend) -> Result<Database, LedgerError> {
    let path = Path::new("(not a file)");
    let is_new = storage
        .len()
        .map_err(|source| LedgerError::open(path, "look at the storage of the ledger", source))?
        == 0;
    let database = builder().create_with_backend(storage).map_err(|error| explain(path, error))?;
    if is_new {
        initialise(&database)?;
    }
    check_schema(path, &database)?;
    Ok(database)
}

/// Creates an empty ledger at `path`. It is renamed to its final name when it is complete, because
/// redb can't open a half-created file. If another process is faster, that process's file stays.
fn create(path: &Path) -> Result<(), LedgerError> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let failed = |source: io::Error| LedgerError::open(path, "make the ledger", source);

    let existing = directory.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(directory);
    create_directories(directory).map_err(failed)?;

    let unnamed = NamedTempFile::new_in(directory).map_err(failed)?;
    // A umask may have taken away what the owner needs.
    unnamed.as_file().set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    let backend =
        FileBackend::new(unnamed.reopen().map_err(failed)?).map_err(|error| explain(path, error))?;
    let database = builder().create_with_backend(backend).map_err(|error| explain(path, error))?;
    initialise(&database)?;
    database.close().map_err(|error| explain(path, error))?;
    match unnamed.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != ErrorKind::AlreadyExists => {
            return Err(failed(refused.error));
        }
        _ => {}
    }
    // A file survives a power failure only if its directory, and the directories above it, are on
    // disk too.
    for ancestor in directory.ancestors() {
        let ancestor = if ancestor == Path::new("") { Path::new(".") } else { ancestor };
        File::open(ancestor).and_then(|directory| directory.sync_all()).map_err(failed)?;
        if ancestor == existing {
            break;
        }
    }
    Ok(())
}

/// Creates missing directories, each for its owner alone whatever the umask is.
fn create_directories(directory: &Path) -> io::Result<()> {
    let missing =
        directory.ancestors().take_while(|ancestor| *ancestor != Path::new("") && !ancestor.is_dir());
    for directory in missing.collect::<Vec<_>>().into_iter().rev() {
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                made?;
                fs::set_permissions(directory, Permissions::from_mode(0o700))?;
            }
        }
    }
    Ok(())
}

/// Creates the tables in a new database.
pub(super) fn initialise(database: &Database) -> Result<(), LedgerError> {
    let make = || -> Result<(), ::redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        transaction.open_table(META)?.insert(SCHEMA, SCHEMA_VERSION)?;
        transaction.open_table(ENTRIES)?;
        Ok(transaction.commit()?)
    };
    make().map_err(|source| LedgerError::storage("make its tables", source))
}

/// Checks that the database is a ledger of a known version.
fn check_schema(path: &Path, database: &Database) -> Result<(), LedgerError> {
    let foreign = |reason: String| LedgerError::Unreadable { path: path.to_owned(), reason };
    let read = || -> Result<Option<u64>, ::redb::Error> {
        let transaction = database.begin_read()?;
        let meta = match transaction.open_table(META) {
            Err(TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. }) => return Ok(None),
            meta => meta?,
        };
        Ok(meta.get(SCHEMA)?.map(|version| version.value()))
    };
    match read().map_err(|error| foreign(error.to_string()))? {
        Some(SCHEMA_VERSION) => Ok(()),
        Some(found) if found > SCHEMA_VERSION => {
            Err(LedgerError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        Some(found) => Err(foreign(format!("it says schema version {found}, which never was"))),
        None => Err(foreign(format!("it is a redb database without our table {:?}", META.name()))),
    }
}

/// Translates redb's error for the operator.
fn explain(path: &Path, error: DatabaseError) -> LedgerError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            LedgerError::InUse { path: path.to_owned() }
        }
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
        {
            LedgerError::open(path, "open the ledger", source)
        }
        damaged => LedgerError::Unreadable { path: path.to_owned(), reason: damaged.to_string() },
    }
}
