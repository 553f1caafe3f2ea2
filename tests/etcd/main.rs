//! The ledger in a real etcd: the suite that every ledger passes, and what this one alone promises.

mod access;
mod commits;
mod leaders;
mod moves;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use carlo_store::{EtcdConfig, EtcdLedger, Key, Ledger, Write};
use carlo_tests::etcd::Etcd;

/// A ledger, as a coordinator of the cluster of this prefix makes it.
fn ledger(etcd: &Etcd, prefix: &str) -> EtcdLedger {
    let config = EtcdConfig { prefix: prefix.to_owned(), ..EtcdConfig::new(vec![etcd.url()]) };
    EtcdLedger::new(config, "http://127.0.0.1:7070").expect("a good configuration")
}

fn key(text: impl Into<String>) -> Key {
    Key::new(text).expect("a key")
}

fn put(name: impl Into<String>, value: impl Into<Bytes>) -> Write {
    Write::Put(key(name), value.into())
}

async fn keys(ledger: &EtcdLedger) -> Vec<String> {
    let found = ledger.scan("", None, usize::MAX).await.expect("scan");
    found.into_iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let clusters = AtomicU32::new(0);
    let fresh =
        async || Arc::new(ledger(&etcd, &format!("carlo-{}", clusters.fetch_add(1, Ordering::Relaxed))));
    carlo_store::conformance_tests!(in_turn & fresh);
    Ok(())
}

#[tokio::test]
async fn clusters_of_other_prefixes_dont_meet() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let (one, other) = (ledger(&etcd, "carlo"), ledger(&etcd, "carlo/2"));
    let (epoch, other_epoch) = (one.lead().await?, other.lead().await?);
    one.commit(epoch, vec![put("a", "1")]).await?;
    other.commit(other_epoch, vec![put("b", "2")]).await?;
    assert_eq!((keys(&one).await, keys(&other).await), (vec!["a".to_owned()], vec!["b".to_owned()]));
    Ok(())
}
