//! Random histories with crashes: exactly what was committed is counted, and no limit is ever
//! exceeded.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// How jobs are admitted. A cap is in tokens.
#[derive(Debug, Clone, Copy)]
enum Form {
    Alone,
    Batch { cap: Option<u64> },
}

#[derive(Debug, Clone)]
enum Step {
    Call {
        user: usize,
        month: u64,
    },
    Admit {
        user: usize,
        month: u64,
        sizes: Vec<u64>,
        form: Form,
    },
    Settle {
        pick: usize,
        ended: Ended,
        share: u64,
    },
    /// Written twice if `again`, as a caller may do that doesn't know whether a commit succeeded.
    Commit {
        again: bool,
    },
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || (0_usize..2, 0_u64..3);
    let sizes = prop::collection::vec(1_u64..4_000, 1..6);
    let form = prop_oneof![
        2 => Just(Form::Alone),
        1 => Just(Form::Batch { cap: None }),
        2 => (0_u64..12_000).prop_map(|cap| Form::Batch { cap: Some(cap) }),
    ];
    let ended = prop_oneof![Just(Ended::Completed), Just(Ended::Failed), Just(Ended::Cancelled)];
    let step = prop_oneof![
        3 => who().prop_map(|(user, month)| Step::Call { user, month }),
        3 => (who(), sizes, form).prop_map(|((user, month), sizes, form)| Step::Admit { user, month, sizes, form }),
        5 => (any::<prop::sample::Index>(), ended, 0_u64..=100)
            .prop_map(|(pick, ended, share)| Step::Settle { pick: pick.index(1 << 20), ended, share }),
        3 => any::<bool>().prop_map(|again| Step::Commit { again }),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..150)
}

/// A simple account of the same events.
#[derive(Debug, Clone, Default)]
struct Model {
    usage: BTreeMap<(usize, u64), Usage>,
    open: BTreeMap<JobId, (usize, u64, u64)>,
    ended: BTreeSet<JobId>,
}

struct World {
    tenancy: Tenancy,
    store: Store,
    model: Model,
    /// The model as of the last commit.
    durable: Model,
    next: u128,
    /// The cap of every admitted batch.
    caps: BTreeMap<BatchId, Option<Money>>,
}

fn at(month: u64) -> Timestamp {
    wall(&format!("2026-{:02}-15T00:00:00Z", 10 + month))
}

fn caller(user: usize) -> Caller {
    super::user(["ann", "bob"][user], [Tier::Free, Tier::Pro][user])
}

impl World {
    fn new() -> Self {
        let tenancy = Tenancy::new(Terms::default());
        let (model, durable) = (Model::default(), Model::default());
        Self { tenancy, store: Store::default(), model, durable, next: 0, caps: BTreeMap::new() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call { user, month } => {
                let now = Now { wall: at(month), ..Now::default() };
                if self.tenancy.admit_call(&caller(user), now).admitted.is_ok() {
                    self.model.usage.entry((user, month)).or_default().calls += 1;
                }
            }
            Step::Admit { user, month, sizes, form } => self.admit(user, month, &sizes, form),
            Step::Settle { pick, ended, share } => self.settle(pick, ended, share),
            Step::Commit { again } => {
                let changes = self.tenancy.take_changes();
                self.store.commit(&changes);
                if again {
                    self.store.commit(&changes);
                }
                self.durable = self.model.clone();
            }
            Step::Crash => {
                self.tenancy = self.store.restore();
                self.model = self.durable.clone();
            }
        }
    }

    fn admit(&mut self, user: usize, month: u64, sizes: &[u64], form: Form) {
        let new: Vec<(JobId, Work)> =
            sizes.iter().zip(self.next..).map(|(size, number)| (job(number), work(*size))).collect();
        let batch = match form {
            Form::Alone => None,
            Form::Batch { cap } => Some(NewBatch { id: batch(self.next), cap: cap.map(cost) }),
        };
        self.next += sizes.len() as u128;
        if self.tenancy.admit_jobs(&caller(user), &new, batch, at(month)).is_err() {
            return;
        }
        self.caps.extend(batch.map(|batch| (batch.id, batch.cap)));
        self.model.usage.entry((user, month)).or_default().jobs += sizes.len() as u64;
        self.model.open.extend(new.iter().zip(sizes).map(|((job, _), size)| (*job, (user, month, *size))));
    }

    fn settle(&mut self, pick: usize, ended: Ended, share: u64) {
        let Some(job) = self.pick(pick) else { return };
        let charge = self.tenancy.charge(job).unwrap();
        let mut bill = charge.work.bill(charge.work.simulations * share / 100, charge.price);
        if let Some(batch) = charge.batch
            && let Some(cap) = self.caps[&batch]
            && self.tenancy.budgets[&batch].spent.cost.plus(bill.cost) > cap
        {
            // The scheduler doesn't let such a job start.
            bill = Bill::default();
        }
        let (user, month, _) = self.model.open.remove(&job).unwrap();
        assert!(self.tenancy.settle(job, ended, bill));
        assert!(!self.tenancy.settle(job, ended, bill), "once");
        let usage = self.model.usage.entry((user, month)).or_default();
        usage.add_end(ended, bill);
        self.model.ended.insert(job);
    }

    fn pick(&self, pick: usize) -> Option<JobId> {
        let open = &self.model.open;
        open.keys().nth(pick % open.len().max(1)).copied()
    }

    /// Checks what must hold after every step.
    fn verify(&self) {
        let open: Vec<JobId> = self.tenancy.charges().map(|charge| charge.job).collect();
        assert_eq!(open, self.model.open.keys().copied().collect::<Vec<_>>());
        assert!(self.model.ended.iter().all(|job| self.tenancy.charge(*job).is_none()));
        for budget in self.tenancy.budgets.values() {
            assert_eq!(budget.cap, self.caps[&budget.batch]);
            let of_batch = || self.tenancy.charges().filter(|charge| charge.batch == Some(budget.batch));
            assert_eq!(budget.open, of_batch().map(Charge::estimate).fold(Money::ZERO, Money::plus));
            assert_eq!(budget.open_jobs, of_batch().count());
            assert!(budget.cap.is_none_or(|cap| budget.spent.cost <= cap), "past the cap");
        }
        for (user, month) in (0..2).flat_map(|user| (0..3).map(move |month| (user, month))) {
            self.verify_account(user, month);
        }
    }

    fn verify_account(&self, user: usize, month: u64) {
        let report = self.tenancy.usage(&caller(user), at(month));
        assert_eq!(report.usage, self.model.usage.get(&(user, month)).cloned().unwrap_or_default());
        let singles = self
            .tenancy
            .charges()
            .filter(|charge| charge.batch.is_none())
            .map(|charge| (&charge.user, charge.period, charge.estimate()));
        let batches =
            self.tenancy.budgets.values().map(|budget| (&budget.user, budget.period, budget.reserved()));
        let of_account = singles
            .chain(batches)
            .filter(|(user, period, _)| (*user, *period) == (&report.user, report.period));
        let reserved = of_account.fold(Money::ZERO, |sum, (_, _, reserved)| sum.plus(reserved));
        assert_eq!(report.reserved, reserved);
        assert!(report.jobs.limit.is_none_or(|limit| report.usage.jobs <= limit), "past the quota of jobs");
        let total = report.usage.cost.plus(reserved);
        assert!(report.cost.limit.is_none_or(|limit| total <= limit), "past the quota of money");
    }
}

proptest! {
    // Each case is a long history that is checked after every step.
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_counted_is_what_was_committed_and_no_bound_is_passed(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.verify();
        }
        world.step(Step::Commit { again: false });
        prop_assert!(world.tenancy.take_changes().is_empty(), "nothing is written twice");
        let mut restored = world.store.restore();
        prop_assert!(restored.take_changes().is_empty(), "what was restored is durable");
        world.tenancy = restored;
        world.verify();
    }
}
