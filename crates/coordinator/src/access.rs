//! Authentication of callers and workers: whether callers need keys, and the token that workers
//! join with. The first key and the join token are in files that only their owner can read; a
//! coordinator makes them when it starts for the first time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use carlo_service::files;
use carlo_tenancy::Secret;
use carlo_types::{Fault, FaultCode};
use sha2::{Digest, Sha256};

/// The metadata that a worker's token comes in.
pub(crate) const JOIN_TOKEN: &str = "x-join-token";
/// The shortest and the longest token.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=1_024;

/// Who is let in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody, as the user `local`; any worker may join. For loopback addresses only.
    Open,
    /// Whoever has a key, or for workers the token.
    Keys {
        /// A key of the user `admin`, which is made where it doesn't exist yet.
        admin: Option<Secret>,
        /// What workers join with.
        join_token: JoinToken,
    },
}

/// Why the files of keys and tokens can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file can't be read or made.
    #[error("failed to {doing} {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was being done, to finish the words "failed to".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What is in a file isn't what should be there.
    #[error("{} holds no {what}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Access {
    /// Keys and a token from these files, which are made where there are none, with mode 0600.
    pub fn from_files(admin_key: &Path, join_token: &Path) -> Result<Self, AccessError> {
        let text = read_or_make(admin_key, || Secret::from_random(rand::random()).reveal())?;
        let admin = text.parse::<Secret>().map_err(|error| AccessError::Content {
            path: admin_key.to_owned(),
            what: "API key",
            reason: error.to_string(),
        })?;
        let draw = || format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let token = read_or_make(join_token, draw)?;
        let join_token = JoinToken::new(&token).ok_or_else(|| AccessError::Content {
            path: join_token.to_owned(),
            what: "join token",
            reason: format!(
                "expected {} to {} visible ASCII characters",
                TOKEN_BYTES.start(),
                TOKEN_BYTES.end()
            ),
        })?;
        Ok(Self::Keys { admin: Some(admin), join_token })
    }

    /// Whether a worker that shows this text as its token may join.
    pub(crate) fn admit_worker(&self, token: Option<&str>) -> Result<(), Fault> {
        let Self::Keys { join_token, .. } = self else { return Ok(()) };
        let refusal = |words| Err(Fault::new(FaultCode::Unauthenticated, words));
        match token {
            None => refusal("a worker joins this cluster with its token: start it with --join-token-file"),
            Some(token) if join_token.is(token) => Ok(()),
            Some(_) => refusal("the worker's join token is not this cluster's"),
        }
    }
}

/// What workers join with; only its SHA-256 is kept.
#[derive(Debug, Clone)]
pub struct JoinToken([u8; 32]);

impl JoinToken {
    /// The token of this text, unless it is too short to be one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = TOKEN_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// Whether it is of this text. Takes as long wherever they differ.
    fn is(&self, text: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        self.0.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }
}

/// The text in a file, without the white space around it; a file that isn't there is made with a
/// `fresh` one.
fn read_or_make(path: &Path, fresh: impl FnOnce() -> String) -> Result<String, AccessError> {
    let failed = |doing| move |source| AccessError::File { path: path.to_owned(), doing, source };
    match files::read_text(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = fresh();
            make(path, &text).map_err(failed("make"))?;
            tracing::info!(path = %path.display(), "made a file with a new secret, for its owner alone to read");
            Ok(text)
        }
        Err(error) => Err(failed("read")(error)),
    }
}

/// Makes a file that is either whole or not there.
fn make(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    let mut file: File =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_made_once_for_their_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (admin, token) = (directory.path().join("keys/admin-key"), directory.path().join("join-token"));
        let Access::Keys { admin: Some(first), .. } = Access::from_files(&admin, &token).unwrap() else {
            panic!("files mean keys")
        };
        for path in [&admin, &token] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let access = Access::from_files(&admin, &token).unwrap();
        assert!(matches!(&access, Access::Keys { admin: Some(second), .. } if *second == first));

        let text = fs::read_to_string(&token).unwrap();
        access.admit_worker(Some(text.trim())).unwrap();
        for wrong in [None, Some(""), Some("0123456789abcdef"), Some(&text.trim()[1..])] {
            assert_eq!(access.admit_worker(wrong).unwrap_err().code, FaultCode::Unauthenticated);
        }
        Access::Open.admit_worker(None).unwrap();
    }

    #[test]
    fn a_file_with_something_else_is_refused_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let (admin, token) = (directory.path().join("admin-key"), directory.path().join("join-token"));
        fs::write(&admin, "hunter2").unwrap();
        let error = Access::from_files(&admin, &token).unwrap_err().to_string();
        assert!(error.contains("admin-key holds no API key") && !error.contains("hunter2"), "{error}");
        fs::remove_file(&admin).unwrap();
        fs::write(&token, "short").unwrap();
        let error = Access::from_files(&admin, &token).unwrap_err().to_string();
        assert!(error.contains("join-token holds no join token"), "{error}");
    }
}
