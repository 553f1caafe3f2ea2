//! `carlo run`: computes one request in this process.

use std::time::Instant;

use anyhow::Context as _;

use crate::exit::Exit;
use crate::local::{self, Submission};
use crate::{answer, args, request};

/// Simulates the request and prints the results.
pub async fn run(args: args::Run, started: Instant) -> anyhow::Result<Exit> {
    let body = request::load(&args.request)?;
    let computed = local::compute(Submission::Job(body), args.threads)
        .await
        .with_context(|| format!("failed to run {}", request::name(&args.request.file)))?;
    computed.map_or(Ok(Exit::Interrupted), |computed| {
        answer::conclude(&computed, args.json, Some(started.elapsed()))
    })
}
