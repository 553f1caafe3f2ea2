//! The secret that a worker joins with, and the file it comes from.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use carlo_service::files;
use carlo_service::reload::Reloadable;
use tonic::metadata::AsciiMetadataValue;

/// The secret that a worker joins with. It is never printed. Clones share it, so all of them use
/// what was read last.
#[derive(Clone)]
pub struct JoinToken(Arc<Shared>);

struct Shared {
    file: Option<PathBuf>,
    value: RwLock<AsciiMetadataValue>,
}

/// Why a file contains no usable join token.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum JoinTokenError {
    #[error("failed to read {}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{} holds no join token", .0.display())]
    NotAToken(PathBuf),
}

impl JoinToken {
    /// The token in this text; `None` unless it is visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self(Arc::new(Shared { file: None, value: RwLock::new(value(text)?) })))
    }

    /// Reads the token from a file.
    ///
    /// # Errors
    ///
    /// If the file can't be read or contains no token.
    pub fn from_file(file: &Path) -> Result<Self, JoinTokenError> {
        let value = read(file)?;
        files::check_secret(file);
        Ok(Self(Arc::new(Shared { file: Some(file.to_owned()), value: RwLock::new(value) })))
    }

    /// The value for a call's metadata.
    pub(crate) fn to_metadata(&self) -> AsciiMetadataValue {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Reloadable for JoinToken {
    fn name(&self) -> &'static str {
        "the join token"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let Some(file) = &self.0.file else { return Ok(false) };
        let new = read(file)?;
        let is_new = new != self.to_metadata();
        if is_new {
            *self.0.value.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(is_new)
    }
}

impl std::fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinToken(…)")
    }
}

fn read(file: &Path) -> Result<AsciiMetadataValue, JoinTokenError> {
    let text =
        files::read_text(file).map_err(|source| JoinTokenError::Read { file: file.to_owned(), source })?;
    value(text.trim()).ok_or_else(|| JoinTokenError::NotAToken(file.to_owned()))
}

fn value(text: &str) -> Option<AsciiMetadataValue> {
    let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = AsciiMetadataValue::try_from(text).ok().filter(|_| is_visible)?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_again_and_a_file_without_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        std::fs::write(&file, "\u{feff}first-token\r\n").unwrap();
        let token = JoinToken::from_file(&file).unwrap();
        assert_eq!(token.to_metadata(), "first-token");
        assert!(!token.reload().unwrap());
        std::fs::write(&file, "second-token\n").unwrap();
        assert!(token.reload().unwrap());
        assert_eq!(token.clone().to_metadata(), "second-token");
        std::fs::write(&file, "\n").unwrap();
        assert!(token.reload().unwrap_err().to_string().contains("holds no join token"));
        assert_eq!(token.to_metadata(), "second-token");
    }
}
