//! Who leads: several ledgers of one cluster, as several coordinators have them.

use std::time::{Duration, Instant};

use carlo_store::{EtcdConfig, EtcdLedger, Ledger, LedgerError};
use carlo_tests::PATIENCE;
use carlo_tests::etcd::Etcd;
use tokio::time::{sleep, timeout};

use crate::{key, keys, ledger, put};

/// More than a lease.
const LONG: Duration = Duration::from_secs(5);

fn at(etcd: &Etcd, address: &str) -> EtcdLedger {
    EtcdLedger::new(EtcdConfig::new(vec![etcd.url()]), address).expect("a good configuration")
}

#[tokio::test]
async fn a_candidate_waits_until_the_leader_resigns_and_knows_it_meanwhile() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let (first, second) = (at(&etcd, "http://first"), at(&etcd, "http://second"));
    assert_eq!(first.leader().await?, None);
    let epoch = first.lead().await?;
    assert!(timeout(LONG, second.lead()).await.is_err(), "the lease is kept alive");
    assert_eq!(second.leader().await?.as_deref(), Some("http://first"));
    first.commit(epoch, vec![put("a", "1")]).await?;

    let waiting = async {
        let began = Instant::now();
        let epoch = second.lead().await?;
        anyhow::Ok((epoch, began.elapsed()))
    };
    let resigning = async {
        sleep(Duration::from_millis(300)).await;
        first.resign().await;
    };
    let (elected, ()) = tokio::join!(waiting, resigning);
    let (next, waited) = elected?;
    assert!(next > epoch && waited < Duration::from_secs(2), "epoch {next} after {epoch}, {waited:?}");
    assert_eq!(first.leader().await?.as_deref(), Some("http://second"));
    assert!(!first.holds(epoch) && second.holds(next));
    let late = first.commit(epoch, vec![put("b", "2")]).await;
    assert!(matches!(late, Err(LedgerError::Fenced { .. })), "{late:?}");
    assert_eq!(keys(&second).await, ["a"]);
    Ok(())
}

#[tokio::test]
async fn a_leader_whose_key_is_gone_is_fenced_by_etcd_itself() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let deposed = at(&etcd, "http://first");
    let epoch = deposed.lead().await?;
    deposed.commit(epoch, vec![put("a", "1")]).await?;
    // As if its lease had ended while it slept: it still believes that it leads.
    let mut client = etcd_client::Client::connect([etcd.url()], None).await?;
    let all = etcd_client::DeleteOptions::new().with_prefix();
    client.delete("carlo/leader/", Some(all)).await?;
    assert!(deposed.holds(epoch));
    let late = deposed.commit(epoch, vec![put("b", "2")]).await;
    assert!(matches!(late, Err(LedgerError::Fenced { current }) if current.0 == 0), "{late:?}");

    let next = at(&etcd, "http://second");
    let next_epoch = next.lead().await?;
    assert!(next_epoch > epoch);
    // Small, empty and large commits alike.
    let large = (0..1_000).map(|n| put(format!("large/{n}"), "")).collect();
    for writes in [vec![put("b", "2")], Vec::new(), large] {
        let late = deposed.commit(epoch, writes).await;
        assert!(matches!(late, Err(LedgerError::Fenced { current }) if current == next_epoch), "{late:?}");
    }
    assert_eq!(keys(&next).await, ["a"]);
    Ok(())
}

#[tokio::test]
async fn a_leader_steps_down_while_etcd_is_silent_and_leads_again_after() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let leader = at(&etcd, "http://first");
    let epoch = leader.lead().await?;
    leader.commit(epoch, vec![put("a", "1")]).await?;
    etcd.freeze()?;
    let began = Instant::now();
    timeout(PATIENCE, leader.deposed(epoch)).await?;
    eprintln!("deposed {:?} after etcd fell silent", began.elapsed());
    assert!(!leader.holds(epoch));
    let late = timeout(PATIENCE, leader.commit(epoch, vec![put("b", "2")])).await?;
    assert!(matches!(late, Err(LedgerError::Storage { .. })), "{late:?}");
    assert!(matches!(leader.lead().await, Err(error) if error.is_passing()));
    etcd.thaw()?;
    let next = loop {
        match leader.lead().await {
            Ok(next) => break next,
            Err(error) => eprintln!("{error}"),
        }
    };
    assert!(next > epoch);
    assert_eq!(leader.get(&key("a")).await?.as_deref(), Some(&b"1"[..]));
    leader.commit(next, vec![put("c", "3")]).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_committed_is_there_after_etcd_was_killed() -> anyhow::Result<()> {
    let mut etcd = Etcd::start().await?;
    let leader = at(&etcd, "http://first");
    let epoch = leader.lead().await?;
    leader.commit(epoch, vec![put("a", "1")]).await?;
    etcd.kill().await?;
    timeout(PATIENCE, leader.deposed(epoch)).await?;
    etcd.restart().await?;
    let next = leader.lead().await?;
    assert!(next > epoch);
    assert_eq!(keys(&leader).await, ["a"]);
    Ok(())
}

#[tokio::test]
async fn a_member_that_is_gone_is_passed_over() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let urls = vec!["http://127.0.0.1:1".to_owned(), etcd.url()];
    let ledger = EtcdLedger::new(EtcdConfig::new(urls), "http://first")?;
    assert!(matches!(ledger.lead().await, Err(error) if error.is_passing()));
    let epoch = ledger.lead().await?;
    ledger.commit(epoch, vec![put("a", "1")]).await?;
    Ok(())
}

#[tokio::test]
async fn a_ledger_of_a_later_carlo_is_left_alone() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let mut client = etcd_client::Client::connect([etcd.url()], None).await?;
    client.put("carlo/schema", "2", None).await?;
    let refused = ledger(&etcd, "carlo").lead().await;
    assert!(matches!(refused, Err(LedgerError::Newer { found: 2, known: 1, .. })), "{refused:?}");
    Ok(())
}
