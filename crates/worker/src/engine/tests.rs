use super::*;
use crate::machine::Cores;
use carlo_types::sweep::SweepAxisDraft;
use carlo_types::{BLOCK_SIMULATIONS, BlockRange, Draft, Seal};

const JOB: u128 = 1;
const SIMULATIONS: u64 = 4 * BLOCK_SIMULATIONS + 17;

fn spec() -> JobSpec {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(13_500.0);
    draft.profile.monthly_spending = Some(3_200.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(70_000.0);
    draft.goal.timeline_months = Some(36);
    draft.params.n_simulations = Some(SIMULATIONS);
    draft.check(1).unwrap()
}

fn engine(threads: usize) -> Engine {
    let mut engine = Engine::new(Box::new(Cores::new(threads).unwrap()), Level::available()[0]);
    engine.learn(JobId::from_random(JOB), spec(), Origin::default());
    engine
}

fn lease(id: u64, start: u64, end: u64) -> Lease {
    Lease {
        seal: Seal::default(),
        id: LeaseId(id),
        epoch: Epoch(1),
        attempt: 1,
        job: JobId::from_random(JOB),
        range: BlockRange::new(start, end).unwrap(),
    }
}

#[tokio::test]
async fn a_lease_covers_its_simulations_on_any_number_of_threads() {
    let mut partials = Vec::new();
    for threads in [1, 3] {
        let mut engine = engine(threads);
        assert!(engine.start(lease(1, 0, 5), None));
        let finished = engine.finished().await;
        let partial = finished.outcome.unwrap();
        assert_eq!(partial.simulations(), SIMULATIONS);
        partials.push(partial);
    }
    assert_eq!(partials[0], partials[1]);
}

#[tokio::test]
async fn leases_finish_in_any_cut_to_the_same_summary() {
    let mut engine = engine(2);
    assert!(engine.start(lease(1, 0, 5), None));
    let whole = engine.finished().await.outcome.unwrap();
    assert!(engine.start(lease(2, 0, 2), None) && engine.start(lease(3, 2, 5), None));
    let mut parts = engine.finished().await.outcome.unwrap();
    parts.merge(&engine.finished().await.outcome.unwrap());
    assert_eq!(parts, whole);
}

#[tokio::test]
async fn a_finished_lease_is_kept_until_it_is_acknowledged() {
    let mut engine = engine(1);
    assert!(engine.start(lease(1, 0, 1), None));
    assert!(!engine.is_idle());
    engine.finished().await;
    assert_eq!(engine.undelivered().count(), 1);
    engine.acknowledge((Epoch(1), LeaseId(1)));
    assert!(engine.is_idle());
}

#[tokio::test]
async fn of_a_revoked_lease_nothing_is_reported() {
    let mut engine = engine(1);
    assert!(engine.start(lease(1, 0, 5), None));
    engine.revoke((Epoch(1), LeaseId(1)));
    assert!(engine.start(lease(2, 4, 5), None));
    assert_eq!(engine.finished().await.lease.id, LeaseId(2));
    assert_eq!(engine.undelivered().count(), 1);
}

/// A sweep of so many points that a block of it takes long.
fn heavy_sweep() -> JobSpec {
    let axis = SweepAxisDraft {
        pointer: Some("/financialProfile/monthlySpending".to_owned()),
        values: (0..1_024).map(|point| 2_000.0 + f64::from(point)).collect(),
    };
    let mut draft = Draft { sweep: vec![axis], ..spec().to_draft() };
    draft.goal.timeline_months = Some(600);
    draft.check(1).unwrap()
}

#[tokio::test]
async fn a_block_of_a_sweep_is_given_up_between_its_points() {
    let machine = Stepped::default();
    let parts = Arc::clone(&machine.0);
    let mut engine = Engine::new(Box::new(machine), Level::available()[0]);
    engine.learn(JobId::from_random(JOB), heavy_sweep(), Origin::default());
    assert!(engine.start(lease(1, 0, 1), None));
    let mut part = parts.lock().unwrap().remove(0);
    let task = Arc::clone(&part.task);
    let computing = std::thread::spawn(move || (part.step(), part));
    while task.next_block.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    engine.revoke((Epoch(1), LeaseId(1)));
    let (goes_on, mut part) = computing.join().unwrap();
    assert!(goes_on && part.accumulator.is_none(), "the block was begun, and not kept");
    assert_eq!(task.blocks_done.load(Ordering::Relaxed), 0);
    assert!(!part.step());
}

/// A machine with one thread, which computes only when the test makes it.
#[derive(Default)]
struct Stepped(Arc<Mutex<Vec<Part>>>);

impl Machine for Stepped {
    fn threads(&self) -> usize {
        1
    }

    fn compute(&mut self, part: Part) {
        self.0.lock().unwrap().push(part);
    }

    fn load(&mut self) -> Load {
        Load::default()
    }

    fn random(&mut self) -> u128 {
        0
    }
}

#[tokio::test]
async fn a_much_shorter_lease_goes_first_even_if_a_longer_one_has_begun() {
    let machine = Stepped::default();
    let parts = Arc::clone(&machine.0);
    let mut engine = Engine::new(Box::new(machine), Level::available()[0]);
    engine.learn(JobId::from_random(JOB), spec(), Origin::default());
    for lease in [lease(1, 0, 4), lease(2, 0, 4), lease(3, 4, 5)] {
        assert!(engine.start(lease, None));
    }
    let mut begun = parts.lock().unwrap().remove(0);
    assert!(begun.step());
    begun.run();
    for part in std::mem::take(&mut *parts.lock().unwrap()) {
        part.run();
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let finished = engine.finished().await;
        let simulations = finished.outcome.unwrap().simulations();
        assert_eq!(simulations, finished.lease.range.simulations(SIMULATIONS));
        order.push(finished.lease.id.0);
    }
    // Of leases with the same length the first one goes first.
    assert_eq!(order, [3, 1, 2]);
    assert!(engine.board.before(u64::MAX).is_none(), "nothing is left behind");
}

#[tokio::test]
async fn a_lease_of_an_unknown_job_or_of_blocks_that_it_lacks_is_not_started() {
    let mut engine = engine(1);
    assert!(!engine.start(lease(1, 4, 6), None));
    engine.forget(JobId::from_random(JOB));
    assert!(!engine.start(lease(1, 0, 1), None));
}

#[test]
fn a_panic_costs_one_lease_and_is_told_in_words() {
    let fault = guarded(|| panic!("block {} is poison", 7)).unwrap_err();
    assert_eq!(fault, "the kernel panicked: block 7 is poison");
    assert_eq!(guarded(|| 5), Ok(5));
}
