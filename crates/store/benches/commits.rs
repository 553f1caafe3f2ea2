//! Measures how many commits a second the embedded ledger acknowledges, by the number of clients
//! that commit at once, and how long it takes to open again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use carlo_store::{Key, Ledger, RedbLedger, Write};
use tokio::task::JoinSet;

/// About the size of a submitted job's record.
const RECORD_BYTES: usize = 1_000;
/// How long the clients commit, for each number of clients.
const EACH: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = directory.path().join("ledger");
    let ledger = Arc::new(RedbLedger::open(&path)?);
    let epoch = ledger.lead().await?;
    let record = Bytes::from(vec![b'r'; RECORD_BYTES]);
    let mut total = 0;
    println!("clients  commits/s  mean wait");
    for clients in [1, 8, 32, 64, 256] {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (ledger, record) = (Arc::clone(&ledger), record.clone());
            tasks.spawn(async move {
                let mut commits = 0;
                while start.elapsed() < EACH {
                    let key = Key::new(format!("job/{clients:03}-{client:03}-{commits:08}")).expect("a key");
                    ledger.commit(epoch, vec![Write::Put(key, record.clone())]).await.expect("commit");
                    commits += 1;
                }
                commits
            });
        }
        let commits: u32 = tasks.join_all().await.into_iter().sum();
        total += commits;
        let rate = f64::from(commits) / start.elapsed().as_secs_f64();
        println!("{clients:7}  {rate:9.0}  {:6.2} ms", 1e3 * f64::from(clients) / rate);
    }
    drop(ledger);
    let megabytes = std::fs::metadata(&path)?.len() / 1_000_000;
    let start = Instant::now();
    let ledger = RedbLedger::open(&path)?;
    println!("opened {total} entries in {megabytes} MB in {:.1?}", start.elapsed());
    let start = Instant::now();
    let entries = ledger.scan("", None, usize::MAX).await?.len();
    println!("read {entries} entries in {:.1?}", start.elapsed());
    Ok(())
}
