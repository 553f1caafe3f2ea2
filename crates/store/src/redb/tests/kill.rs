//! A process is killed with SIGKILL while it commits and compacts. Every acknowledged commit is in
//! the ledger, and no commit is there in part.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Commits two entries at a time on several tasks until it is killed, and prints the name of each
/// acknowledged commit. Started by the test below.
#[test]
#[ignore = "started by what_was_acknowledged_survives_sigkill"]
fn committing_process() {
    let path = std::env::var("CARLO_TEST_LEDGER").expect("the path of a ledger");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ledger = Arc::new(RedbLedger::open(path).unwrap());
        let epoch = ledger.lead().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let ledger = Arc::clone(&ledger);
            tasks.spawn(async move {
                for n in 0_u64.. {
                    let name = format!("{epoch}-{task}-{n}");
                    let writes =
                        ["left", "right"].map(|side| put(&format!("{side}/{name}"), name.as_bytes()));
                    ledger.commit(epoch, writes.to_vec()).await.unwrap();
                    // One `write` per line, so that lines of different tasks don't mix.
                    std::io::stdout().write_all(format!("acknowledged {name}\n").as_bytes()).unwrap();
                }
            });
        }
        tasks.spawn(async move {
            loop {
                ledger.request_compaction(true).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        tasks.join_all().await;
    });
}

/// Runs the process above until `moment` after its first acknowledgement, kills it, and returns
/// what it acknowledged.
fn acknowledged_until_killed(path: &Path, moment: Duration) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "redb::tests::kill::committing_process", "--ignored", "--nocapture"])
        .env("CARLO_TEST_LEDGER", path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(process.stdout.take().unwrap());
    let mut names = Vec::new();
    let mut line = String::new();
    // Only complete lines count: the last one may be cut off.
    while said.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        if let Some(name) = line.trim_end().strip_prefix("acknowledged ") {
            if names.is_empty() {
                std::thread::sleep(moment);
                process.kill().unwrap();
            }
            names.push(name.to_owned());
        }
        line.clear();
    }
    process.wait().unwrap();
    names
}

#[tokio::test]
async fn what_was_acknowledged_survives_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let seed = 20_261_121;
    let mut random = StdRng::seed_from_u64(seed);
    let mut acknowledged = Vec::new();
    for round in 0..8 {
        let moment = Duration::from_micros(random.random_range(0..60_000));
        let names = acknowledged_until_killed(&path, moment);
        assert!(!names.is_empty(), "seed {seed}, round {round}: the process ended by itself");
        acknowledged.extend(names);

        let ledger = RedbLedger::open(&path).unwrap();
        for name in &acknowledged {
            for side in ["left", "right"] {
                let value = ledger.get(&Key::new(format!("{side}/{name}")).unwrap()).await.unwrap();
                assert_eq!(
                    value.as_deref(),
                    Some(name.as_bytes()),
                    "seed {seed}, round {round}: {side}/{name}"
                );
            }
        }
        let names_on = async |side: &str| {
            let entries = ledger.scan(side, None, usize::MAX).await.unwrap();
            entries.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            names_on("left/").await,
            names_on("right/").await,
            "seed {seed}, round {round}: half a commit"
        );
    }
}
