mod disk;
mod file;
mod kill;

use std::sync::Arc;

use super::*;

mod in_memory {
    use super::*;
    crate::conformance_tests!(async || Arc::new(RedbLedger::temporary().unwrap()));
}

mod in_a_file {
    use super::*;
    crate::conformance_tests!(async || {
        // The directory is deleted at once; an open file outlives its name.
        let directory = tempfile::tempdir().unwrap();
        Arc::new(RedbLedger::open(directory.path().join("ledger")).unwrap())
    });
}

fn put(key: &str, value: &[u8]) -> Write {
    Write::Put(Key::new(key).unwrap(), Bytes::copy_from_slice(value))
}

#[tokio::test]
async fn a_ledger_that_is_opened_again_has_kept_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let mut last = Epoch(0);
    for round in 0..4_u8 {
        let ledger = RedbLedger::open(&path).unwrap();
        let kept = ledger.scan("", None, 100).await.unwrap();
        assert_eq!(kept.len(), usize::from(round));
        assert!(kept.iter().all(|(key, value)| *value == key.as_str()), "{kept:?}");

        let deposed = ledger.commit(last, vec![put("deposed", b"")]).await;
        assert_eq!(
            deposed.is_ok(),
            round > 0,
            "until someone leads, the epoch of before still does: {deposed:?}"
        );
        let epoch = ledger.lead().await.unwrap();
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
        let name = format!("round/{round}");
        ledger
            .commit(epoch, vec![put(&name, name.as_bytes()), Write::Delete(Key::new("deposed").unwrap())])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_dropped_ledger_has_written_what_was_queued() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let ledger = RedbLedger::open(&path).unwrap();
    let epoch = ledger.lead().await.unwrap();
    for n in 0..100 {
        let commit = ledger.commit(epoch, vec![put(&format!("n/{n}"), b"")]);
        // Polling once puts the request into the queue. Then the caller goes away.
        let _ = tokio::time::timeout(std::time::Duration::ZERO, commit).await;
    }
    drop(ledger);
    let ledger = RedbLedger::open(&path).unwrap();
    assert_eq!(ledger.scan("n/", None, 1000).await.unwrap().len(), 100);
}

#[test]
fn a_read_that_outlives_the_ledger_keeps_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let ledger = RedbLedger::open(&path).unwrap();
    let transaction = ledger.database.begin_read().unwrap();
    drop(ledger);
    RedbLedger::open(&path).expect("the file is free");
    drop(transaction);
}
