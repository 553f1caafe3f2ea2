//! Coordinators that wait to lead. Each says about itself in the ledger how it is, and every
//! coordinator can read that.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use carlo_service::clock::SKEW_MAX;
use carlo_service::tls::Identity;
use carlo_store::{Ledger, Standby};
use carlo_types::Timestamp;
use carlo_wire::v1;
use prost::Message as _;
use tokio::time::Instant;

use crate::environment::Environment;

/// How often a coordinator says how it is.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// A standby that has said nothing for this long is not ready.
const SILENT_AFTER: Duration = Duration::from_secs(15);
/// A certificate that expires sooner than this is worth a word.
const EXPIRES_SOON: Duration = Duration::from_hours(14 * 24);
/// How long what was read is used again.
const FRESH: Duration = Duration::from_secs(1);
/// How long the ledger may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// What this coordinator says about itself.
pub(crate) struct Introduction {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) environment: Arc<dyn Environment>,
    /// The URL at which others reach it.
    pub(crate) url: String,
    pub(crate) tls: Option<Identity>,
}

impl Introduction {
    /// Says how this coordinator is, again and again.
    pub(crate) async fn repeat(self) -> Infallible {
        let started = self.environment.wall();
        loop {
            if !self.ledger.is_shared() {
                std::future::pending::<()>().await;
            }
            let expires = self.tls.as_ref().and_then(Identity::expires).map(|at| {
                let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            });
            let facts = introduction(self.url.clone(), started, self.environment.wall(), expires);
            self.ledger.introduce(Bytes::from(facts.encode_to_vec()));
            tokio::time::sleep(SAY_EVERY).await;
        }
    }
}

fn introduction(url: String, started: Timestamp, now: Timestamp, expires: Option<Timestamp>) -> v1::Standby {
    let left = expires.map(|expires| Duration::from_millis(expires.0.saturating_sub(now.0)));
    let (is_ready, detail) = match left {
        Some(Duration::ZERO) => (false, "its certificate has expired".to_owned()),
        Some(left) if left < EXPIRES_SOON => {
            (true, format!("its certificate expires in {} days", left.as_secs() / (24 * 60 * 60)))
        }
        _ => (true, String::new()),
    };
    v1::Standby {
        url,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: started.0,
        last_seen_ms: now.0,
        is_ready,
        detail,
    }
}

/// The standbys, as this coordinator sees them.
pub(crate) struct Standbys {
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
    last: tokio::sync::Mutex<Option<(Instant, Vec<v1::Standby>)>>,
}

impl Standbys {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, environment: Arc<dyn Environment>) -> Self {
        Self { ledger, environment, last: tokio::sync::Mutex::default() }
    }

    /// The standbys, the next leader first. Many calls at a time cost one look at the ledger. If it
    /// doesn't answer, they are the ones that were known last.
    pub(crate) async fn get(&self) -> Vec<v1::Standby> {
        if !self.ledger.is_shared() {
            return Vec::new();
        }
        let mut last = self.last.lock().await;
        if let Some((at, standbys)) = &*last
            && at.elapsed() < FRESH
        {
            return standbys.clone();
        }
        let read = tokio::time::timeout(READ_TIMEOUT, self.ledger.standbys()).await;
        let known = match read {
            Ok(Ok(found)) => {
                let now = self.environment.wall();
                found.into_iter().map(|standby| judge(standby, now)).collect()
            }
            _ => last.take().map(|(_, standbys)| standbys).unwrap_or_default(),
        };
        *last = Some((Instant::now(), known.clone()));
        known
    }
}

/// What a standby says about itself, unless its silence or its clock says more.
fn judge(Standby { address, facts }: Standby, now: Timestamp) -> v1::Standby {
    let said = v1::Standby::decode(facts).unwrap_or_default();
    let mut standby = v1::Standby { url: address, ..said };
    if standby.last_seen_ms == 0 {
        // It has just begun to wait, or it is of a version that says nothing. It holds a lease.
        standby.is_ready = true;
        return standby;
    }
    let silent = Duration::from_millis(now.0.saturating_sub(standby.last_seen_ms));
    let ahead = Duration::from_millis(standby.last_seen_ms.saturating_sub(now.0));
    if silent > SILENT_AFTER {
        standby.is_ready = false;
        standby.detail = format!("it has said nothing for {} s, or its clock is behind", silent.as_secs());
    } else if ahead > SKEW_MAX && standby.detail.is_empty() {
        standby.detail = format!("its clock is {:.1} s ahead of the leader's", ahead.as_secs_f64());
    }
    standby
}

#[cfg(test)]
mod tests {
    use carlo_store::MemoryElection;

    use super::*;
    use crate::environment::SystemEnvironment;

    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    const NOW: Timestamp = Timestamp(20_000 * DAY_MS);

    /// What the leader sees of a standby that said this about itself so many milliseconds ago.
    fn seen(said: &v1::Standby, ms_ago: i64) -> (bool, String) {
        let facts = Bytes::from(said.encode_to_vec());
        let standby = Standby { address: "http://other".to_owned(), facts };
        let judged = judge(standby, Timestamp(NOW.0.saturating_add_signed(ms_ago)));
        assert_eq!(judged.url, "http://other");
        (judged.is_ready, judged.detail)
    }

    #[test]
    fn a_standby_is_ready_unless_its_certificate_or_its_silence_says_otherwise() {
        let said = |expires_in_ms: Option<i64>| {
            let expires = expires_in_ms.map(|ms| Timestamp(NOW.0.saturating_add_signed(ms)));
            introduction("http://other".to_owned(), Timestamp(1), NOW, expires)
        };
        let day = i64::try_from(DAY_MS).unwrap();
        assert_eq!(seen(&said(None), 5_000), (true, String::new()));
        assert_eq!(seen(&said(Some(15 * day)), 0), (true, String::new()));
        assert_eq!(seen(&said(Some(3 * day)), 0), (true, "its certificate expires in 3 days".to_owned()));
        assert_eq!(seen(&said(Some(-day)), 0), (false, "its certificate has expired".to_owned()));
        let (is_ready, detail) = seen(&said(None), 16_000);
        assert!(!is_ready && detail.contains("nothing for 16 s"), "{detail}");
        assert_eq!(seen(&said(None), -1_900), (true, String::new()));
        let (is_ready, detail) = seen(&said(None), -2_500);
        assert!(is_ready && detail == "its clock is 2.5 s ahead of the leader's", "{detail}");
    }

    #[test]
    fn a_standby_that_has_said_nothing_yet_is_ready() {
        for facts in [Bytes::new(), Bytes::from_static(&[0xff; 4])] {
            let judged = judge(Standby { address: "http://other".to_owned(), facts }, NOW);
            assert!(judged.is_ready && judged.version.is_empty(), "{judged:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_leader_sees_who_waits_and_asks_the_ledger_once_a_second() {
        let election = MemoryElection::new();
        let leader: Arc<dyn Ledger> = Arc::new(election.ledger("http://one"));
        leader.lead().await.unwrap();
        let environment: Arc<dyn Environment> = Arc::new(SystemEnvironment);
        let standbys = Standbys::new(Arc::clone(&leader), Arc::clone(&environment));
        assert_eq!(standbys.get().await, []);

        let other: Arc<dyn Ledger> = Arc::new(election.ledger("http://other"));
        let url = "http://other".to_owned();
        let introduction = Introduction { ledger: Arc::clone(&other), environment, url, tls: None };
        let saying = tokio::spawn(introduction.repeat());
        let waiting = tokio::spawn(async move { other.lead().await });
        tokio::task::yield_now().await;
        assert_eq!(standbys.get().await, [], "this is still what was read before");
        tokio::time::sleep(FRESH).await;
        let seen = standbys.get().await;
        let [standby] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((&*standby.url, &*standby.version), ("http://other", env!("CARGO_PKG_VERSION")));
        assert!(standby.is_ready && standby.started_at_ms > 0 && standby.last_seen_ms > 0);
        saying.abort();
        waiting.abort();
    }
}
