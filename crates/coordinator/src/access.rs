//! What a coordinator brings along to authenticate callers and workers: a key of the user `admin`,
//! and a token that workers join with. Both are in files that only their owner can read.
//!
//! The cluster's own keys and tokens are in the ledger, as hashes. What a coordinator brings counts
//! where the ledger has none yet: then its files are made, unless they are there. Later
//! coordinators need no files. One whose files hold other secrets than the cluster's is refused,
//! unless it is told to adopt them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use carlo_service::files;
use carlo_tenancy::{Secret, Tenancy, Unauthenticated, join_tokens};
use carlo_types::Timestamp;

/// The metadata that a worker's token comes in.
pub(crate) const JOIN_TOKEN: &str = "x-join-token";

/// Who is let in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody, as the user `local`; any worker may join. For loopback addresses only.
    Open,
    /// Whoever has a key, or for workers a join token.
    Keys {
        /// A key of the user `admin`.
        admin: Credential,
        /// What workers may join with.
        join_token: Credential,
        /// Whether both are to hold although the cluster has others.
        adopts: bool,
    },
}

/// A secret that a coordinator brings along.
#[derive(Clone)]
pub enum Credential {
    /// This text.
    Text(String),
    /// What is in this file, if there is one.
    File(PathBuf),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// Why keys and tokens can't be used.
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
    #[error("{place} holds no {what}: {reason}")]
    Content {
        /// Where.
        place: String,
        /// What should be there.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The cluster has others.
    #[error(
        "{place} holds another {what} than this cluster's: remove it, or put the cluster's there, or start with \
         --adopt-secrets to have the cluster accept this one, too"
    )]
    Foreign {
        /// Where.
        place: String,
        /// What it is.
        what: &'static str,
    },
}

const ADMIN_KEY: &str = "API key";
const TOKEN: &str = "join token";

/// What of a coordinator's own the cluster is to accept from now on.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    pub(crate) admin: Option<Secret>,
    /// The text of a token that is fit for one.
    pub(crate) join_token: Option<String>,
}

impl Access {
    /// Keys and a token in these files.
    ///
    /// # Errors
    ///
    /// When there is something else in them.
    pub fn from_files(admin_key: &Path, join_token: &Path) -> Result<Self, AccessError> {
        let (admin, join_token) =
            (Credential::File(admin_key.to_owned()), Credential::File(join_token.to_owned()));
        admin.secret()?;
        join_token.token()?;
        Ok(Self::Keys { admin, join_token, adopts: false })
    }

    /// What is to be added to a cluster's keys and tokens. Files that are needed and aren't there
    /// are made with `fresh` bits if it is given.
    ///
    /// # Errors
    ///
    /// When the cluster has other ones, or a file can't be used.
    pub(crate) fn adopt(
        &self,
        tenancy: &Tenancy,
        wall: Timestamp,
        fresh: Option<&dyn Fn() -> [u8; 32]>,
    ) -> Result<Adopted, AccessError> {
        let Self::Keys { admin, join_token, adopts } = self else { return Ok(Adopted::default()) };
        let mut adopted = Adopted::default();
        let is_needed = *adopts || !tenancy.has_admin();
        match admin.secret()? {
            Some(secret) => match tenancy.authenticate(&secret.reveal()) {
                Err(Unauthenticated::Unknown) if is_needed => adopted.admin = Some(secret),
                Err(Unauthenticated::Unknown) => return Err(admin.foreign(ADMIN_KEY)),
                Err(refusal) => {
                    tracing::warn!(%refusal, place = admin.place(), "the admin key there is of no use");
                }
                Ok(_) => {}
            },
            None => {
                if let Some(fresh) = fresh.filter(|_| is_needed) {
                    let secret = Secret::from_random(fresh());
                    admin.make(&secret.reveal())?;
                    adopted.admin = Some(secret);
                }
            }
        }
        let is_needed = *adopts || !tenancy.has_join_token(wall);
        match join_token.token()? {
            Some(text) => match tenancy.check_join_token(&text, wall) {
                Err(Unauthenticated::JoinTokenUnknown) if is_needed => adopted.join_token = Some(text),
                Err(Unauthenticated::JoinTokenUnknown) => return Err(join_token.foreign(TOKEN)),
                Err(refusal) => {
                    tracing::warn!(%refusal, place = join_token.place(), "the join token there is of no use");
                }
                Ok(()) => {}
            },
            None => {
                if let Some(fresh) = fresh.filter(|_| is_needed) {
                    let text = token_text(fresh());
                    join_token.make(&text)?;
                    adopted.join_token = Some(text);
                }
            }
        }
        Ok(adopted)
    }
}

/// The text of a join token of these bits.
pub(crate) fn token_text(bits: [u8; 32]) -> String {
    let (high, low) = bits.split_at(16);
    let number = |half: &[u8]| half.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("join_{:032x}{:032x}", number(high), number(low))
}

impl Credential {
    /// The text there, without the white space around it; `None` if there is no file.
    fn read(&self) -> Result<Option<String>, AccessError> {
        let path = match self {
            Self::Text(text) => return Ok(Some(text.clone())),
            Self::File(path) => path,
        };
        match files::read_text(path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AccessError::File { path: path.clone(), doing: "read", source }),
        }
    }

    fn secret(&self) -> Result<Option<Secret>, AccessError> {
        let parse = |text: String| text.parse::<Secret>();
        self.read()?.map(parse).transpose().map_err(|error| self.content(ADMIN_KEY, error.to_string()))
    }

    fn token(&self) -> Result<Option<String>, AccessError> {
        let Some(text) = self.read()? else { return Ok(None) };
        if join_tokens::hash(&text).is_some() {
            return Ok(Some(text));
        }
        let (least, most) = (join_tokens::TEXT_BYTES.start(), join_tokens::TEXT_BYTES.end());
        Err(self.content(TOKEN, format!("expected {least} to {most} visible ASCII characters")))
    }

    fn place(&self) -> String {
        match self {
            Self::Text(_) => "the configuration".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn content(&self, what: &'static str, reason: String) -> AccessError {
        AccessError::Content { place: self.place(), what, reason }
    }

    fn foreign(&self, what: &'static str) -> AccessError {
        AccessError::Foreign { place: self.place(), what }
    }

    /// Makes the file, either whole or not at all, for its owner alone to read.
    fn make(&self, text: &str) -> Result<(), AccessError> {
        let Self::File(path) = self else { return Ok(()) };
        make(path, text).map_err(|source| AccessError::File { path: path.clone(), doing: "make", source })?;
        tracing::info!(path = %path.display(), "made a file with a new secret, for its owner alone to read");
        Ok(())
    }
}

fn make(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    // Neither a link nor a file that somebody else has put there is written to.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests;
