//! Environment variables of all programs, from the programs' help. An empty variable counts as
//! unset,
//! switches accept several words for true and false, lists are parsed leniently, and files may
//! begin
//! with a byte order mark.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use carlo_tests::{Client, Daemon, PATIENCE, binary};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Variables that don't belong to an argument.
const FURTHER: [&str; 3] = ["CARLO_LOG", "CARLO_SIMD", "CARLO_ETCD_PASSWORD"];
/// Arguments with which a program ends soon after it has read its variables, and an address where
/// nothing listens.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A program without the variables of this test's environment.
fn program(name: &str, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(binary(name)?);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("CARLO_") {
            command.env_remove(variable);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nowhere").args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// Its exit code and its output without the times of log lines.
fn ended(command: &mut Command) -> anyhow::Result<(Option<i32>, String)> {
    let output = command.output()?;
    let text = String::from_utf8([output.stdout, output.stderr].concat())?;
    let without_time = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if time.ends_with('Z') && time.contains('T') => rest.to_owned(),
        _ => line.to_owned(),
    };
    Ok((output.status.code(), text.lines().map(without_time).collect::<Vec<_>>().join("\n")))
}

/// The help of a program and of all its commands.
fn helps(name: &str, command: &[&str]) -> anyhow::Result<Vec<String>> {
    let (_, help) = ended(&mut program(name, &[command, &["--help"]].concat())?)?;
    let mut helps = Vec::new();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in commands.take_while(|line| line.starts_with("  ")) {
        let Some(sub) = line.split_whitespace().next().filter(|_| !line.starts_with("    ")) else {
            continue;
        };
        if sub != "help" {
            helps.extend(self::helps(name, &[command, &[sub]].concat())?);
        }
    }
    helps.push(help);
    Ok(helps)
}

/// All variables in the helps, and those of switches.
fn variables(helps: &[String]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut all, mut switches) = (BTreeSet::new(), BTreeSet::new());
    for option in helps.iter().flat_map(|help| options(help)) {
        // A switch is not followed by the name of a value.
        let is_switch = !option.split("  ").next().unwrap_or_default().contains(['<', '[']);
        for rest in option.split("[env:").skip(1) {
            let is_of_name = |letter: &char| letter.is_ascii_uppercase() || *letter == '_';
            let variable: String = rest.trim_start().chars().take_while(is_of_name).collect();
            if is_switch {
                switches.insert(variable.clone());
            }
            all.insert(variable);
        }
    }
    (all, switches)
}

/// The options of a help text, each in one line with its description.
fn options(help: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for line in help.lines().map(str::trim) {
        let name = line.strip_prefix('-').map(|rest| rest.trim_start_matches('-'));
        if name.is_some_and(|name| name.starts_with(|letter: char| letter.is_ascii_alphabetic())) {
            options.push(format!("{line}  "));
        } else if let Some(option) = options.last_mut() {
            option.push_str(line);
            option.push(' ');
        }
    }
    options
}

/// The exit code and the lines with errors. Other lines contain ports and ids.
fn failed(command: &mut Command) -> anyhow::Result<(Option<i32>, Vec<String>)> {
    let (code, text) = ended(command)?;
    let is_error = |line: &&str| line.trim_start().to_lowercase().starts_with("error");
    Ok((code, text.lines().filter(is_error).map(str::to_owned).collect()))
}

/// Command lines that end soon, some of them with 2.
fn command_lines(name: &str) -> Vec<Vec<&'static str>> {
    match name {
        "carlo-coordinator" => vec![
            vec![
                "--data-dir",
                "/dev/null/data",
                "--auth",
                "off",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "off",
            ],
            vec!["--auth", "off"],
        ],
        "carlo-gateway" => vec![vec!["--coordinator", "there", "--listen", "127.0.0.1:0"], vec![]],
        "carlo-worker" => vec![vec!["--coordinator", "there", "--admin-listen", "off"], vec![]],
        _ => vec![
            vec!["jobs", "--url", NOWHERE],
            vec!["jobs", "--url", NOWHERE, "--key-file", "/nowhere/key"],
            vec!["jobs", "--profile", "none"],
            vec!["compare", "/nowhere/a.json"],
            vec!["probe", NOWHERE],
            vec!["up", "--data-dir", "/dev/null/data", "--listen", "127.0.0.1:0"],
        ],
    }
}

const PROGRAMS: [&str; 4] = ["carlo", "carlo-coordinator", "carlo-gateway", "carlo-worker"];

#[test]
fn an_empty_variable_is_not_set() -> anyhow::Result<()> {
    for name in PROGRAMS {
        let (variables, _) = variables(&helps(name, &[])?);
        assert!(variables.len() >= 5, "{name}: {variables:?}");
        for arguments in command_lines(name) {
            let without = failed(&mut program(name, &arguments)?)?;
            let mut command = program(name, &arguments)?;
            command.envs(variables.iter().map(|variable| (variable.as_str(), "")));
            command.envs(FURTHER.map(|variable| (variable, "")));
            assert_eq!(failed(&mut command)?, without, "{name} {arguments:?}");
        }
    }
    Ok(())
}

#[test]
fn a_switch_takes_words_for_true_and_false() -> anyhow::Result<()> {
    let mut tried = BTreeSet::new();
    for name in PROGRAMS {
        let (_, switches) = variables(&helps(name, &[])?);
        for arguments in command_lines(name) {
            for variable in &switches {
                let with = |word: &str| failed(program(name, &arguments)?.env(variable, word));
                if !with("perhaps")?.1.iter().any(|line| line.contains("invalid value")) {
                    // This command doesn't have the switch.
                    continue;
                }
                tried.insert((name, variable.clone()));
                let [on, off] = ["true", "false"].map(&with);
                let (on, off) = (on?, off?);
                for (words, expected) in [(["1", "yes", "on", "YES"], &on), (["0", "no", "off", "No"], &off)]
                {
                    for word in words {
                        assert_eq!(&with(word)?, expected, "{name} {variable}={word}");
                        assert!(
                            !expected.1.iter().any(|line| line.contains("invalid value")),
                            "{name} {variable}"
                        );
                    }
                }
            }
        }
    }
    let all: Vec<_> = tried.iter().map(|(name, variable)| format!("{name} {variable}")).collect();
    for expected in [
        "carlo CARLO_NO_WEB",
        "carlo-coordinator CARLO_ADOPT_SECRETS",
        "carlo-coordinator CARLO_PLAINTEXT",
        "carlo-gateway CARLO_NO_WEB",
        "carlo-gateway CARLO_PLAINTEXT",
    ] {
        assert!(all.iter().any(|one| one == expected), "{expected} is not among {all:?}");
    }
    Ok(())
}

#[test]
fn authentication_takes_the_same_words() -> anyhow::Result<()> {
    let ends = |word: &str| {
        let arguments = ["--data-dir", "/dev/null/data", "--listen", "127.0.0.1:0", "--admin-listen", "off"];
        ended(program("carlo-coordinator", &arguments)?.env("CARLO_AUTH", word))
    };
    for (words, expected) in
        [(["1", "yes", "true", "On"], ends("on")?), (["0", "no", "FALSE", "Off"], ends("off")?)]
    {
        for word in words {
            assert_eq!(ends(word)?, expected, "{word}");
        }
    }
    assert_ne!(ends("on")?, ends("off")?);
    assert_eq!(ends("perhaps")?.0, Some(2));
    Ok(())
}

#[tokio::test]
async fn lists_may_have_blanks_and_a_comma_at_their_end() -> anyhow::Result<()> {
    let other = "http://127.0.0.1:2";
    let lists = [
        ("CARLO_COORDINATOR", format!(" {NOWHERE} , {other} ,")),
        ("CARLO_CORS_ORIGIN", "https://a.example , https://b.example,".to_owned()),
    ];
    let variables: Vec<_> = lists.iter().map(|(name, list)| (*name, list.as_str())).collect();
    let gateway = Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0"], &variables).await?;
    let url = format!("http://{}", gateway.address);
    let client = Client::new(url.clone());
    // The addresses are tried in turn.
    let tries_both = async {
        loop {
            let unready = client.get("/readyz").await?.1;
            if unready.contains(NOWHERE) && unready.contains(other) {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, tries_both).await.context("both coordinators are tried")??;
    for origin in ["https://a.example", "https://b.example"] {
        let request = reqwest::Client::new().get(format!("{url}/healthz")).header("origin", origin);
        let response = request.send().await?;
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
    }
    Ok(())
}

/// Writes a file that begins with a byte order mark.
fn write(directory: &Path, name: &str, content: &str) -> anyhow::Result<String> {
    let file = directory.join(name);
    std::fs::write(&file, format!("\u{feff}{content}"))?;
    Ok(file.to_str().context("text")?.to_owned())
}

#[tokio::test]
async fn every_file_may_begin_with_a_byte_order_mark() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?.pem();

    let ca_file = write(directory, "ca.pem", &authority_certificate)?;
    let tls_cert = write(directory, "cert.pem", &certificate)?;
    let tls_key = write(directory, "key.pem", &key.serialize_pem())?;
    let secret = format!("carlo_{}", "0123456789abcdef".repeat(4));
    let admin_key = write(directory, "admin-key", &format!("{secret}\r\n"))?;
    let join_token = write(directory, "join-token", "a-token-of-16-letters-or-more\r\n")?;
    let tiers = write(directory, "tiers.json", r#"{"tiers": {"free": {"batch_size": 7}}}"#)?;
    let data = directory.join("data");
    let data = data.to_str().context("text")?;
    let arguments = [
        &["--listen", "127.0.0.1:0", "--data-dir", data, "--tls-cert", &tls_cert, "--tls-key", &tls_key][..],
        &["--admin-key-file", &admin_key, "--join-token-file", &join_token, "--tiers", &tiers],
    ];
    let coordinator = Daemon::listening("carlo-coordinator", &arguments.concat(), &[]).await?;
    let url = format!("https://{}", coordinator.address);
    let arguments = ["--listen", "127.0.0.1:0", "--coordinator", &url, "--ca-file", &ca_file];
    let gateway = Daemon::listening("carlo-gateway", &arguments, &[]).await?;
    let gateway_url = format!("http://{}", gateway.address);
    let client = Client::new(gateway_url.clone()).with_key(&secret);
    let arguments = [
        "--coordinator",
        &url,
        "--ca-file",
        &ca_file,
        "--join-token-file",
        &join_token,
        "--name",
        "bom",
        "--threads",
        "1",
    ];
    let _worker = Daemon::start("carlo-worker", &arguments, &[])?;
    client.cluster_until(|cluster| cluster.nodes.iter().any(|node| node.name == "bom")).await?;

    // The files that the command line reads: profiles, the key, a request, a batch, tiers.
    std::fs::create_dir(directory.join("carlo"))?;
    let profile =
        format!("default = \"it\"\n[profiles.it]\nurl = \"{gateway_url}\"\nkey-file = \"{admin_key}\"\n");
    write(directory, "carlo/config.toml", &profile)?;
    let request = Client::request(1_000, 1);
    let request_file = write(directory, "request.json", &request.to_string())?;
    let batch = serde_json::json!({"simulations": [request]});
    let batch = write(directory, "batch.json", &batch.to_string())?;
    for arguments in [
        &["submit", &request_file, "--wait"][..],
        &["batch", "submit", &batch],
        &["tiers", "set", &tiers],
        &["tiers", "show"],
    ] {
        let (code, text) = ended(program("carlo", arguments)?.env("XDG_CONFIG_HOME", directory))?;
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        assert!(arguments[0] != "tiers" || text.contains("\"batch_size\": 7"), "{text}");
    }
    // The bodies of calls.
    for (path, body) in [
        ("/api/simulate", request.to_string()),
        ("/api/admin/keys", r#"{"user_id": "ann", "tier": "pro"}"#.to_owned()),
    ] {
        let post = reqwest::Client::new().post(format!("{gateway_url}{path}")).header("x-api-key", &secret);
        let post = post.header("content-type", "application/json").body(format!("\u{feff}{body}"));
        let status = post.send().await?.status();
        assert!(status.is_success(), "{path}: {status}");
    }
    Ok(())
}
