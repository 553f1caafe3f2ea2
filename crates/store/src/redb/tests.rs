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

/// Writes values that later ones replace or delete, so that half of the file is unused.
async fn fill(ledger: &RedbLedger, epoch: Epoch, entries: u32) {
    let value = |number: u32| number.to_le_bytes().repeat(1_000);
    for chunk in (0..entries).collect::<Vec<_>>().chunks(200) {
        let puts = chunk.iter().map(|n| put(&format!("n/{n:06}"), &value(*n))).collect();
        ledger.commit(epoch, puts).await.unwrap();
    }
    let deletes = (0..entries).filter(|n| n % 10 != 0);
    let deletes: Vec<Write> =
        deletes.map(|n| Write::Delete(Key::new(format!("n/{n:06}")).unwrap())).collect();
    ledger.commit(epoch, deletes).await.unwrap();
}

#[tokio::test]
async fn compaction_shrinks_the_file_and_keeps_every_entry() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let ledger = RedbLedger::open(&path).unwrap();
    let epoch = ledger.lead().await.unwrap();
    ledger.commit(epoch, vec![put("a", b"1")]).await.unwrap();
    assert_eq!(ledger.compact().await.unwrap(), None, "a small file is left as it is");
    fill(&ledger, epoch, 4_000).await;
    let before = ledger.scan("", None, usize::MAX).await.unwrap();
    assert_eq!(before.len(), 401);
    let done = ledger.compact().await.unwrap().expect("nine tenths are unused");
    assert!(done.bytes_before > 16_000_000 && done.bytes_after < done.bytes_before / 4, "{done:?}");
    assert_eq!(ledger.size_bytes(), Some(done.bytes_after));
    assert_eq!(ledger.compact().await.unwrap(), None, "there is nothing more to gain");
    assert_eq!(ledger.scan("", None, usize::MAX).await.unwrap(), before);
    ledger.commit(epoch, vec![put("b", b"2")]).await.expect("the epoch goes on");
    drop(ledger);
    let ledger = RedbLedger::open(&path).unwrap();
    assert_eq!(ledger.scan("", None, usize::MAX).await.unwrap().len(), 402);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_commits_go_on_beside_compactions() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Arc::new(RedbLedger::open(directory.path().join("ledger")).unwrap());
    let epoch = ledger.lead().await.unwrap();
    fill(&ledger, epoch, 500).await;
    let compacting = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move {
            let mut done = 0;
            for _ in 0..50 {
                done += u32::from(ledger.request_compaction(true).await.unwrap().is_some());
                tokio::task::yield_now().await;
            }
            done
        }
    });
    let mut round = 0;
    while !compacting.is_finished() {
        let name = format!("r/{round:06}");
        ledger.commit(epoch, vec![put(&name, &[7; 3_000])]).await.unwrap();
        assert_eq!(ledger.scan("r/", None, usize::MAX).await.unwrap().len(), round + 1);
        round += 1;
    }
    assert!(compacting.await.unwrap() > 0, "at least one found nobody reading");
    assert_eq!(ledger.scan("n/", None, usize::MAX).await.unwrap().len(), 50);
}

#[test]
fn a_read_that_outlives_the_ledger_keeps_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let ledger = RedbLedger::open(&path).unwrap();
    let transaction = ledger.database.blocking_read().begin_read().unwrap();
    drop(ledger);
    RedbLedger::open(&path).expect("the file is free");
    drop(transaction);
}
