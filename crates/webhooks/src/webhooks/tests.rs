use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carlo_types::definition::Leaf as _;
use proptest::prelude::*;

use super::*;
use crate::limits::{
    ATTEMPTS_MAX, ATTEMPTS_PER_ENDPOINT_MAX, ATTEMPTS_PER_USER_MAX, ENDED_KEPT, EXPIRED_AT_ONCE_MAX,
};
use crate::records::{Change, DefaultHook, Record};
use crate::retry::{Outcome, Verdict};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn ada() -> OwnerId {
    OwnerId::new("ada")
}

fn webhook(path: &str) -> Webhook {
    let url = HttpUrl::judge(format!("https://example.org/{path}"), &()).unwrap();
    Webhook { url, secret: None, events: Vec::new() }
}

fn fresh(number: u8) -> Fresh {
    Fresh { id: EndpointId::from_random(number.into()), secret: WebhookSecret::from_random([number; 32]) }
}

fn delivered() -> Outcome {
    Outcome::of_status(204, None)
}

fn failed() -> Outcome {
    Outcome::of_status(500, None)
}

/// The state, the time, and what is durable of the state.
struct World {
    webhooks: Webhooks,
    now: Timestamp,
    stored: BTreeMap<RecordId, Record>,
    next: u128,
}

impl World {
    fn new() -> Self {
        Self { webhooks: Webhooks::default(), now: Timestamp(1_000_000), stored: BTreeMap::new(), next: 0 }
    }

    /// An endpoint of this user.
    fn endpoint(&mut self, owner: &OwnerId, path: &str) -> EndpointId {
        self.next += 1;
        let fresh = fresh(u8::try_from(self.next % 256).unwrap());
        self.webhooks.subscribe(owner, webhook(path), fresh, self.now).hook.endpoint
    }

    fn record(&mut self, endpoint: EndpointId, object: &str) -> DeliveryId {
        self.next += 1;
        let id = DeliveryId::from_random(self.next);
        let event = WebhookEvent::JobComplete;
        let new = NewEvent { id, endpoint, object: object.to_owned(), event, body: "{}".to_owned() };
        self.webhooks.record(new, self.now);
        id
    }

    fn begin(&mut self) -> Vec<DeliveryId> {
        self.webhooks.begin(self.now).into_iter().map(|attempt| attempt.id).collect()
    }

    fn end(&mut self, id: DeliveryId, outcome: &Outcome) {
        self.webhooks.end(id, outcome, 0.5, self.now);
    }

    fn pass(&mut self, ms: u64) {
        self.now.0 += ms;
    }

    fn state(&self, id: DeliveryId) -> DeliveryState {
        self.webhooks.delivery(id, None).unwrap().state
    }

    fn commit(&mut self) {
        for change in self.webhooks.take_changes() {
            match change {
                Change::Put(Record::Endpoint(endpoint)) => {
                    self.stored.insert(RecordId::Endpoint(endpoint.id), Record::Endpoint(endpoint));
                }
                Change::Put(Record::Default(default)) => {
                    self.stored.insert(RecordId::Default(default.key.clone()), Record::Default(default));
                }
                Change::Put(Record::Delivery(delivery)) => {
                    self.stored.insert(RecordId::Delivery(delivery.number), Record::Delivery(delivery));
                }
                Change::Delete(id) => drop(self.stored.remove(&id)),
            }
        }
    }

    fn restart(&mut self) {
        self.commit();
        self.webhooks = Webhooks::restore(self.stored.values().cloned(), self.now);
    }
}

#[test]
fn a_url_of_a_user_is_one_endpoint_with_one_secret() {
    let mut world = World::new();
    let first = world.webhooks.subscribe(&ada(), webhook("a"), fresh(1), world.now);
    assert_eq!(first.made, Some(fresh(1).secret), "a made secret is shown");
    let again = world.webhooks.subscribe(&ada(), webhook("a"), fresh(2), world.now);
    assert_eq!((again.hook.endpoint, again.made), (first.hook.endpoint, None), "and only once");
    let other = world.webhooks.subscribe(&OwnerId::new("bob"), webhook("a"), fresh(3), world.now);
    assert_ne!(other.hook.endpoint, first.hook.endpoint, "another user's is another one");
    let given = Webhook { secret: Some(WebhookSecret::from_random([9; 32])), ..webhook("a") };
    let replaced = world.webhooks.subscribe(&ada(), given.clone(), fresh(4), world.now);
    assert_eq!(
        (replaced.hook.endpoint, replaced.made),
        (first.hook.endpoint, None),
        "a given one isn't shown"
    );
    world.record(first.hook.endpoint, "job_1");
    assert_eq!(world.webhooks.begin(world.now)[0].secret, given.secret.unwrap(), "it replaces the old one");
}

#[test]
fn a_user_has_only_so_many_endpoints() {
    let mut world = World::new();
    for number in 0..ENDPOINTS_PER_USER_MAX {
        let asked = webhook(&number.to_string());
        world.webhooks.check(&ada(), &asked.url).unwrap();
        world.endpoint(&ada(), &number.to_string());
    }
    assert_eq!(world.webhooks.check(&ada(), &webhook("more").url), Err(Refusal::TooMany));
    world.webhooks.check(&ada(), &webhook("0").url).unwrap();
    world.webhooks.check(&OwnerId::new("bob"), &webhook("more").url).unwrap();
    let first = world.webhooks.endpoints(Some(&ada())).next().unwrap().0.id;
    world.webhooks.delete(first, Some(&ada())).unwrap();
    world.webhooks.check(&ada(), &webhook("more").url).unwrap();
}

#[test]
fn a_failed_delivery_is_repeated_for_a_day_and_then_given_up() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let (id, start) = (world.record(endpoint, "job_1"), world.now);
    let mut at = Vec::new();
    while let DeliveryState::Pending(due) = world.state(id) {
        world.now = world.now.max(due);
        assert_eq!(world.begin(), [id]);
        at.push((world.now.0 - start.0) / 1_000);
        world.end(id, &failed());
        if world.webhooks.disabled() > 0 {
            world.webhooks.enable(endpoint, None, world.now).unwrap();
        }
    }
    assert_eq!(at[..6], [0, 5, 20, 65, 200, 605], "the pauses grow");
    assert!(at.last().unwrap() < &86_400 && at.last().unwrap() > &(86_400 - 7_200), "{at:?}");
    assert!(matches!(world.state(id), DeliveryState::Failed(_)));
    let delivery = world.webhooks.delivery(id, None).unwrap();
    assert_eq!((delivery.status, delivery.outcome.as_str()), (Some(500), "refused with 500"));
}

#[test]
fn only_the_first_event_of_an_object_is_attempted() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let [one, two] = [world.record(endpoint, "job_1"), world.record(endpoint, "job_1")];
    let other = world.record(endpoint, "job_2");
    assert_eq!(world.begin(), [one, other]);
    assert_eq!(world.begin(), [], "nothing is attempted twice at a time");
    world.end(one, &failed());
    world.end(other, &delivered());
    assert_eq!(world.begin(), [], "the second one waits for the first");
    world.pass(6_000);
    assert_eq!(world.begin(), [one]);
    world.end(one, &delivered());
    assert_eq!(world.begin(), [two]);
}

#[test]
fn an_endpoint_is_disabled_after_failing_for_long_and_often() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    for number in 0..30 {
        world.record(endpoint, &format!("job_{number}"));
    }
    let begun = std::iter::from_fn(|| {
        Some(world.begin()).filter(|begun| !begun.is_empty()).map(|begun| {
            for id in &begun {
                world.end(*id, &failed());
            }
            begun.len()
        })
    });
    assert_eq!(begun.sum::<usize>(), 30);
    assert_eq!(world.webhooks.disabled(), 0, "a short outage of a busy receiver doesn't disable it");
    world.pass(12 * HOUR);
    let id = world.begin()[0];
    world.end(id, &failed());
    let disabled = world.webhooks.endpoint(endpoint, None).unwrap().disabled.clone().unwrap();
    assert_eq!(disabled.reason, "31 attempts in a row have failed in 12 hours");
    assert_eq!(world.begin(), []);

    let late = world.record(endpoint, "job_late");
    assert!(matches!(world.state(late), DeliveryState::Pending(_)), "events are recorded meanwhile");
    world.webhooks.enable(endpoint, Some(&ada()), world.now).unwrap();
    let enabled = world.webhooks.endpoint(endpoint, None).unwrap();
    assert_eq!((enabled.failures, enabled.failing_since, &enabled.disabled), (0, None, &None));
    assert_eq!(
        world.begin().len(),
        ATTEMPTS_PER_ENDPOINT_MAX - 3,
        "and due at once, beside those in progress"
    );
}

#[test]
fn a_success_begins_the_count_of_failures_anew() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    for number in 0..40 {
        let id = world.record(endpoint, &format!("job_{number}"));
        assert_eq!(world.begin(), [id]);
        world.end(id, &if number % 9 == 8 { delivered() } else { failed() });
        world.webhooks.remove_delivery(world.webhooks.numbers[&id]);
        world.pass(5 * HOUR);
        assert_eq!(world.webhooks.disabled(), 0);
    }
}

#[test]
fn gone_disables_at_once() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let id = world.record(endpoint, "job_1");
    world.begin();
    world.end(id, &Outcome::of_status(410, None));
    assert_eq!(world.webhooks.disabled(), 1);
    assert!(matches!(world.state(id), DeliveryState::Pending(_)), "it may still be enabled in time");
    world.pass(DAY);
    world.webhooks.expire(world.now);
    assert_eq!(world.state(id), DeliveryState::Failed(world.now));
}

#[test]
fn an_endpoint_may_ask_to_wait() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let id = world.record(endpoint, "job_1");
    world.begin();
    world.end(id, &Outcome::of_status(429, Some(Duration::from_mins(10))));
    assert_eq!(world.state(id), DeliveryState::Pending(Timestamp(world.now.0 + 600_000)));
}

#[test]
fn attempts_are_limited_for_endpoints_users_and_in_all() {
    let mut world = World::new();
    for user in 0..20 {
        let owner = OwnerId::new(format!("user-{user}"));
        for path in ["a", "b", "c"] {
            let endpoint = world.endpoint(&owner, path);
            for object in 0..10 {
                world.record(endpoint, &format!("job_{user}_{path}_{object}"));
            }
        }
    }
    let attempts = world.webhooks.begin(world.now);
    assert_eq!(attempts.len(), ATTEMPTS_MAX);
    let (mut endpoints, mut users) = (BTreeMap::new(), BTreeMap::new());
    for attempt in &attempts {
        *endpoints.entry(attempt.endpoint).or_insert(0) += 1;
        *users.entry(attempt.owner.clone()).or_insert(0) += 1;
    }
    assert_eq!(endpoints.values().max(), Some(&ATTEMPTS_PER_ENDPOINT_MAX));
    assert_eq!(users.values().max(), Some(&ATTEMPTS_PER_USER_MAX));
    // Some receivers never answer; all others still get everything.
    let slow = attempts[0].owner.clone();
    let mut open: Vec<_> = attempts.into_iter().filter(|attempt| attempt.owner != slow).collect();
    let mut done = 0;
    while let Some(attempt) = open.pop() {
        world.end(attempt.id, &delivered());
        done += 1;
        open.extend(world.webhooks.begin(world.now).into_iter().filter(|attempt| attempt.owner != slow));
    }
    assert_eq!(done, 19 * 30);
}

#[test]
fn too_many_pending_deliveries_are_recorded_and_not_sent() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    for number in 0..PENDING_PER_USER_MAX {
        world.record(endpoint, &format!("job_{number}"));
    }
    let id = world.record(endpoint, "job_more");
    assert_eq!(world.state(id), DeliveryState::Failed(world.now));
    assert_eq!(
        world.webhooks.delivery(id, None).unwrap().outcome,
        "not sent: too many deliveries are pending"
    );
    let bob = world.endpoint(&OwnerId::new("bob"), "a");
    let id = world.record(bob, "job_of_bob");
    assert!(matches!(world.state(id), DeliveryState::Pending(_)), "others are not affected");
    assert_eq!(world.webhooks.pending(), PENDING_PER_USER_MAX + 1);
}

#[test]
fn ended_deliveries_are_kept_for_a_while_and_up_to_a_number() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let mut ids = Vec::new();
    for number in 0..=ENDED_PER_USER_MAX {
        let id = world.record(endpoint, &format!("job_{number}"));
        assert_eq!(world.begin(), [id]);
        world.end(id, &delivered());
        world.pass(1);
        ids.push(id);
    }
    assert_eq!(world.webhooks.delivery(ids[0], None), Err(Refusal::NoSuchDelivery(ids[0])));
    world.webhooks.delivery(ids[1], None).unwrap();
    world.pass(u64::try_from(ENDED_KEPT.as_millis()).unwrap());
    world.webhooks.expire(world.now);
    assert_eq!(world.webhooks.deliveries.len(), ENDED_PER_USER_MAX - EXPIRED_AT_ONCE_MAX);
    world.webhooks.expire(world.now);
    assert_eq!(world.webhooks.deliveries.len(), 0);
    world.commit();
    assert_eq!(world.stored.len(), 1, "only the endpoint is stored");
}

#[test]
fn a_restart_repeats_attempts_in_progress_and_keeps_their_order() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let [one, two] = [world.record(endpoint, "job_1"), world.record(endpoint, "job_1")];
    world.webhooks.set_default("key_1", Some(Hook { endpoint, events: vec![WebhookEvent::JobFailed] }));
    assert_eq!(world.begin(), [one]);
    world.restart();
    assert_eq!(world.begin(), [one]);
    world.end(one, &delivered());
    world.restart();
    assert_eq!(world.begin(), [two]);
    world.end(two, &failed());
    world.restart();
    assert_eq!(world.begin(), [], "the pause is durable");
    assert_eq!(world.webhooks.default_of("key_1").unwrap().events, [WebhookEvent::JobFailed]);
    // While no coordinator runs, nothing can be attempted.
    world.pass(2 * DAY);
    world.restart();
    world.webhooks.expire(world.now);
    assert_eq!(world.begin(), [two], "it still gets its attempts");
}

#[test]
fn deliveries_to_an_endpoint_without_a_record_are_dropped() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    world.record(endpoint, "job_1");
    world.commit();
    world.stored.remove(&RecordId::Endpoint(endpoint));
    world.restart();
    world.commit();
    assert!(world.stored.is_empty() && world.webhooks.deliveries.is_empty());
}

#[test]
fn a_deleted_endpoint_takes_everything_with_it() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let [one, two] = [world.record(endpoint, "job_1"), world.record(endpoint, "job_2")];
    world.webhooks.set_default("key_1", Some(Hook { endpoint, events: Vec::new() }));
    world.begin();
    let bob = OwnerId::new("bob");
    assert_eq!(world.webhooks.delete(endpoint, Some(&bob)), Err(Refusal::NoSuchEndpoint(endpoint)));
    world.webhooks.delete(endpoint, Some(&ada())).unwrap();
    for id in [one, two] {
        // Its attempts were in progress.
        world.end(id, &delivered());
        assert_eq!(world.webhooks.delivery(id, None), Err(Refusal::NoSuchDelivery(id)));
    }
    world.record(endpoint, "job_3");
    world.commit();
    assert!(world.stored.is_empty());
    verify(&world.webhooks);
    assert!(world.webhooks.users.is_empty() && world.webhooks.objects.is_empty());
}

#[test]
fn a_deleted_endpoint_makes_room_for_the_attempts_of_another() {
    let mut world = World::new();
    let [slow, other, waiting] = ["slow", "other", "waiting"].map(|path| world.endpoint(&ada(), path));
    for endpoint in [slow, other, waiting] {
        for object in 0..ATTEMPTS_PER_ENDPOINT_MAX {
            world.record(endpoint, &format!("{endpoint} {object}"));
        }
    }
    assert_eq!(world.begin().len(), ATTEMPTS_PER_USER_MAX);
    world.webhooks.delete(slow, None).unwrap();
    assert_eq!(world.begin().len(), ATTEMPTS_PER_ENDPOINT_MAX);
    verify(&world.webhooks);
}

#[test]
fn an_ended_delivery_can_be_asked_for_again() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let id = world.record(endpoint, "job_1");
    assert_eq!(world.webhooks.redeliver(id, None, world.now), Err(Refusal::IsPending(id)));
    world.begin();
    world.end(id, &delivered());
    assert_eq!(
        world.webhooks.redeliver(id, Some(&OwnerId::new("bob")), world.now),
        Err(Refusal::NoSuchDelivery(id))
    );
    world.pass(3 * DAY);
    world.webhooks.redeliver(id, Some(&ada()), world.now).unwrap();
    world.webhooks.expire(world.now);
    assert_eq!(world.begin(), [id], "with the same id, for another day");
    verify(&world.webhooks);
}

#[test]
fn pages_go_from_the_latest_to_the_first() {
    let mut world = World::new();
    let (a, b) = (world.endpoint(&ada(), "a"), world.endpoint(&OwnerId::new("bob"), "b"));
    let ids: Vec<_> =
        (0..10).map(|n| world.record(if n % 2 == 0 { a } else { b }, &format!("job_{}", n / 4))).collect();
    let page = |filter: &Filter, before, most| {
        let (page, next) = world.webhooks.page(filter, before, most);
        (page.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>(), next)
    };
    let all = Filter::default();
    let (first, cursor) = page(&all, None, 7);
    assert_eq!(first, ids.iter().rev().take(7).copied().collect::<Vec<_>>());
    let (rest, end) = page(&all, cursor, 7);
    assert_eq!((rest, end), (ids.iter().rev().skip(7).copied().collect(), None));
    let of_ada = Filter { owner: Some(ada()), ..Filter::default() };
    assert_eq!(page(&of_ada, None, 2), (vec![ids[8], ids[6]], Some(7)));
    assert_eq!(page(&of_ada, Some(7), 9), (vec![ids[4], ids[2], ids[0]], None));
    let of_object = Filter { object: Some("job_1".to_owned()), endpoint: Some(b), ..Filter::default() };
    assert_eq!(page(&of_object, None, 9).0, [ids[7], ids[5]]);
    let of_state = |state| Filter { state: Some(state), ..Filter::default() };
    assert_eq!(page(&of_state(DeliveryState::Pending(Timestamp(0))), None, 99).0.len(), 10);
    assert_eq!(page(&of_state(DeliveryState::Failed(Timestamp(0))), None, 99).0, []);
    let of_none = Filter { object: Some("job_9".to_owned()), ..Filter::default() };
    assert_eq!(page(&of_none, None, 9), (Vec::new(), None));
}

/// Panics unless all indexes and sums follow from the deliveries and the attempts in progress.
fn verify(webhooks: &Webhooks) {
    let pending = |delivery: &&Delivery| delivery.state.ended_at().is_none();
    let in_progress: BTreeSet<u64> = webhooks.lines.values().filter_map(|line| line.attempt).collect();
    assert_eq!(webhooks.attempts, in_progress.len());
    let ends: BTreeSet<_> =
        webhooks.deliveries.values().filter(pending).map(|d| (d.until, d.number)).collect();
    assert_eq!(webhooks.by_end, ends);
    let ended = webhooks.deliveries.values().filter_map(|d| Some((d.state.ended_at()?, d.number)));
    assert_eq!(webhooks.ended, ended.collect());
    assert_eq!(webhooks.numbers.len(), webhooks.deliveries.len());
    let mut ready = BTreeSet::new();
    for (id, node) in &webhooks.endpoints {
        let own: Vec<_> = webhooks.deliveries.values().filter(|d| d.endpoint == *id).collect();
        assert_eq!(node.deliveries, own.iter().map(|d| d.number).collect());
        assert_eq!(node.pending, own.iter().copied().filter(pending).count());
        assert_eq!(node.attempts, own.iter().filter(|d| in_progress.contains(&d.number)).count());
        assert!(node.attempts <= ATTEMPTS_PER_ENDPOINT_MAX);
        let mut first: BTreeMap<&str, &Delivery> = BTreeMap::new();
        for delivery in own.iter().copied().filter(pending) {
            first.entry(&delivery.object).or_insert(delivery);
        }
        let is_busy = |object: &str| webhooks.lines.get(object).is_some_and(|line| line.attempt.is_some());
        let due = first.into_iter().filter(|(object, _)| !is_busy(object)).map(|(_, delivery)| {
            let DeliveryState::Pending(at) = delivery.state else { unreachable!("it is pending") };
            (at, delivery.number)
        });
        assert_eq!(node.due, due.collect(), "what is due at {id}");
        let user = &webhooks.users[&node.endpoint.owner];
        assert!(user.attempts <= ATTEMPTS_PER_USER_MAX);
        let may_begin = node.endpoint.disabled.is_none()
            && node.attempts < ATTEMPTS_PER_ENDPOINT_MAX
            && user.attempts < ATTEMPTS_PER_USER_MAX;
        let at = node.due.first().map(|(at, _)| *at).filter(|_| may_begin);
        assert_eq!(node.ready, at, "when {id} is ready");
        ready.extend(at.map(|at| (at, *id)));
    }
    assert_eq!(webhooks.ready, ready);
    for (owner, user) in &webhooks.users {
        let own = || webhooks.deliveries.values().filter(|d| d.owner == *owner);
        assert_eq!(user.pending, own().filter(pending).count());
        assert_eq!(user.attempts, own().filter(|d| in_progress.contains(&d.number)).count());
        assert_eq!(user.ended.len(), own().filter(|d| d.state.ended_at().is_some()).count());
    }
}

/// A step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Subscribe(u8, u8),
    Record(usize, u8),
    Begin,
    End(usize, u8),
    Pass(u64),
    Enable(usize),
    Delete(usize),
    Redeliver(usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_u8, 0..4_u8).prop_map(|(user, path)| Step::Subscribe(user, path)),
        8 => (any::<usize>(), 0..12_u8).prop_map(|(endpoint, object)| Step::Record(endpoint, object)),
        6 => Just(Step::Begin),
        10 => (any::<usize>(), any::<u8>()).prop_map(|(attempt, outcome)| Step::End(attempt, outcome)),
        6 => (0..4 * HOUR).prop_map(Step::Pass),
        1 => any::<usize>().prop_map(Step::Enable),
        1 => any::<usize>().prop_map(Step::Delete),
        2 => any::<usize>().prop_map(Step::Redeliver),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever happens, the indexes agree, the events of an object are delivered in order, and
    /// nothing is attempted twice at a time.
    #[test]
    fn any_history_is_consistent(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        let mut open: Vec<DeliveryId> = Vec::new();
        let mut repeated: BTreeSet<DeliveryId> = BTreeSet::new();
        let mut arrived: BTreeMap<String, u64> = BTreeMap::new();
        for step in steps {
            let endpoints: Vec<_> = world.webhooks.endpoints.keys().copied().collect();
            let pick = |at: usize| (!endpoints.is_empty()).then(|| endpoints[at % endpoints.len()]);
            match step {
                Step::Subscribe(user, path) => {
                    world.endpoint(&OwnerId::new(user.to_string()), &path.to_string());
                }
                Step::Record(at, object) => {
                    if let Some(endpoint) = pick(at) {
                        world.record(endpoint, &format!("{endpoint} {object}"));
                    }
                }
                Step::Begin => {
                    let begun = world.begin();
                    for id in &begun {
                        prop_assert!(!open.contains(id), "{} is attempted twice at a time", id);
                    }
                    open.extend(begun);
                }
                Step::End(at, outcome) if !open.is_empty() => {
                    let id = open.swap_remove(at % open.len());
                    let outcome = match outcome {
                        0 => Outcome::of_status(410, None),
                        1..120 => failed(),
                        _ => delivered(),
                    };
                    if let (Ok(delivery), Verdict::Delivered) = (world.webhooks.delivery(id, None), outcome.verdict)
                        && !repeated.contains(&id)
                    {
                        let last = arrived.insert(delivery.object.clone(), delivery.number);
                        prop_assert!(last.is_none_or(|last| last < delivery.number), "out of order");
                    }
                    world.end(id, &outcome);
                }
                Step::End(..) => {}
                Step::Pass(ms) => {
                    world.pass(ms);
                    world.webhooks.expire(world.now);
                }
                Step::Enable(at) => {
                    if let Some(endpoint) = pick(at) {
                        world.webhooks.enable(endpoint, None, world.now).unwrap();
                    }
                }
                Step::Delete(at) => {
                    if let Some(endpoint) = pick(at) {
                        world.webhooks.delete(endpoint, None).unwrap();
                    }
                }
                Step::Redeliver(at) => {
                    let ids: Vec<_> = world.webhooks.numbers.keys().copied().collect();
                    if !ids.is_empty() {
                        let id = ids[at % ids.len()];
                        if world.webhooks.redeliver(id, None, world.now).is_ok() {
                            repeated.insert(id);
                        }
                    }
                }
                Step::Restart => {
                    world.restart();
                    open.clear();
                }
            }
            verify(&world.webhooks);
            world.commit();
            let durable = Webhooks::restore(world.stored.values().cloned(), Timestamp(0));
            prop_assert_eq!(durable.deliveries.keys().collect::<Vec<_>>(), world.webhooks.deliveries.keys().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_default_is_a_record() {
    let mut world = World::new();
    let endpoint = world.endpoint(&ada(), "a");
    let hook = Hook { endpoint, events: Vec::new() };
    world.webhooks.set_default("key_1", Some(hook.clone()));
    world.commit();
    let id = RecordId::Default("key_1".to_owned());
    assert_eq!(world.stored[&id], Record::Default(DefaultHook { key: "key_1".to_owned(), hook }));
    world.webhooks.set_default("key_1", None);
    world.webhooks.set_default("key_2", None);
    assert_eq!(world.webhooks.take_changes(), [Change::Delete(id)]);
}
