//! Commits that are larger than one transaction of etcd.

use std::time::{Duration, Instant};

use carlo_store::{Ledger, LedgerError, Write};
use carlo_tests::etcd::Etcd;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{key, keys, ledger, put};

/// Writes of a commit that needs eight transactions.
const WRITES: usize = 1_000;
const ROUNDS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_commit_that_is_broken_off_anywhere_is_made_whole_or_not_at_all() -> anyhow::Result<()> {
    let seed =
        std::env::var("CARLO_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("CARLO_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let etcd = Etcd::start().await?;

    let first = ledger(&etcd, "carlo");
    let epoch = first.lead().await?;
    first.commit(epoch, commit(0, 0)).await?;
    let began = Instant::now();
    first.commit(epoch, commit(0, 1)).await?;
    let whole = began.elapsed();
    first.resign().await;

    let (mut last, mut unmade, mut finished) = (1, 0, 0);
    for round in 2..ROUNDS {
        // Each round has a coordinator of its own, which stops in the middle of its commit.
        let dying = ledger(&etcd, "carlo");
        let epoch = dying.lead().await?;
        let limit = whole.mul_f64(random.random_range(0.0..1.5));
        let acknowledged = tokio::time::timeout(limit, dying.commit(epoch, commit(last, round))).await;
        dying.resign().await;

        let next = ledger(&etcd, "carlo");
        next.lead().await?;
        let found = keys(&next).await;
        next.resign().await;
        let made = found == names(round);
        assert!(made || found == names(last), "round {round}: half a commit: {} entries", found.len());
        match acknowledged {
            Ok(answer) => {
                answer?;
                assert!(made, "round {round} was acknowledged");
            }
            Err(_) if made => finished += 1,
            Err(_) => unmade += 1,
        }
        if made {
            last = round;
        }
    }
    eprintln!(
        "a whole commit took {whole:?}; of those broken off {unmade} were not made and {finished} finished"
    );
    Ok(())
}

/// The keys of a round's entries.
fn names(round: usize) -> Vec<String> {
    let mut names: Vec<_> = (0..WRITES).map(|n| format!("entry/{round:03}/{n:04}")).collect();
    names.push("shared".to_owned());
    names
}

/// Puts a round's entries, and deletes those of the one before.
fn commit(before: usize, round: usize) -> Vec<Write> {
    let mut writes: Vec<_> = names(before).into_iter().map(|name| Write::Delete(key(name))).collect();
    writes.extend(names(round).into_iter().map(|name| put(name, round.to_string())));
    writes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_commit_is_never_read_by_half() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let ledger = std::sync::Arc::new(ledger(&etcd, "carlo"));
    let epoch = ledger.lead().await?;
    let writer = tokio::spawn({
        let ledger = std::sync::Arc::clone(&ledger);
        async move {
            for round in 0..5_u8 {
                let writes = (0..WRITES).map(|n| put(format!("{n:04}"), vec![round])).collect();
                ledger.commit(epoch, writes).await?;
            }
            Ok::<_, LedgerError>(())
        }
    });
    while !writer.is_finished() {
        let found = ledger.scan("", None, usize::MAX).await?;
        assert!(found.is_empty() || found.len() == WRITES, "{} entries", found.len());
        assert!(found.windows(2).all(|pair| pair[0].1 == pair[1].1));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writer.await??;
    Ok(())
}
