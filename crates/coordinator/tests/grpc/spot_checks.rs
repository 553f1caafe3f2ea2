//! Spot checks through gRPC: quarantines, marked results, audit records and events.

use carlo_types::FaultCode;
use carlo_wire::v1;
use carlo_wire::v1::{AuditAction, ClusterEventKind, NodeStatus};

use crate::puppet::Puppet;
use crate::world::{User, World};

/// The names of the nodes because of which the job's results may be wrong.
fn doubts(job: &v1::Job) -> Vec<&str> {
    let results = job.results.as_ref().expect("a complete job has results");
    results.doubts.iter().map(|doubt| doubt.node.as_str()).collect()
}

async fn status(user: &User) -> v1::ClusterStatus {
    user.cluster(async |mut call, m| call.status(m).await, v1::ClusterStatusRequest {}).await.unwrap()
}

async fn lift(user: &User, node: &str) -> Result<v1::Node, carlo_types::Fault> {
    let request = v1::LiftQuarantineRequest { node_id: node.to_owned() };
    user.cluster(async |mut call, m| call.lift_quarantine(m).await, request).await
}

/// The cluster's events of this kind: their subjects.
async fn events(user: &User, kind: ClusterEventKind) -> Vec<String> {
    let events = user.cluster(async |mut call, m| call.events(m).await, v1::ClusterEventsRequest {}).await;
    let of_kind = events.unwrap().events.into_iter().filter(|event| event.kind() == kind);
    of_kind.map(|event| event.subject).collect()
}

#[tokio::test]
async fn a_machine_that_computes_wrongly_is_quarantined_and_its_results_are_marked() {
    let mut world = World::with(|settings| settings.scheduler.spot_check_share = 0.0).await;
    let ada = world.user("ada", "pro").await;
    // Without a check the wrong result is complete.
    let mut broken = Puppet::join_as(&world, "attic").await;
    let wrong = ada.submit(1, "").await.unwrap().id;
    broken.compute_wrongly().await;
    let unmarked = ada.end_of(&wrong).await;
    assert_eq!((doubts(&unmarked), unmarked.verdict), (vec![], 0));

    // From now on each lease is checked. The same machine has another id.
    world.settings.scheduler.spot_check_share = 1.0;
    world.crash().await;
    let (ada, admin) = (world.again(&ada), world.admin());
    let mut broken = Puppet::join_as(&world, "attic").await;
    let checked = ada.submit(1, "").await.unwrap().id;
    broken.granted().await;
    let mut others = [Puppet::join_as(&world, "cellar").await, Puppet::join_as(&world, "roof").await];
    broken.compute_wrongly().await;
    let [cellar, roof] = &mut others;
    tokio::join!(cellar.compute(), roof.compute());
    let right = ada.end_of(&checked).await;
    assert_eq!((doubts(&right), right.verdict), (vec![], 1));

    for _ in 0..2 {
        let (ada, admin) = (world.again(&ada), world.admin());
        let marked = ada.get(&wrong).await.unwrap();
        assert_eq!((doubts(&marked), marked.verdict), (vec!["attic"], 1));
        assert_eq!(doubts(&ada.get(&checked).await.unwrap()), [] as [&str; 0]);
        // A gateway doesn't show what it cached before the verdict.
        let at = unmarked.completed_at_ms.unwrap();
        let cached =
            |verdict| v1::CachedJob { key: ada.key.clone(), id: wrong.clone(), completed_at_ms: at, verdict };
        let request = v1::RevalidateRequest { jobs: vec![cached(0), cached(1)] };
        let answer = ada.jobs(async |mut call, m| call.revalidate(m).await, request).await.unwrap();
        assert_eq!(answer.revalidations.iter().map(|one| one.is_valid).collect::<Vec<_>>(), [false, true]);
        let quarantines = status(&admin).await.quarantines;
        assert_eq!(quarantines.len(), 1);
        assert_eq!(quarantines[0].name, "attic");
        assert!(quarantines[0].reason.contains("differently from"), "{}", quarantines[0].reason);
        if !events(&admin, ClusterEventKind::Quarantined).await.is_empty() {
            let nodes = status(&admin).await.nodes;
            let is_quarantined = |node: &&v1::Node| node.status() == NodeStatus::Quarantined;
            assert_eq!(
                nodes.iter().filter(is_quarantined).map(|node| &*node.name).collect::<Vec<_>>(),
                ["attic"]
            );
            assert_eq!(events(&ada, ClusterEventKind::Contested).await, [checked.as_str()]);
        }
        world.crash().await;
    }

    let (ada, admin) = (world.again(&ada), world.again(&admin));
    let back = Puppet::join_as(&world, "attic").await;
    let node = status(&admin).await.nodes.remove(0);
    assert_eq!((node.status(), &*node.name), (NodeStatus::Quarantined, "attic"));
    assert_eq!(lift(&ada, "attic").await.unwrap_err().code, FaultCode::Forbidden);
    assert_eq!(lift(&admin, "cellar").await.unwrap_err().code, FaultCode::NotFound);
    assert_eq!(lift(&admin, &node.id).await.unwrap().status(), NodeStatus::Available);
    assert_eq!(lift(&admin, "attic").await.unwrap_err().code, FaultCode::NotFound);
    assert_eq!(status(&admin).await.quarantines, []);
    assert_eq!(events(&admin, ClusterEventKind::QuarantineLifted).await, ["attic"]);
    assert_eq!(doubts(&ada.get(&wrong).await.unwrap()), ["attic"], "the result is still wrong");
    drop(back);

    let request = v1::ListAuditRequest { page: 1, page_size: 100 };
    let audit = admin.accounts(async |mut call, m| call.list_audit(m).await, request).await.unwrap();
    let about = |action: AuditAction| {
        let records = audit.records.iter().filter(move |record| record.action() == action);
        records.map(|record| (record.user.as_str(), record.object.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(about(AuditAction::NodeQuarantined), [("coordinator", "attic")]);
    assert_eq!(about(AuditAction::QuarantineLifted), [("admin", "attic")]);
}
