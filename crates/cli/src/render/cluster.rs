//! The cluster and its nodes.

use carlo_rest::Cluster;
use carlo_rest::cluster::{LedgerStatus, Node, NodeStatus, Quarantine, Standby, StandbyStatus};
use jiff::Timestamp;

use super::number::{duration, grouped, short};
use super::table::{Align, Table};
use super::{counted, facts};

/// The cluster, then a line for each standby and each node.
pub fn cluster(cluster: &Cluster, now: Timestamp) -> String {
    let states = [
        (cluster.busy_nodes, "busy"),
        (cluster.available_nodes, "available"),
        (cluster.draining_nodes, "draining"),
        (cluster.quarantined_nodes, "quarantined"),
        (cluster.offline_nodes, "offline"),
    ];
    let states: Vec<_> = states
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{} {state}", grouped(count)))
        .collect();
    let cores: u64 = cluster
        .nodes
        .iter()
        .filter(|node| node.status != NodeStatus::Offline)
        .map(|node| u64::from(node.cores))
        .sum();
    let nodes = if states.is_empty() {
        "none: start one with `carlo-worker --coordinator URL`".to_owned()
    } else {
        format!("{} ({} in all)", states.join(", "), counted(cores, "core"))
    };
    let mut lines = vec![
        ("nodes", nodes),
        (
            "jobs",
            format!("{} running, {} queued", grouped(cluster.running_jobs), grouped(cluster.queued_jobs)),
        ),
        ("speed", format!("{} simulations/s", short(cluster.simulations_per_second))),
        ("waiting time", format!("{} on average", duration(cluster.average_queue_time))),
        ("leader", leader(cluster, now)),
        ("standbys", standbys_ready(&cluster.standbys)),
    ];
    lines.extend(cluster.ledger.as_ref().map(|status| ("ledger", ledger(status))));
    lines.push(("model version", cluster.model_version.to_string()));
    let mut parts = vec![facts(&lines)];
    if !cluster.standbys.is_empty() {
        parts.push(standbys_table(&cluster.standbys, now).fitted().to_string());
    }
    if !cluster.quarantines.is_empty() {
        parts.push(quarantines_table(&cluster.quarantines, now).fitted().to_string());
    }
    if !cluster.nodes.is_empty() {
        parts.push(nodes_table(&cluster.nodes).fitted().to_string());
    }
    parts.join("\n\n")
}

fn leader(cluster: &Cluster, now: Timestamp) -> String {
    let Some(since) = cluster.leading_since else { return cluster.leader.clone() };
    let time = duration(now.duration_since(since).as_secs_f64());
    format!("{} for {time}, epoch {}", cluster.leader, cluster.epoch)
}

fn ledger(status: &LedgerStatus) -> String {
    let size = status.bytes.map(|bytes| format!(", {:.1} MiB", bytes as f64 / f64::from(1 << 20)));
    let commit = status.commit_seconds.map(|seconds| format!(", {} a commit", duration(seconds)));
    [Some(status.kind.clone()), size, commit].into_iter().flatten().collect()
}

fn standbys_ready(standbys: &[Standby]) -> String {
    let ready = standbys.iter().filter(|standby| standby.status == StandbyStatus::Ready).count();
    match (standbys.len(), standbys.len() - ready) {
        (0, _) => "none".to_owned(),
        (_, 0) => format!("{ready} ready"),
        (_, unready) => format!("{ready} ready, {unready} not"),
    }
}

fn standbys_table(standbys: &[Standby], now: Timestamp) -> Table<5> {
    let mut table = Table::new([
        ("standby", Align::Left),
        ("status", Align::Left),
        ("version", Align::Left),
        ("up for", Align::Left),
        ("note", Align::Left),
    ]);
    for standby in standbys {
        let status = match standby.status {
            StandbyStatus::Ready => "ready",
            StandbyStatus::Unready => "not ready",
        };
        let up = |started: Timestamp| duration(now.duration_since(started).as_secs_f64());
        table.push([
            standby.url.clone(),
            status.to_owned(),
            standby.version.clone().unwrap_or_default(),
            standby.started_at.map(up).unwrap_or_default(),
            standby.detail.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn quarantines_table(quarantines: &[Quarantine], now: Timestamp) -> Table<3> {
    let mut table = Table::new([("quarantined", Align::Left), ("for", Align::Left), ("reason", Align::Left)]);
    for quarantine in quarantines {
        let since = duration(now.duration_since(quarantine.since).as_secs_f64());
        table.push([quarantine.name.clone(), since, quarantine.reason.clone()]);
    }
    table
}

/// A line for each node.
pub fn nodes(nodes: &[Node]) -> String {
    if nodes.is_empty() { "no nodes".to_owned() } else { nodes_table(nodes).fitted().to_string() }
}

/// The same within so many columns.
pub fn nodes_within(nodes: &[Node], columns: usize) -> String {
    if nodes.is_empty() { "no nodes".to_owned() } else { nodes_table(nodes).within(columns).to_string() }
}

fn nodes_table(nodes: &[Node]) -> Table<9> {
    let mut table = Table::new([
        ("node", Align::Id),
        ("name", Align::Left),
        ("status", Align::Left),
        ("cores", Align::Right),
        ("kernel", Align::Left),
        ("jobs", Align::Right),
        ("simulations/s", Align::Right),
        ("cpu", Align::Right),
        ("memory", Align::Right),
    ]);
    for node in nodes {
        let status = match node.status {
            NodeStatus::Available => "available",
            NodeStatus::Busy => "busy",
            // Now it may be stopped.
            NodeStatus::Draining if node.current_job_ids.is_empty() => "drained",
            NodeStatus::Draining => "draining",
            NodeStatus::Offline => "offline",
            NodeStatus::Quarantined => "quarantined",
        };
        table.push([
            node.id.clone(),
            node.name.clone(),
            status.to_owned(),
            node.cores.to_string(),
            node.instruction_set.clone(),
            node.current_job_ids.len().to_string(),
            short(node.simulations_per_second),
            format!("{:.0} %", node.cpu_utilization * 100.0),
            format!("{:.0} %", node.memory_utilization * 100.0),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(nodes: &serde_json::Value, available: u64) -> Cluster {
        serde_json::from_value(json!({
            "totalNodes": 1, "availableNodes": available, "busyNodes": 0, "drainingNodes": 0, "offlineNodes": 0,
            "queuedJobs": 1200, "runningJobs": 2, "averageQueueTime": 0.0123, "simulationsPerSecond": 35_200_000.0,
            "leader": "127.0.0.1:7070", "modelVersion": 1, "nodes": nodes,
        }))
        .expect("a cluster")
    }

    #[test]
    fn quarantines_are_told_with_their_reasons() {
        let mut cluster = read(&json!([]), 0);
        let quarantine = json!([{"name": "attic", "since": "2026-01-01T00:00:00Z", "reason": "it differs"}]);
        cluster.quarantines = serde_json::from_value(quarantine).expect("quarantines");
        cluster.quarantined_nodes = 1;
        let text = super::cluster(&cluster, "2026-01-01T00:02:00Z".parse().expect("a time"));
        assert!(text.starts_with("nodes           1 quarantined (0 cores in all)"), "{text}");
        let table = text.split("\n\n").nth(1).expect("a table");
        assert_eq!(table, "quarantined  for        reason\nattic        2 min 0 s  it differs");
    }

    #[test]
    fn a_cluster_is_told_with_its_nodes() {
        let nodes = json!([{
            "id": "node_1", "hostname": "h", "name": "attic", "status": "available", "cores": 2, "instructionSet": "avx512",
            "currentJobIds": [], "simulationsPerSecond": 0.0, "simulationsProcessed": 5, "cpuUtilization": 0.126,
            "memoryUtilization": 0.4, "lastSeen": "2026-01-01T00:00:00Z", "version": "0.1.0",
        }]);
        let expected = "\
nodes           1 available (2 cores in all)
jobs            2 running, 1,200 queued
speed           35.2 million simulations/s
waiting time    12 ms on average
leader          127.0.0.1:7070
standbys        none
model version   1

node    name   status     cores  kernel  jobs  simulations/s   cpu  memory
node_1  attic  available      2  avx512     0              0  13 %    40 %";
        assert_eq!(cluster(&read(&nodes, 1), Timestamp::UNIX_EPOCH), expected);
    }

    #[test]
    fn standbys_are_told_with_their_health() {
        let mut read = read(&json!([]), 0);
        read.standbys = serde_json::from_value(json!([
            { "url": "https://b:7070", "status": "ready", "version": "0.1.0", "startedAt": "1970-01-01T00:00:00Z",
              "lastSeen": "1970-01-01T01:59:58Z" },
            { "url": "https://c:7070", "status": "unready", "detail": "its certificate has expired" },
        ]))
        .expect("standbys");
        let text = cluster(&read, "1970-01-01T02:05:00Z".parse().expect("a time"));
        let expected = "\
standby         status     version  up for     note
https://b:7070  ready      0.1.0    2 h 5 min
https://c:7070  not ready                      its certificate has expired";
        assert!(text.contains("standbys        1 ready, 1 not\n"), "{text}");
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn the_leader_and_its_ledger_are_told() {
        let mut read = read(&json!([]), 0);
        (read.epoch, read.leading_since) = (7, Some(Timestamp::UNIX_EPOCH));
        read.ledger =
            serde_json::from_value(json!({"kind": "redb", "bytes": 2_202_010, "commitSeconds": 0.002}))
                .expect("a ledger");
        let text = cluster(&read, "1970-01-01T02:05:00Z".parse().expect("a time"));
        assert!(text.contains("leader          127.0.0.1:7070 for 2 h 5 min, epoch 7\n"), "{text}");
        assert!(text.contains("ledger          redb, 2.1 MiB, 2 ms a commit\n"), "{text}");
    }

    #[test]
    fn a_cluster_without_nodes_says_how_to_get_one() {
        let text = cluster(&read(&json!([]), 0), Timestamp::UNIX_EPOCH);
        assert!(text.starts_with("nodes           none: start one with `carlo-worker"), "{text}");
        assert!(text.ends_with("model version   1"), "{text}");
    }
}
