//! Files of the coordinator that may change while it runs: the tiers, and its own key and token.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use carlo_coordinator::{Access, Updates};
use carlo_service::files;
use carlo_service::reload::Reloadable;
use carlo_tenancy::Terms;

/// The file with the tiers.
#[derive(Debug)]
pub(crate) struct TiersFile {
    path: PathBuf,
    text: Mutex<String>,
    updates: Updates,
}

impl TiersFile {
    /// Reads the tiers in a file. Later changes of it become `updates`.
    pub(crate) fn read(path: &Path, updates: Updates) -> anyhow::Result<(Self, Terms)> {
        let failed = || format!("failed to use the tiers in {}", path.display());
        let text = files::read_text(path).with_context(failed)?;
        let terms = terms(&text).with_context(failed)?;
        Ok((Self { path: path.to_owned(), text: Mutex::new(text), updates }, terms))
    }
}

impl Reloadable for TiersFile {
    fn name(&self) -> &'static str {
        "the tiers"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let new = files::read_text(&self.path)?;
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if *text == new {
            return Ok(false);
        }
        self.updates.replace_terms(terms(&new)?);
        *text = new;
        Ok(true)
    }
}

fn terms(text: &str) -> anyhow::Result<Terms> {
    Terms::parse(text).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(faults.join("; "))
    })
}

/// The files with the coordinator's own admin key and join token.
pub(crate) struct SecretFiles {
    admin_key: PathBuf,
    join_token: PathBuf,
    contents: Mutex<[Option<Vec<u8>>; 2]>,
    updates: Updates,
}

impl SecretFiles {
    /// What is in them. Later changes become `updates`.
    pub(crate) fn read(
        admin_key: PathBuf,
        join_token: PathBuf,
        updates: Updates,
    ) -> anyhow::Result<(Self, Access)> {
        let access = Access::from_files(&admin_key, &join_token)?;
        let contents = Mutex::new([&admin_key, &join_token].map(|path| files::read(path).ok()));
        Ok((Self { admin_key, join_token, contents, updates }, access))
    }
}

impl Reloadable for SecretFiles {
    fn name(&self) -> &'static str {
        "the admin key and the join token"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let new = [&self.admin_key, &self.join_token].map(|path| files::read(path).ok());
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if *contents == new {
            return Ok(false);
        }
        // What is no key or token changes nothing.
        Access::from_files(&self.admin_key, &self.join_token)?;
        *contents = new;
        self.updates.check_access();
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_read_again_and_nonsense_keeps_the_old_ones() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tiers.json");
        std::fs::write(&path, r#"{"price_per_token_usd": 0.0002}"#).unwrap();
        let updates = Updates::default();
        let (file, first) = TiersFile::read(&path, updates.clone()).unwrap();
        assert!(!file.reload().unwrap());
        assert_eq!(updates.terms(), None);
        for nonsense in ["{", r#"{"price_per_token_usd": -1}"#] {
            std::fs::write(&path, nonsense).unwrap();
            file.reload().unwrap_err();
        }
        assert_eq!(updates.terms(), None);
        std::fs::write(&path, r#"{"price_per_token_usd": 0.0003}"#).unwrap();
        assert!(file.reload().unwrap());
        let second = updates.terms().unwrap();
        assert_ne!(second.price_per_token, first.price_per_token);
        assert!(!file.reload().unwrap());
    }

    #[test]
    fn another_token_is_noticed_and_what_is_none_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (key, token) = (directory.path().join("admin-key"), directory.path().join("join-token"));
        let updates = Updates::default();
        let (files, _) = SecretFiles::read(key, token.clone(), updates).unwrap();
        assert!(!files.reload().unwrap());
        std::fs::write(&token, "short").unwrap();
        files.reload().unwrap_err();
        std::fs::write(&token, "a-token-that-is-long-enough-for-anybody").unwrap();
        assert!(files.reload().unwrap());
        assert!(!files.reload().unwrap());
    }
}
