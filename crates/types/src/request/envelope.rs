//! The bodies of requests around simulation requests: jobs, batches, cancellations, keys and join
//! tokens.

use super::webhook::{self, Webhook};
use super::{Request, SHORT_NAME};
use crate::definition::kind::Json;
use crate::definition::rule::{Part, flag, identifier, json, list, number, part, text, whole, word};
use crate::definition::{Input, Object, label, section};
use crate::limits::{
    BATCH_JOBS_MAX, BUDGET_CAP_USD_MAX, METADATA_BYTES_MAX, NAME_BYTES_MAX, PARALLEL_JOBS_MAX,
    PRIORITY_DEFAULT, PRIORITY_MAX, TEXT_CHARS_MAX,
};

const PRIORITY: Input<u32> = whole(0, PRIORITY_MAX as u64).default(PRIORITY_DEFAULT as u32).example(80);
const REASON: Input<String> = text(TEXT_CHARS_MAX).example("The plan has changed");

/// How long a secret is of use.
const EXPIRY: Input<u32> = whole(1, 3_650).unit("days").example(90);

/// Where events are sent.
const WEBHOOK: Part = part();

const JOB_NAME: Input<String> = SHORT_NAME.example("Retire at 60");

section! {
    /// Options of a job besides its simulation request.
    pub JobOptions / JobOptionsDraft as "JobOptions" with options {
        /// A name for people.
        name: Option<String> = JOB_NAME;
        /// Higher goes first among the jobs of one user.
        priority: u32 = PRIORITY;
        /// Where the job's events are sent; by default to the webhook of the key, if it has one.
        webhook: Option<Webhook> = WEBHOOK;
    }
}

section! {
    /// A simulation request with the options of its job.
    pub SubmitJob / SubmitJobDraft as "SubmitJob" with submission {
        ..request: Request;
        /// A name for people.
        name: Option<String> = JOB_NAME;
        /// Higher goes first among the jobs of one user.
        priority: u32 = PRIORITY;
        /// Where the job's events are sent; by default to the webhook of the key, if it has one.
        webhook: Option<Webhook> = WEBHOOK;
    }
}

section! {
    /// The changes to a job that has not ended.
    pub UpdateJob / UpdateJobDraft as "UpdateJob" {
        /// The new name. Unchanged where absent.
        name: Option<String> = JOB_NAME;
        /// Higher goes first among the jobs of one user. Unchanged where absent.
        priority: Option<u32> = whole(0, PRIORITY_MAX as u64).example(80);
    }
}

section! {
    /// Jobs that are submitted together, with a budget.
    pub CreateBatch / CreateBatchDraft as "CreateBatch" in snake_case with unique_ids {
        /// The most jobs that run at the same time.
        parallel_jobs: u32 = whole(1, PARALLEL_JOBS_MAX as u64).default(3).example(10);
        /// Whether all other jobs are cancelled as soon as one fails.
        fail_fast: bool = flag().default(false).example(true);
        /// The most that may be billed; by default no limit.
        budget_cap_usd: Option<f64> = number(0.0, BUDGET_CAP_USD_MAX).unit("dollars").example(2.5);
        /// Higher goes first among the jobs of one user.
        priority: u32 = PRIORITY;
        /// Any JSON object of at most 16 KiB, which is stored and returned unchanged.
        metadata: Option<Json> = json(METADATA_BYTES_MAX);
        /// Where events of the batch, and of its jobs where named, are sent; by default to the
        /// webhook of the key, if it has one.
        webhook: Option<Webhook> = WEBHOOK;
        /// At least one simulation. The caller's tier limits their number.
        simulations: Vec<BatchSimulation> = list(BATCH_JOBS_MAX).at_least(1).required();
    }
}

section! {
    /// One simulation of a batch: a request with an id.
    pub BatchSimulation / BatchSimulationDraft as "BatchSimulation" in snake_case {
        ..request: Request;
        /// An id that is unique in the batch.
        custom_id: Option<String> = SHORT_NAME.example("household-17");
    }
}

section! {
    /// The options of a batch's cancellation.
    pub CancelBatch / CancelBatchDraft as "CancelBatch" in snake_case {
        /// The reason, for people.
        reason: Option<String> = REASON;
        /// Whether running jobs are cancelled, too.
        cancel_running: bool = flag().default(true).example(false);
    }
}

section! {
    /// The options of a job's cancellation.
    pub CancelJob / CancelJobDraft as "CancelJob" in snake_case {
        /// The reason, for people.
        reason: Option<String> = REASON;
    }
}

label! {
    /// The names of tiers.
    pub Tier {
        Free = "free",
        Basic = "basic",
        Pro = "pro",
        Enterprise = "enterprise",
    }
}

label! {
    /// The role of a key.
    pub Role {
        /// All calls except those for administrators.
        User = "user",
        /// All calls.
        Admin = "admin",
    }
}

section! {
    /// A key to be created.
    pub CreateKey / CreateKeyDraft as "CreateKey" in snake_case {
        /// The user of the key.
        user_id: String = identifier(NAME_BYTES_MAX).required().example("ada");
        /// The tier; by default `free`.
        tier: Option<Tier> = word().example(Tier::Pro);
        /// The role; by default `user`.
        role: Option<Role> = word().example(Role::Admin);
        /// What it is for.
        note: Option<String> = SHORT_NAME.example("the nightly report");
        /// Days after which it is refused; it doesn't expire where absent.
        expires_in_days: Option<u32> = EXPIRY;
    }
}

section! {
    /// A key to be made in place of another one.
    pub RotateKey / RotateKeyDraft as "RotateKey" in snake_case {
        /// Days after which it is refused; where absent it lasts as long as the other one was to.
        expires_in_days: Option<u32> = EXPIRY;
    }
}

section! {
    /// A join token to be created.
    pub CreateJoinToken / CreateJoinTokenDraft as "CreateJoinToken" in snake_case {
        /// A note for people.
        note: Option<String> = SHORT_NAME.example("the rack in the cellar");
        /// The number of days until the token expires; by default it doesn't.
        expires_in_days: Option<u32> = EXPIRY;
    }
}

fn options(options: &mut JobOptions, object: &mut Object<'_>) {
    webhook::of_job(options.webhook.as_ref(), object);
}

fn submission(job: &mut SubmitJob, object: &mut Object<'_>) {
    webhook::of_job(job.webhook.as_ref(), object);
}

/// Requires that all `custom_id`s of a batch differ.
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
