//! The gRPC service `Cluster`: the state, history and events of the cluster, the draining of its
//! nodes, and the end of quarantines.

use std::sync::Arc;

use carlo_tenancy::Caller;
use carlo_types::{Fault, FaultCode, NodeId};
use carlo_wire::v1::AuditAction;
use carlo_wire::v1::cluster_server::Cluster;
use carlo_wire::{convert, v1};
use tokio::sync::Semaphore;

use crate::auth::{RequestContext, ServiceState, service};
use crate::core::Core;
use crate::ledger_export::{self, Pieces};
use crate::standby::Standbys;
use crate::to_proto;

pub(crate) struct ClusterService {
    state: ServiceState,
    /// The URL of this coordinator.
    address: String,
    standbys: Arc<Standbys>,
    /// Each has the whole ledger in memory.
    exports: Arc<Semaphore>,
}

impl ClusterService {
    pub(crate) fn new(state: ServiceState, address: String, standbys: Arc<Standbys>) -> Self {
        Self { state, address, standbys, exports: Arc::new(Semaphore::new(1)) }
    }

    async fn status(
        &self,
        context: &mut RequestContext,
        _: v1::ClusterStatusRequest,
    ) -> Result<v1::ClusterStatus, Fault> {
        let cluster = context.admit(|core, caller| Ok(core.cluster_status(caller))).await?;
        let standbys = self.standbys.get().await;
        Ok(v1::ClusterStatus { leader: self.address.clone(), standbys, ..cluster })
    }

    /// For probes, which have no key. Asks the core, because once the core has ended no call can be
    /// served.
    async fn ready(
        &self,
        context: &mut RequestContext,
        _: v1::ReadyRequest,
    ) -> Result<v1::ReadyResponse, Fault> {
        let authentication_is_off = context.core().ask(|core| !core.needs_keys()).await?;
        Ok(v1::ReadyResponse { authentication_is_off, wall_ms: self.state.environment.wall().0 })
    }

    async fn history(
        &self,
        context: &mut RequestContext,
        _: v1::ClusterHistoryRequest,
    ) -> Result<v1::ClusterHistory, Fault> {
        context.admit(|core, _| Ok(core.cluster_history())).await
    }

    async fn events(
        &self,
        context: &mut RequestContext,
        _: v1::ClusterEventsRequest,
    ) -> Result<v1::ClusterEvents, Fault> {
        context.admit(|core, caller| Ok(core.cluster_events(caller.require_admin().is_ok()))).await
    }

    async fn drain(
        &self,
        context: &mut RequestContext,
        request: v1::DrainRequest,
    ) -> Result<v1::Node, Fault> {
        set_draining(context, request, true).await
    }

    async fn undrain(
        &self,
        context: &mut RequestContext,
        request: v1::DrainRequest,
    ) -> Result<v1::Node, Fault> {
        set_draining(context, request, false).await
    }

    async fn export_ledger(
        &self,
        context: &mut RequestContext,
        _: v1::ExportLedgerRequest,
    ) -> Result<Pieces, Fault> {
        let exports = Arc::clone(&self.exports);
        let admit = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            let permit = core.open_stream(caller)?;
            let place = exports.try_acquire_owned().map_err(|_| {
                let message = "another export of the ledger is in progress: try again when it has ended";
                Fault::new(FaultCode::Exhausted, message)
            })?;
            core.audit(caller, AuditAction::LedgerExported, "", "");
            Ok((permit, place))
        };
        let permits = context.admit(admit).await?;
        ledger_export::send(self.state.ledger.as_ref(), permits).await
    }

    async fn lift_quarantine(
        &self,
        context: &mut RequestContext,
        request: v1::LiftQuarantineRequest,
    ) -> Result<v1::Node, Fault> {
        let v1::LiftQuarantineRequest { node_id } = request;
        let lift = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            let listed = node_id.parse().ok().and_then(|node| core.node_name(node));
            let name = listed.unwrap_or(node_id);
            core.lift_quarantine(caller, &name).map(|view| (name, view))
        };
        let (name, view) = context.admit(lift).await?;
        tracing::info!(name, "quarantine lifted");
        Ok(view.map_or_else(|| to_proto::unlisted_node(name), to_proto::node))
    }
}

async fn set_draining(
    context: &mut RequestContext,
    request: v1::DrainRequest,
    draining: bool,
) -> Result<v1::Node, Fault> {
    let v1::DrainRequest { node_id } = request;
    let name = node_id.clone();
    let drain = move |core: &mut Core, caller: &Caller| {
        caller.require_admin()?;
        match convert::id::<NodeId>("node_id", &node_id) {
            Ok(node) => core.drain(caller, node, draining).map(Some),
            Err(_) if !draining => core.undrain_name(caller, &node_id),
            // No node has a malformed id.
            Err(error) => Err(Fault::new(FaultCode::NotFound, error.to_string())),
        }
    };
    let view = context.admit(drain).await?;
    let node = view.map_or_else(|| to_proto::unlisted_node(name), to_proto::node);
    let event = if draining { "node set to drain" } else { "node set to work again" };
    tracing::info!(node = node.id, name = node.name, "{event}");
    Ok(node)
}

service! {
    impl Cluster for ClusterService [ExportLedgerStream = Pieces] {
        status(v1::ClusterStatusRequest) -> v1::ClusterStatus;
        ready(v1::ReadyRequest) -> v1::ReadyResponse;
        drain(v1::DrainRequest) -> v1::Node;
        undrain(v1::DrainRequest) -> v1::Node;
        lift_quarantine(v1::LiftQuarantineRequest) -> v1::Node;
        history(v1::ClusterHistoryRequest) -> v1::ClusterHistory;
        events(v1::ClusterEventsRequest) -> v1::ClusterEvents;
        export_ledger(v1::ExportLedgerRequest) -> Pieces;
    }
}
