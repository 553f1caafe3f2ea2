//! The ledger that several coordinators share: entries in etcd, written by the coordinator that won
//! the election there.
//!
//! A candidate's key lives as long as its lease, so the key of a dead candidate is gone within
//! [`TTL`]. The oldest key leads, and the revision at which etcd created it is the epoch. An
//! election alone excludes nobody: a leader that was frozen may wake up and write. Therefore every
//! transaction of a leader compares the create revision of its key, and etcd refuses the
//! transaction once that key is gone.
//!
//! * `config`: the address of etcd, credentials and TLS.
//! * `layout`: the keys in etcd.
//! * `term`: one candidacy: its lease, which is kept alive, and its guarded transactions.
//! * `staged`: commits that are larger than one transaction.
//!
//! Each term talks to one member of etcd only. A request without an answer is never repeated,
//! because it may still be executed, even after a later request. Instead the term ends. The next
//! term uses the next member, and is protected by its epoch from requests of the old one.

mod config;
mod layout;
mod staged;
mod term;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carlo_types::Epoch;
use etcd_client::{Client, GetOptions, SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse};
use tokio::sync::watch;

use self::layout::Layout;
use self::term::{Term, in_time};
use crate::key::Key;
use crate::ledger::{Ledger, LedgerError, STANDBYS_MAX, Standby, Write, check_limits};

pub use self::config::{EtcdConfig, EtcdCredentials, EtcdTls, EtcdUpdates};

/// How long a silent leader stays leader. With etcd's defaults no shorter lease is granted.
const TTL: Duration = Duration::from_secs(2);
/// How long etcd may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long etcd may take to answer a small request.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(1);
/// Entries read by one request.
const PAGE: usize = 512;
/// The largest response that is accepted: a page of the largest values.
const ANSWER_BYTES_MAX: usize = PAGE * (crate::ledger::VALUE_BYTES_MAX + 1024);

/// A ledger in etcd.
#[derive(Debug)]
pub struct EtcdLedger {
    config: EtcdConfig,
    /// The address that the other coordinators see while this one leads.
    address: String,
    layout: Layout,
    /// The member of etcd to use; advanced after each failure. Held during a candidacy, so that
    /// there is one at a time.
    member: tokio::sync::Mutex<usize>,
    term: Mutex<Option<Arc<Term>>>,
    /// What the others learn about this coordinator while it waits to lead.
    facts: watch::Sender<Bytes>,
    /// The lease of an earlier term that could not be revoked.
    left_over: Mutex<Option<i64>>,
}

impl EtcdLedger {
    /// A ledger at these members of etcd. `address` is what other coordinators see while this one
    /// leads. Doesn't connect yet.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Refused`] where the configuration can't be used.
    pub fn new(config: EtcdConfig, address: impl Into<String>) -> Result<Self, LedgerError> {
        config.check()?;
        let layout = Layout::new(&config.prefix);
        Ok(Self {
            config,
            address: address.into(),
            layout,
            member: tokio::sync::Mutex::new(0),
            term: Mutex::new(None),
            facts: watch::Sender::default(),
            left_over: Mutex::new(None),
        })
    }

    fn term(&self) -> Option<Arc<Term>> {
        self.slot().clone()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Term>>> {
        // A panic elsewhere can't leave the option half written.
        self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The term of this epoch, if it is this ledger's latest.
    fn term_of(&self, epoch: Epoch) -> Result<Arc<Term>, LedgerError> {
        match self.term() {
            Some(term) if term.epoch() == Some(epoch) => Ok(term),
            Some(term) => Err(LedgerError::Fenced { current: term.epoch().unwrap_or_default() }),
            None => Err(LedgerError::Fenced { current: Epoch(0) }),
        }
    }

    /// A client to read with: the term's, or a new one.
    async fn client(&self) -> Result<Client, LedgerError> {
        match self.term() {
            Some(term) => Ok(term.client()),
            None => term::connect(&self.config, 0).await,
        }
    }

    async fn run_for_leader(&self, member: usize) -> Result<Epoch, LedgerError> {
        let term = Arc::new(Term::begin(&self.config, self.layout.clone(), member).await?);
        *self.slot() = Some(Arc::clone(&term));
        let left_over = self.left_over().take();
        if let Some(lease) = left_over {
            term.revoke(lease).await;
        }
        let epoch = term.campaign(&self.address, self.facts.subscribe()).await?;
        term.check_schema().await?;
        staged::finish(&term).await?;
        Ok(epoch)
    }

    async fn give_up(&self) {
        let term = self.slot().take();
        if let Some(term) = term
            && let Some(lease) = term.end().await
        {
            *self.left_over() = Some(lease);
        }
    }

    fn left_over(&self) -> std::sync::MutexGuard<'_, Option<i64>> {
        self.left_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for EtcdLedger {
    fn kind(&self) -> &'static str {
        "etcd"
    }

    async fn lead(&self) -> Result<Epoch, LedgerError> {
        let mut member = self.member.lock().await;
        self.give_up().await;
        let elected = self.run_for_leader(*member % self.config.urls.len()).await;
        if elected.is_err() {
            *member += 1;
            self.give_up().await;
        }
        elected
    }

    async fn commit(&self, epoch: Epoch, writes: Vec<Write>) -> Result<(), LedgerError> {
        check_limits(&writes)?;
        let term = self.term_of(epoch)?;
        staged::commit(&term, writes).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn holds(&self, epoch: Epoch) -> bool {
        self.term_of(epoch).is_ok_and(|term| term.holds())
    }

    async fn deposed(&self, epoch: Epoch) {
        if let Ok(term) = self.term_of(epoch) {
            term.lost().await;
        }
    }

    async fn resign(&self) {
        self.give_up().await;
    }

    async fn leader(&self) -> Result<Option<String>, LedgerError> {
        let options = oldest_first();
        let mut client = self.client().await?;
        let asked = client.get(self.layout.candidates(), Some(options));
        let found = in_time(QUESTION_TIMEOUT, "ask etcd who leads", asked).await?;
        Ok(found.kvs().first().map(|leader| String::from_utf8_lossy(leader.value()).into_owned()))
    }

    fn introduce(&self, facts: Bytes) {
        self.facts.send_replace(facts);
    }

    async fn standbys(&self) -> Result<Vec<Standby>, LedgerError> {
        const ASK: &str = "ask etcd for standbys";
        // One of the candidates leads.
        let oldest = i64::try_from(STANDBYS_MAX + 1).expect("they are few");
        let questions = vec![
            TxnOp::get(self.layout.candidates(), Some(oldest_first().with_limit(oldest))),
            TxnOp::get(self.layout.introductions(), Some(GetOptions::new().with_prefix().with_limit(oldest))),
        ];
        let mut client = self.client().await?;
        let asked = client.txn(Txn::new().and_then(questions));
        let found = in_time(QUESTION_TIMEOUT, ASK, asked).await?;
        let mut answers = found.op_responses().into_iter().filter_map(|answer| match answer {
            TxnOpResponse::Get(answer) => Some(answer),
            _ => None,
        });
        let (Some(candidates), Some(introductions)) = (answers.next(), answers.next()) else {
            return Err(LedgerError::storage(ASK, std::io::Error::other("it answered something else")));
        };
        let lease = |key: &[u8], prefix: &[u8]| key.strip_prefix(prefix).map(<[u8]>::to_vec);
        let prefix = self.layout.introductions();
        let facts: BTreeMap<_, _> = introductions
            .kvs()
            .iter()
            .filter_map(|entry| Some((lease(entry.key(), &prefix)?, Bytes::copy_from_slice(entry.value()))))
            .collect();
        let prefix = self.layout.candidates();
        let standbys = candidates.kvs().iter().skip(1).map(|candidate| Standby {
            address: String::from_utf8_lossy(candidate.value()).into_owned(),
            facts: lease(candidate.key(), &prefix)
                .and_then(|lease| facts.get(&lease).cloned())
                .unwrap_or_default(),
        });
        Ok(standbys.collect())
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, LedgerError> {
        let mut page = self.read(self.layout.entry(key.as_str()), None, 1).await?;
        Ok(page.pop().map(|(_, value)| value))
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        let end = layout::end_of(self.layout.entry(prefix));
        let start = match after {
            // The next key after it, in byte order.
            Some(after) if after.as_str() >= prefix => [self.layout.entry(after.as_str()), vec![0]].concat(),
            _ => self.layout.entry(prefix),
        };
        if limit == 0 || start >= end {
            return Ok(Vec::new());
        }
        self.read(start, Some(end), limit).await
    }
}

impl EtcdLedger {
    /// Reads the entries from `start` up to but excluding `end`, or the single entry at `start` if
    /// there is no end. All come from one revision, and never half of a commit.
    async fn read(
        &self,
        mut start: Vec<u8>,
        end: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(Key, Bytes)>, LedgerError> {
        let term = self.term();
        let _whole = match &term {
            Some(term) => Some(term.shared().await?),
            None => None,
        };
        let mut client = self.client().await?.kv_client().max_decoding_message_size(ANSWER_BYTES_MAX);
        let (mut entries, mut revision) = (Vec::new(), 0);
        loop {
            let page = PAGE.min(limit - entries.len());
            let mut options = GetOptions::new().with_revision(revision);
            if let Some(end) = &end {
                options =
                    options.with_range(end.clone()).with_limit(i64::try_from(page).expect("a page is small"));
            }
            let asked = client.get(start, Some(options));
            let mut found = in_time(ANSWER_TIMEOUT, "read from etcd", asked).await?;
            revision = found.header().map_or(0, etcd_client::ResponseHeader::revision).max(revision);
            let more = found.more();
            for entry in found.take_kvs() {
                entries.push(self.layout.read(entry)?);
            }
            match entries.last() {
                Some((last, _)) if more && entries.len() < limit => {
                    start = [self.layout.entry(last.as_str()), vec![0]].concat();
                }
                _ => return Ok(entries),
            }
        }
    }
}

/// Selects the leading candidate's key.
fn oldest_first() -> GetOptions {
    GetOptions::new().with_prefix().with_sort(SortTarget::Create, SortOrder::Ascend).with_limit(1)
}
