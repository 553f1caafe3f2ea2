//! The data around requests: options of jobs, batches, reasons. Empty texts mean absent ones.

use carlo_types::Draft;
use carlo_types::request::envelope::{
    BatchSimulationDraft, CancelBatchDraft, CancelJobDraft, CreateBatchDraft, CreateJoinTokenDraft,
    UpdateJobDraft,
};
use carlo_types::webhook::WebhookDraft;

use crate::v1;

/// Nanodollars per dollar.
const DOLLAR: f64 = 1e9;

impl From<v1::CreateBatchRequest> for CreateBatchDraft {
    fn from(message: v1::CreateBatchRequest) -> Self {
        let v1::CreateBatchRequest {
            simulations,
            parallel_jobs,
            fail_fast,
            budget_cap_nanodollars,
            priority,
            metadata_json,
            idempotency_key: _,
            webhook,
        } = message;
        Self {
            parallel_jobs: parallel_jobs.map(u64::from),
            fail_fast: Some(fail_fast),
            budget_cap_usd: budget_cap_nanodollars.map(|nanodollars| nanodollars as f64 / DOLLAR),
            priority: priority.map(u64::from),
            metadata: given(metadata_json),
            webhook: webhook.map(Into::into),
            simulations: simulations.into_iter().map(Into::into).collect(),
        }
    }
}

/// Without an analysis, which jobs of batches can't have.
impl From<v1::BatchSimulation> for BatchSimulationDraft {
    fn from(message: v1::BatchSimulation) -> Self {
        let v1::BatchSimulation { simulation, custom_id } = message;
        Self { request: Draft::from(simulation.unwrap_or_default()).request, custom_id: given(custom_id) }
    }
}

impl From<v1::Webhook> for WebhookDraft {
    fn from(message: v1::Webhook) -> Self {
        let v1::Webhook { url, secret, events } = message;
        Self { url: given(url), secret, events }
    }
}

impl From<WebhookDraft> for v1::Webhook {
    fn from(draft: WebhookDraft) -> Self {
        let WebhookDraft { url, secret, events } = draft;
        Self { url: url.unwrap_or_default(), secret, events }
    }
}

impl From<v1::CancelBatchRequest> for CancelBatchDraft {
    fn from(message: v1::CancelBatchRequest) -> Self {
        let v1::CancelBatchRequest { id: _, reason, cancel_running } = message;
        Self { reason: given(reason), cancel_running }
    }
}

impl From<v1::CancelJobRequest> for CancelJobDraft {
    fn from(message: v1::CancelJobRequest) -> Self {
        let v1::CancelJobRequest { id: _, reason } = message;
        Self { reason: given(reason) }
    }
}

impl From<v1::UpdateJobRequest> for UpdateJobDraft {
    fn from(message: v1::UpdateJobRequest) -> Self {
        let v1::UpdateJobRequest { id: _, priority, name } = message;
        Self { priority: priority.map(u64::from), name }
    }
}

impl From<v1::CreateJoinTokenRequest> for CreateJoinTokenDraft {
    fn from(message: v1::CreateJoinTokenRequest) -> Self {
        let v1::CreateJoinTokenRequest { note, expires_in_days, idempotency_key: _ } = message;
        Self { note, expires_in_days: expires_in_days.map(u64::from) }
    }
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
