//! The output of `carlo up` after the start.

use std::path::Path;

use carlo_rest::cluster::Node;

use serde_json::json;

use super::{counted, facts};

/// The same for programs.
pub fn json(url: &str, coordinator_url: &str, directory: &Path, worker: &Node, has_pages: bool) -> String {
    json!({
        "url": url,
        "pages": has_pages,
        "coordinatorUrl": coordinator_url,
        "dataDirectory": directory.display().to_string(),
        "worker": worker,
    })
    .to_string()
}

/// The addresses, the place of the data, and the worker.
pub fn up(url: &str, coordinator_url: &str, directory: &Path, worker: &Node, has_pages: bool) -> String {
    let pages =
        if has_pages { format!("{url}/ (plan, watch jobs and nodes)") } else { "none (--no-web)".to_owned() };
    facts(&[
        ("REST", url.to_owned()),
        ("pages", pages),
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
