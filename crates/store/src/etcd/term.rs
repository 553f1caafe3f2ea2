//! One candidacy and, once elected, one term: its lease, which is kept alive, and its transactions,
//! each guarded by the candidate's key.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use carlo_types::Epoch;
use etcd_client::{Client, Compare, CompareOp, PutOptions, ResponseHeader, Txn, TxnOp, TxnOpResponse};
use tokio::sync::{RwLock, RwLockReadGuard, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::config::refused;
use super::layout::Layout;
use super::{ANSWER_TIMEOUT, EtcdConfig, QUESTION_TIMEOUT, TTL};
use crate::ledger::LedgerError;

/// The version of the layout that this code reads and writes.
const SCHEMA_VERSION: u64 = 1;
/// How often a candidate checks whether it leads.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Describes a failed campaign, after the words "failed to".
const CAMPAIGN: &str = "campaign in etcd";
/// Time between two keep-alive messages.
const ALIVE_EVERY: Duration = Duration::from_millis(500);
/// Time between two attempts while the lease may still be alive.
const ALIVE_RETRY: Duration = Duration::from_millis(50);
/// etcd keeps every old value until it is told to compact. A leader compacts this often, everything
/// that is older than this.
const COMPACT_EVERY: Duration = Duration::from_mins(1);

/// The messages with which etcd rejects credentials or permissions.
const REFUSALS: [&str; 3] = ["authentication failed", "user name is empty", "permission denied"];

/// One candidacy.
#[derive(Debug)]
pub(super) struct Term {
    client: SharedClient,
    pub(super) layout: Layout,
    lease: i64,
    alive: Arc<Alive>,
    /// Keep the lease alive and compact. They end with the term.
    tasks: Mutex<Vec<AbortHandle>>,
    elected: OnceLock<(Vec<u8>, Epoch)>,
    /// Locked for writing while a commit of several transactions is made, so that nobody reads half
    /// of it. `true` if such a commit began and did not complete: then this term is over, and the
    /// next one completes the commit.
    unfinished: RwLock<bool>,
}

/// A client without `Debug`; users clone it.
struct SharedClient(Client);

impl std::fmt::Debug for SharedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// Until when the lease is certainly alive.
#[derive(Debug)]
struct Alive {
    until: Mutex<Instant>,
    lost: watch::Sender<bool>,
}

impl Alive {
    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn extend(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Term {
    /// Connects to a member and gets a lease, which is kept alive from now on.
    pub(super) async fn begin(
        config: &EtcdConfig,
        layout: Layout,
        member: usize,
    ) -> Result<Self, LedgerError> {
        let client = connect(config, member).await?;
        let asked = Instant::now();
        let ttl = i64::try_from(TTL.as_secs()).expect("a lease is short");
        let mut granting = client.lease_client();
        let lease = in_time(QUESTION_TIMEOUT, "get a lease from etcd", granting.grant(ttl, None)).await?.id();
        let alive = Arc::new(Alive { until: Mutex::new(asked + TTL), lost: watch::Sender::new(false) });
        let keeper = tokio::spawn(keep_alive(client.clone(), lease, Arc::clone(&alive))).abort_handle();
        Ok(Self {
            client: SharedClient(client),
            layout,
            lease,
            alive,
            tasks: Mutex::new(vec![keeper]),
            elected: OnceLock::new(),
            unfinished: RwLock::new(false),
        })
    }

    /// Waits until this is the oldest candidate, and returns its epoch.
    ///
    /// It polls instead of calling etcd's `Campaign` or watching. Such a call may hang forever when
    /// etcd restarts, and it makes etcd itself keep the lease of a frozen candidate alive.
    ///
    /// Meanwhile it publishes each of its `facts`.
    pub(super) async fn campaign(
        &self,
        address: &str,
        mut facts: watch::Receiver<Bytes>,
    ) -> Result<Epoch, LedgerError> {
        let key = self.layout.candidate(self.lease);
        let put = PutOptions::new().with_lease(self.lease);
        let standing = Txn::new()
            .when(vec![Compare::create_revision(key.clone(), CompareOp::Equal, 0)])
            .and_then(vec![TxnOp::put(key.clone(), address, Some(put))]);
        let mut client = self.client();
        let stands = in_time(QUESTION_TIMEOUT, CAMPAIGN, client.txn(standing)).await?;
        let revision = stands.header().filter(|_| stands.succeeded()).map_or(0, ResponseHeader::revision);
        let epoch = u64::try_from(revision).ok().filter(|epoch| *epoch > 0).map(Epoch);
        let epoch = epoch
            .ok_or_else(|| LedgerError::storage(CAMPAIGN, io::Error::other("the lease is used already")))?;

        facts.mark_changed();
        while !self.is_oldest(&key).await {
            if facts.has_changed().unwrap_or(false) {
                let facts = facts.borrow_and_update().clone();
                self.introduce(facts).await;
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.lost() => {
                    let reason = io::Error::other("the candidate's lease has ended");
                    return Err(LedgerError::storage(CAMPAIGN, reason));
                }
            }
        }
        self.elected.set((key, epoch)).expect("a candidate is elected once");
        let compacting = tokio::spawn(compact(self.client(), self.layout.schema())).abort_handle();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(compacting);
        Ok(epoch)
    }

    /// Whether etcd answers that there is no older candidate.
    async fn is_oldest(&self, key: &[u8]) -> bool {
        let mut client = self.client();
        let asked = client.get(self.layout.candidates(), Some(super::oldest_first()));
        let found = in_time(QUESTION_TIMEOUT, CAMPAIGN, asked).await;
        found.is_ok_and(|found| found.kvs().first().is_some_and(|oldest| oldest.key() == key))
    }

    /// Publishes what the candidate says about itself. Best effort: the next value replaces it.
    async fn introduce(&self, facts: Bytes) {
        let mut client = self.client();
        let put = PutOptions::new().with_lease(self.lease);
        let asked = client.put(self.layout.introduction(self.lease), facts, Some(put));
        if let Err(error) = in_time(QUESTION_TIMEOUT, CAMPAIGN, asked).await {
            tracing::debug!("failed to tell the others about this standby: {error}");
        }
    }

    pub(super) fn client(&self) -> Client {
        self.client.0.clone()
    }

    /// The epoch, once elected.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.elected.get().map(|(_, epoch)| *epoch)
    }

    /// Whether the lease is certainly alive. The clock decides, not the task that renews the lease,
    /// so that the answer is right at once after the process was frozen.
    pub(super) fn holds(&self) -> bool {
        !*self.alive.lost.borrow() && Instant::now() < self.alive.until()
    }

    /// Resolves when the lease may have ended.
    pub(super) async fn lost(&self) {
        let mut lost = self.alive.lost.subscribe();
        // The sender lives in `self`.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Revokes the lease, which deletes the candidate's key. Returns the lease if that fails.
    pub(super) async fn end(&self) -> Option<i64> {
        self.stop();
        revoke(self.client(), self.lease).await.err().map(|_| self.lease)
    }

    pub(super) async fn revoke(&self, lease: i64) {
        // etcd doesn't know a lease that has expired.
        let _ = revoke(self.client(), lease).await;
    }

    fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        self.alive.lost.send_replace(true);
    }

    /// Excludes commits of several transactions while the guard lives.
    pub(super) async fn shared(&self) -> Result<RwLockReadGuard<'_, bool>, LedgerError> {
        let unfinished = self.unfinished.read().await;
        if *unfinished { Err(LedgerError::Closed) } else { Ok(unfinished) }
    }

    /// Runs a commit of several transactions while nobody else reads or writes. If it fails or is
    /// dropped, the term is over.
    pub(super) async fn alone(
        &self,
        commit: impl Future<Output = Result<(), LedgerError>>,
    ) -> Result<(), LedgerError> {
        let mut unfinished = self.unfinished.write().await;
        if std::mem::replace(&mut *unfinished, true) {
            return Err(LedgerError::Closed);
        }
        commit.await?;
        *unfinished = false;
        Ok(())
    }

    /// One transaction: all of `operations`, if this term still leads.
    pub(super) async fn guarded(&self, operations: Vec<TxnOp>) -> Result<(), LedgerError> {
        let (key, epoch) = self.elected.get().expect("only an elected candidate writes");
        let revision = i64::try_from(epoch.0).expect("an epoch is a revision of etcd");
        let transaction = Txn::new()
            .when(vec![Compare::create_revision(key.clone(), CompareOp::Equal, revision)])
            .and_then(operations)
            .or_else(vec![TxnOp::get(self.layout.candidates(), Some(super::oldest_first()))]);
        let mut client = self.client();
        let made = in_time(ANSWER_TIMEOUT, "commit to etcd", client.txn(transaction)).await?;
        if made.succeeded() {
            return Ok(());
        }
        let current = match made.op_responses().first() {
            Some(TxnOpResponse::Get(leader)) => {
                leader.kvs().first().map_or(0, etcd_client::KeyValue::create_revision)
            }
            _ => 0,
        };
        Err(LedgerError::Fenced { current: Epoch(u64::try_from(current).unwrap_or(0)) })
    }

    /// Writes the version of the layout if there is none, and refuses a later one.
    pub(super) async fn check_schema(&self) -> Result<(), LedgerError> {
        let mut client = self.client();
        let found = in_time(ANSWER_TIMEOUT, "read from etcd", client.get(self.layout.schema(), None)).await?;
        let Some(found) = found.kvs().first() else {
            return self
                .guarded(vec![TxnOp::put(self.layout.schema(), SCHEMA_VERSION.to_string(), None)])
                .await;
        };
        let at = || String::from_utf8_lossy(&self.layout.schema()).into_owned();
        let version = found.value_str().ok().and_then(|text| text.parse::<u64>().ok());
        match version {
            Some(version) if version <= SCHEMA_VERSION => Ok(()),
            Some(found) => Err(LedgerError::Newer { path: at().into(), found, known: SCHEMA_VERSION }),
            None => Err(refused(&at(), "it has no schema version: another program wrote it")),
        }
    }
}

pub(super) async fn connect(config: &EtcdConfig, member: usize) -> Result<Client, LedgerError> {
    let connecting = Client::connect([&config.urls[member]], Some(config.options()));
    in_time(ANSWER_TIMEOUT, "connect to etcd", connecting).await
}

async fn revoke(mut client: Client, lease: i64) -> Result<(), LedgerError> {
    in_time(QUESTION_TIMEOUT, "give a lease back to etcd", client.lease_revoke(lease)).await.map(|_| ())
}

/// Renews the lease until that fails for good, then marks it as lost.
async fn keep_alive(client: Client, lease: i64, alive: Arc<Alive>) {
    loop {
        let Err(ended) = beat(client.clone(), lease, &alive).await;
        if ended.is_final || Instant::now() >= alive.until() {
            tracing::warn!(reason = %ended.reason, "the lease in etcd is lost");
            alive.lost.send_replace(true);
            return;
        }
        sleep(ALIVE_RETRY).await;
    }
}

/// Why a renewal stopped.
struct Ended {
    /// Whether the lease is gone, not only the connection.
    is_final: bool,
    reason: String,
}

impl Ended {
    fn unanswered(reason: impl std::fmt::Display) -> Self {
        Self { is_final: false, reason: format!("{reason}") }
    }
}

/// Renews the lease over one connection, until it fails.
async fn beat(mut client: Client, lease: i64, alive: &Alive) -> Result<Infallible, Ended> {
    let no_answer = |_| Ended::unanswered("etcd doesn't answer");
    let asked = Instant::now();
    let opened = timeout_at(alive.until(), client.lease_keep_alive(lease)).await.map_err(no_answer)?;
    let (mut keeper, mut answers) = opened.map_err(|error| match error {
        etcd_client::Error::LeaseKeepAliveError(reason) => Ended { is_final: true, reason },
        error => Ended::unanswered(error),
    })?;
    alive.extend(asked + TTL);
    loop {
        sleep(ALIVE_EVERY).await;
        let asked = Instant::now();
        keeper.keep_alive().await.map_err(Ended::unanswered)?;
        let answer = timeout_at(alive.until(), answers.message()).await.map_err(no_answer)?;
        match answer.map_err(Ended::unanswered)? {
            // etcd counts from the arrival of the request, which is later.
            Some(answer) if answer.ttl() > 0 => alive.extend(asked + TTL),
            Some(_) => return Err(Ended { is_final: true, reason: "it has expired".to_owned() }),
            None => return Err(Ended::unanswered("etcd ended the stream")),
        }
    }
}

/// Makes etcd delete overwritten values, again and again.
async fn compact(mut client: Client, key: Vec<u8>) -> Infallible {
    let mut before = None;
    loop {
        if let Some(revision) = before
            && let Err(error) = in_time(ANSWER_TIMEOUT, "compact etcd", client.compact(revision, None)).await
        {
            tracing::warn!(
                error = &error as &(dyn Error + 'static),
                "failed to compact etcd's old values; trying again later"
            );
        }
        let now = in_time(QUESTION_TIMEOUT, "read from etcd", client.get(key.clone(), None)).await;
        before = now.ok().and_then(|found| found.header().map(ResponseHeader::revision)).or(before);
        sleep(COMPACT_EVERY).await;
    }
}

/// Makes a call to etcd with a time limit. `doing` completes the words "failed to".
pub(super) async fn in_time<T>(
    limit: Duration,
    doing: &'static str,
    call: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, LedgerError> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| failed(doing, error)),
        Err(_) => Err(LedgerError::storage(doing, io::Error::other(format!("no answer within {limit:?}")))),
    }
}

/// Converts a failed call. If etcd rejects the credentials, another attempt won't help.
fn failed(doing: &'static str, error: etcd_client::Error) -> LedgerError {
    match &error {
        etcd_client::Error::GRpcStatus(status) => {
            let words = status.message();
            // The message decides, because etcd's election uses the code UNKNOWN for everything.
            if REFUSALS.iter().any(|refusal| words.contains(refusal)) {
                return refused("etcd", format!("failed to {doing}: {words}"));
            }
            LedgerError::storage(doing, io::Error::other(describe(status)))
        }
        _ => LedgerError::storage(doing, error),
    }
}

/// A status with its causes. For a broken connection tonic's own message doesn't name the cause.
fn describe(status: &tonic::Status) -> String {
    let mut words = vec![status.message().to_owned()];
    let mut cause = status.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // A layer that only passes a cause on repeats its message.
        if !words.iter().any(|said| said.contains(&more)) {
            words.push(more);
        }
        cause = error.source();
    }
    words.join(": ")
}
