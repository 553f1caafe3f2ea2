//! What is sent with requests: their priority, the batch that they are of, reasons, keys.

use super::{Request, SHORT_NAME};
use crate::definition::kind::Json;
use crate::definition::rule::{flag, identifier, json, list, number, text, whole, word};
use crate::definition::{Input, Object, label, section};
use crate::limits::{
    BATCH_JOBS_MAX, BUDGET_CAP_USD_MAX, METADATA_BYTES_MAX, NAME_BYTES_MAX, PARALLEL_JOBS_MAX,
    PRIORITY_DEFAULT, PRIORITY_MAX, TEXT_CHARS_MAX,
};

/// What is sooner.
const PRIORITY: Input<u32> = whole(0, PRIORITY_MAX as u64).default(PRIORITY_DEFAULT as u32).example(80);
/// Why something is cancelled.
const REASON: Input<String> = text(TEXT_CHARS_MAX).example("The plan has changed");

/// What a job is called, for people.
const JOB_NAME: Input<String> = SHORT_NAME.example("Retire at 60");

section! {
    /// What is said of a job beside what it simulates.
    pub JobOptions / JobOptionsDraft as "JobOptions" {
        /// Its name, for people.
        name: Option<String> = JOB_NAME;
        /// More is sooner, among the jobs of one user.
        priority: u32 = PRIORITY;
    }
}

section! {
    /// A request, and what is said of its job.
    pub SubmitJob / SubmitJobDraft as "SubmitJob" {
        ..request: Request;
        /// Its name, for people.
        name: Option<String> = JOB_NAME;
        /// More is sooner, among the jobs of one user.
        priority: u32 = PRIORITY;
    }
}

section! {
    /// Jobs that are submitted together, with a budget.
    pub CreateBatch / CreateBatchDraft as "CreateBatch" in snake_case with unique_ids {
        /// Jobs of it that run at once.
        parallel_jobs: u32 = whole(1, PARALLEL_JOBS_MAX as u64).default(3).example(10);
        /// Whether the first job that fails cancels all others.
        fail_fast: bool = flag().default(false).example(true);
        /// The most that may be billed; no limit where absent.
        budget_cap_usd: Option<f64> = number(0.0, BUDGET_CAP_USD_MAX).unit("dollars").example(2.5);
        /// More is sooner.
        priority: u32 = PRIORITY;
        /// Anything, kept and shown as it is; at most 16 KiB.
        metadata: Option<Json> = json(METADATA_BYTES_MAX);
        /// 1 to what the caller's tier allows.
        simulations: Vec<BatchSimulation> = list(BATCH_JOBS_MAX).at_least(1).required();
    }
}

section! {
    /// One simulation of a batch: a request with a name.
    pub BatchSimulation / BatchSimulationDraft as "BatchSimulation" in snake_case {
        ..request: Request;
        /// Its name in the batch, unique there.
        custom_id: Option<String> = SHORT_NAME.example("household-17");
    }
}

section! {
    /// Why a batch is cancelled, and what becomes of its running jobs.
    pub CancelBatch / CancelBatchDraft as "CancelBatch" in snake_case {
        /// For people.
        reason: Option<String> = REASON;
        /// Whether its running jobs are cancelled, too.
        cancel_running: bool = flag().default(true).example(false);
    }
}

section! {
    /// Why a job is cancelled.
    pub CancelJob / CancelJobDraft as "CancelJob" in snake_case {
        /// For people.
        reason: Option<String> = REASON;
    }
}

label! {
    /// What a tier is called.
    pub Tier {
        Free = "free",
        Basic = "basic",
        Pro = "pro",
        Enterprise = "enterprise",
    }
}

label! {
    /// What a key may do.
    pub Role {
        /// All but the calls of administrators.
        User = "user",
        /// Everything.
        Admin = "admin",
    }
}

section! {
    /// A key to be made.
    pub CreateKey / CreateKeyDraft as "CreateKey" in snake_case {
        /// Whose it will be.
        user_id: String = identifier(NAME_BYTES_MAX).required().example("ada");
        /// The tier of its user; `free` for a new user where absent.
        tier: Option<Tier> = word().example(Tier::Pro);
        /// What it may do; `user` where absent.
        role: Option<Role> = word().example(Role::Admin);
    }
}

section! {
    /// A token for workers to join with.
    pub CreateJoinToken / CreateJoinTokenDraft as "CreateJoinToken" in snake_case {
        /// What it is for.
        note: Option<String> = SHORT_NAME.example("the rack in the cellar");
        /// Days after which no worker joins with it any more; it doesn't expire where absent.
        expires_in_days: Option<u32> = whole(1, 3_650).unit("days").example(90);
    }
}

/// Every `custom_id` of a batch is another one.
fn unique_ids(batch: &mut CreateBatch, object: &mut Object<'_>) {
    let mut first = std::collections::BTreeMap::new();
    for (index, simulation) in batch.simulations.iter().enumerate() {
        let Some(id) = &simulation.custom_id else { continue };
        let twin = *first.entry(id).or_insert(index);
        if twin != index && !id.is_empty() {
            let field = format!("/simulations/{index}/customId");
            object.fault(&[&field], format_args!("is the same as that of /simulations/{twin}"));
        }
    }
}
