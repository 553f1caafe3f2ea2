//! The arguments for etcd. Secrets come from files or the environment, because arguments are
//! visible in the list of processes.

use std::path::PathBuf;

use carlo_coordinator::Data;
use carlo_service::arguments::List;

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

#[cfg(not(feature = "etcd"))]
impl EtcdArguments {
    #[expect(clippy::unused_self, reason = "the arguments are of use where etcd is built in")]
    pub(crate) fn data(self) -> anyhow::Result<Data> {
        anyhow::bail!(
            "failed to use etcd: this carlo-coordinator was built without it; \
             `cargo build --release --package carlo-coordinator --features etcd` builds it in, and needs protoc"
        )
    }
}

#[cfg(feature = "etcd")]
impl EtcdArguments {
    pub(crate) fn data(self) -> anyhow::Result<Data> {
        use carlo_service::arguments;
        use carlo_store::etcd::{EtcdConfig, EtcdCredentials, EtcdTls};

        let user = match self.etcd_user {
            Some(name) => Some(EtcdCredentials { name, password: password(self.etcd_password_file)? }),
            None => None,
        };
        let identity = match (self.etcd_cert, self.etcd_key) {
            (Some(certificate), Some(key)) => Some((read(&certificate)?, read(&key)?)),
            _ => None,
        };
        let tls = match self.etcd_ca {
            Some(authority) => Some(EtcdTls { authority: read(&authority)?, identity }),
            None => None,
        };
        Ok(Data::Etcd(EtcdConfig {
            prefix: self.etcd_prefix,
            user,
            tls,
            ..EtcdConfig::new(arguments::items(self.etcd))
        }))
    }
}

#[cfg(feature = "etcd")]
fn password(file: Option<PathBuf>) -> anyhow::Result<String> {
    use anyhow::Context as _;

    let Some(file) = file else {
        let password = std::env::var("CARLO_ETCD_PASSWORD").ok().filter(|password| !password.is_empty());
        return password.context(
            "failed to read the password of etcd's user: CARLO_ETCD_PASSWORD has none, and no file was named",
        );
    };
    let shown = file.display().to_string();
    carlo_service::files::check_secret(&file);
    let password = String::from_utf8(read(&file)?).with_context(|| format!("failed to read {shown}"))?;
    // Editors end a file with a line break, which is not part of the password.
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(feature = "etcd")]
fn read(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    use anyhow::Context as _;

    carlo_service::files::read(file).with_context(|| format!("failed to read {}", file.display()))
}
