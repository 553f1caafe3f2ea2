//! The output of every command: input of users is escaped on terminals, and tables, bars and
//! progress
//! fit the terminal's width. The list of commands comes from the command line itself, so that none
//! is
//! forgotten.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use carlo_cli::args::Arguments;
use clap::CommandFactory as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr as _;

use crate::fake::{Fake, JOB};
use crate::{carlo, outcome};

/// A text with all characters that a terminal would obey or hide.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\u{7}\r\u{202e}\u{85}\u{2028}y";
/// Parts of its escaped forms in text and in JSON.
const SHOWN: [&str; 2] = [r"\u{9b}31m", r"\u009b31m"];
/// The members of responses with input of users, workers or administrators.
const SENT: [&str; 19] = [
    "name",
    "hostname",
    "goalText",
    "custom_id",
    "cancel_reason",
    "error",
    "error_message",
    "waitingFor",
    "user_id",
    "owner_id",
    "note",
    "quota_exceeded_reason",
    "detail",
    "message",
    "pointer",
    "warning",
    "object",
    "outcome",
    "disabledReason",
];
/// Commands that print no data of a server or a user, but scripts, manuals, numbers, or their own
/// arguments.
const EXEMPT: [&str; 4] = ["completions", "man", "samples", "up"];

/// The value with hostile texts in all members that have input.
fn hostile(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let value = match name.as_str() {
                    name if SENT.contains(&name) => HOSTILE.into(),
                    "metadata" => json!({HOSTILE: HOSTILE}),
                    "warnings" => json!([HOSTILE]),
                    _ => hostile(value),
                };
                (name.clone(), value)
            })
            .collect(),
        Value::Array(entries) => entries.iter().map(hostile).collect(),
        other => other.clone(),
    }
}

/// The contract's example of the response with this name, with hostile texts.
fn example(name: &str) -> Value {
    let text = include_str!("../../../gateway/src/openapi/examples.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let mut example = hostile(&all[name]);
    if name == "Job" {
        example["name"] = HOSTILE.into();
        example["results"]["warnings"] = json!([HOSTILE]);
        example["results"]["assumptions"]["goal"]["goalText"] = HOSTILE.into();
    }
    if name == "JobList" {
        example["jobs"][0]["name"] = HOSTILE.into();
    }
    example
}

fn with(mut value: Value, members: &Value) -> Value {
    value.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    value
}

/// A command, the server's responses, and whether the text and the JSON contain input.
struct Case {
    args: Vec<String>,
    answers: Vec<(u16, Value)>,
    shows: [bool; 2],
}

fn case(args: &str, answers: Vec<(u16, Value)>, shows: [bool; 2]) -> Case {
    Case { args: args.split(' ').map(str::to_owned).collect(), answers, shows }
}

/// The files that commands read, with hostile names if the system allows them.
struct Files {
    request: String,
    answer: String,
    batch: String,
    tiers: String,
    _directory: TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &Value| {
            let path = directory.path().join(name);
            std::fs::write(&path, content.to_string()).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let name = HOSTILE.replace(['/', ' '], "");
        let mut request: Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../deploy/examples/house_deposit.json"
        )))
        .unwrap();
        request["goal"]["goalText"] = HOSTILE.into();
        request["simulationParams"]["nSimulations"] = 1_000.into();
        let request = write(&format!("{name}.json"), &request);
        let run = carlo(&["run", &request, "--json"]).output().unwrap();
        let mut answer: Value = serde_json::from_slice(&run.stdout).unwrap();
        // Changed results give the longest output.
        answer["results"]["mean"] = json!(1.0);
        Self {
            request,
            answer: write(&format!("{name}-answer.json"), &answer),
            batch: write("batch.json", &json!({"simulations": [{}]})),
            tiers: write("tiers.json", &json!({})),
            _directory: directory,
        }
    }

    /// Every command that is not exempt, with its arguments.
    fn cases(&self) -> Vec<Case> {
        let Self { request, answer, batch, tiers, .. } = self;
        let ok = |name: &str| (200, example(name));
        let job = |members: &Value| (200, with(example("Job"), members));
        let running = json!({
            "status": "running", "progress": 43.2, "waitingFor": HOSTILE, "results": null, "simulationsComplete": 432_000_000,
            "simulationsTotal": 1_000_000_000, "estimatedTimeRemaining": "2 h 12 min", "completedAt": null,
            "partialResults": {"successProbability": 0.631, "confidenceInterval95": [0.63, 0.632], "standardError": 0.0005,
                "medianOutcome": 71_234.0, "simulations": 432_000_000},
            "nodeProgress": {"node_870baedad1da48b885855cadd4220574": {
                "progress": 43.2, "simulations": 432_000_000, "simulationsPerSecond": 35_200_000.0, "state": "working"}},
        });
        let queued = json!({"status": "queued", "waitingFor": HOSTILE, "queuePosition": 3, "results": null});
        let failed = json!({"status": "failed", "error": HOSTILE, "results": null});
        let refused = || (422, example("Problem"));
        let without_webhook = || (404, with(example("Problem"), &json!({"status": 404})));
        let local = |args: &str, shows| {
            let mut case = case(args, vec![], shows);
            case.args.iter_mut().filter(|arg| *arg == "REQUEST").for_each(|arg| arg.clone_from(request));
            case.args.iter_mut().filter(|arg| *arg == "ANSWER").for_each(|arg| arg.clone_from(answer));
            case
        };
        let (both, none) = ([true; 2], [false; 2]);
        vec![
            local("run REQUEST", both),
            local("compare REQUEST REQUEST", [true, false]),
            local("solve REQUEST --for maxSpending", none),
            local("sweep REQUEST --over /financialProfile/monthlySpending=3000,3200,3400", [false, true]),
            local("verify ANSWER", none),
            Case { answers: vec![refused()], ..local("submit REQUEST", both) },
            case(&format!("status {JOB}"), vec![job(&json!({}))], both),
            case(&format!("status {JOB}"), vec![job(&running)], both),
            case(&format!("status {JOB}"), vec![job(&failed)], both),
            case(&format!("watch {JOB}"), vec![job(&running), job(&json!({}))], both),
            case(&format!("watch {JOB}"), vec![job(&failed)], both),
            case(&format!("cancel {JOB}"), vec![ok("Cancelled")], both),
            case(&format!("reprioritize {JOB} --priority 60"), vec![job(&queued)], [false, true]),
            case(&format!("delete {JOB}"), vec![ok("Cancelled")], both),
            case(&format!("explain {JOB}"), vec![job(&queued), ok("Cluster")], both),
            case(&format!("replay {JOB} 0"), vec![ok("Replay")], none),
            case(&format!("replay {JOB} 0"), vec![refused()], both),
            case(&format!("report {JOB}"), vec![(200, HOSTILE.into())], both),
            case("jobs", vec![ok("JobList")], both),
            case("cluster", vec![ok("Cluster")], both),
            case("top --once", vec![ok("Cluster")], [false, true]),
            case(&format!("batch submit {batch}"), vec![ok("Batch")], [false, true]),
            case("batch list", vec![ok("BatchList")], [false, true]),
            case("batch status batch_7", vec![ok("Batch")], both),
            case("batch watch batch_7", vec![ok("Batch")], both),
            case("batch results batch_7", vec![ok("Simulation")], [false, true]),
            case("batch cancel batch_7", vec![ok("Batch")], both),
            case("batch delete batch_7", vec![ok("Cancelled")], both),
            case("usage", vec![ok("Usage")], both),
            case("usage --all", vec![ok("UserUsage")], both),
            case("audit", vec![ok("AuditRecords")], both),
            case("usage --history 3", vec![ok("UsageHistory")], both),
            case("keys create --user ann --tier pro", vec![ok("CreatedKey")], both),
            case("keys list", vec![ok("KeyList")], both),
            case("keys revoke key_2f6b", vec![ok("Key")], both),
            case(
                "keys rotate key_2f6b",
                vec![ok("KeyList"), ok("CreatedKey"), without_webhook(), ok("Key")],
                both,
            ),
            case("tokens create --note n", vec![ok("CreatedJoinToken")], [false, true]),
            case("tokens list", vec![ok("JoinTokenList")], both),
            case("tokens revoke token_2f6b", vec![ok("JoinToken")], [false, true]),
            case("tokens revoke token_2f6b", vec![refused()], both),
            case("tiers show", vec![ok("Tiers")], none),
            case(&format!("tiers set {tiers}"), vec![refused()], both),
            case("webhooks list", vec![ok("WebhookList")], both),
            case("webhooks deliveries --state pending", vec![ok("DeliveryList")], both),
            case("webhooks retry msg_1", vec![ok("Delivery")], [false, true]),
            case("webhooks enable hook_1", vec![ok("WebhookState")], [false, true]),
            case("webhooks delete hook_1", vec![ok("Cancelled")], both),
            case(
                "webhooks set-default https://example.org --event job.failed",
                vec![ok("DefaultWebhook")],
                none,
            ),
            case("webhooks show-default", vec![refused()], both),
            case("webhooks clear-default --of key_2f6b", vec![ok("Cancelled")], both),
            case("nodes list", vec![ok("Cluster")], both),
            case("nodes drain node_870baedad1da48b885855cadd4220574", vec![ok("Node")], both),
            case("nodes undrain node_870baedad1da48b885855cadd4220574", vec![ok("Node")], both),
            case("nodes lift-quarantine node_870baedad1da48b885855cadd4220574", vec![ok("Node")], both),
            case("probe", vec![refused()], both),
        ]
    }
}

/// All commands without subcommands, with their full names.
fn commands(command: &clap::Command, prefix: &str) -> BTreeSet<String> {
    let subcommands = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    let below: BTreeSet<String> =
        subcommands.flat_map(|sub| commands(sub, &format!("{prefix} {}", sub.get_name()))).collect();
    if below.is_empty() { BTreeSet::from([prefix.trim().to_owned()]) } else { below }
}

/// The command of a case, with a fake server.
fn command_line(case: &Case, fake: &Fake) -> Vec<String> {
    let mut args = case.args.clone();
    match args[0].as_str() {
        "run" | "compare" | "solve" | "sweep" | "verify" => {}
        "probe" => args.push(format!("{}/readyz", fake.url)),
        _ => args.extend(["--url".to_owned(), fake.url.clone()]),
    }
    args
}

fn fake(case: &Case) -> Fake {
    let answers = case.answers.clone();
    Fake::new(if answers.is_empty() { vec![(404, json!({}))] } else { answers })
}

fn is_harmless(letter: char) -> bool {
    letter == '\n'
        || !letter.is_control()
            && !matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[test]
fn nothing_that_somebody_sent_reaches_a_terminal_raw() {
    let files = Files::new();
    let cases = files.cases();
    let known: BTreeSet<String> = commands(&Arguments::command(), "");
    for command in &known {
        let is_tried =
            cases.iter().any(|case| format!("{} ", case.args.join(" ")).starts_with(&format!("{command} ")));
        assert!(is_tried || EXEMPT.contains(&command.as_str()), "`carlo {command}` is not in the table");
    }
    for case in &cases {
        for (json, shown) in [(false, SHOWN[0]), (true, SHOWN[1])] {
            let fake = fake(case);
            let mut args = command_line(case, &fake);
            if json {
                args.push("--json".to_owned());
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let (stdout, stderr, _) = outcome(&mut carlo(&args));
            let printed = stdout + &stderr;
            let harmful: Vec<char> = printed.chars().filter(|letter| !is_harmless(*letter)).collect();
            assert!(harmful.is_empty(), "{args:?} prints {harmful:?}: {printed:?}");
            // Refusals are always text.
            let is_shown = printed.contains(shown) || json && printed.contains(SHOWN[0]);
            let expected = case.shows[usize::from(json)];
            assert!(is_shown || !expected, "{args:?} should show what was sent: {printed}");
        }
    }
}

/// The output of a command on a terminal of this width.
fn on_a_terminal(args: &[String], columns: usize) -> String {
    let quoted: Vec<String> = std::iter::once(env!("CARGO_BIN_EXE_carlo"))
        .chain(args.iter().map(String::as_str))
        .map(|arg| format!("'{}'", arg.replace('\'', r"'\''")))
        .collect();
    let line = format!("stty cols {columns} rows 40; exec {}", quoted.join(" "));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let inherited = std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("CARLO_"));
    command.env_clear().envs(inherited).env("XDG_CONFIG_HOME", "/nowhere").env("SHELL", "/bin/sh");
    let output = command.stdin(Stdio::null()).output().expect("script is part of every Linux");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The lines of the output, without the sequences that move the cursor.
fn lines(printed: &str) -> Vec<String> {
    let mut text = String::new();
    let mut letters = printed.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            let _ = letters.find(char::is_ascii_alphabetic);
            text.push('\n');
        } else {
            text.push(letter);
        }
    }
    text.split(['\n', '\r']).map(str::to_owned).collect()
}

/// Whether a line fits the width. Bars are padded to the whole width and follow each other without
/// a
/// line break, so each of them must end with a space.
fn fits(line: &str, columns: usize) -> bool {
    let letters: Vec<char> = line.chars().collect();
    line.width() <= columns || line.contains('▕') && letters.chunks(columns).all(|bar| bar.ends_with(&[' ']))
}

/// Whether a line is part of a table or a drawing. Only sentences may be wrapped by the terminal.
fn is_drawn(line: &str) -> bool {
    line.contains(['─', '█', '░', '▕']) || line.trim().split("  ").filter(|part| !part.is_empty()).count() > 2
}

#[test]
fn tables_bars_and_progress_fit_the_terminal() {
    let files = Files::new();
    assert!(Path::new(&files.request).exists());
    let mut drawn = 0;
    for columns in [80, 50, 200] {
        for case in files.cases() {
            let fake = fake(&case);
            let args = command_line(&case, &fake);
            for line in lines(&on_a_terminal(&args, columns)) {
                if is_drawn(&line) {
                    drawn += 1;
                    assert!(fits(&line, columns), "{args:?} at {columns}: {line:?} takes {}", line.width());
                }
            }
        }
    }
    assert!(drawn > 200, "only {drawn} lines were drawn");
}
