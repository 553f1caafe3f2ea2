//! A ledger in memory for several coordinators, for tests and simulations. It promises what etcd
//! promises of entries, candidates and leases, but the test decides when a lease ends. Nothing here
//! is durable.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use carlo_types::Epoch;
use tokio::sync::watch;

use crate::key::Key;
use crate::ledger::{Ledger, LedgerError, STANDBYS_MAX, Standby, Write, check_limits};
use crate::memory::MemoryLedger;

/// Entries, and the candidates that want to write them.
#[derive(Debug, Clone, Default)]
pub struct MemoryElection {
    ledger: Arc<MemoryLedger>,
    candidates: watch::Sender<Candidates>,
}

/// The first of `waiting` leads.
#[derive(Debug, Default)]
struct Candidates {
    waiting: Vec<Candidate>,
    numbered: u64,
}

#[derive(Debug)]
struct Candidate {
    number: u64,
    address: String,
    facts: Bytes,
}

impl Candidates {
    fn has(&self, number: u64) -> bool {
        self.waiting.iter().any(|candidate| candidate.number == number)
    }

    fn leads(&self, number: u64) -> bool {
        self.waiting.first().is_some_and(|candidate| candidate.number == number)
    }
}

impl MemoryElection {
    /// An election without entries, candidates or leader.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ledger as the coordinator at `address` uses it.
    pub fn ledger(&self, address: impl Into<String>) -> MemoryCandidate {
        MemoryCandidate {
            election: self.clone(),
            address: address.into(),
            facts: Mutex::default(),
            campaigning: tokio::sync::Mutex::new(()),
            term: Mutex::new(None),
        }
    }

    /// Ends the lease of the leader or candidate at `address`, as etcd does when it hears nothing
    /// from it: after a crash, a freeze or a network failure.
    pub fn expire(&self, address: &str) {
        self.candidates.send_modify(|candidates| {
            candidates.waiting.retain(|candidate| candidate.address != address);
        });
    }

    /// The numbers of all active leases, the leader's first.
    pub fn leases(&self) -> Vec<u64> {
        self.candidates.borrow().waiting.iter().map(|candidate| candidate.number).collect()
    }

    /// Ends one lease, if it has not ended yet.
    pub fn expire_lease(&self, number: u64) {
        self.candidates.send_modify(|candidates| {
            candidates.waiting.retain(|candidate| candidate.number != number);
        });
    }

    /// The shared entries. Their commits can be made to fail.
    pub fn entries(&self) -> &MemoryLedger {
        &self.ledger
    }
}

/// One coordinator's view of a [`MemoryElection`].
#[derive(Debug)]
pub struct MemoryCandidate {
    election: MemoryElection,
    address: String,
    /// What the others learn about it while it waits to lead.
    facts: Mutex<Bytes>,
    /// Held during a candidacy, so that there is one at a time.
    campaigning: tokio::sync::Mutex<()>,
    /// The lease's number and, once elected, the epoch.
    term: Mutex<Option<(u64, Epoch)>>,
}

impl MemoryCandidate {
    /// The number of its latest lease, which the test may have ended meanwhile.
    pub fn lease(&self) -> Option<u64> {
        self.term().map(|(number, _)| number)
    }

    fn facts(&self) -> Bytes {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn term(&self) -> Option<(u64, Epoch)> {
        *self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, term: Option<(u64, Epoch)>) -> Option<(u64, Epoch)> {
        std::mem::replace(&mut *self.term.lock().unwrap_or_else(PoisonError::into_inner), term)
    }

    fn give_up(&self) {
        if let Some((number, _)) = self.set(None) {
            self.election.candidates.send_modify(|candidates| {
                candidates.waiting.retain(|candidate| candidate.number != number);
            });
        }
    }
}

#[async_trait]
impl Ledger for MemoryCandidate {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        let _one = self.campaigning.lock().await;
        self.give_up();
        let mut number = 0;
        self.election.candidates.send_modify(|candidates| {
            candidates.numbered += 1;
            number = candidates.numbered;
            candidates.waiting.push(Candidate { number, address: self.address.clone(), facts: self.facts() });
        });
        self.set(Some((number, Epoch(0))));
        let mut changes = self.election.candidates.subscribe();
        let decided = changes.wait_for(|now| now.leads(number) || !now.has(number)).await;
        if !decided.expect("the election outlives its candidates").leads(number) {
            return Err(LedgerError::storage(
                "campaign",
                io::Error::other("the candidate's lease has ended"),
            ));
        }
        let epoch = self.election.ledger.lead().await?;
        self.set(Some((number, epoch)));
        Ok(epoch)
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        if self.holds(epoch) {
            return self.election.ledger.commit(epoch, writes).await;
        }
        check_limits(&writes)?;
        // Until the next candidate leads, the entries still have the epoch of the lease that ended.
        let latest = self.election.ledger.epoch();
        Err(LedgerError::Fenced { current: if latest == epoch { Epoch(0) } else { latest } })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn holds(&self, epoch: Epoch) -> bool {
        self.term().is_some_and(|(number, current)| {
            current == epoch && self.election.candidates.borrow().leads(number)
        })
    }

    async fn deposed(&self, epoch: Epoch) {
        let Some((number, _)) = self.term().filter(|(_, current)| *current == epoch) else { return };
        let mut changes = self.election.candidates.subscribe();
        let gone = changes.wait_for(|candidates| !candidates.has(number)).await;
        gone.expect("the election outlives its candidates");
    }

    async fn resign(&self) {
        self.give_up();
    }

    async fn leader(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.election.candidates.borrow().waiting.first().map(|leader| leader.address.clone()))
    }

    fn introduce(&self, facts: Bytes) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = facts.clone();
        let Some((number, _)) = self.term() else { return };
        self.election.candidates.send_if_modified(|candidates| {
            let own = candidates.waiting.iter_mut().find(|candidate| candidate.number == number);
            if let Some(own) = own {
                own.facts = facts;
            }
            // Nobody waits for this.
            false
        });
    }

    async fn standbys(&self) -> Result<Vec<Standby>, LedgerError> {
        let candidates = self.election.candidates.borrow();
        let standbys =
            candidates.waiting.iter().skip(1).take(STANDBYS_MAX).map(|candidate| Standby {
                address: candidate.address.clone(),
                facts: candidate.facts.clone(),
            });
        Ok(standbys.collect())
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        self.election.ledger.get(key).await
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        self.election.ledger.scan(prefix, after, limit).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    crate::conformance_tests!(async || Arc::new(MemoryElection::new().ledger("http://one")));

    #[tokio::test]
    async fn one_leads_until_it_resigns_or_its_lease_ends() {
        let election = MemoryElection::new();
        let (candidate, other) = (election.ledger("http://one"), election.ledger("http://other"));
        let first = candidate.lead().await.unwrap();
        assert!(timeout(Duration::from_millis(20), other.lead()).await.is_err());
        assert_eq!(other.leader().await.unwrap().as_deref(), Some("http://one"));

        let (second, ()) = tokio::join!(other.lead(), async { election.expire("http://one") });
        let second = second.unwrap();
        candidate.deposed(first).await;
        assert!(second > first && !candidate.holds(first) && other.holds(second));
        let late = candidate.commit(first, vec![Write::Put(Key::new("a").unwrap(), Bytes::new())]).await;
        assert!(matches!(late, Err(LedgerError::Fenced { current }) if current == second), "{late:?}");

        let (third, ()) = tokio::join!(candidate.lead(), other.resign());
        assert!(third.unwrap() > second);
    }

    #[tokio::test]
    async fn whoever_waits_to_lead_is_a_standby_with_what_it_says_of_itself() {
        let election = MemoryElection::new();
        let (leader, other) = (election.ledger("http://one"), election.ledger("http://other"));
        leader.introduce(Bytes::from("one"));
        leader.lead().await.unwrap();
        assert_eq!(leader.standbys().await.unwrap(), []);
        other.introduce(Bytes::from("first"));
        let waiting = other.lead();
        let looking = async {
            let standby = |facts| Standby { address: "http://other".to_owned(), facts: Bytes::from(facts) };
            tokio::task::yield_now().await;
            assert_eq!(leader.standbys().await.unwrap(), [standby("first")]);
            other.introduce(Bytes::from("second"));
            assert_eq!(leader.standbys().await.unwrap(), [standby("second")]);
            leader.resign().await;
        };
        let (elected, ()) = tokio::join!(waiting, looking);
        elected.unwrap();
        assert_eq!(other.standbys().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_lease_that_ends_fences_though_nobody_else_leads() {
        let election = MemoryElection::new();
        let candidate = election.ledger("http://one");
        let epoch = candidate.lead().await.unwrap();
        election.expire("http://one");
        let late = candidate.commit(epoch, Vec::new()).await;
        assert!(matches!(late, Err(LedgerError::Fenced { current: Epoch(0) })), "{late:?}");
        assert_eq!(candidate.leader().await.unwrap(), None);
    }
}
