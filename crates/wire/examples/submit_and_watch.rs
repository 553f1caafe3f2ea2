//! Submits a job over gRPC and watches it to its end. To try it:
//!
//! ```text
//! carlo-coordinator --data-dir /tmp/carlo &
//! carlo-worker --coordinator http://127.0.0.1:7070 --join-token-file /tmp/carlo/join-token &
//! CARLO_API_KEY=$(cat /tmp/carlo/admin-key) cargo run -p carlo-wire --features client --example
//! submit_and_watch -- http://127.0.0.1:7070 ```
//!
//! [`Coordinators`] knows several coordinators of one cluster and calls the one that leads.
//! [`status::to_fault`] decodes a refusal.

use anyhow::{Context, bail};
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::{Coordinators, status, v1};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        bail!("usage: submit_and_watch URL…, with the API key in CARLO_API_KEY");
    }
    let coordinators = Coordinators::new(&urls)?;
    // A coordinator with --auth off needs no key.
    let key = std::env::var("CARLO_API_KEY").ok().map(|key| key.parse()).transpose()?;

    // With the idempotency key the call may be repeated after a lost answer: it refers to the same
    // job.
    let request = v1::SubmitRequest {
        simulation: Some(simulation()),
        idempotency_key: format!("example-{}", std::process::id()),
        ..Default::default()
    };
    let job = coordinators
        .call(|channel| {
            let (key, request) = (key.clone(), request.clone());
            async move {
                let answer = JobsClient::new(channel).submit(with_key(request, key.as_ref())).await?;
                Ok(answer.into_inner())
            }
        })
        .await
        .map_err(|status| status::to_fault(&status))?;
    println!("{} waits: {}", job.id, job.waiting_for.as_deref().unwrap_or("it may start"));

    let mut last_event_id = None;
    loop {
        let request = v1::WatchJobRequest { id: job.id.clone(), last_event_id };
        let open = |channel| {
            let (key, request) = (key.clone(), request.clone());
            async move { JobsClient::new(channel).watch(with_key(request, key.as_ref())).await }
        };
        let mut events =
            coordinators.call(open).await.map_err(|status| status::to_fault(&status))?.into_inner();
        // If the stream breaks, it is opened again after the last event that was received.
        while let Ok(Some(event)) = events.message().await {
            last_event_id = Some(event.id);
            let job = event.job.context("an event is of a job")?;
            println!("{:>5.1} %  {}", job.progress_percent, job.status().as_str_name());
            match job.status() {
                v1::JobStatus::Complete => return show(&job),
                v1::JobStatus::Failed => bail!("{} failed: {}", job.id, job.error.unwrap_or_default()),
                v1::JobStatus::Cancelled => bail!("{} was cancelled", job.id),
                _ => {}
            }
        }
    }
}

fn with_key<M>(message: M, key: Option<&MetadataValue<Ascii>>) -> Request<M> {
    let mut request = Request::new(message);
    if let Some(key) = key {
        request.metadata_mut().insert("x-api-key", key.clone());
    }
    request
}

fn show(job: &v1::Job) -> anyhow::Result<()> {
    let completed = job.results.as_ref().context("a complete job has results")?;
    let results = completed.results.as_ref().context("they are there")?;
    println!(
        "the goal is reached with a probability of {:.4} ± {:.4}",
        results.success_probability, results.standard_error
    );
    for sentence in &completed.recommendations {
        println!("  {sentence}");
    }
    Ok(())
}

/// A house deposit in three years.
fn simulation() -> v1::SimulationRequest {
    v1::SimulationRequest {
        financial_profile: Some(v1::FinancialProfile {
            liquid_assets: Some(13_500.0),
            monthly_spending: Some(3_200.0),
            ..Default::default()
        }),
        user_inputs: Some(v1::UserInputs { monthly_income: Some(5_000.0), ..Default::default() }),
        goal: Some(v1::Goal {
            target_amount: Some(70_000.0),
            timeline_months: Some(36),
            ..Default::default()
        }),
        simulation_params: Some(v1::SimulationParams {
            n_simulations: Some(10_000_000),
            ..Default::default()
        }),
        ..Default::default()
    }
}
