//! The conformance suite: checks that every [`Ledger`] must pass. Each check takes a factory of
//! fresh, empty ledgers. [`conformance_tests!`] makes a test of each check. What only one
//! implementation promises is tested beside it.
//!
//! [`conformance_tests!`]: crate::conformance_tests

#![expect(clippy::missing_panics_doc, reason = "a check panics exactly when the ledger doesn't conform")]

use std::sync::Arc;

use bytes::Bytes;
use carlo_types::Epoch;
use tokio::task::JoinSet;

use crate::key::Key;
use crate::ledger::{COMMIT_BYTES_MAX, COMMIT_WRITES_MAX, Ledger, LedgerError, VALUE_BYTES_MAX, Write};

/// Makes one `#[tokio::test]` of every check. `$fresh` is an async closure that returns an `Arc` of
/// a fresh ledger. The calling crate needs tokio with `macros` and `rt-multi-thread`.
///
/// `in_turn $fresh` makes one expression that runs all checks one after the other, for a ledger
/// that is expensive to create.
#[macro_export]
macro_rules! conformance_tests {
    (in_turn $fresh:expr) => {
        $crate::conformance_tests!(@list in_turn $fresh)
    };
    ($fresh:expr) => {
        $crate::conformance_tests! { @list tests $fresh }
    };
    (@list $how:ident $fresh:expr) => {
        $crate::conformance_tests! { @$how $fresh;
            a_new_leader_has_a_larger_epoch
            a_fenced_leader_writes_nothing
            an_epoch_that_never_led_is_fenced
            a_commit_is_read_at_once_and_by_anyone
            the_last_write_of_a_key_counts
            a_deleted_entry_is_gone
            a_commit_over_a_limit_is_refused_whole
            a_commit_at_the_limits_is_taken
            a_scan_is_ordered_and_keeps_to_its_prefix
            a_scan_is_read_page_by_page
            concurrent_commits_are_all_kept
            concurrent_leaders_are_told_apart
            a_scan_never_sees_half_a_commit
        }
    };
    (@tests $fresh:expr; $($check:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                $crate::conformance::$check($fresh).await;
            }
        )*
    };
    (@in_turn $fresh:expr; $($check:ident)*) => {{
        $(
            eprintln!(stringify!($check));
            $crate::conformance::$check($fresh).await;
        )*
    }};
}

fn key(text: impl Into<String>) -> Key {
    Key::new(text).expect("the suite's keys are keys")
}

fn put(name: impl Into<String>, value: impl Into<Bytes>) -> Write {
    Write::Put(key(name), value.into())
}

async fn value_of<L: Ledger>(ledger: &L, name: &str) -> Option<Bytes> {
    ledger.get(&key(name)).await.expect("get")
}

async fn keys_of<L: Ledger>(ledger: &L, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(key);
    let page = ledger.scan(prefix, after.as_ref(), limit).await.expect("scan");
    page.into_iter().map(|(key, _)| key.as_str().to_owned()).collect()
}

/// Each `lead` returns a larger epoch than all earlier ones.
pub async fn a_new_leader_has_a_larger_epoch<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let mut last = Epoch(0);
    for _ in 0..5 {
        let epoch = ledger.lead().await.expect("lead");
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
    }
}

/// A deposed leader's commit is refused, the error names the current epoch, and nothing is written.
pub async fn a_fenced_leader_writes_nothing<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let deposed = ledger.lead().await.expect("lead");
    ledger.commit(deposed, vec![put("kept", "1")]).await.expect("the leader commits");
    let leader = ledger.lead().await.expect("lead");

    let answer = ledger.commit(deposed, vec![put("new", "2"), Write::Delete(key("kept"))]).await;
    assert!(matches!(answer, Err(LedgerError::Fenced { current }) if current == leader), "{answer:?}");
    let answer = ledger.commit(deposed, Vec::new()).await;
    assert!(matches!(answer, Err(LedgerError::Fenced { .. })), "an empty commit asks who leads: {answer:?}");
    assert_eq!(keys_of(&*ledger, "", None, 10).await, ["kept"]);

    ledger.commit(leader, Vec::new()).await.expect("the leader still leads");
    ledger.commit(leader, vec![put("new", "3")]).await.expect("the leader commits");
    assert_eq!(value_of(&*ledger, "new").await.as_deref(), Some(&b"3"[..]));
}

/// Commits with epoch 0 or with an epoch of the future are refused.
pub async fn an_epoch_that_never_led_is_fenced<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    for epoch in [Epoch(0), Epoch(1), Epoch(u64::MAX)] {
        let answer = ledger.commit(epoch, vec![put("a", "1")]).await;
        assert!(matches!(answer, Err(LedgerError::Fenced { .. })), "{epoch} before anyone led: {answer:?}");
    }
    let leader = ledger.lead().await.expect("lead");
    for epoch in [Epoch(0), Epoch(leader.0 + 1)] {
        let answer = ledger.commit(epoch, vec![put("a", "1")]).await;
        assert!(matches!(answer, Err(LedgerError::Fenced { .. })), "{epoch}: {answer:?}");
    }
    assert_eq!(value_of(&*ledger, "a").await, None);
}

/// After `commit` returns, every reader sees all of its writes.
pub async fn a_commit_is_read_at_once_and_by_anyone<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    assert_eq!(value_of(&*ledger, "a/1").await, None);
    for round in 0..20_u8 {
        ledger
            .commit(epoch, vec![put("a/1", vec![round]), put("a/2", vec![round, round])])
            .await
            .expect("commit");
        assert_eq!(value_of(&*ledger, "a/1").await.as_deref(), Some(&[round][..]));
        assert_eq!(value_of(&*ledger, "a/2").await.as_deref(), Some(&[round, round][..]));
    }
    ledger.commit(epoch, vec![put("empty", "")]).await.expect("commit");
    assert_eq!(value_of(&*ledger, "empty").await, Some(Bytes::new()), "an empty value is a value");
}

/// The writes of a commit are applied in order.
pub async fn the_last_write_of_a_key_counts<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    let writes = vec![
        put("a", "1"),
        put("a", "2"),
        put("b", "1"),
        Write::Delete(key("b")),
        Write::Delete(key("c")),
        put("c", "1"),
    ];
    ledger.commit(epoch, writes).await.expect("commit");
    assert_eq!(value_of(&*ledger, "a").await.as_deref(), Some(&b"2"[..]));
    assert_eq!(keys_of(&*ledger, "", None, 10).await, ["a", "c"]);
}

/// A deletion removes its own entry only, and deleting a missing entry is no error.
pub async fn a_deleted_entry_is_gone<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    ledger.commit(epoch, vec![put("a", "1"), put("ab", "2")]).await.expect("commit");
    ledger.commit(epoch, vec![Write::Delete(key("a")), Write::Delete(key("never"))]).await.expect("commit");
    assert_eq!(value_of(&*ledger, "a").await, None);
    assert_eq!(keys_of(&*ledger, "", None, 10).await, ["ab"]);
}

/// A commit above a limit is refused, and none of its writes is applied.
pub async fn a_commit_over_a_limit_is_refused_whole<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");

    let answer = ledger.commit(epoch, vec![put("a", "1"), put("b", vec![0; VALUE_BYTES_MAX + 1])]).await;
    assert!(
        matches!(&answer, Err(LedgerError::ValueTooLarge { key, .. }) if key.as_str() == "b"),
        "{answer:?}"
    );

    let many = (0..=COMMIT_WRITES_MAX).map(|n| put(format!("n/{n}"), "")).collect();
    let answer = ledger.commit(epoch, many).await;
    assert!(matches!(answer, Err(LedgerError::CommitTooLarge { .. })), "{answer:?}");

    let value = Bytes::from(vec![0; VALUE_BYTES_MAX]);
    let large =
        (0..COMMIT_BYTES_MAX / VALUE_BYTES_MAX).map(|n| put(format!("n/{n}"), value.clone())).collect();
    let answer = ledger.commit(epoch, large).await;
    assert!(matches!(answer, Err(LedgerError::CommitTooLarge { .. })), "{answer:?}");

    assert!(keys_of(&*ledger, "", None, 10).await.is_empty());
    ledger.commit(epoch, vec![put("a", "1")]).await.expect("a refusal changes nothing for the next commit");
}

/// The largest value and the largest number of writes are accepted.
pub async fn a_commit_at_the_limits_is_taken<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    let value = Bytes::from(vec![7; VALUE_BYTES_MAX]);
    ledger.commit(epoch, vec![put("large", value.clone())]).await.expect("commit");
    assert_eq!(value_of(&*ledger, "large").await, Some(value));
    let many = (0..COMMIT_WRITES_MAX).map(|n| put(format!("n/{n}"), "")).collect();
    ledger.commit(epoch, many).await.expect("commit");
    assert_eq!(keys_of(&*ledger, "n/", None, usize::MAX).await.len(), COMMIT_WRITES_MAX);
}

/// A scan is in ascending byte order and returns only keys with the prefix. The prefix is plain
/// text, not a path: `a` matches `a/1` and `ab`.
pub async fn a_scan_is_ordered_and_keeps_to_its_prefix<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    let names = ["b/1", "a/2", "a/10", "a/1", "ab", "a", "B", "~", "a~"];
    for name in names {
        ledger.commit(epoch, vec![put(name, name)]).await.expect("commit");
    }
    let mut sorted = names;
    sorted.sort_unstable();
    assert_eq!(keys_of(&*ledger, "", None, 100).await, sorted);
    assert_eq!(keys_of(&*ledger, "a/", None, 100).await, ["a/1", "a/10", "a/2"]);
    assert_eq!(keys_of(&*ledger, "a", None, 100).await, ["a", "a/1", "a/10", "a/2", "ab", "a~"]);
    assert!(keys_of(&*ledger, "c", None, 100).await.is_empty());
    for (key, value) in ledger.scan("", None, 100).await.expect("scan") {
        assert_eq!(value, key.as_str(), "each value with its own key");
    }
}

/// Pages follow one another without gaps or repeats, and `after` need not be an existing key.
pub async fn a_scan_is_read_page_by_page<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    let names: Vec<_> = (0..25).map(|n| format!("p/{n:02}")).collect();
    let mut writes: Vec<_> = names.iter().map(|name| put(name, "")).collect();
    writes.extend([put("o", ""), put("q", "")]);
    ledger.commit(epoch, writes).await.expect("commit");

    let mut names_read: Vec<String> = Vec::new();
    loop {
        let page = keys_of(&*ledger, "p/", names_read.last().map(String::as_str), 10).await;
        let full = page.len() == 10;
        names_read.extend(page);
        if !full {
            break;
        }
    }
    assert_eq!(names_read, names);
    assert_eq!(keys_of(&*ledger, "p/", Some("p/23x"), 10).await, ["p/24"], "after a key that isn't there");
    assert_eq!(keys_of(&*ledger, "p/", Some("a"), 1).await, ["p/00"], "after a key before the prefix");
    assert!(keys_of(&*ledger, "p/", Some("p/24"), 10).await.is_empty());
    assert!(keys_of(&*ledger, "p/", Some("q"), 10).await.is_empty(), "after a key behind the prefix");
    assert!(keys_of(&*ledger, "p/", None, 0).await.is_empty());
}

/// Of many concurrent commits none is lost.
pub async fn concurrent_commits_are_all_kept<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            for n in 0..10 {
                let name = format!("{task:02}/{n:02}");
                ledger.commit(epoch, vec![put(&name, name.clone())]).await.expect("commit");
                assert_eq!(value_of(&*ledger, &name).await.as_deref(), Some(name.as_bytes()));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a task");
    }
    assert_eq!(keys_of(&*ledger, "", None, 1000).await.len(), 320);
}

/// Leaders campaign while others commit. Every epoch is given once. A commit is in the ledger
/// exactly if it was acknowledged, although it was queued together with commits that were fenced.
pub async fn concurrent_leaders_are_told_apart<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            let epoch = ledger.lead().await.expect("lead");
            let mut kept = Vec::new();
            for n in 0..10 {
                let name = format!("{task:02}/{n}");
                match ledger.commit(epoch, vec![put(&name, "")]).await {
                    Ok(()) => kept.push(name),
                    Err(LedgerError::Fenced { current }) => {
                        assert!(current > epoch || current == Epoch(0), "{epoch} fenced by {current}");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (epoch, kept)
        });
    }
    let (mut epochs, mut kept) = (Vec::new(), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        let (epoch, names) = ended.expect("a task");
        epochs.push(epoch);
        kept.extend(names);
    }
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 16, "no epoch is given twice");
    kept.sort_unstable();
    assert_eq!(keys_of(&*ledger, "", None, 1000).await, kept);
}

/// Two entries that are always written together are always read together.
pub async fn a_scan_never_sees_half_a_commit<L: Ledger>(fresh: impl AsyncFn() -> Arc<L>) {
    let ledger = fresh().await;
    let epoch = ledger.lead().await.expect("lead");
    let writer = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move {
            for n in 0..100_u8 {
                ledger
                    .commit(epoch, vec![put("left", vec![n]), put("right", vec![n])])
                    .await
                    .expect("commit");
            }
        }
    });
    while !writer.is_finished() {
        let entries = ledger.scan("", None, 10).await.expect("scan");
        let values: Vec<_> = entries.into_iter().map(|(_, value)| value).collect();
        assert!(matches!(values.as_slice(), [] | [_, _]), "{values:?}");
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{values:?}");
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer");
}
