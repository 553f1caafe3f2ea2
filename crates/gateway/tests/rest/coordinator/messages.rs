//! The fake coordinator's responses: jobs in every state, a batch, a key, a month's usage, a node.

use std::collections::BTreeMap;

use carlo_types::results::SCENARIOS;
use carlo_types::{JobId, NodeId};
use carlo_wire::v1;

/// The third of five queued jobs of a million simulations.
pub(crate) fn queued() -> v1::Job {
    v1::Job {
        id: JobId::from_random(7).to_string(),
        owner: "local".to_owned(),
        status: v1::JobStatus::Queued.into(),
        priority: 50,
        seed: u64::MAX,
        created_at_ms: 1_700_000_000_123,
        simulations_total: 1_000_000,
        queue_position: Some(3),
        waiting_for: Some("two jobs are ahead of it".to_owned()),
        estimated_seconds_remaining: Some(400.0),
        estimated_seconds_to_start: 185.0,
        ..Default::default()
    }
}

pub(crate) fn running() -> v1::Job {
    let node =
        v1::NodeProgress { simulations: 250_000, simulations_per_second: 5e6, state: "working".to_owned() };
    v1::Job {
        status: v1::JobStatus::Running.into(),
        queue_position: None,
        waiting_for: None,
        started_at_ms: Some(1_700_000_001_000),
        simulations_complete: 333_000,
        progress_percent: 33.3,
        allocated_nodes: 1,
        node_progress: BTreeMap::from([(node_id(), node)]),
        partial_results: Some(v1::PartialResults {
            success_probability: 0.5,
            confidence_interval_95: Some(v1::Interval { low: 0.25, high: 0.75 }),
            median: 12.5,
            simulations: 333_000,
            ..Default::default()
        }),
        ..queued()
    }
}

/// A complete job that stopped early.
pub(crate) fn complete() -> v1::Job {
    let goal = v1::Goal { target_amount: Some(70_000.0), timeline_months: Some(36), ..Default::default() };
    let params = v1::SimulationParams { seed: Some(u64::MAX), ..Default::default() };
    let profile = v1::FinancialProfile {
        liquid_assets: Some(13_500.0),
        monthly_spending: Some(3_200.0),
        monthly_income: Some(5_000.0),
        ..Default::default()
    };
    let results = v1::Results {
        success_probability: 0.75,
        standard_error: 0.001,
        confidence_interval_95: Some(v1::Interval { low: 0.7, high: 0.8 }),
        percentiles: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        percentile_intervals_95: (1..=7)
            .map(|i| v1::Interval { low: f64::from(i) - 0.5, high: f64::from(i) + 0.5 })
            .collect(),
        mean: 4.0,
        std: 2.0,
        worst_case: -3.0,
        best_case: 9.0,
        simulations_run: 65_536,
        histogram: Some(v1::Histogram { edges: vec![-3.0, 9.0], counts: vec![65_536] }),
        model_version: 1,
        digest: vec![0xab; 32],
        trajectory: vec![v1::FanPoint { month: 36, percentiles: vec![1.0, 2.0, 3.0, 4.0, 5.0] }],
        sensitivity: Some(v1::Sensitivity {
            simulations: 65_536,
            base_probability: 0.5,
            scenarios: SCENARIOS
                .map(|name| v1::Scenario {
                    name: name.to_owned(),
                    new_probability: 0.25,
                    delta: -0.25,
                    standard_error: 0.0625,
                })
                .to_vec(),
        }),
        ..Default::default()
    };
    v1::Job {
        status: v1::JobStatus::Complete.into(),
        simulations_complete: 65_536,
        completed_at_ms: Some(1_700_000_002_000),
        estimated_seconds_remaining: None,
        partial_results: None,
        results: Some(v1::CompletedResults {
            results: Some(results),
            assumptions: Some(v1::SimulationRequest {
                financial_profile: Some(profile),
                goal: Some(goal),
                simulation_params: Some(params),
                ..Default::default()
            }),
            stopped_early: true,
            workers_used: 2,
            recommendations: vec!["Earn more.".to_owned()],
            doubts: Vec::new(),
        }),
        ..running()
    }
}

pub(crate) fn node_id() -> String {
    NodeId::from_random(9).to_string()
}

/// A batch with one ended job.
pub(crate) fn batch() -> v1::Batch {
    v1::Batch {
        id: "batch_7".to_owned(),
        owner: "ann".to_owned(),
        status: v1::BatchStatus::Running.into(),
        priority: 50,
        parallel_jobs: 3,
        created_at_ms: 1_700_000_000_123,
        started_at_ms: Some(1_700_000_001_000),
        total_jobs: 2,
        running_jobs: 1,
        completed_jobs: 1,
        progress_percent: 62.5,
        estimated_cost_nanodollars: 200_000,
        actual_cost_nanodollars: 100_000,
        budget_cap_nanodollars: Some(500_000_000),
        budget_remaining_nanodollars: Some(499_800_000),
        tokens_used: 1,
        job_ids: vec![JobId::from_random(7).to_string(), JobId::from_random(8).to_string()],
        metadata_json: r#"{"plan":"house"}"#.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn key() -> v1::Key {
    v1::Key {
        id: "key_1".to_owned(),
        user: "ann".to_owned(),
        tier: "pro".to_owned(),
        role: v1::Role::User.into(),
        created_at_ms: 1_700_000_000_123,
        ..v1::Key::default()
    }
}

pub(crate) fn audited(number: u64) -> v1::AuditRecord {
    v1::AuditRecord {
        number,
        at_ms: 1_700_000_000_000,
        action: v1::AuditAction::JobCancelled.into(),
        user: "root".to_owned(),
        key_id: "key_1".to_owned(),
        object: "job_1".to_owned(),
        detail: "of\u{2028}ann".to_owned(),
    }
}

pub(crate) fn usage() -> v1::Usage {
    v1::Usage {
        user: "ann".to_owned(),
        tier: "free".to_owned(),
        period: "2026-11".to_owned(),
        days_remaining: 9,
        used: Some(v1::Counters {
            calls: 7,
            jobs: 2,
            tokens: 3,
            cost_nanodollars: 300_000,
            ..Default::default()
        }),
        calls_limit: Some(1_000),
        jobs_limit: None,
        cost_limit_nanodollars: Some(1_000_000_000),
        batch_size_max: 5,
        exceeded: None,
        reserved_nanodollars: 200_000,
        role: v1::Role::User.into(),
    }
}

pub(crate) fn node(status: v1::NodeStatus) -> v1::Node {
    v1::Node {
        id: node_id(),
        hostname: "host".to_owned(),
        name: "left".to_owned(),
        status: status.into(),
        threads: 8,
        instruction_set: "avx512".to_owned(),
        last_seen_ms: 1_700_000_000_123,
        cpu_utilization: 0.5,
        ..Default::default()
    }
}
