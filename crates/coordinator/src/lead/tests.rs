use std::time::Instant;

use carlo_store::memory::CommitFault;
use carlo_store::{MemoryElection, MemoryLedger};
use carlo_tenancy::Caller;
use carlo_types::{Draft, JobId};
use carlo_wire::v1;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::Code;

use super::*;
use crate::core::{EventTarget, NewJob};
use crate::environment::SystemEnvironment;

const ONE: &str = "http://127.0.0.1:1";
const OTHER: &str = "http://127.0.0.1:2";
const PATIENCE: Duration = Duration::from_secs(30);

/// A coordinator without a server.
struct Coordinator {
    leadership: Leadership,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Coordinator {
    fn start(ledger: Arc<dyn Ledger>, address: &str) -> Self {
        let (leader, leadership) = leader(
            Settings::default(),
            ledger,
            Arc::new(SystemEnvironment),
            address.to_owned(),
            Arc::default(),
            None,
        );
        let stop = CancellationToken::new();
        Self { leadership, task: tokio::spawn(leader.run(stop.clone())), stop }
    }

    fn of(election: &MemoryElection, address: &str) -> Self {
        Self::start(Arc::new(election.ledger(address)), address)
    }

    /// Waits until the coordinator leads.
    async fn leads(&self) -> Term {
        self.until(|leadership| leadership.term().ok()).await
    }

    /// Waits until the coordinator names this leader.
    async fn tells(&self, leader: Option<&str>) {
        let told = |leadership: &Leadership| {
            let refusal = leadership.term().err()?;
            assert!(status::is_not_leading(&refusal), "{refusal:?}");
            (status::leader(&refusal) == leader).then_some(())
        };
        self.until(told).await;
    }

    async fn until<T>(&self, look: impl Fn(&Leadership) -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(seen) = look(&self.leadership) {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, looking).await.expect("it comes so far")
    }

    async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("it ends").expect("it doesn't panic")
    }
}

async fn submit(core: &CoreHandle) -> Result<JobId, carlo_types::Fault> {
    let request = v1::SimulationRequest {
        financial_profile: Some(v1::FinancialProfile {
            liquid_assets: Some(1_000.0),
            monthly_spending: Some(1_000.0),
            ..v1::FinancialProfile::default()
        }),
        user_inputs: Some(v1::UserInputs { monthly_income: Some(1_000.0), ..v1::UserInputs::default() }),
        goal: Some(v1::Goal { target_amount: Some(1.0), timeline_months: Some(12), ..v1::Goal::default() }),
        ..v1::SimulationRequest::default()
    };
    let spec = Arc::new(Draft::from(request).check(1).expect("a good request"));
    let id = JobId::from_random(rand::random());
    let new = NewJob { id, spec, priority: 50, name: None, is_preview: false, notify: EventTarget::Nobody };
    core.ask(move |core| core.submit(&Caller::local(), new)).await??;
    Ok(id)
}

#[tokio::test]
async fn where_nobody_else_can_lead_it_leads_at_once_and_a_failing_ledger_ends_it() {
    let ledger = Arc::new(MemoryLedger::new());
    let coordinator = Coordinator::start(Arc::clone(&ledger) as Arc<dyn Ledger>, ONE);
    timeout(PATIENCE, coordinator.leadership.settled()).await.expect("it settles");
    let Term { core, .. } = coordinator.leadership.term().expect("the first that it settles as is leading");
    submit(&core).await.unwrap();
    ledger.fail_next_commit(CommitFault::Lost);
    submit(&core).await.unwrap_err();
    let ended = timeout(PATIENCE, coordinator.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::Ledger(_))), "{ended:?}");
}

#[tokio::test]
async fn of_two_one_leads_and_the_other_says_so_until_it_is_its_turn() {
    let election = MemoryElection::new();
    let one = Coordinator::of(&election, ONE);
    let term = one.leads().await;
    let other = Coordinator::of(&election, OTHER);
    other.tells(Some(ONE)).await;
    let job = submit(&term.core).await.unwrap();

    // The leader's candidacy expires, as after a crash or a long pause.
    election.expire(ONE);
    let next = other.leads().await;
    assert!(
        next.core.ask(move |core| core.snapshot_with_fold(job).is_some()).await.unwrap(),
        "an acknowledged job is there"
    );
    timeout(PATIENCE, term.ended.cancelled()).await.expect("its sessions end");
    let refused = submit(&term.core).await.unwrap_err();
    assert_eq!(status::from_fault(&refused).code(), Code::Unavailable);
    one.tells(Some(OTHER)).await;

    // A leader that shuts down hands over at once.
    let began = Instant::now();
    other.stop().await.unwrap();
    one.leads().await;
    assert!(began.elapsed() < PATIENCE);
    one.stop().await.unwrap();
}

#[tokio::test]
async fn a_shared_ledger_that_fails_ends_the_term_and_nothing_else() {
    let election = MemoryElection::new();
    let one = Coordinator::of(&election, ONE);
    for fault in [CommitFault::Lost, CommitFault::Unacknowledged] {
        let term = one.leads().await;
        election.entries().fail_next_commit(fault);
        submit(&term.core).await.unwrap_err();
        timeout(PATIENCE, term.ended.cancelled()).await.expect("the term ends");
        one.tells(None).await;
    }
    let term = one.leads().await;
    submit(&term.core).await.unwrap();
    one.stop().await.unwrap();
}

#[tokio::test]
async fn entries_that_cant_be_read_end_it_for_good() {
    let election = MemoryElection::new();
    let ledger = election.ledger(OTHER);
    let epoch = ledger.lead().await.unwrap();
    let rubbish = carlo_store::Write::Put(carlo_store::Key::new("job/1").unwrap(), b"\xff".to_vec().into());
    ledger.commit(epoch, vec![rubbish]).await.unwrap();
    ledger.resign().await;
    let ended = timeout(PATIENCE, Coordinator::of(&election, ONE).task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::Entry(_))), "{ended:?}");
    assert_eq!(ledger.leader().await.unwrap(), None, "another one may try");
}
