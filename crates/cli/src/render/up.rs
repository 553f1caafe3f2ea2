//! What `carlo up` says once it runs.

use std::path::Path;

use carlo_rest::cluster::Node;

use super::{counted, facts};

/// What listens where, what is kept where, and who computes.
pub fn up(url: &str, coordinator_url: &str, directory: &Path, worker: &Node) -> String {
    facts(&[
        ("REST", url.to_owned()),
        (
            "coordinator",
            format!(
                "{coordinator_url} (gRPC; further workers: carlo-worker --coordinator {coordinator_url})"
            ),
        ),
        ("worker", format!("{}, {} kernel", counted(worker.cores.into(), "thread"), worker.instruction_set)),
        ("data", directory.display().to_string()),
    ])
}
