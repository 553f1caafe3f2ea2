//! What administrators do with others' jobs, keys that expire, the audit log, deletion and
//! retention.

use std::sync::atomic::Ordering;

use carlo_types::FaultCode;
use carlo_wire::v1;
use carlo_wire::v1::AuditAction;

use crate::puppet::Puppet;
use crate::world::{TOKEN, User, World, simulation};

const DAY_MS: u64 = 24 * 3_600_000;

async fn submit_named(user: &User, name: &str) -> String {
    let request = v1::SubmitRequest {
        simulation: Some(simulation(1)),
        name: Some(name.to_owned()),
        ..Default::default()
    };
    user.jobs(async |mut call, m| call.submit(m).await, request).await.unwrap().id
}

/// The audit log, the latest first: what was done, by whom, to what, and what was said of it.
async fn audit(world: &World) -> Vec<(AuditAction, String, String, String)> {
    let request = v1::ListAuditRequest { page: 1, page_size: 100 };
    let listed = world.admin().accounts(async |mut call, m| call.list_audit(m).await, request).await.unwrap();
    assert_eq!(listed.total, listed.records.len() as u64);
    let row = |record: v1::AuditRecord| {
        assert_eq!(record.key_id.is_empty(), record.user == "coordinator");
        (record.action(), record.user, record.object, record.detail)
    };
    listed.records.into_iter().map(row).collect()
}

#[tokio::test]
async fn an_administrator_reaches_everybodys_jobs_and_what_is_changed_is_recorded() {
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let (id, other) = (ada.submit(1, "").await.unwrap().id, ada.submit(1, "").await.unwrap().id);
    let admin = world.admin();
    assert_eq!(admin.get(&id).await.unwrap().owner, "ada");
    let watch = v1::WatchJobRequest { id: id.clone(), last_event_id: None };
    admin.jobs(async |mut call, m| call.watch(m).await, watch).await.unwrap();
    let replay = v1::ReplayRequest { id: id.clone(), index: 0 };
    admin.jobs(async |mut call, m| call.replay(m).await, replay).await.unwrap();
    let before = audit(&world).await.len();
    assert_eq!(admin.update(&id, 70).await.unwrap().priority, 70);
    admin.cancel(&id).await.unwrap();
    admin.delete(&id).await.unwrap();
    assert_eq!(ada.get(&id).await.unwrap_err().code, FaultCode::NotFound);
    // What somebody does with their own is nobody else's business.
    ada.cancel(&other).await.unwrap();
    ada.delete(&other).await.unwrap();
    let said = |action, detail: &str| (action, "admin".to_owned(), id.clone(), detail.to_owned());
    let wanted = [
        said(AuditAction::JobDeleted, "of ada"),
        said(AuditAction::JobCancelled, "of ada: enough"),
        said(AuditAction::JobUpdated, "of ada: priority 70"),
    ];
    let records = audit(&world).await;
    assert_eq!((&records[..3], records.len()), (&wanted[..], before + 3));
    // It is as durable as the changes.
    world.crash().await;
    assert_eq!(audit(&world).await, records);
    let refused = world.again(&ada);
    let list = v1::ListAuditRequest::default();
    let refused = refused.accounts(async |mut call, m| call.list_audit(m).await, list).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::Forbidden);
    let export = v1::ExportAuditRequest {};
    let admin = world.admin();
    let mut lines = admin.accounts(async |mut call, m| call.export_audit(m).await, export).await.unwrap();
    let mut exported = Vec::new();
    while let Some(record) = lines.message().await.unwrap() {
        exported.push(record.number);
    }
    let newest = records.len() as u64;
    assert_eq!(exported, (1..=newest).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_administrator_exports_the_ledger_while_jobs_are_submitted() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    ada.submit(1, "").await.unwrap();
    let export = async |user: &User| {
        let request = v1::ExportLedgerRequest {};
        user.cluster(async |mut call, m| call.export_ledger(m).await, request).await
    };
    assert_eq!(export(&ada).await.unwrap_err().code, FaultCode::Forbidden);
    let admin = world.admin();
    let mut file = Vec::new();
    let mut pieces = export(&admin).await.unwrap();
    while let Some(v1::ExportedLedger { piece }) = pieces.message().await.unwrap() {
        file.extend(piece);
    }
    let contents = carlo_store::portable::read(file.as_slice()).unwrap();
    let jobs = |contents: &carlo_store::portable::Contents| {
        contents.entries.iter().filter(|(key, _)| key.as_str().starts_with("job/")).count()
    };
    assert!(contents.origin.contains("model version"), "{}", contents.origin);
    assert_eq!(jobs(&contents), 1);
    assert_eq!(audit(&world).await[0].0, AuditAction::LedgerExported);
}

#[tokio::test]
async fn an_administrator_reaches_everybodys_batches() {
    let world = World::new().await;
    let (ada, admin) = (world.user("ada", "pro").await, world.admin());
    let simulations = vec![v1::BatchSimulation { simulation: Some(simulation(1)), ..Default::default() }];
    let request = v1::CreateBatchRequest { simulations, ..Default::default() };
    let id = ada.batches(async |mut call, m| call.create(m).await, request).await.unwrap().id;
    let list = async |user: &User, all, of: &str| {
        let request = v1::ListBatchesRequest { all, user: of.to_owned(), ..Default::default() };
        user.batches(async |mut call, m| call.list(m).await, request).await.map(|listed| listed.total)
    };
    let (own, all, adas) =
        (list(&admin, false, "").await, list(&admin, true, "").await, list(&admin, false, "ada").await);
    assert_eq!((own.unwrap(), all.unwrap(), adas.unwrap()), (0, 1, 1));
    assert_eq!(list(&ada, true, "").await.unwrap_err().code, FaultCode::Forbidden);
    let cancel = v1::CancelBatchRequest { id: id.clone(), reason: "enough".to_owned(), ..Default::default() };
    admin.batches(async |mut call, m| call.cancel(m).await, cancel).await.unwrap();
    let delete = v1::DeleteBatchRequest { id: id.clone() };
    admin.batches(async |mut call, m| call.delete(m).await, delete).await.unwrap();
    let said = |action, detail: &str| (action, "admin".to_owned(), id.clone(), detail.to_owned());
    let wanted =
        [said(AuditAction::BatchDeleted, "of ada"), said(AuditAction::BatchCancelled, "of ada: enough")];
    assert_eq!(audit(&world).await[..2], wanted);
}

#[tokio::test]
async fn keys_tokens_and_tiers_are_recorded() {
    let world = World::new().await;
    let admin = world.admin();
    let start: Vec<_> = audit(&world).await.into_iter().map(|(action, user, ..)| (action, user)).collect();
    let coordinator = "coordinator".to_owned();
    assert_eq!(
        start,
        [(AuditAction::TokenCreated, coordinator.clone()), (AuditAction::KeyCreated, coordinator)]
    );
    let create = v1::CreateKeyRequest {
        user: "ada".to_owned(),
        note: Some("the nightly report".to_owned()),
        ..Default::default()
    };
    let made = admin.accounts(async |mut call, m| call.create_key(m).await, create).await.unwrap();
    let id = made.key.unwrap().id;
    let rotate = v1::RotateKeyRequest { id: id.clone(), ..Default::default() };
    let rotated = admin.accounts(async |mut call, m| call.rotate_key(m).await, rotate.clone()).await.unwrap();
    let key = rotated.key.clone().unwrap();
    assert_eq!((&*key.user, key.note.as_deref()), ("ada", Some("the nightly report")));
    let [old, new] = [made.secret, rotated.secret].map(|key| User { key, channel: world.channel.clone() });
    assert_eq!(old.submit(1, "").await.unwrap_err().code, FaultCode::Unauthenticated);
    new.submit(1, "").await.unwrap();
    let again = admin.accounts(async |mut call, m| call.rotate_key(m).await, rotate).await.unwrap_err();
    assert_eq!(again.code, FaultCode::Conflict);
    let revoke = v1::RevokeKeyRequest { id: key.id.clone() };
    admin.accounts(async |mut call, m| call.revoke_key(m).await, revoke).await.unwrap();
    let tiers = v1::Tiers { json: r#"{"tiers": {"pro": {"open_jobs": 7}}}"#.to_owned() };
    admin.accounts(async |mut call, m| call.set_tiers(m).await, tiers).await.unwrap();
    let row = |action, object: &str, detail: String| (action, "admin".to_owned(), object.to_owned(), detail);
    let said = "for ada, tier free, role user: the nightly report";
    let wanted = [
        row(AuditAction::TiersChanged, "", "the tier pro".to_owned()),
        row(AuditAction::KeyRevoked, &key.id, "of ada".to_owned()),
        row(AuditAction::KeyRotated, &key.id, format!("in place of {id}, {said}")),
        row(AuditAction::KeyCreated, &id, said.to_owned()),
    ];
    assert_eq!(audit(&world).await[..4], wanted);
}

#[tokio::test]
async fn a_key_is_refused_once_it_has_expired_and_its_streams_end() {
    let mut world = World::new().await;
    let admin = world.admin();
    let create = |days| v1::CreateKeyRequest {
        user: "ada".to_owned(),
        tier: "pro".to_owned(),
        expires_in_days: Some(days),
        ..Default::default()
    };
    let create_key =
        async |days| admin.accounts(async |mut call, m| call.create_key(m).await, create(days)).await;
    assert_eq!(create_key(0).await.unwrap_err().fields[0].pointer, "/expiresInDays");
    let made = create_key(1).await.unwrap();
    let ada = User { key: made.secret, channel: world.channel.clone() };
    let id = ada.submit(1, "").await.unwrap().id;
    let watch = v1::WatchJobRequest { id: id.clone(), last_event_id: None };
    let mut events = ada.jobs(async |mut call, m| call.watch(m).await, watch).await.unwrap();
    events.message().await.unwrap();
    world.calendar.wall.fetch_add(DAY_MS, Ordering::SeqCst);
    let refused = ada.get(&id).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::Unauthenticated);
    assert!(refused.message.contains("expired"), "{refused}");
    assert_eq!(events.message().await.unwrap_err().code(), tonic::Code::Unauthenticated);
    world.crash().await;
    assert_eq!(world.again(&ada).get(&id).await.unwrap_err().code, FaultCode::Unauthenticated);
    assert_eq!(world.admin().get(&id).await.unwrap().owner, "ada", "its jobs stay");
}

#[tokio::test]
async fn lists_are_filtered_by_owner_state_words_and_time() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let house = submit_named(&ada, "House in Kent").await;
    let boat = submit_named(&ada, "A boat").await;
    world.calendar.wall.fetch_add(1_000, Ordering::SeqCst);
    let later = world.calendar.wall.load(Ordering::SeqCst);
    let bobs = submit_named(&bob, "house of bob").await;
    ada.cancel(&boat).await.unwrap();
    let admin = world.admin();
    let all = || v1::ListJobsRequest { all: true, ..Default::default() };
    let of = |user: &str| v1::ListJobsRequest { user: user.to_owned(), ..Default::default() };
    let name = |name: &str| v1::ListJobsRequest { name: name.to_owned(), ..all() };
    let text = |text: &str| v1::ListJobsRequest { text: text.to_owned(), ..all() };
    let ids = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    let queued = Some(v1::JobStatus::Queued.into());
    for (request, wanted) in [
        (v1::ListJobsRequest::default(), ids(&[])),
        (all(), ids(&[&bobs, &boat, &house])),
        (of("ada"), ids(&[&boat, &house])),
        (v1::ListJobsRequest { status: queued, ..of("ada") }, ids(&[&house])),
        (name("HOUSE"), ids(&[&bobs, &house])),
        (name("bob"), ids(&[&bobs])),
        (text("bob"), ids(&[&bobs])),
        (text("ada"), ids(&[&boat, &house])),
        (text(&boat), ids(&[&boat])),
        (v1::ListJobsRequest { text: "ada".to_owned(), ..name("kent") }, ids(&[&house])),
        (v1::ListJobsRequest { since_ms: Some(later), ..all() }, ids(&[&bobs])),
        (v1::ListJobsRequest { until_ms: Some(later), ..name("house") }, ids(&[&house])),
    ] {
        let (found, total) = admin.list(request.clone()).await.unwrap();
        assert_eq!((found.len() as u64, found), (total, wanted), "{request:?}");
    }
    // Those of oneself are anybody's to name.
    assert_eq!(ada.list(of("ada")).await.unwrap().1, 2);
    let mine = v1::ListJobsRequest { name: "house".to_owned(), ..Default::default() };
    assert_eq!(ada.list(mine).await.unwrap().0, [house]);
    for request in [all(), of("bob")] {
        assert_eq!(ada.list(request).await.unwrap_err().code, FaultCode::Forbidden);
    }
    let long = v1::ListJobsRequest { text: "x".repeat(129), user: "a b".to_owned(), ..Default::default() };
    let fault = admin.list(long).await.unwrap_err();
    let pointers: Vec<_> = fault.fields.iter().map(|field| &*field.pointer).collect();
    assert_eq!(pointers, ["/user", "/text"]);
}

#[tokio::test]
async fn lists_are_sorted_over_all_their_pages() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let house = submit_named(&ada, "House in Kent").await;
    let boat = submit_named(&ada, "A boat").await;
    let bobs = submit_named(&bob, "house of bob").await;
    ada.cancel(&boat).await.unwrap();
    let admin = world.admin();
    let ids = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    let by = |sort: v1::JobSort, descending| {
        let sort = sort.into();
        v1::ListJobsRequest { all: true, sort, descending, ..Default::default() }
    };
    // Jobs without the value are last, and equal ones newest first, whatever the direction.
    for (sort, ascending, descending) in [
        (v1::JobSort::Created, [&house, &boat, &bobs], [&bobs, &boat, &house]),
        (v1::JobSort::Ended, [&boat, &bobs, &house], [&boat, &bobs, &house]),
        (v1::JobSort::Duration, [&bobs, &boat, &house], [&bobs, &boat, &house]),
        (v1::JobSort::Name, [&boat, &house, &bobs], [&bobs, &house, &boat]),
        (v1::JobSort::Status, [&bobs, &house, &boat], [&boat, &bobs, &house]),
        (v1::JobSort::User, [&boat, &house, &bobs], [&bobs, &boat, &house]),
    ] {
        for (is_descending, wanted) in [(false, ascending), (true, descending)] {
            let sorted = admin.list(by(sort, is_descending)).await.unwrap();
            assert_eq!(sorted, (ids(&wanted), 3), "{sort:?}, descending: {is_descending}");
        }
    }
    for sort in [v1::JobSort::Created, v1::JobSort::Name] {
        let (whole, _) = admin.list(by(sort, false)).await.unwrap();
        for (page, wanted) in (1..).zip(whole.chunks(2)) {
            let page = v1::ListJobsRequest { page, page_size: 2, ..by(sort, false) };
            assert_eq!(admin.list(page).await.unwrap(), (wanted.to_vec(), 3), "{sort:?}");
        }
    }
    let far = |page, sort: i32| v1::ListJobsRequest { page, page_size: 100, sort, ..Default::default() };
    assert_eq!(admin.list(far(100, v1::JobSort::Name.into())).await.unwrap().1, 0);
    for (page, sort, pointer) in [(101, v1::JobSort::Name.into(), "/page"), (1, 99, "/sort")] {
        let fault = admin.list(far(page, sort)).await.unwrap_err();
        assert_eq!(fault.fields.iter().map(|field| &*field.pointer).collect::<Vec<_>>(), [pointer]);
    }
}

#[tokio::test]
async fn the_cluster_shows_its_leader_and_who_waits() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "pro").await);
    let first = submit_named(&bob, "first").await;
    world.calendar.wall.fetch_add(1_000, Ordering::SeqCst);
    submit_named(&ada, "second").await;
    submit_named(&ada, "third").await;
    let status = async |user: &User| {
        user.cluster(async |mut call, m| call.status(m).await, v1::ClusterStatusRequest {}).await.unwrap()
    };
    let users = |status: &v1::ClusterStatus| {
        let queued = |queued: &v1::QueuedUser| (queued.user.clone(), queued.queued_jobs);
        status.queue.iter().map(queued).collect::<Vec<_>>()
    };
    let seen = status(&world.admin()).await;
    assert_eq!(users(&seen), [("bob".to_owned(), 1), ("ada".to_owned(), 2)]);
    assert_eq!(seen.queue[0].oldest_submitted_ms, bob.get(&first).await.unwrap().created_at_ms);
    assert_eq!(seen.ledger.unwrap().kind, "memory");
    assert!(seen.epoch > 0 && seen.leading_since_ms > 0 && !seen.version.is_empty());
    // Others see only themselves.
    assert_eq!(users(&status(&ada).await), [("ada".to_owned(), 2)]);
    bob.cancel(&first).await.unwrap();
    assert_eq!(users(&status(&bob).await), []);
}

#[tokio::test]
async fn a_search_finds_what_is_far_back_on_every_page() {
    let world = World::new().await;
    let mut ada = world.admin();
    ada = User { key: ada.key, ..world.user("ada", "enterprise").await };
    let mut wanted = Vec::new();
    for number in 0..45 {
        let name = if number % 3 == 0 { format!("needle {number}") } else { format!("hay {number}") };
        let id = submit_named(&ada, &name).await;
        if number % 3 == 0 {
            wanted.insert(0, id);
        }
    }
    for page in 1..=4 {
        let (name, page_size) = ("needle".to_owned(), 4);
        let request = v1::ListJobsRequest { name, page, page_size, ..Default::default() };
        let (found, total) = ada.list(request).await.unwrap();
        assert_eq!(total, 15);
        let from = 4 * (page as usize - 1);
        assert_eq!(found, wanted[from..(from + 4).min(15)]);
    }
}

#[tokio::test]
async fn ended_jobs_and_batches_are_deleted_with_what_they_took_of_the_ledger() {
    let mut world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let stored = async |world: &World| {
        carlo_store::Ledger::scan(world.ledger.as_ref(), "", None, 1_000).await.unwrap().len()
    };
    // The ledger remembers the worker.
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let before = stored(&world).await;
    let id = ada.submit(100, "").await.unwrap().id;
    assert_eq!(ada.delete(&id).await.unwrap_err().code, FaultCode::Conflict);
    puppet.compute().await;
    ada.end_of(&id).await;
    ada.delete(&id).await.unwrap();
    assert_eq!(ada.delete(&id).await.unwrap_err().code, FaultCode::NotFound);
    let simulations = vec![v1::BatchSimulation { simulation: Some(simulation(1)), ..Default::default() }; 3];
    let request = v1::CreateBatchRequest { simulations, ..Default::default() };
    let batch = ada.batches(async |mut call, m| call.create(m).await, request).await.unwrap();
    let delete = async |user: &User| {
        let request = v1::DeleteBatchRequest { id: batch.id.clone() };
        user.batches(async |mut call, m| call.delete(m).await, request).await
    };
    assert_eq!(delete(&ada).await.unwrap_err().code, FaultCode::Conflict);
    let cancel = v1::CancelBatchRequest { id: batch.id.clone(), ..Default::default() };
    ada.batches(async |mut call, m| call.cancel(m).await, cancel).await.unwrap();
    delete(&ada).await.unwrap();
    assert_eq!(delete(&ada).await.unwrap_err().code, FaultCode::NotFound);
    for job in &batch.job_ids {
        assert_eq!(ada.get(job).await.unwrap_err().code, FaultCode::NotFound);
    }
    // What was used stays counted, in one entry.
    assert_eq!(ada.usage().await.used.unwrap().jobs, 4);
    assert_eq!(stored(&world).await, before + 1);
    world.crash().await;
    assert_eq!(world.again(&ada).get(&id).await.unwrap_err().code, FaultCode::NotFound);
}

#[tokio::test]
async fn a_tier_says_how_many_ended_jobs_are_kept_and_for_how_long() {
    let mut world = World::new().await;
    let json = r#"{"tiers": {"pro": {"retained_jobs": 2}, "basic": {"retention_days": 1}}}"#;
    let set = v1::Tiers { json: json.to_owned() };
    world.admin().accounts(async |mut call, m| call.set_tiers(m).await, set).await.unwrap();
    let (ada, bob) = (world.user("ada", "pro").await, world.user("bob", "basic").await);
    let mut ended = Vec::new();
    for user in [&ada, &ada, &ada, &bob] {
        let id = user.submit(1, "").await.unwrap().id;
        user.cancel(&id).await.unwrap();
        ended.push(id);
    }
    let is_gone = async |user: &User, id: &str| loop {
        if user.get(id).await.is_err_and(|fault| fault.code == FaultCode::NotFound) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    tokio::time::timeout(crate::world::PATIENCE, is_gone(&ada, &ended[0])).await.unwrap();
    ada.get(&ended[1]).await.unwrap();
    bob.get(&ended[3]).await.unwrap();
    // Time goes on while nobody leads.
    world.calendar.wall.fetch_add(DAY_MS, Ordering::SeqCst);
    world.crash().await;
    let (ada, bob) = (world.again(&ada), world.again(&bob));
    tokio::time::timeout(crate::world::PATIENCE, is_gone(&bob, &ended[3])).await.unwrap();
    ada.get(&ended[2]).await.unwrap();
}

#[tokio::test]
async fn without_authentication_the_tier_of_the_only_caller_holds_for_its_jobs() {
    let world = World::with(|settings| {
        settings.access = carlo_coordinator::Access::Open;
        let json = r#"{"tiers": {"enterprise": {"retained_jobs": 1, "jobs_at_once": 1}}}"#;
        settings.terms = carlo_tenancy::Terms::parse(json).unwrap();
    })
    .await;
    let caller = world.admin();
    let first = caller.submit(1, "").await.unwrap().id;
    let second = caller.submit(1, "").await.unwrap().id;
    caller.cancel(&first).await.unwrap();
    caller.get(&first).await.unwrap();
    let _puppet = Puppet::join(&world, None).await.unwrap();
    let third = caller.submit(1, "").await.unwrap().id;
    let waits = caller.get(&third).await.unwrap().waiting_for.unwrap_or_default();
    assert_eq!(waits, "the owner's limit of 1 job at once is reached");
    caller.cancel(&second).await.unwrap();
    let is_gone = async {
        while caller.get(&first).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, is_gone).await.unwrap();
    caller.get(&second).await.unwrap();
}

#[tokio::test]
async fn a_preview_is_answered_and_listed_nowhere() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    let mut puppet = Puppet::join(&world, Some(TOKEN)).await.unwrap();
    let request = |simulations| v1::SimulateRequest {
        simulation: Some(simulation(simulations)),
        preview: true,
        ..Default::default()
    };
    let simulating = ada.jobs(async |mut call, m| call.simulate(m).await, request(16_384));
    let (job, _) = tokio::join!(simulating, puppet.compute());
    let job = job.unwrap();
    assert!(job.preview && job.status() == v1::JobStatus::Complete);
    assert_eq!(ada.list(v1::ListJobsRequest::default()).await.unwrap(), (Vec::new(), 0));
    assert!(ada.get(&job.id).await.unwrap().results.is_some(), "its answer can be read for a while");
    let used = ada.usage().await.used.unwrap();
    assert_eq!((used.jobs, used.tokens), (0, 1), "it costs what it computes");
    let refused = ada.jobs(async |mut call, m| call.simulate(m).await, request(100_001)).await.unwrap_err();
    assert_eq!(refused.fields[0].pointer, "/simulationParams/nSimulations");
}

#[tokio::test]
async fn everybodys_usage_is_for_administrators() {
    let world = World::new().await;
    let ada = world.user("ada", "pro").await;
    ada.submit(1, "").await.unwrap();
    let list = || v1::ListUsageRequest { page: 1, page_size: 1 };
    let refused = ada.accounts(async |mut call, m| call.list_usage(m).await, list()).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::Forbidden);
    let admin = world.admin();
    let listed = admin.accounts(async |mut call, m| call.list_usage(m).await, list()).await.unwrap();
    assert_eq!((listed.total, listed.users.len()), (2, 1));
    let all = v1::ListUsageRequest::default();
    let listed = admin.accounts(async |mut call, m| call.list_usage(m).await, all).await.unwrap();
    let ada = listed.users.iter().find(|user| user.user == "ada").unwrap();
    assert_eq!((&*ada.tier, ada.used.unwrap().jobs), ("pro", 1));
}
