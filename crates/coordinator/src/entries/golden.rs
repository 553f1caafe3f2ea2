//! Golden files with the bytes of every kind of entry. Ledgers must stay readable for later
//! releases, so these bytes may only change on purpose.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use carlo_schedule::{BatchJob, BatchRecord, JobRecord, JobState, Mark, Record, Trust, Verdict};
use carlo_store::{Key, MemoryLedger, Write};
use carlo_tenancy::{
    Budget, Change, Charge, JoinToken, JoinTokenId, Key as ApiKey, KeyHash, KeyId, Period,
    Record as TenancyRecord, Role, Terms, Tier, Usage,
};
use carlo_types::definition::Leaf as _;
use carlo_types::webhook::{HttpUrl, WebhookEvent, WebhookSecret};
use carlo_types::{
    BatchId, Bill, DeliveryId, Draft, EndpointId, Epoch, JobId, Money, NodeId, OwnerId, Timestamp, Work,
};
use carlo_webhooks::{
    DefaultHook, Delivery, DeliveryState, Disabled, Endpoint, Hook, Record as WebhookRecord,
};
use carlo_wire::v1;
use prost::Message;

use super::{Known, idempotency, packed, tenancy, webhooks};
use crate::hook_state::HookState;
use crate::job_metadata::JobMetadata;
use crate::origin::Origins;

/// The message of a failed comparison.
const HELP: &str = "the bytes of this ledger entry have changed. A coordinator of this release must still read what earlier ones wrote: \
    fields are added with new numbers, never renumbered, retyped or reused, and what is absent means what it meant before. If that holds \
    and the change is wanted, keep the old file under another name (`<kind>.<release>.hex`; it must go on to be read), and write the new \
    one with CARLO_GOLDEN=write";

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/entries/golden")
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(48) {
        for byte in line {
            write!(text, "{byte:02x}").expect("a string takes everything");
        }
        text.push('\n');
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("digits are ASCII"), 16).expect("two digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// A specification with a distinct value in every section.
fn spec() -> carlo_types::JobSpec {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(13_500.0);
    draft.profile.monthly_spending = Some(3_200.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(70_000.0);
    draft.goal.timeline_months = Some(36);
    draft.params.n_simulations = Some(100_000);
    draft.check(7).unwrap()
}

fn job() -> JobRecord {
    JobRecord {
        id: JobId::from_random(1),
        owner: OwnerId::new("ada"),
        spec: Arc::new(spec()),
        priority: 60,
        state: JobState::Failed,
        error: Some("a range failed three times".to_owned()),
        created_at: Timestamp(1_000),
        started_at: Some(Timestamp(2_000)),
        ended_at: Some(Timestamp(3_000)),
        simulations_done: 16_384,
        stopped_early: true,
        workers_used: 2,
        batch: Some(BatchId::from_random(2)),
        is_blocked: false,
        price: Money::from_micros(100),
        bill: Some(Bill { tokens: 1, cost: Money::from_micros(100) }),
        is_preview: false,
    }
}

fn batch() -> BatchRecord {
    let member = |number, is_blocked| BatchJob {
        job: JobId::from_random(number),
        simulations: 100_000,
        estimate: Money::from_micros(400),
        state: if is_blocked { JobState::Queued } else { JobState::Failed },
        is_blocked,
        bill: (!is_blocked).then_some(Bill { tokens: 1, cost: Money::from_micros(100) }),
        simulations_done: 0,
        is_forgotten: !is_blocked,
    };
    BatchRecord {
        id: BatchId::from_random(2),
        owner: OwnerId::new("ada"),
        priority: 60,
        fail_fast: true,
        parallel_jobs: 3,
        budget_cap: Some(Money::from_whole_dollars(2)),
        metadata_json: "{\"a\":1}".to_owned(),
        created_at: Timestamp(1_000),
        started_at: Some(Timestamp(2_000)),
        ended_at: Some(Timestamp(3_000)),
        jobs: vec![member(1, false), member(3, true)],
        error: Some("one failed".to_owned()),
        is_cancelled: true,
        cancel_reason: Some("enough".to_owned()),
        unattributed: Bill { tokens: 9, cost: Money::from_micros(900) },
    }
}

/// A checkpoint. The partial results in it have their own golden files in the kernel.
fn checkpoint() -> v1::CheckpointEntry {
    v1::CheckpointEntry {
        done: vec![v1::BlockSpan { start: 0, end: 2 }, v1::BlockSpan { start: 3, end: 4 }],
        parts: vec![v1::PartEntry {
            range: Some(v1::BlockSpan { start: 0, end: 4 }),
            partial: vec![1, 2, 3],
        }],
        shares: vec![v1::ShareEntry {
            node_id: NodeId::from_random(8).to_string(),
            simulations: 49_152,
            ahead: 16_384,
            mark: None,
        }],
        model_version: 4,
    }
}

fn completed() -> v1::CompletedResults {
    v1::CompletedResults {
        results: Some(v1::Results {
            success_probability: 0.5,
            histogram: Some(v1::Histogram { edges: vec![-1.0 / 3.0, 0.0, 12.34], counts: vec![1, 2] }),
            trajectory: vec![v1::FanPoint { month: 6, percentiles: vec![1.0, 2.0, 3.25, 4.0, 5.1] }],
            ..Default::default()
        }),
        stopped_early: true,
        workers_used: 1,
        ..Default::default()
    }
}

fn result() -> v1::ResultEntry {
    v1::ResultEntry {
        results: None,
        packed: packed::pack(completed()),
        shares: vec![v1::ShareEntry {
            node_id: NodeId::from_random(8).to_string(),
            simulations: 100_000,
            ahead: 0,
            mark: None,
        }],
    }
}

fn money_records() -> [(&'static str, TenancyRecord); 7] {
    let (user, period) = (OwnerId::new("ada"), "2026-11".parse::<Period>().unwrap());
    let key = ApiKey {
        id: KeyId::from_random(5),
        hash: KeyHash::from_bytes([7; 32]),
        user: user.clone(),
        tier: Tier::Pro,
        role: Role::Admin,
        created_at: Timestamp(1),
        note: None,
        expires_at: None,
        revoked_at: Some(Timestamp(2)),
    };
    let expiring =
        ApiKey { note: Some("for tests".to_owned()), expires_at: Some(Timestamp(3)), ..key.clone() };
    let token = JoinToken {
        id: JoinTokenId::from_random(6),
        hash: KeyHash::from_bytes([8; 32]),
        note: Some("rack 7".to_owned()),
        created_at: Timestamp(1),
        expires_at: Some(Timestamp(4)),
        last_used_at: Some(Timestamp(3)),
        revoked_at: Some(Timestamp(2)),
    };
    let usage = Usage {
        calls: 1,
        jobs: 2,
        completed: 3,
        failed: 4,
        cancelled: 5,
        tokens: 6,
        cost: Money::from_micros(600),
    };
    let charge = Charge {
        job: JobId::from_random(1),
        user: user.clone(),
        batch: Some(BatchId::from_random(2)),
        period,
        work: Work { simulations: 100_000, months: 36 },
        price: Money::from_micros(100),
        is_preview: false,
    };
    let preview = Charge { batch: None, is_preview: true, ..charge.clone() };
    let budget = Budget {
        batch: BatchId::from_random(2),
        user: user.clone(),
        period,
        cap: Some(Money::from_whole_dollars(2)),
        estimated: Money::from_micros(800),
        spent: Bill { tokens: 1, cost: Money::from_micros(100) },
        open: Money::ZERO,
        open_jobs: 0,
    };
    [
        ("key", TenancyRecord::Key(key)),
        ("key-expiring", TenancyRecord::Key(expiring)),
        ("token", TenancyRecord::JoinToken(token)),
        ("usage", TenancyRecord::Usage(user, period, usage)),
        ("charge", TenancyRecord::Charge(charge)),
        ("charge-preview", TenancyRecord::Charge(preview)),
        ("budget", TenancyRecord::Budget(budget)),
    ]
}

/// The hook of a job or a batch.
pub(super) fn hook() -> HookState {
    HookState {
        hook: Hook {
            endpoint: EndpointId::from_random(10),
            events: vec![WebhookEvent::JobFailed, WebhookEvent::BatchFailed],
        },
        last_event: Some(WebhookEvent::JobRunning),
    }
}

fn webhook_records() -> [(&'static str, WebhookRecord); 3] {
    let endpoint = Endpoint {
        id: EndpointId::from_random(10),
        owner: OwnerId::new("ada"),
        url: HttpUrl::judge("https://example.org/carlo?a=1".to_owned(), &()).unwrap(),
        secret: WebhookSecret::from_random([4; 32]),
        created_at: Timestamp(1),
        failures: 12,
        failing_since: Some(Timestamp(2)),
        last_success_at: Some(Timestamp(3)),
        disabled: Some(Disabled { at: Timestamp(4), reason: "12 attempts failed".to_owned() }),
    };
    let delivery = Delivery {
        number: 7,
        id: DeliveryId::from_random(11),
        owner: OwnerId::new("ada"),
        endpoint: endpoint.id,
        object: JobId::from_random(1).to_string(),
        event: WebhookEvent::JobComplete,
        created_at: Timestamp(1),
        body: r#"{"type":"job.complete"}"#.to_owned(),
        state: DeliveryState::Failed(Timestamp(9)),
        attempts: 3,
        until: Timestamp(8),
        outcome: "refused with 500".to_owned(),
        status: Some(500),
    };
    let default = DefaultHook { key: KeyId::from_random(5).to_string(), hook: hook().hook };
    [
        ("webhook", WebhookRecord::Endpoint(endpoint)),
        ("webhook-default", WebhookRecord::Default(default)),
        ("delivery", WebhookRecord::Delivery(delivery)),
    ]
}

fn audited() -> v1::AuditRecord {
    v1::AuditRecord {
        number: 7,
        at_ms: 5,
        action: v1::AuditAction::JobCancelled.into(),
        user: "root".to_owned(),
        key_id: KeyId::from_random(5).to_string(),
        object: JobId::from_random(1).to_string(),
        detail: "of ada".to_owned(),
    }
}

fn trust() -> (NodeId, Trust) {
    (NodeId::from_random(8), Trust { name: "attic".to_owned(), until: Some(mark(2)) })
}

fn verdict() -> Verdict {
    Verdict {
        number: 3,
        name: "attic".to_owned(),
        at: Timestamp(1_000),
        reason: "it differs".to_owned(),
        nodes: vec![(NodeId::from_random(8), Some(mark(2))), (NodeId::from_random(9), None)],
        until: mark(5),
        lifted_at: Some(Timestamp(2_000)),
    }
}

fn mark(number: u64) -> Mark {
    Mark { epoch: Epoch(1), number }
}

fn put(write: &Write) -> (Key, Vec<u8>) {
    match write {
        Write::Put(key, value) => (key.clone(), value.to_vec()),
        Write::Delete(key) => panic!("{key} is deleted, not put"),
    }
}

fn terms() -> Terms {
    let mut terms = Terms::default();
    terms.limits_mut(Tier::Pro).open_jobs = Some(3);
    terms
}

/// Every kind of entry, with its key and bytes.
fn entries() -> BTreeMap<&'static str, (Key, Vec<u8>)> {
    let mut writes = Vec::new();
    let metadata = BTreeMap::from([(
        job().id,
        JobMetadata { custom_id: Some("one".to_owned()), ..JobMetadata::default() },
    )]);
    let (none, origins) = (BTreeMap::new(), Origins::default());
    let known = Known { metadata: &metadata, hooks: &none, origins: &origins };
    super::write(&Record::Job(job()), known, &mut writes);
    let mut entries = BTreeMap::from([("job", put(&writes[0]))]);
    writes.clear();
    super::write(&Record::Batch(batch()), known, &mut writes);
    super::write(&Record::Drain { name: "old".to_owned(), draining: true }, known, &mut writes);
    let (worker, trusted) = trust();
    super::write(&Record::Trust { node: worker, trust: Some(trusted) }, known, &mut writes);
    super::write(&Record::Verdict(verdict()), known, &mut writes);
    for (kind, record) in money_records() {
        tenancy::write(&Change::Put(record.clone()), &mut writes);
        entries.insert(kind, put(writes.last().expect("the record has a write")));
    }
    entries.insert("batch", put(&writes[0]));
    entries.insert("node", put(&writes[1]));
    entries.insert("trust", put(&writes[2]));
    entries.insert("verdict", put(&writes[3]));
    let with_hook =
        BTreeMap::from([(job().id, JobMetadata { hook: Some(hook()), ..JobMetadata::default() })]);
    let hooks = BTreeMap::from([(batch().id, hook())]);
    let mut hooked = Vec::new();
    let known = Known { metadata: &with_hook, hooks: &hooks, origins: &origins };
    super::write(&Record::Batch(batch()), known, &mut hooked);
    super::write(&Record::Job(job()), known, &mut hooked);
    entries.insert("batch-webhook", put(&hooked[0]));
    entries.insert("job-webhook", put(&hooked[1]));
    for (kind, record) in webhook_records() {
        entries.insert(kind, put(&webhooks::write(&carlo_webhooks::Change::Put(record))));
    }
    let id = idempotency::IdempotencyId { user: OwnerId::new("ada"), key: [3; 32] };
    let stored = idempotency::Stored { id, fingerprint: [9; 32], at: Timestamp(5) };
    entries.insert("idempotency", put(&idempotency::write(&stored, b"answer".to_vec())));
    entries.insert("audit", put(&super::audit::write(audited())));
    let key = super::checkpoint_key(job().id);
    entries.insert("checkpoint", (key, checkpoint().encode_to_vec()));
    entries.insert("secret", put(&super::write_seal_key(&[5; 32])));
    entries.insert("terms", put(&super::write_terms(&terms())));
    entries.insert("result", (super::result_key(job().id), result().encode_to_vec()));
    entries
}

#[test]
fn every_kind_of_entry_is_written_in_the_same_bytes() {
    for (kind, (_, bytes)) in entries() {
        let path = directory().join(format!("{kind}.hex"));
        if std::env::var("CARLO_GOLDEN").as_deref() == Ok("write") {
            std::fs::write(&path, hex(&bytes)).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if kind == "result" {
            assert_eq!(decompressed(&bytes), decompressed(&unhex(&golden)), "{kind}: {HELP}");
        } else {
            assert_eq!(hex(&bytes), golden, "{kind}: {HELP}");
        }
    }
}

/// A result's entry without compression, whose bytes may change with the library.
fn decompressed(entry: &[u8]) -> v1::ResultEntry {
    let entry = v1::ResultEntry::decode(entry).unwrap();
    v1::ResultEntry { packed: packed::decompress(&entry.packed).unwrap(), ..entry }
}

/// The golden files of a kind of entry: this release's and those of earlier releases.
fn files(kind: &str) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(directory()).unwrap().map(|file| file.unwrap());
    let named = files.filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        let is_of_kind = name.strip_prefix(kind)?.starts_with('.');
        Some((name, file.path())).filter(|_| is_of_kind)
    });
    named.map(|(name, path)| (name, unhex(&std::fs::read_to_string(path).unwrap()))).collect()
}

#[tokio::test]
async fn what_this_and_earlier_releases_wrote_is_read_as_it_was_meant() {
    let keys: BTreeMap<_, _> = entries().into_iter().map(|(kind, (key, _))| (kind, key)).collect();
    for (kind, key) in keys {
        let files = files(kind);
        assert!(!files.is_empty(), "{kind} has a golden file");
        for (name, bytes) in files {
            let ledger = MemoryLedger::new();
            let epoch = carlo_store::Ledger::lead(&ledger).await.unwrap();
            let write = Write::Put(key.clone(), bytes.clone().into());
            carlo_store::Ledger::commit(&ledger, epoch, vec![write]).await.unwrap();
            match kind {
                "checkpoint" => {
                    let read = v1::CheckpointEntry::decode(bytes.as_slice()).unwrap();
                    assert_eq!(read, checkpoint(), "{name}");
                }
                "result" => {
                    let epoch = carlo_store::Ledger::lead(&ledger).await.unwrap();
                    let job = Write::Put(super::job_key(job().id), entries()["job"].1.clone().into());
                    carlo_store::Ledger::commit(&ledger, epoch, vec![job]).await.unwrap();
                    let read = super::result(&ledger, super::JobId::from_random(1)).await.unwrap().unwrap();
                    let expected = if name == "result.unpacked.hex" {
                        v1::CompletedResults::default()
                    } else {
                        let assumptions = Some(spec().to_draft().into());
                        v1::CompletedResults { assumptions, ..completed() }
                    };
                    assert_eq!((read.results, read.shares), (Some(expected), result().shares), "{name}");
                }
                _ => {
                    let stored = super::load(&ledger).await.unwrap();
                    match kind {
                        "job" => assert_eq!(stored.jobs[0].job.record, job(), "{name}"),
                        "batch" => assert_eq!(stored.batches[0].0, read_batch(), "{name}"),
                        "job-webhook" => assert_eq!(stored.jobs[0].metadata.hook, Some(hook()), "{name}"),
                        "batch-webhook" => assert_eq!(stored.batches[0].1, Some(hook()), "{name}"),
                        "webhook" | "webhook-default" | "delivery" => {
                            let (_, record) =
                                webhook_records().into_iter().find(|(other, _)| *other == kind).unwrap();
                            assert_eq!(stored.webhooks, [record], "{name}");
                        }
                        "node" => assert_eq!(stored.drains, ["old"], "{name}"),
                        "trust" => assert_eq!(stored.trust, [trust()], "{name}"),
                        "verdict" => assert_eq!(stored.verdicts, [verdict()], "{name}"),
                        "secret" => assert_eq!(stored.seal_key, Some([5; 32]), "{name}"),
                        "terms" => assert_eq!(stored.terms, Some(terms()), "{name}"),
                        "audit" => assert_eq!(stored.audit, [audited()], "{name}"),
                        "idempotency" => assert_eq!(stored.idempotency[0].fingerprint, [9; 32], "{name}"),
                        _ => {
                            let (_, record) =
                                money_records().into_iter().find(|(other, _)| *other == kind).unwrap();
                            assert_eq!(stored.tenancy, [record], "{name}");
                        }
                    }
                }
            }
        }
    }
}

/// The batch as it is read after the entries of its jobs have been deleted.
fn read_batch() -> BatchRecord {
    let mut batch = batch();
    for job in &mut batch.jobs {
        (job.is_blocked, job.is_forgotten) = (false, true);
    }
    batch
}
