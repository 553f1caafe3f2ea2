//! `carlo nodes`: lists, drains and undrains nodes, and lifts their quarantine.

use std::time::Duration;

use anyhow::Context as _;
use carlo_rest::cluster::{Node, NodeStatus};
use carlo_types::NodeId;
use serde_json::json;

use crate::args::{self, NodesAction};
use crate::client::Client;
use crate::commands::{connect, each};
use crate::exit::{BadArgument, Exit};
use crate::output::{self, print, print_json};
use crate::render;

/// The time between two requests for the state of a draining node.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The least length of the beginning of an id: "node_" and four digits.
const PREFIX_MIN: usize = 9;

/// No node has this id or name.
#[derive(Debug, thiserror::Error)]
#[error("there is no node {0}")]
pub struct NoSuchNode(String);

/// `carlo nodes`
pub async fn nodes(args::Nodes { action, server }: args::Nodes) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    match action.unwrap_or(NodesAction::List) {
        NodesAction::List => list(&client, server.json).await,
        NodesAction::Drain { nodes, wait } => {
            each(nodes.nodes, async |_, node| {
                let id = set_draining(&client, &node, true, server.json).await?;
                if wait { until_drained(&client, &id).await } else { Ok(()) }
            })
            .await
        }
        NodesAction::Undrain(nodes) => {
            each(nodes.nodes, async |_, node| {
                set_draining(&client, &node, false, server.json).await.map(drop)
            })
            .await
        }
        NodesAction::LiftQuarantine(nodes) => {
            each(nodes.nodes, async |_, node| lift_quarantine(&client, &node, server.json).await).await
        }
    }
}

/// Drains or undrains a node. Returns its id.
async fn set_draining(client: &Client, node: &str, draining: bool, json: bool) -> anyhow::Result<String> {
    let what = || format!("failed to {} {node}", if draining { "drain" } else { "undrain" });
    // The drain of a name may outlive all nodes with that name, so the server also accepts the
    // name.
    let id = match find(client, node).await {
        Err(error) if !draining && error.is::<NoSuchNode>() => node.to_owned(),
        found => found.with_context(what)?.to_string(),
    };
    let answer = client.drain(&id, draining).await.with_context(what)?;
    output::answer(json, &answer.json, || said(&answer.value, draining))?;
    Ok(id)
}

/// Lifts the quarantine of a node, or of a name, which may outlive all nodes with that name.
async fn lift_quarantine(client: &Client, node: &str, json: bool) -> anyhow::Result<()> {
    let what = || format!("failed to lift the quarantine of {node}");
    let id = match find(client, node).await {
        Err(error) if error.is::<NoSuchNode>() || error.is::<BadArgument>() => node.to_owned(),
        found => found.with_context(what)?.to_string(),
    };
    let answer = client.lift_quarantine(&id).await.with_context(what)?;
    output::answer(json, &answer.json, || said(&answer.value, false))
}

/// Waits until a node has no leases or has left.
async fn until_drained(client: &Client, id: &str) -> anyhow::Result<()> {
    loop {
        let cluster = client.cluster().await.with_context(|| format!("failed to wait for {id}"))?.value;
        let node = cluster.nodes.iter().find(|node| node.id == id);
        if node.is_none_or(|node| node.current_job_ids.is_empty() || node.status == NodeStatus::Offline) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn list(client: &Client, json: bool) -> anyhow::Result<Exit> {
    let cluster = client.cluster().await.context("failed to list the nodes")?.value;
    if json {
        // The same form as all lists.
        let total = cluster.nodes.len();
        let list = json!({"nodes": cluster.nodes, "total": total, "page": 1, "page_size": total});
        print_json(&list.to_string())?;
    } else {
        print(&render::cluster::nodes(&cluster.nodes))?;
    }
    Ok(Exit::Ok)
}

/// Finds a node by its id, or by a name or the beginning of an id that only one node has. Connected
/// nodes take precedence over lost ones.
async fn find(client: &Client, node: &str) -> anyhow::Result<NodeId> {
    if let Ok(id) = node.parse() {
        return Ok(id);
    }
    let nodes = client.cluster().await?.value.nodes;
    let prefix = node.strip_suffix('…').unwrap_or(node);
    let is_prefix = prefix.starts_with("node_") && prefix.len() >= PREFIX_MIN;
    let named = |lost: bool| -> Vec<&Node> {
        let is_meant = |one: &Node| one.name == node || is_prefix && one.id.starts_with(prefix);
        let fits = |one: &&Node| is_meant(one) && (one.status == NodeStatus::Offline) == lost;
        nodes.iter().filter(fits).collect()
    };
    let named = Some(named(false)).filter(|found| !found.is_empty()).unwrap_or_else(|| named(true));
    match named.as_slice() {
        [] => Err(NoSuchNode(node.to_owned()).into()),
        [only] => only.id.parse().context("failed to read the server's answer"),
        several => {
            let ids: Vec<_> = several.iter().map(|node| node.id.as_str()).collect();
            Err(BadArgument(format!("several nodes have this name: {}", ids.join(", "))).into())
        }
    }
}

fn said(node: &Node, draining: bool) -> String {
    match (draining, node.current_job_ids.is_empty()) {
        (true, false) => format!("{} finishes its leases and gets no new ones", node.name),
        (true, true) => format!("{} has no leases and gets no new ones", node.name),
        (false, _) => format!("{} gets work again", node.name),
    }
}
