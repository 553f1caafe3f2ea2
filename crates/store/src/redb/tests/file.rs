//! The ledger's file as an operator sees it: permissions, two processes with one file, files that
//! are not a ledger.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::*;

fn in_directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    (directory, path)
}

fn refusal(path: &Path) -> LedgerError {
    RedbLedger::open(path).expect_err("this must be refused")
}

#[test]
fn nobody_else_can_read_what_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("var/lib/ledger");
    drop(RedbLedger::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&directory.path().join("var/lib")), 0o700);
    assert_eq!(mode(&directory.path().join("var")), 0o700);
    let beside = fs::read_dir(directory.path().join("var/lib")).unwrap().count();
    assert_eq!(beside, 1, "nothing is left beside the ledger");
}

/// The second process, started by the test below.
#[test]
#[ignore = "started by a_second_process_is_refused_in_one_sentence"]
fn second_process() {
    let path = std::env::var("CARLO_TEST_LEDGER").expect("the path of a ledger that is open");
    println!("refused: {}", refusal(Path::new(&path)));
}

#[test]
fn a_second_process_is_refused_in_one_sentence() {
    let (_directory, path) = in_directory();
    let ledger = RedbLedger::open(&path).unwrap();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "redb::tests::file::second_process", "--ignored", "--nocapture"])
        .env("CARLO_TEST_LEDGER", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stdout);
    let sentence = format!("refused: the ledger {} is in use by another process\n", path.display());
    assert!(said.contains(&sentence), "{said}");
    drop(ledger);
    RedbLedger::open(&path).expect("a closed ledger is free");
}

#[test]
fn what_cannot_be_opened_is_named() {
    let (directory, path) = in_directory();
    let error = refusal(directory.path());
    assert!(matches!(error, LedgerError::Open { .. } | LedgerError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");

    fs::write(&path, "").unwrap();
    let below = path.join("ledger");
    let error = refusal(&below);
    assert!(matches!(error, LedgerError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains(&below.display().to_string()), "{error}");
}

#[test]
fn another_file_is_not_a_ledger_and_stays_as_it_is() {
    let (_directory, path) = in_directory();
    for content in [Vec::new(), b"#!/bin/sh\n".to_vec(), vec![0; 100_000]] {
        fs::write(&path, &content).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, LedgerError::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains("is not a carlo ledger"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_redb_database_of_something_else_is_not_a_ledger() {
    let (_directory, path) = in_directory();
    drop(Database::create(&path).unwrap());
    let error = refusal(&path);
    assert!(error.to_string().contains("a redb database without our table \"meta\""), "{error}");
}

#[test]
fn a_ledger_of_a_later_version_is_refused_with_what_to_do() {
    let (_directory, path) = in_directory();
    drop(RedbLedger::open(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(SCHEMA, SCHEMA_VERSION + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refusal(&path);
    assert!(matches!(error, LedgerError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("use the carlo that wrote it, or a later one"), "{error}");
}

/// After bytes of a closed ledger were changed or cut off, it is either refused or has all its
/// entries.
#[tokio::test]
async fn a_damaged_ledger_is_refused_or_whole() {
    let (_directory, path) = in_directory();
    let ledger = RedbLedger::open(&path).unwrap();
    let epoch = ledger.lead().await.unwrap();
    let writes = (0..300).map(|n| put(&format!("n/{n:03}"), &[b'x'; 500])).collect();
    ledger.commit(epoch, writes).await.unwrap();
    let entries = ledger.scan("", None, usize::MAX).await.unwrap();
    drop(ledger);
    let whole = fs::read(&path).unwrap();

    let mut refused = 0;
    for seed in 0..150 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut damaged = whole.clone();
        if seed % 10 == 0 {
            damaged.truncate(random.random_range(1..whole.len()));
        } else {
            // Half of the time it damages the header, which is a thousandth of the file.
            let end = if seed % 2 == 0 { 320 } else { whole.len() };
            let at = random.random_range(0..end);
            let to = (at + 64).min(end);
            random.fill(&mut damaged[at..to]);
        }
        fs::write(&path, &damaged).unwrap();
        match RedbLedger::open(&path) {
            Ok(ledger) => {
                assert_eq!(ledger.scan("", None, usize::MAX).await.unwrap(), entries, "seed {seed}");
            }
            Err(LedgerError::Unreadable { .. }) => refused += 1,
            Err(error) => panic!("seed {seed}: {error:?}"),
        }
    }
    assert!(refused > 30, "only {refused} of 150 were refused");
}
