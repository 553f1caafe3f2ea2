//! The arguments for etcd. Secrets come from files or the environment, because arguments are
//! visible in the list of processes.

use std::error::Error;
use std::path::PathBuf;
#[cfg(feature = "etcd")]
use std::sync::{Mutex, PoisonError};

use carlo_coordinator::Data;
use carlo_service::arguments::List;
use carlo_service::reload::Reloadable;
use carlo_service::tls::ClientIdentity;
#[cfg(feature = "etcd")]
use carlo_service::{files, tls};
#[cfg(feature = "etcd")]
use carlo_store::etcd::{EtcdCredentials, EtcdTls, EtcdUpdates};

/// The members of etcd, and this coordinator's credentials.
#[derive(Debug, clap::Args)]
pub(crate) struct EtcdArguments {
    /// The URLs of the members of etcd. Several coordinators can share a ledger in etcd; one of
    /// them leads.
    #[arg(long, env = "CARLO_ETCD", value_name = "URL[,URL]")]
    etcd: Vec<List>,
    /// The prefix of all of this cluster's keys in etcd.
    #[arg(long, env = "CARLO_ETCD_PREFIX", value_name = "TEXT", default_value = "carlo")]
    etcd_prefix: String,
    /// The certificates of the authority that signed etcd's certificate, as PEM, for URLs with
    /// https.
    #[arg(long, env = "CARLO_ETCD_CA", value_name = "FILE")]
    etcd_ca: Option<PathBuf>,
    /// The client certificate for etcd, as PEM.
    #[arg(long, env = "CARLO_ETCD_CERT", value_name = "FILE", requires = "etcd_key", requires = "etcd_ca")]
    etcd_cert: Option<PathBuf>,
    /// The private key of the client certificate, as PEM.
    #[arg(long, env = "CARLO_ETCD_KEY", value_name = "FILE", requires = "etcd_cert")]
    etcd_key: Option<PathBuf>,
    /// The user name for etcd. The password is in the environment variable `CARLO_ETCD_PASSWORD` or
    /// in a file.
    #[arg(long, env = "CARLO_ETCD_USER", value_name = "NAME")]
    etcd_user: Option<String>,
    /// A file with that user's password, instead of the environment variable.
    #[arg(long, env = "CARLO_ETCD_PASSWORD_FILE", value_name = "FILE", requires = "etcd_user")]
    etcd_password_file: Option<PathBuf>,
}

impl EtcdArguments {
    /// Whether the ledger is in etcd.
    pub(crate) fn is_given(&self) -> bool {
        !self.etcd.is_empty()
    }
}

#[cfg(not(feature = "etcd"))]
impl EtcdArguments {
    #[expect(clippy::unused_self, reason = "the arguments are of use where etcd is built in")]
    pub(crate) fn data(self) -> anyhow::Result<(Data, EtcdFiles)> {
        anyhow::bail!(
            "failed to use etcd: this carlo-coordinator was built without it; \
             `cargo build --release --package carlo-coordinator --features etcd` builds it in, and needs protoc"
        )
    }
}

#[cfg(feature = "etcd")]
impl EtcdArguments {
    /// The configuration, and its files, which may change.
    pub(crate) fn data(self) -> anyhow::Result<(Data, EtcdFiles)> {
        use carlo_service::arguments;
        use carlo_store::EtcdConfig;

        let identity = match (&self.etcd_cert, &self.etcd_key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity::from_files(certificate, key)?),
            _ => None,
        };
        let files = EtcdFiles {
            authority: self.etcd_ca,
            identity,
            user: self.etcd_user,
            password_file: self.etcd_password_file,
            secrets: EtcdUpdates::default(),
            last: Mutex::default(),
        };
        let contents = files.read()?;
        let (user, tls) = files.settings(&contents);
        files.remember(contents);
        let config = EtcdConfig {
            prefix: self.etcd_prefix,
            user,
            tls,
            updates: files.secrets.clone(),
            ..EtcdConfig::new(arguments::items(self.etcd))
        };
        Ok((Data::Etcd(config), files))
    }
}

/// The files with the coordinator's secrets for etcd.
#[cfg(not(feature = "etcd"))]
#[derive(Debug)]
pub(crate) struct EtcdFiles;

#[cfg(not(feature = "etcd"))]
impl EtcdFiles {
    #[expect(clippy::unused_self, reason = "it has one where etcd is built in")]
    pub(crate) fn identity(&self) -> Option<ClientIdentity> {
        None
    }
}

#[cfg(not(feature = "etcd"))]
impl Reloadable for EtcdFiles {
    fn name(&self) -> &'static str {
        "the secrets for etcd"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        Ok(false)
    }
}

/// The files with the coordinator's secrets for etcd. Each new connection uses what they contain.
#[cfg(feature = "etcd")]
#[derive(Debug)]
pub(crate) struct EtcdFiles {
    authority: Option<PathBuf>,
    identity: Option<ClientIdentity>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    secrets: EtcdUpdates,
    last: Mutex<Contents>,
}

/// What was read of the authority and the password.
#[cfg(feature = "etcd")]
#[derive(Clone, Default, PartialEq, Eq)]
struct Contents {
    authority: Option<Vec<u8>>,
    password: Option<String>,
}

/// Doesn't show the password.
#[cfg(feature = "etcd")]
impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contents")
    }
}

#[cfg(feature = "etcd")]
impl EtcdFiles {
    /// What the coordinator presents to etcd.
    pub(crate) fn identity(&self) -> Option<ClientIdentity> {
        self.identity.clone()
    }

    fn read(&self) -> anyhow::Result<Contents> {
        let authority = self.authority.as_deref().map(tls::authorities).transpose()?;
        let password = self.user.is_some().then(|| password(self.password_file.as_deref())).transpose()?;
        Ok(Contents { authority, password })
    }

    fn settings(&self, contents: &Contents) -> (Option<EtcdCredentials>, Option<EtcdTls>) {
        let user = self.user.clone().zip(contents.password.clone());
        let user = user.map(|(name, password)| EtcdCredentials { name, password });
        let identity = self.identity.as_ref().map(ClientIdentity::pem);
        let tls = contents.authority.clone().map(|authority| EtcdTls { authority, identity });
        (user, tls)
    }

    fn remember(&self, contents: Contents) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = contents;
    }
}

#[cfg(feature = "etcd")]
impl Reloadable for EtcdFiles {
    fn name(&self) -> &'static str {
        "the secrets for etcd"
    }

    fn reload(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let contents = self.read()?;
        let is_new_pair = match &self.identity {
            Some(identity) => identity.reload()?,
            None => false,
        };
        let is_new = is_new_pair || *self.last.lock().unwrap_or_else(PoisonError::into_inner) != contents;
        if is_new {
            let (user, tls) = self.settings(&contents);
            self.secrets.replace(user, tls);
            self.remember(contents);
        }
        Ok(is_new)
    }

    fn remind(&self) {
        if let Some(identity) = &self.identity {
            identity.warn();
        }
    }
}

#[cfg(feature = "etcd")]
fn password(file: Option<&std::path::Path>) -> anyhow::Result<String> {
    use anyhow::Context as _;

    let Some(file) = file else {
        let password = std::env::var("CARLO_ETCD_PASSWORD").ok().filter(|password| !password.is_empty());
        return password.context(
            "failed to read the password of etcd's user: CARLO_ETCD_PASSWORD has none, and no file was named",
        );
    };
    files::check_secret(file);
    let password = files::read_text(file).with_context(|| format!("failed to read {}", file.display()))?;
    // Editors end a file with a line break, which is not part of the password.
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    anyhow::ensure!(!password.is_empty(), "{} holds no password", file.display());
    Ok(password)
}

#[cfg(all(test, feature = "etcd"))]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_again_and_a_half_written_file_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let write_pair = || {
            let pair = rcgen::generate_simple_self_signed(["coordinator".to_owned()]).unwrap();
            std::fs::write(path("cert"), pair.cert.pem()).unwrap();
            std::fs::write(path("key"), pair.signing_key.serialize_pem()).unwrap();
            pair.cert.pem().into_bytes()
        };
        let authority = write_pair();
        std::fs::write(path("ca"), &authority).unwrap();
        std::fs::write(path("password"), "first\n").unwrap();
        let files = EtcdFiles {
            authority: Some(path("ca")),
            identity: Some(ClientIdentity::from_files(&path("cert"), &path("key")).unwrap()),
            user: Some("carlo".to_owned()),
            password_file: Some(path("password")),
            secrets: EtcdUpdates::default(),
            last: Mutex::default(),
        };
        files.remember(files.read().unwrap());
        assert!(!files.reload().unwrap(), "nothing has changed");

        std::fs::write(path("password"), "second\n").unwrap();
        assert!(files.reload().unwrap());
        let (user, tls) = files.settings(&files.last.lock().unwrap());
        assert_eq!(user.unwrap().password, "second");
        assert_eq!(tls.unwrap().identity.unwrap().0, authority);

        // The new certificate is in place, its key isn't yet.
        let old_key = std::fs::read(path("key")).unwrap();
        let new = write_pair();
        let new_key = std::fs::read(path("key")).unwrap();
        std::fs::write(path("key"), old_key).unwrap();
        files.reload().unwrap_err();
        std::fs::write(path("key"), new_key).unwrap();
        assert!(files.reload().unwrap());
        let (_, tls) = files.settings(&files.last.lock().unwrap());
        assert_eq!(tls.unwrap().identity.unwrap().0, new);

        for (file, text) in [("ca", "-----BEGIN CERTIFICATE-----\nMIIB"), ("password", "\n")] {
            let whole = std::fs::read(path(file)).unwrap();
            std::fs::write(path(file), text).unwrap();
            files.reload().unwrap_err();
            std::fs::write(path(file), whole).unwrap();
            assert!(!files.reload().unwrap());
        }
    }
}
