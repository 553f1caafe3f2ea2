//! Files that people write and secrets that only their owner may read.
//!
//! A file is read only if it is a regular one of a sensible size: a named pipe would block a start,
//! and a device might never end.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Some editors put this at the start of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The longest file that is read. All certificates of a system have a quarter of it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The bytes without a UTF-8 byte order mark at their start.
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// A file's bytes without a byte order mark.
///
/// # Errors
///
/// If the file can't be read, is not a regular file, or has more than a mebibyte.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let refused = |words: String| io::Error::new(ErrorKind::InvalidInput, words);
    // Opening a pipe without this flag waits until somebody writes to it.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(refused("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(without_byte_order_mark(&bytes).to_vec())
}

/// A file's text without a byte order mark.
///
/// # Errors
///
/// As [`read`], and if it isn't UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// Why others may know a secret in a file, or change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// The file belongs to another user.
    Owner {
        /// That user.
        uid: u32,
    },
    /// Other users may read or write the file.
    Mode {
        /// The permissions.
        mode: u32,
    },
}

impl Exposure {
    /// The superuser may own a secret, and then let the group of the process read it. That is how
    /// services get their keys.
    fn of(owner: u32, mode: u32, own: u32) -> Option<Self> {
        let others = if owner == 0 && own != 0 { 0o037 } else { 0o077 };
        if owner != own && owner != 0 {
            Some(Self::Owner { uid: owner })
        } else if mode & others != 0 {
            Some(Self::Mode { mode: mode & 0o7777 })
        } else {
            None
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner { uid } => write!(f, "belongs to another user (id {uid})"),
            Self::Mode { mode } => {
                write!(f, "is open to other users (mode {mode:04o}): `chmod go=` closes it")
            }
        }
    }
}

/// Creates a file with a secret, complete or not at all, that only its owner may read. Missing
/// directories are created for their owner alone, too. A file or link at `path` is replaced.
///
/// # Errors
///
/// If the file can't be created.
pub fn create_secret(path: &Path, text: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    create_private_directory(directory)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    // Neither a link nor a file that somebody else has put there is written to.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    // A umask may have taken away more.
    file.set_permissions(Permissions::from_mode(0o600))?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()
}

/// Creates a directory and the missing ones above it, each with mode 0700 whatever the umask is.
/// Returns whether there was none before.
///
/// # Errors
///
/// If a directory can't be created.
pub fn create_private_directory(directory: &Path) -> io::Result<bool> {
    if directory.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = directory.parent().filter(|parent| *parent != Path::new("")) {
        create_private_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(false),
        made => {
            made?;
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
            Ok(true)
        }
    }
}

/// Why others may know or change what is at this path; `None` also if nothing is there.
pub fn exposure(path: &Path) -> Option<Exposure> {
    let metadata = fs::metadata(path).ok()?;
    Exposure::of(metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())
}

/// Logs a warning if others may know the secret in this file.
pub fn check_secret(path: &Path) {
    if let Some(exposure) = exposure(path) {
        tracing::warn!(path = %path.display(), "the file holds a secret and {exposure}");
    }
}

/// Logs a warning if others may read or change what is in this directory.
pub fn check_private_directory(directory: &Path) {
    if let Some(exposure) = exposure(directory) {
        tracing::warn!(path = %directory.display(), "the directory holds secrets and {exposure}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        assert_eq!(without_byte_order_mark("\u{feff}{}".as_bytes()), b"{}");
        assert_eq!(without_byte_order_mark(b"{}"), b"{}");
    }

    #[test]
    fn only_regular_files_of_a_sensible_size_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for path in [pipe.as_path(), directory.path(), Path::new("/dev/zero")] {
            let error = read(path).unwrap_err();
            assert!(error.to_string().contains("not a regular file"), "{}: {error}", path.display());
        }
        let large = directory.path().join("large");
        fs::write(&large, vec![b' '; 1024 * 1024]).unwrap();
        assert_eq!(read(&large).unwrap().len(), 1024 * 1024);
        fs::write(&large, vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(read(&large).unwrap_err().to_string().contains("more than 1048576 bytes"));
    }

    #[test]
    fn who_else_may_know_a_secret_is_noticed() {
        let of = Exposure::of;
        for (owner, mode, own) in [(0, 0o600, 0), (7, 0o400, 7), (0, 0o440, 7), (0, 0o640, 7)] {
            assert_eq!(of(owner, mode, own), None, "{owner} {mode:o} {own}");
        }
        assert_eq!(of(8, 0o600, 7), Some(Exposure::Owner { uid: 8 }));
        for (owner, mode, own) in [(0, 0o640, 0), (7, 0o604, 7), (7, 0o620, 7), (0, 0o644, 7), (0, 0o660, 7)]
        {
            assert_eq!(of(owner, mode, own), Some(Exposure::Mode { mode }), "{owner} {mode:o} {own}");
        }
        assert!(Exposure::Mode { mode: 0o644 }.to_string().contains("mode 0644"));
    }

    #[test]
    fn a_secret_is_its_owners_and_a_planted_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        for planted in ["keys/token.new", "keys/token"] {
            let secret = directory.path().join("keys/token");
            create_private_directory(secret.parent().unwrap()).unwrap();
            let _ = fs::remove_file(directory.path().join(planted));
            std::os::unix::fs::symlink(&victim, directory.path().join(planted)).unwrap();
            create_secret(&secret, "text").unwrap();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
            assert_eq!(fs::read_to_string(&secret).unwrap(), "text\n");
            let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
            assert_eq!((mode(&secret), mode(secret.parent().unwrap())), (0o600, 0o700));
            assert!(fs::symlink_metadata(&secret).unwrap().is_file());
        }
    }
}
