use super::*;
use crate::rate::Window;
use crate::records::{Change, Record};

mod histories;

const NOVEMBER: &str = "2026-11-21T20:00:00Z";
const LAST_SECOND: &str = "2026-11-30T23:59:59Z";
const DECEMBER: &str = "2026-12-01T00:00:01Z";

fn wall(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_millisecond().try_into().unwrap())
}

/// A user without a rate limit.
fn user(name: &str, tier: Tier) -> Caller {
    Caller { user: OwnerId::new(name), tier, role: Role::User, key: None }
}

fn job(number: u128) -> JobId {
    JobId::from_random(number)
}

fn batch(number: u128) -> BatchId {
    BatchId::from_random(number)
}

/// A job that costs this many tokens.
fn work(tokens: u64) -> Work {
    Work { simulations: tokens * 100_000, months: 10 }
}

/// Jobs with these numbers, of `tokens` each.
fn jobs(numbers: std::ops::Range<u128>, tokens: u64) -> Vec<(JobId, Work)> {
    numbers.map(|number| (job(number), work(tokens))).collect()
}

/// The cost of this many tokens.
fn cost(tokens: u64) -> Money {
    Terms::default().price_per_token * tokens
}

fn bill(tokens: u64) -> Bill {
    Bill { tokens, cost: cost(tokens) }
}

fn priced(price_per_token: Money) -> Terms {
    let mut terms = Terms::default();
    terms.price_per_token = price_per_token;
    terms
}

fn capped(number: u128, tokens: u64) -> NewBatch {
    NewBatch { id: batch(number), cap: Some(cost(tokens)) }
}

fn quota(refusal: Refusal) -> (Quota, u64) {
    match refusal {
        Refusal::QuotaExceeded { quota, retry_after_seconds, .. } => (quota, retry_after_seconds),
        other => panic!("{other:?}"),
    }
}

/// The durable records.
#[derive(Debug, Clone, Default, PartialEq)]
struct Store(BTreeMap<RecordId, Record>);

impl Store {
    fn commit(&mut self, changes: &[Change]) {
        for change in changes.iter().cloned() {
            match change {
                Change::Put(record) => drop(self.0.insert(record.id(), record)),
                Change::Delete(id) => drop(self.0.remove(&id)),
            }
        }
    }

    fn restore(&self) -> Tenancy {
        Tenancy::restore(Terms::default(), self.0.values().rev().cloned()).unwrap()
    }
}

#[test]
fn a_key_opens_the_door_until_it_is_revoked() {
    let mut tenancy = Tenancy::new(Terms::default());
    let secret = Secret::from_random([9; 32]);
    let id = KeyId::from_random(1);
    let new = NewKey {
        id,
        user: OwnerId::new("ann"),
        tier: Tier::Free,
        role: Role::User,
        note: None,
        expires_at: None,
    };
    let key = tenancy.create_key(new.clone(), &secret, Timestamp(7)).unwrap();
    assert_eq!((key.created_at, tenancy.key(id)), (Timestamp(7), Some(&key)));
    assert_eq!(tenancy.take_changes(), [Change::Put(Record::Key(key.clone()))]);
    assert_eq!(tenancy.create_key(new, &secret, Timestamp(8)), Err(Refusal::KeyExists));

    let caller = tenancy.authenticate(&secret.reveal(), Timestamp(8)).unwrap();
    tenancy.admit_jobs(&caller, &jobs(0..1, 1), None, wall(NOVEMBER)).unwrap();
    let revoked = tenancy.revoke_key(id, Timestamp(9)).unwrap();
    assert_eq!(tenancy.authenticate(&secret.reveal(), Timestamp(9)), Err(Unauthenticated::Revoked));
    assert!(tenancy.take_changes().contains(&Change::Put(Record::Key(revoked.clone()))));
    assert!(tenancy.settle(job(0), Ended::Completed, bill(1)), "jobs of a revoked key go on");
    assert_eq!(tenancy.keys().collect::<Vec<_>>(), [&revoked]);
    let restored = Tenancy::restore(Terms::default(), [Record::Key(revoked)]).unwrap();
    assert_eq!(restored.authenticate(&secret.reveal(), Timestamp(9)), Err(Unauthenticated::Revoked));
}

#[test]
fn a_preview_costs_what_it_computes_and_is_no_job_to_quotas() {
    let mut terms = Terms::default();
    terms.limits_mut(Tier::Free).open_jobs = Some(1);
    let mut tenancy = Tenancy::new(terms);
    let caller = Caller { key: Some(KeyId::from_random(1)), ..user("ann", Tier::Free) };
    let now = wall(NOVEMBER);
    for number in 0..3 {
        tenancy.admit_preview(&caller, job(number), work(2), now).unwrap();
    }
    assert_eq!(tenancy.usage(&caller, now).reserved, cost(6));
    tenancy.admit_jobs(&caller, &jobs(9..10, 1), None, now).unwrap();
    let mut store = Store::default();
    store.commit(&tenancy.take_changes());
    assert_eq!(store.restore().open_jobs, tenancy.open_jobs);
    assert!(tenancy.settle(job(0), Ended::Completed, bill(2)));
    let report = tenancy.usage(&caller, now);
    assert_eq!((report.usage.jobs, report.usage.completed, report.usage.cost), (1, 0, cost(2)));
    let too_large = tenancy.admit_preview(&caller, job(11), work(100_000_000), now);
    assert_eq!(quota(too_large.unwrap_err()).0, Quota::Cost);
}

#[test]
fn everybody_s_usage_is_listed_those_who_spent_most_first() {
    let mut tenancy = Tenancy::new(Terms::default());
    let now = wall(NOVEMBER);
    for (number, name, tier) in [(1, "ann", Tier::Free), (2, "bob", Tier::Pro), (3, "bob", Tier::Basic)] {
        let new = NewKey {
            id: KeyId::from_random(number),
            user: OwnerId::new(name),
            tier,
            role: Role::User,
            note: None,
            expires_at: None,
        };
        let mut bits = [0; 32];
        bits[0] = u8::try_from(number).unwrap();
        tenancy.create_key(new, &Secret::from_random(bits), now).unwrap();
    }
    let local = Caller::local();
    tenancy.charge_work(&local, work(3), now).unwrap();
    tenancy.charge_work(&user("bob", Tier::Basic), work(5), now).unwrap();
    let listed = |tenancy: &Tenancy| -> Vec<_> {
        let reports = tenancy.usage_by_user(now);
        reports.iter().map(|one| (one.user.to_string(), one.tier, one.usage.cost)).collect()
    };
    let wanted = |tier| {
        vec![
            ("bob".to_owned(), tier, cost(5)),
            ("local".to_owned(), Tier::Enterprise, cost(3)),
            ("ann".to_owned(), Tier::Free, Money::ZERO),
        ]
    };
    assert_eq!(listed(&tenancy), wanted(Tier::Pro));
    tenancy.revoke_key(KeyId::from_random(2), now).unwrap();
    assert_eq!(listed(&tenancy), wanted(Tier::Basic), "a key that is of no use says nothing");
}

#[test]
fn calls_are_limited_by_rate_and_then_by_quota() {
    let mut terms = Terms::default();
    terms.limits_mut(Tier::Free).calls_per_month = Some(3);
    let mut tenancy = Tenancy::new(terms);
    let caller = Caller { key: Some(KeyId::from_random(1)), ..user("ann", Tier::Free) };
    let now = |seconds| Now { elapsed: std::time::Duration::from_secs(seconds), wall: wall(LAST_SECOND) };
    for _ in 0..2 {
        let call = tenancy.admit_call(&caller, now(0));
        assert_eq!((call.admitted, call.rate.policies.len()), (Ok(()), 3));
    }
    let call = tenancy.admit_call(&caller, now(0));
    assert!(matches!(call.admitted, Err(Refusal::RateLimited { window: Window::Second, .. })));
    assert_eq!(call.rate.policies[0].remaining, 0, "the headers are on a refusal, too");
    assert_eq!(tenancy.usage(&caller, wall(LAST_SECOND)).calls.remaining, Some(1), "it wasn't counted");

    assert!(!tenancy.has_no_calls_left(&caller, wall(LAST_SECOND)));
    tenancy.admit_call(&caller, now(2)).admitted.unwrap();
    assert!(tenancy.has_no_calls_left(&caller, wall(LAST_SECOND)));
    let call = tenancy.admit_call(&caller, now(4));
    assert_eq!(quota(call.admitted.unwrap_err()), (Quota::ApiCalls, 1));
    assert_eq!(call.rate.policies.len(), 3);
    let report = tenancy.usage(&caller, wall(LAST_SECOND));
    assert_eq!((report.exceeded.as_slice(), report.usage.calls), ([Quota::ApiCalls].as_slice(), 3));
    assert!(report.quota_exceeded_reason().unwrap().contains("api_calls"));

    let december = Now { wall: wall(DECEMBER), ..now(5) };
    assert_eq!(tenancy.admit_call(&caller, december).admitted, Ok(()), "a new month has a new quota");
}

#[test]
fn without_authentication_there_is_no_limit_but_usage() {
    let mut tenancy = Tenancy::new(Terms::default());
    let local = Caller::local();
    for _ in 0..2_000 {
        let call = tenancy.admit_call(&local, Now { wall: wall(NOVEMBER), ..Now::default() });
        assert_eq!(call, Admission { rate: RateStatus::default(), admitted: Ok(()) });
    }
    tenancy.admit_jobs(&local, &[(job(1), work(1_200_000_000))], None, wall(NOVEMBER)).unwrap();
    let report = tenancy.usage(&local, wall(NOVEMBER));
    assert_eq!((report.calls.used, report.calls.limit, report.calls.remaining), (2_000, None, None));
    assert_eq!((report.reserved, report.exceeded), (Money::from_whole_dollars(120_000), vec![]));
}

#[test]
fn the_usage_has_everything_that_the_contract_asks_for() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    tenancy.admit_jobs(&ann, &jobs(0..3, 100), None, wall(NOVEMBER)).unwrap();
    assert!(tenancy.settle(job(0), Ended::Completed, bill(100)));
    let report = tenancy.usage(&ann, wall(NOVEMBER));
    assert_eq!(
        (report.period.to_string().as_str(), report.days_remaining, report.batch_size),
        ("2026-11", 9, 5)
    );
    assert_eq!((report.jobs.used, report.jobs.limit, report.jobs.remaining), (3, Some(10), Some(7)));
    assert_eq!((report.cost.used, report.cost.limit), (cost(100), Some(Money::from_whole_dollars(1))));
    assert_eq!(report.cost.remaining.map(Money::to_dollars), Some(0.99));
    assert_eq!((report.usage.tokens, report.reserved), (100, cost(200)));
    assert_eq!(report.quota_exceeded_reason(), None);
}

#[test]
fn jobs_are_admitted_up_to_the_quota_all_or_none() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    tenancy.admit_jobs(&ann, &jobs(0..5, 1), Some(capped(1, 5)), wall(LAST_SECOND)).unwrap();
    tenancy.admit_jobs(&ann, &jobs(5..9, 1), Some(capped(2, 5)), wall(LAST_SECOND)).unwrap();
    let before = tenancy.clone();
    let refusal =
        tenancy.admit_jobs(&ann, &jobs(9..11, 1), Some(capped(3, 5)), wall(LAST_SECOND)).unwrap_err();
    assert!(refusal.to_string().contains("simulations, 9 used of 10, 2 more wanted"), "{refusal}");
    assert_eq!(quota(refusal), (Quota::Simulations, 1));
    assert_eq!(format!("{tenancy:?}"), format!("{before:?}"), "a refusal changes nothing");
    tenancy.admit_jobs(&ann, &jobs(9..10, 1), None, wall(LAST_SECOND)).unwrap();
    for number in 0..10 {
        assert!(tenancy.settle(job(number), Ended::Cancelled, bill(0)));
    }
    let refusal = tenancy.admit_jobs(&ann, &jobs(10..11, 1), None, wall(LAST_SECOND)).unwrap_err();
    assert_eq!(quota(refusal).0, Quota::Simulations, "cancelled jobs count");
    tenancy.admit_jobs(&ann, &jobs(10..11, 1), None, wall(DECEMBER)).unwrap();
    tenancy.admit_jobs(&user("bob", Tier::Free), &jobs(11..12, 1), None, wall(LAST_SECOND)).unwrap();
}

#[test]
fn a_batch_has_the_size_of_its_tier() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    for count in [0, 6] {
        let refusal =
            tenancy.admit_jobs(&ann, &jobs(0..count, 1), Some(capped(1, 100)), wall(NOVEMBER)).unwrap_err();
        let Refusal::Invalid(faults) = &refusal else { panic!("{refusal:?}") };
        assert_eq!(faults[0].pointer, "/simulations");
    }
    tenancy.admit_jobs(&ann, &jobs(0..5, 1), Some(capped(1, 100)), wall(NOVEMBER)).unwrap();
}

#[test]
fn what_open_jobs_may_cost_is_reserved_of_the_month() {
    // A dollar is 10,000 tokens.
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    assert_eq!(
        tenancy.admit_jobs(&ann, &jobs(0..2, 5_000), None, wall(NOVEMBER)),
        Ok(cost(10_000)),
        "exactly all"
    );
    let refusal = tenancy.admit_jobs(&ann, &jobs(2..3, 1), None, wall(NOVEMBER)).unwrap_err();
    assert!(refusal.to_string().contains("cost, $1 used of $1, $0.0001 more wanted"), "{refusal}");
    assert_eq!(quota(refusal).0, Quota::Cost);
    assert!(tenancy.usage(&ann, wall(NOVEMBER)).exceeded.is_empty(), "it is reserved, not spent");

    assert!(tenancy.settle(job(0), Ended::Cancelled, bill(1)));
    assert_eq!(tenancy.admit_jobs(&ann, &jobs(2..3, 4_999), None, wall(NOVEMBER)), Ok(cost(4_999)));
    quota(tenancy.admit_jobs(&ann, &jobs(3..4, 1), None, wall(NOVEMBER)).unwrap_err());
}

#[test]
fn a_batch_holds_no_more_of_the_month_than_its_cap() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    tenancy.admit_jobs(&ann, &jobs(0..5, 4_000), Some(capped(1, 9_000)), wall(NOVEMBER)).unwrap();
    assert_eq!(tenancy.usage(&ann, wall(NOVEMBER)).reserved, cost(9_000));
    quota(tenancy.admit_jobs(&ann, &jobs(5..6, 1_001), None, wall(NOVEMBER)).unwrap_err());
    tenancy.admit_jobs(&ann, &jobs(5..6, 1_000), None, wall(NOVEMBER)).unwrap();
}

#[test]
fn a_batch_is_settled_job_by_job_and_forgotten_after_the_last() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Pro);
    tenancy.admit_jobs(&ann, &jobs(0..3, 7), Some(capped(1, 20)), wall(NOVEMBER)).unwrap();
    assert!(tenancy.settle(job(2), Ended::Cancelled, bill(0)));
    assert!(!tenancy.forget_batch(batch(1)), "jobs of it run");
    assert!(tenancy.settle(job(0), Ended::Failed, bill(7)));
    assert!(tenancy.settle(job(1), Ended::Completed, bill(7)));
    let budget = tenancy.budget(batch(1)).unwrap();
    assert_eq!((budget.spent, budget.estimated), (bill(14), cost(21)));
    assert_eq!((budget.open, budget.open_jobs, budget.reserved()), (Money::ZERO, 0, Money::ZERO));
    let usage = tenancy.usage(&ann, wall(NOVEMBER)).usage;
    assert_eq!((usage.completed, usage.failed, usage.cancelled, usage.cost), (1, 1, 1, cost(14)));
    assert!(tenancy.forget_batch(batch(1)) && tenancy.forget_batch(batch(1)));
    assert!(tenancy.take_changes().contains(&Change::Delete(RecordId::Budget(batch(1)))));
}

#[test]
fn a_batch_of_which_no_job_fits_is_refused() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    let two = [(job(0), work(8)), (job(1), work(7))];
    let refusal = tenancy.admit_jobs(&ann, &two, Some(capped(1, 6)), wall(NOVEMBER)).unwrap_err();
    assert_eq!(refusal, Refusal::OverBudget { cap: cost(6), needed: cost(7) });
    tenancy.admit_jobs(&ann, &two, Some(capped(1, 7)), wall(NOVEMBER)).unwrap();

    Tenancy::new(priced(Money::ZERO)).admit_jobs(&ann, &two, Some(capped(1, 0)), wall(NOVEMBER)).unwrap();
}

#[test]
fn a_batch_over_a_months_end_is_billed_in_the_month_it_was_admitted_in() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Free);
    tenancy.admit_jobs(&ann, &jobs(0..2, 5_000), Some(capped(1, 10_000)), wall(LAST_SECOND)).unwrap();
    // In December the full quota is available, because the batch counts in November.
    tenancy.admit_jobs(&ann, &jobs(2..3, 10_000), None, wall(DECEMBER)).unwrap();
    for (number, tokens) in [(2, 10_000), (0, 5_000), (1, 5_000)] {
        assert!(tenancy.settle(job(number), Ended::Completed, bill(tokens)));
    }
    let december = tenancy.usage(&ann, wall(DECEMBER));
    assert_eq!((december.usage.jobs, december.usage.completed, december.cost.used), (1, 1, cost(10_000)));
    let history = tenancy.history(&ann.user, 2, wall(DECEMBER)).unwrap();
    let november = &history[0];
    assert_eq!(november.period.to_string(), "2026-11");
    assert_eq!((november.usage.jobs, november.usage.completed, november.usage.cost), (2, 2, cost(10_000)));
    assert_eq!(history[1], PeriodUsage { period: "2026-10".parse().unwrap(), usage: Usage::default() });
}

#[test]
fn a_calendar_that_goes_back_loses_and_doubles_nothing() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Pro);
    for time in [LAST_SECOND, DECEMBER, LAST_SECOND, DECEMBER] {
        tenancy.admit_call(&ann, Now { wall: wall(time), ..Now::default() }).admitted.unwrap();
    }
    tenancy.admit_jobs(&ann, &jobs(0..1, 1), None, wall(DECEMBER)).unwrap();
    assert!(tenancy.settle(job(0), Ended::Completed, bill(1)));
    for (time, calls, done) in [(LAST_SECOND, 2, 0), (DECEMBER, 2, 1)] {
        let usage = tenancy.usage(&ann, wall(time)).usage;
        assert_eq!((usage.calls, usage.jobs, usage.completed), (calls, done, done), "{time}");
    }
}

#[test]
fn a_price_holds_for_jobs_that_it_was_agreed_for() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Pro);
    tenancy.admit_jobs(&ann, &jobs(0..1, 3), None, wall(NOVEMBER)).unwrap();
    let mut store = Store::default();
    store.commit(&tenancy.take_changes());
    let dear = priced(Money::from_whole_dollars(1));
    let mut tenancy = Tenancy::restore(dear, store.0.into_values()).unwrap();
    assert_eq!(tenancy.charge(job(0)).unwrap().estimate(), cost(3));
    let estimate = tenancy.admit_jobs(&ann, &jobs(1..2, 3), None, wall(NOVEMBER)).unwrap();
    assert_eq!(estimate, Money::from_whole_dollars(3));
}

#[test]
fn every_event_counts_once() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Pro);
    for _ in 0..2 {
        let estimated = tenancy.admit_jobs(&ann, &jobs(0..2, 3), Some(capped(1, 9)), wall(NOVEMBER));
        assert_eq!(estimated, Ok(cost(6)));
    }
    assert!(tenancy.settle(job(0), Ended::Completed, bill(3)));
    assert!(!tenancy.settle(job(0), Ended::Cancelled, bill(3)));
    let usage = tenancy.usage(&ann, wall(NOVEMBER)).usage;
    assert_eq!((usage.jobs, usage.completed, usage.cancelled, usage.tokens), (2, 1, 0, 3));
}

#[test]
fn a_history_is_1_to_24_periods() {
    let tenancy = Tenancy::new(Terms::default());
    let user = OwnerId::new("ann");
    let history = tenancy.history(&user, 24, wall(NOVEMBER)).unwrap();
    let names: Vec<String> = history.iter().map(|past| past.period.to_string()).collect();
    assert_eq!((names.len(), names[0].as_str(), names[23].as_str()), (24, "2026-10", "2024-11"));
    for periods in [0, 25, u64::MAX] {
        assert_eq!(tenancy.history(&user, periods, wall(NOVEMBER)).unwrap_err().pointer, "/periods");
    }
}

#[test]
fn records_that_contradict_each_other_are_refused() {
    let mut tenancy = Tenancy::new(Terms::default());
    let ann = user("ann", Tier::Pro);
    tenancy.admit_jobs(&ann, &jobs(0..1, 3), Some(capped(1, 9)), wall(NOVEMBER)).unwrap();
    let charge = tenancy.charge(job(0)).unwrap().clone();
    let budget = tenancy.budget(batch(1)).unwrap().clone();
    assert_eq!(tenancy.charges().collect::<Vec<_>>(), [&charge]);
    let restore = |records: Vec<Record>| Tenancy::restore(Terms::default(), records).unwrap_err();

    let twice = vec![Record::Charge(charge.clone()), Record::Charge(charge.clone())];
    assert_eq!(restore(twice), Contradiction::Twice(RecordId::Charge(job(0))));
    let (job, batch) = (job(0), batch(1));
    assert_eq!(restore(vec![Record::Charge(charge.clone())]), Contradiction::NoBudget { job, batch });
    let other = Budget { user: OwnerId::new("bob"), ..budget.clone() };
    let other = vec![Record::Charge(charge.clone()), Record::Budget(other)];
    assert_eq!(restore(other), Contradiction::OtherBill { job, batch });
    let past = Budget { spent: bill(10), ..budget };
    assert_eq!(restore(vec![Record::Charge(charge), Record::Budget(past)]), Contradiction::PastCap(batch));
}

#[test]
fn a_user_has_a_bounded_number_of_open_jobs() {
    let mut terms = Terms::default();
    terms.limits_mut(Tier::Pro).open_jobs = Some(3);
    let mut tenancy = Tenancy::new(terms);
    let ann = Caller { key: Some(KeyId::from_random(1)), ..user("ann", Tier::Pro) };
    tenancy.admit_jobs(&ann, &jobs(0..2, 1), None, wall(NOVEMBER)).unwrap();
    let refusal = tenancy.admit_jobs(&ann, &jobs(2..4, 1), None, wall(NOVEMBER)).unwrap_err();
    assert_eq!(refusal, Refusal::CapacityUsedUp { capacity: Capacity::OpenJobs, tier: Tier::Pro, limit: 3 });
    assert_eq!(refusal.to_string(), "the tier pro allows 3 open jobs at once");
    tenancy.admit_jobs(&user("bob", Tier::Pro), &jobs(2..4, 1), None, wall(NOVEMBER)).unwrap();
    assert!(tenancy.settle(job(0), Ended::Completed, bill(1)));
    tenancy.admit_jobs(&ann, &jobs(4..6, 1), None, wall(NOVEMBER)).unwrap();
    // Without authentication everybody is one user, who has the cluster to themselves.
    let everybody = user("ann", Tier::Pro);
    tenancy.admit_jobs(&everybody, &jobs(6..20, 1), None, wall(NOVEMBER)).unwrap();
}
