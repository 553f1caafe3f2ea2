//! The faults of a world, drawn from its seed. Everything is healed in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use carlo_store::memory::CommitFault;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use turmoil::Sim;

use crate::client;
use crate::ledger::Storage;
use crate::plan::SLOWNESS;
use crate::world::{Sabotage, World, coordinator, worker};

/// The largest error of the calendar in milliseconds: eleven hours, so that no jump exceeds the day
/// for which an idempotency key is valid.
const CALENDAR_JUMP_MS: i64 = 11 * 3_600 * 1_000;

/// The longest freeze.
const FREEZE: Duration = Duration::from_secs(30);
/// How long a worker may take after it thaws to send its outstanding messages.
const LATE_MESSAGES_MAX: Duration = Duration::from_secs(3);

/// A pair of hosts.
type Link = (String, String);

/// How to end a fault.
#[derive(Debug, Clone)]
enum Remedy {
    Start(String),
    /// Thaw a worker's process.
    Thaw(usize),
    /// Restore the speed of a worker's machine.
    Hasten(usize),
    Repair(Link),
    Release(Link),
}

/// The faults of a world.
pub(crate) struct Chaos {
    world: Arc<World>,
    random: ChaCha8Rng,
    next: Duration,
    /// By the time at which they are due.
    remedies: BTreeMap<(Duration, u64), Remedy>,
    remedy_next: u64,
    /// Hosts and links with a fault: one fault each at a time.
    broken: BTreeSet<Link>,
    /// When the last worker thawed or will thaw.
    thaws: Duration,
    over: bool,
}

impl Chaos {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            random: world.random("chaos", 0),
            next: Duration::from_millis(500),
            remedies: BTreeMap::new(),
            remedy_next: 0,
            broken: BTreeSet::new(),
            thaws: Duration::ZERO,
            over: false,
        }
    }

    /// Causes and ends the faults that are due.
    pub(crate) fn act(&mut self, sim: &mut Sim<'_>) {
        let now = sim.elapsed();
        if let Storage::Etcd(etcd) = &self.world.storage {
            etcd.expire(now);
        }
        while let Some(due) = self.remedies.first_entry().filter(|due| due.key().0 <= now) {
            let remedy = due.remove();
            self.mend(sim, remedy);
        }
        self.bury(sim);
        if now >= self.world.plan.chaos {
            if !self.over {
                self.over = true;
                self.mend_all(sim);
            }
        } else if now >= self.next {
            self.next = now + self.time(50, 1_500);
            self.harm(sim);
        }
    }

    /// Whether no worker can still send messages from before it was frozen.
    pub(crate) fn all_was_said(&self, now: Duration) -> bool {
        now >= self.thaws + LATE_MESSAGES_MAX
    }

    /// The last fault: the coordinator's machine loses its power once all jobs are done, and comes
    /// back.
    pub(crate) fn last_restart(&mut self, sim: &mut Sim<'_>) {
        let hosts = match &self.world.storage {
            Storage::Etcd(_) => (0..self.world.plan.coordinators).map(coordinator).collect(),
            _ => vec![coordinator(self.world.leader.load(Ordering::Relaxed))],
        };
        if let Storage::Disk(disk) = &self.world.storage {
            disk.fail();
        }
        for host in hosts {
            self.note(sim, format_args!("{host} restarts for the last time"));
            sim.crash(host.as_str());
            sim.bounce(host.as_str());
        }
    }

    fn harm(&mut self, sim: &mut Sim<'_>) {
        // With a guard switched off, the faults that it guards against are more frequent.
        let kinds = match self.world.sabotage.filter(|_| self.random.random()) {
            Some(Sabotage::AcknowledgeBeforeCommit | Sabotage::NoEpochCheck) => 5..8,
            Some(Sabotage::NoAttemptCheck) => 8..15,
            Some(Sabotage::NoFencing) => 24..25,
            Some(Sabotage::NoSpotChecks) => 22..24,
            None => 0..if self.world.plan.coordinators > 1 { 29 } else { 24 },
        };
        match self.random.random_range(kinds) {
            0..=3 => self.kill_worker(sim),
            4 => self.dismiss_worker(sim),
            5..=7 => self.kill_coordinator(sim),
            8..=11 => self.cut(sim),
            12..=14 => self.hold(sim),
            15 => {
                let latency = self.time(5, 300);
                self.note(sim, format_args!("messages take up to {latency:?}"));
                sim.set_max_message_latency(latency);
            }
            16 => {
                let offset = self.random.random_range(-CALENDAR_JUMP_MS..=CALENDAR_JUMP_MS);
                self.note(sim, format_args!("the calendar is off by {offset} ms"));
                self.world.calendar.store(offset, Ordering::Relaxed);
            }
            17..=18 => self.fail_storage(sim),
            19..=21 => self.freeze_worker(sim),
            22..=23 => self.slow_worker(sim),
            _ => self.shift(sim),
        }
    }

    fn kill_worker(&mut self, sim: &mut Sim<'_>) {
        let host = self.any_worker();
        let down = self.time(20, 5_000);
        if self.break_for(sim, (host.clone(), String::new()), down, Remedy::Start(host.clone())) {
            self.note(sim, format_args!("{host} is killed for {down:?}"));
            sim.crash(host.as_str());
        }
    }

    /// As an operator does, with SIGTERM.
    fn dismiss_worker(&mut self, sim: &mut Sim<'_>) {
        let index = self.random.random_range(0..self.world.plan.workers.len());
        let host = worker(index);
        if self.break_for(
            sim,
            (host.clone(), String::new()),
            Duration::from_secs(7),
            Remedy::Start(host.clone()),
        ) {
            self.note(sim, format_args!("{host} is asked to leave"));
            self.world.conditions[index].shutdown.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        }
    }

    /// Freezes one worker at a time, so that the others continue. The freeze outlasts the other
    /// faults, because late messages matter most when everything else is done.
    fn freeze_worker(&mut self, sim: &Sim<'_>) {
        let index = self.random.random_range(0..self.world.plan.workers.len());
        let time = if self.random.random_ratio(1, 3) { FREEZE } else { self.time(200, 8_000) };
        let until = sim.elapsed() + time;
        if self.thaws <= sim.elapsed()
            && self.break_for(sim, (worker(index), String::new()), time, Remedy::Thaw(index))
        {
            self.note(sim, format_args!("worker {index} is frozen for {time:?}"));
            self.thaws = until;
            self.world.conditions[index].frozen.send_replace(true);
        }
    }

    fn slow_worker(&mut self, sim: &Sim<'_>) {
        let index = self.random.random_range(0..self.world.plan.workers.len());
        let time = self.time(500, 8_000);
        if self.break_for(sim, (worker(index), "speed".to_owned()), time, Remedy::Hasten(index)) {
            self.note(sim, format_args!("worker {index} is slow for {time:?}"));
            self.world.conditions[index].slowness.store(SLOWNESS, Ordering::Relaxed);
        }
    }

    /// Kills the workers that are out of memory and restarts them.
    fn bury(&mut self, sim: &mut Sim<'_>) {
        let world = Arc::clone(&self.world);
        for (index, condition) in world.conditions.iter().enumerate() {
            if condition.is_dying.swap(false, Ordering::Relaxed) {
                let (host, down) = (worker(index), self.time(100, 800));
                self.note(sim, format_args!("{host} is out of memory"));
                sim.crash(host.as_str());
                // If it was told to leave already, it comes back after that.
                self.break_for(sim, (host.clone(), String::new()), down, Remedy::Start(host));
            }
        }
    }

    fn kill_coordinator(&mut self, sim: &mut Sim<'_>) {
        let host = coordinator(self.random.random_range(0..self.world.plan.coordinators));
        let (down, power) = (self.time(20, 4_000), self.random.random());
        if self.break_for(sim, (host.clone(), String::new()), down, Remedy::Start(host.clone())) {
            let how = if power { "loses its power" } else { "is killed" };
            self.note(sim, format_args!("{host} {how} for {down:?}"));
            match &self.world.storage {
                Storage::Disk(disk) if power => disk.fail(),
                Storage::Disk(disk) => disk.close(),
                Storage::Shared(_) | Storage::Etcd(_) => {}
            }
            sim.crash(host.as_str());
        }
    }

    /// Messages are lost, and connections never recover.
    fn cut(&mut self, sim: &mut Sim<'_>) {
        let link = self.any_link();
        let (time, ways) = (self.time(50, 8_000), self.random.random_range(0..4));
        if self.break_for(sim, link.clone(), time, Remedy::Repair(link.clone())) {
            self.note(sim, format_args!("{link:?} is cut for {time:?}, way {ways}"));
            let (a, b) = (link.0.as_str(), link.1.as_str());
            match ways {
                0 => sim.partition_oneway(a, b),
                1 => sim.partition_oneway(b, a),
                _ => sim.partition(a, b),
            }
        }
    }

    /// Messages arrive late, all at once.
    fn hold(&mut self, sim: &mut Sim<'_>) {
        let link = self.any_link();
        // Sometimes so late that nobody waits any more, and the messages belong to an earlier
        // process.
        let most = if self.random.random_ratio(1, 4) { 30_000 } else { 6_000 };
        let time = self.time(50, most);
        if self.break_for(sim, link.clone(), time, Remedy::Release(link.clone())) {
            self.note(sim, format_args!("{link:?} is held for {time:?}"));
            sim.hold(link.0.as_str(), link.1.as_str());
        }
    }

    fn fail_storage(&mut self, sim: &Sim<'_>) {
        let fault = if self.random.random() { CommitFault::Lost } else { CommitFault::Unacknowledged };
        let syncs = self.random.random_range(0..6);
        match &self.world.storage {
            Storage::Shared(ledger) => {
                self.note(sim, format_args!("the next commit is {fault:?}"));
                ledger.fail_next_commit(fault);
            }
            Storage::Etcd(etcd) => {
                self.note(sim, format_args!("the next commit is {fault:?}"));
                etcd.election.entries().fail_next_commit(fault);
            }
            Storage::Disk(disk) => {
                self.note(sim, format_args!("the disk loses its power after {syncs} syncs"));
                disk.fail_after(syncs);
            }
        }
    }

    /// Makes another coordinator lead.
    fn shift(&mut self, sim: &Sim<'_>) {
        let world = Arc::clone(&self.world);
        let Storage::Etcd(etcd) = &world.storage else { return self.depose(sim) };
        let index = self.random.random_range(0..world.plan.coordinators);
        let (time, cut) = (self.time(100, 7_000), self.random.random_ratio(1, 3));
        let until = sim.elapsed() + time;
        if cut && world.sabotage.is_none() {
            self.note(sim, format_args!("coordinator {index} is cut off from etcd for {time:?}"));
            etcd.cut(index, until);
        } else {
            self.note(sim, format_args!("coordinator {index} is frozen for {time:?}"));
            etcd.freeze(index, until);
        }
    }

    fn depose(&mut self, sim: &Sim<'_>) {
        let leader = self.random.random_range(0..self.world.plan.coordinators);
        self.note(sim, format_args!("coordinator {leader} shall lead"));
        self.world.leader.store(leader, Ordering::Relaxed);
    }

    /// Schedules the end of a fault. Returns `false` if the host or link has a fault already.
    fn break_for(&mut self, sim: &Sim<'_>, what: Link, time: Duration, remedy: Remedy) -> bool {
        let is_new = self.broken.insert(what);
        if is_new {
            self.remedy_next += 1;
            self.remedies.insert((sim.elapsed() + time, self.remedy_next), remedy);
        }
        is_new
    }

    fn mend(&mut self, sim: &mut Sim<'_>, remedy: Remedy) {
        self.note(sim, format_args!("{remedy:?}"));
        match remedy {
            Remedy::Start(host) => {
                sim.bounce(host.as_str());
                self.broken.remove(&(host, String::new()));
            }
            Remedy::Thaw(index) => {
                self.world.conditions[index].frozen.send_replace(false);
                self.broken.remove(&(worker(index), String::new()));
            }
            Remedy::Hasten(index) => {
                self.world.conditions[index].slowness.store(1, Ordering::Relaxed);
                self.broken.remove(&(worker(index), "speed".to_owned()));
            }
            Remedy::Repair(link) => {
                sim.repair(link.0.as_str(), link.1.as_str());
                self.broken.remove(&link);
            }
            Remedy::Release(link) => {
                sim.release(link.0.as_str(), link.1.as_str());
                self.broken.remove(&link);
            }
        }
    }

    fn mend_all(&mut self, sim: &mut Sim<'_>) {
        self.note(sim, "all is mended");
        let frozen = self.remedies.extract_if(.., |_, remedy| matches!(remedy, Remedy::Thaw(_))).collect();
        for (_, remedy) in std::mem::replace(&mut self.remedies, frozen) {
            self.mend(sim, remedy);
        }
        if let Storage::Etcd(etcd) = &self.world.storage {
            etcd.mend();
        }
        sim.set_max_message_latency(Duration::from_millis(20));
        self.world.calendar.store(0, Ordering::Relaxed);
    }

    fn any_worker(&mut self) -> String {
        worker(self.random.random_range(0..self.world.plan.workers.len()))
    }

    /// A link between a coordinator and one of its clients.
    fn any_link(&mut self) -> Link {
        if self.random.random_ratio(1, 5) {
            let index = self.random.random_range(0..self.world.plan.coordinators);
            return (client::HOST.to_owned(), coordinator(index));
        }
        let index = self.random.random_range(0..self.world.plan.workers.len());
        let worker_endpoints = self.world.worker_endpoints(index);
        (worker(index), worker_endpoints[self.random.random_range(0..worker_endpoints.len())].clone())
    }

    fn time(&mut self, min_ms: u64, max_ms: u64) -> Duration {
        Duration::from_millis(self.random.random_range(min_ms..max_ms))
    }

    fn note(&self, sim: &Sim<'_>, line: impl std::fmt::Display) {
        self.world.trace.note_at(sim.elapsed(), line);
    }
}
