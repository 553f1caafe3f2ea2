//! A disk that starts to fail.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[derive(Debug)]
struct FailingDisk {
    disk: InMemoryBackend,
    fails: Arc<AtomicBool>,
}

impl StorageBackend for FailingDisk {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write(offset, data)
    }
}

#[tokio::test]
async fn what_the_disk_did_not_keep_is_not_acknowledged() {
    let fails = Arc::new(AtomicBool::new(false));
    let disk = FailingDisk { disk: InMemoryBackend::new(), fails: Arc::clone(&fails) };
    let ledger = RedbLedger::over(disk).unwrap();
    let epoch = ledger.lead().await.unwrap();
    ledger.commit(epoch, vec![put("kept", b"1")]).await.unwrap();

    fails.store(true, Ordering::SeqCst);
    let answers = tokio::join!(
        ledger.commit(epoch, vec![put("lost/1", b"")]),
        ledger.commit(epoch, vec![put("lost/2", b"")]),
        ledger.commit(Epoch(0), vec![put("lost/3", b"")]),
    );
    for answer in [answers.0, answers.1] {
        let error = answer.unwrap_err();
        assert!(matches!(error, LedgerError::Storage { .. }), "{error:?}");
        assert_eq!(error.to_string(), "the ledger failed to commit");
        assert!(std::error::Error::source(&error).is_some());
    }
    answers.2.expect_err("fenced or failed");
    let lost = ledger.scan("lost/", None, 10).await;
    assert!(lost.as_ref().is_ok_and(Vec::is_empty) || lost.is_err(), "{lost:?}");
    fails.store(false, Ordering::SeqCst);
    let later = ledger.commit(epoch, vec![put("later", b"")]).await;
    assert!(matches!(later, Err(LedgerError::Storage { .. })), "until it is opened again: {later:?}");
}
