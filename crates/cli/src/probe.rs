//! `carlo probe`: health checks for containers, whose image has no other HTTP client.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_service::tls;
use serde_json::json;

use crate::args::Probe;
use crate::client::Client;
use crate::exit::Exit;
use crate::output;

/// The timeout, which is shorter than those of usual container runtimes.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Sends one request, and succeeds if the response does.
pub async fn probe(Probe { url, ca_file, json }: Probe) -> anyhow::Result<Exit> {
    let authorities = ca_file.as_deref().map(tls::authorities).transpose()?;
    let client = Client::trusting(&url, authorities.as_deref())?;
    let asked = tokio::time::timeout(TIMEOUT, client.probe());
    let (status, text) =
        asked.await.with_context(|| format!("{url} doesn't answer within {TIMEOUT:?}"))??;
    ensure!(status.is_success(), "{url} answered {status}: {}", text.trim_end());
    let text = text.trim_end();
    let answer = || json!({"url": url, "status": status.as_u16(), "answer": text}).to_string();
    output::answer(json, &answer(), || text.to_owned())?;
    Ok(Exit::Ok)
}
