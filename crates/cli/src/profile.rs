//! Profiles: named servers in `~/.config/carlo/config.toml`.
//!
//! ```toml
//! default = "office"              # used without --profile and --url
//!
//! [profiles.office]
//! url = "https://carlo.example:3001"
//! key-file = "office-key"         # paths are relative to the directory of this file
//! ca-file = "office-ca.pem"
//! ```
//!
//! The command line and the environment take precedence over a profile. With a URL but no
//! `--profile`, no profile is used, so that the key of one server is never sent to another.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use carlo_service::files;
use serde::Deserialize;

use crate::args::{Server, URL_DEFAULT};
use crate::exit::BadArgument;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    default: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Profile {
    url: Option<String>,
    key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

/// A server with the options for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Target {
    /// The gateway's URL.
    pub url: String,
    /// The file with the certificates of trusted authorities.
    pub ca_file: Option<PathBuf>,
    pub key: Option<String>,
    /// The file with the key, which is read if `key` is `None`.
    pub key_file: Option<PathBuf>,
}

/// The server that the options select.
///
/// # Errors
///
/// If the file of profiles can't be read, or has no such profile.
pub fn target(server: &Server) -> Result<Target, BadArgument> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    resolve(server, file(variable).as_deref())
}

/// The user's file, according to the XDG base directory specification.
fn file(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // According to the specification, relative paths are ignored.
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    let directory = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(directory.join("carlo/config.toml"))
}

fn resolve(server: &Server, file: Option<&Path>) -> Result<Target, BadArgument> {
    let profile = match (&server.profile, &server.url) {
        (None, Some(_)) => Profile::default(),
        (named, _) => profile(named.as_deref(), file)?,
    };
    Ok(Target {
        url: server.url.clone().or(profile.url).unwrap_or_else(|| URL_DEFAULT.to_owned()),
        ca_file: server.ca_file.clone().or(profile.ca_file),
        key: server.key.clone(),
        key_file: server.key_file.clone().or(profile.key_file),
    })
}

/// The profile with this name, or the default one.
fn profile(named: Option<&str>, file: Option<&Path>) -> Result<Profile, BadArgument> {
    let Some(file) = file else {
        return named.map_or(Ok(Profile::default()), |_| {
            Err(BadArgument("failed to find the profiles: HOME is not set".to_owned()))
        });
    };
    let failed = |why: &str| BadArgument(format!("failed to read {}: {why}", file.display()));
    let mut config: Config = match files::read_text(file) {
        Ok(text) => toml::from_str(&text).map_err(|error| failed(error.to_string().trim_end()))?,
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(Profile::default()),
        Err(error) => return Err(failed(&error.to_string())),
    };
    let Some(name) = named.map(str::to_owned).or(config.default) else { return Ok(Profile::default()) };
    let Some(profile) = config.profiles.remove(&name) else {
        let others: Vec<_> = config.profiles.keys().map(String::as_str).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        return Err(failed(&format!("it has no profile {name}; it has {others}")));
    };
    let directory = file.parent().unwrap_or(Path::new(""));
    let beside = |path: PathBuf| directory.join(path);
    Ok(Profile {
        url: profile.url,
        key_file: profile.key_file.map(beside),
        ca_file: profile.ca_file.map(beside),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        default = "home"
        [profiles.home]
        url = "http://home:3001"
        [profiles.office]
        url = "https://office:3001"
        key-file = "key"
        ca-file = "/etc/ca.pem"
    "#;

    fn server(url: Option<&str>, profile: Option<&str>) -> Server {
        let (url, profile) = (url.map(str::to_owned), profile.map(str::to_owned));
        Server { url, profile, ca_file: None, key: None, key_file: None, json: false }
    }

    fn asked(text: &str, server: &Server) -> Result<Target, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        std::fs::write(&file, text).unwrap();
        let relative = |path: PathBuf| path.strip_prefix(directory.path()).map(PathBuf::from).unwrap_or(path);
        resolve(server, Some(&file))
            .map(|target| Target { key_file: target.key_file.map(relative), ..target })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_profile_says_what_nobody_else_says() {
        let home = asked(TEXT, &server(None, None)).unwrap();
        assert_eq!((home.url.as_str(), home.key_file), ("http://home:3001", None));
        let office = asked(TEXT, &server(None, Some("office"))).unwrap();
        assert_eq!(office.url, "https://office:3001");
        assert_eq!((office.key_file, office.ca_file), (Some("key".into()), Some("/etc/ca.pem".into())));
        let own = Server { key_file: Some("mine".into()), ..server(Some("http://x"), Some("office")) };
        let own = asked(TEXT, &own).unwrap();
        assert_eq!((own.url.as_str(), own.key_file), ("http://x", Some("mine".into())));
        assert_eq!(asked("", &server(None, None)).unwrap().url, URL_DEFAULT);
    }

    #[test]
    fn the_key_of_one_server_is_not_shown_to_another() {
        let text = TEXT.replace("\"home\"", "\"office\"");
        let target = asked(&text, &server(Some("http://elsewhere"), None)).unwrap();
        assert_eq!((target.url.as_str(), target.key_file, target.ca_file), ("http://elsewhere", None, None));
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said() {
        let error = asked(TEXT, &server(None, Some("attic"))).unwrap_err();
        assert!(error.ends_with("it has no profile attic; it has home, office"), "{error}");
        let error = asked("[profiles.a]\nurk = 1", &server(None, Some("a"))).unwrap_err();
        assert!(error.contains("unknown field `urk`") && error.contains("line 2"), "{error}");
        let missing = resolve(&server(None, Some("a")), Some(Path::new("/nowhere/config.toml"))).unwrap_err();
        assert!(missing.to_string().starts_with("failed to read /nowhere/config.toml: "), "{missing}");
        assert_eq!(resolve(&server(None, None), Some(Path::new("/nowhere/c"))).unwrap().url, URL_DEFAULT);
        assert!(resolve(&server(None, Some("a")), None).is_err());
    }

    #[test]
    fn the_file_is_where_the_user_keeps_configuration() {
        let at = |variables: &[(&str, &str)]| {
            file(|name| Some(variables.iter().find(|(named, _)| *named == name)?.1.into()))
        };
        let home = ("HOME", "/home/u");
        assert_eq!(at(&[("XDG_CONFIG_HOME", "/c"), home]), Some("/c/carlo/config.toml".into()));
        assert_eq!(at(&[("XDG_CONFIG_HOME", "c"), home]), Some("/home/u/.config/carlo/config.toml".into()));
        assert_eq!(at(&[]), None);
    }
}
