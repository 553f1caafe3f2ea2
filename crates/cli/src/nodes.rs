//! `carlo nodes`: the nodes of a cluster, and taking one of them out of service.

use anyhow::Context as _;
use carlo_rest::cluster::{Node, NodeStatus};
use carlo_types::NodeId;

use crate::args::{self, NodesAction, OneNode};
use crate::client::Client;
use crate::commands::connect;
use crate::exit::{BadArgument, Exit};
use crate::output::{self, print, print_json};
use crate::render;

/// No node has this id or name.
#[derive(Debug, thiserror::Error)]
#[error("there is no node {0}")]
pub struct NoSuchNode(String);

/// `carlo nodes`
pub async fn nodes(args::Nodes { action, server }: args::Nodes) -> anyhow::Result<Exit> {
    let client = connect(&server)?;
    let (OneNode { node }, draining) = match action.unwrap_or(NodesAction::List) {
        NodesAction::List => return list(&client, server.json).await,
        NodesAction::Drain(node) => (node, true),
        NodesAction::Undrain(node) => (node, false),
    };
    let what = || format!("failed to {} {node}", if draining { "drain" } else { "undrain" });
    // The drain of a name may outlive every node of it: then the server knows the name alone.
    let id = match find(&client, &node).await {
        Err(error) if !draining && error.is::<NoSuchNode>() => node.clone(),
        found => found.with_context(what)?.to_string(),
    };
    let answer = client.drain(&id, draining).await.with_context(what)?;
    output::answer(server.json, &answer.json, || said(&answer.value, draining))?;
    Ok(Exit::Ok)
}

async fn list(client: &Client, json: bool) -> anyhow::Result<Exit> {
    let cluster = client.cluster().await.context("failed to list the nodes")?.value;
    if json {
        print_json(&serde_json::to_string(&cluster.nodes)?)?;
    } else {
        print(&render::cluster::nodes(&cluster.nodes))?;
    }
    Ok(Exit::Ok)
}

/// The node that somebody means: by its id, or by a name that only one node has. A node that is there goes before one that was lost.
async fn find(client: &Client, node: &str) -> anyhow::Result<NodeId> {
    if let Ok(id) = node.parse() {
        return Ok(id);
    }
    let nodes = client.cluster().await?.value.nodes;
    let named = |lost: bool| -> Vec<&Node> {
        let fits = |one: &&Node| one.name == node && (one.status == NodeStatus::Offline) == lost;
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
        (true, false) => format!("{} finishes what it holds and gets nothing more", node.name),
        (true, true) => format!("{} holds nothing and gets nothing more", node.name),
        (false, _) => format!("{} gets work again", node.name),
    }
}
