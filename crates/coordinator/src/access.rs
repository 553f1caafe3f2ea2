//! The initial secrets of a cluster: a key of the user `admin`, and a join token for workers. Each
//! coordinator is configured with both, usually in files that only their owner can read.
//!
//! The keys and tokens that the cluster accepts are in the ledger, as hashes. If the ledger has no
//! admin key or no valid join token, the leader adds its own, and first creates the files if they
//! don't exist. Other coordinators need no files. A coordinator whose files contain other secrets
//! than the cluster's ends with an error, unless it is configured to adopt them.

use std::io;
use std::path::{Path, PathBuf};

use carlo_service::files;
use carlo_tenancy::{Secret, Tenancy, Unauthenticated, join_tokens};
use carlo_types::Timestamp;

/// The name of the metadata with a worker's join token.
pub(crate) const JOIN_TOKEN: &str = "x-join-token";

/// Which callers and workers are admitted.
#[derive(Debug, Clone)]
pub enum Access {
    /// Every caller is admitted as the user `local`, and any worker may join. For loopback
    /// addresses only.
    Open,
    /// Callers need a key, and workers need a join token.
    Keys {
        /// A key of the user `admin`.
        admin: Credential,
        /// A join token for workers.
        join_token: Credential,
        /// Whether both are added although the cluster has other ones.
        adopts: bool,
    },
}

/// A secret in a coordinator's configuration.
#[derive(Clone)]
pub enum Credential {
    /// The secret itself.
    Text(String),
    /// A file with the secret. It need not exist.
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

/// An error in the initial secrets.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub enum AccessError {
    /// A file can't be read or created.
    #[error("failed to {doing} {}", path.display())]
    File {
        path: PathBuf,
        /// The attempted action, which continues the words "failed to".
        doing: &'static str,
        source: io::Error,
    },
    /// A file contains something else than a secret of the expected kind.
    #[error("{place} holds no {what}: {reason}")]
    Content {
        place: String,
        /// The expected kind of secret.
        what: &'static str,
        reason: String,
    },
    /// The cluster has other secrets.
    #[error(
        "{place} holds another {what} than this cluster's: remove it, or put the cluster's there, or start with \
         --adopt-secrets to have the cluster accept this one, too"
    )]
    Foreign {
        place: String,
        /// The kind of secret.
        what: &'static str,
    },
}

const ADMIN_KEY: &str = "API key";
const TOKEN: &str = "join token";

/// A coordinator's own secrets that the cluster does not accept yet and should from now on.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    pub(crate) admin: Option<Secret>,
    /// The text of a valid join token.
    pub(crate) join_token: Option<String>,
}

impl Access {
    /// An admin key and a join token in these files. A file need not exist.
    ///
    /// # Errors
    ///
    /// If a file can't be read or doesn't contain a secret of the expected kind.
    pub fn from_files(admin_key: &Path, join_token_file: &Path) -> Result<Self, AccessError> {
        let (admin, join_token) =
            (Credential::File(admin_key.to_owned()), Credential::File(join_token_file.to_owned()));
        admin.secret()?;
        join_token.token()?;
        files::check_secret(admin_key);
        files::check_secret(join_token_file);
        Ok(Self::Keys { admin, join_token, adopts: false })
    }

    /// The secrets to be added to the cluster's. Needed files that don't exist are created with
    /// random bits from `fresh`, if it is given.
    ///
    /// # Errors
    ///
    /// If the cluster has other secrets, or a file can't be used.
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
            Some(secret) => match tenancy.authenticate(&secret.reveal(), wall) {
                Err(Unauthenticated::Unknown) if is_needed => adopted.admin = Some(secret),
                Err(Unauthenticated::Unknown) => return Err(admin.foreign(ADMIN_KEY)),
                Err(refusal) => {
                    tracing::warn!(%refusal, place = admin.place(), "the configured admin key is not valid");
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
                    tracing::warn!(%refusal, place = join_token.place(), "the configured join token is not valid");
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

/// A join token made from these random bits.
pub(crate) fn token_text(bits: [u8; 32]) -> String {
    let (high, low) = bits.split_at(16);
    let number = |half: &[u8]| half.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("join_{:032x}{:032x}", number(high), number(low))
}

impl Credential {
    /// The secret without surrounding white space; `None` if the file doesn't exist.
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

    /// Creates the file atomically, readable by its owner only.
    fn make(&self, text: &str) -> Result<(), AccessError> {
        let Self::File(path) = self else { return Ok(()) };
        files::create_secret(path, text).map_err(|source| AccessError::File {
            path: path.clone(),
            doing: "make",
            source,
        })?;
        tracing::info!(path = %path.display(), "created a file with a new secret, readable by its owner only");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
