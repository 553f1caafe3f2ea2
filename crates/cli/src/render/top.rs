//! The screen of `carlo top`: the cluster in a few lines, then as many nodes as there is room for.

use carlo_rest::Cluster;
use carlo_rest::cluster::{NodeStatus, StandbyStatus};
use jiff::Timestamp;

use super::number::{duration, grouped, short};
use super::{cluster, visible, width};

/// The bars of a curve, from nothing to the most.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines above the nodes.
const HEAD: usize = 6;

/// The size of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Size {
    pub columns: usize,
    pub lines: usize,
}

/// What is shown.
#[derive(Debug)]
pub struct Screen<'a> {
    /// The server.
    pub url: &'a str,
    /// The cluster, as it was seen last.
    pub cluster: Option<&'a Cluster>,
    /// Simulations a second at each look so far.
    pub speeds: &'a [f64],
    /// Why the server didn't answer, if it didn't.
    pub trouble: Option<&'a str>,
    /// When this is.
    pub now: Timestamp,
}

/// The lines of a screen, none wider and not more of them than it has; all of them without a size.
pub fn screen(screen: &Screen<'_>, size: Option<Size>) -> Vec<String> {
    let columns = size.map_or(width::DEFAULT, |size| size.columns);
    let time = screen.now.to_string();
    let time = time.split('.').next().unwrap_or_default();
    let mut lines = vec![format!("carlo top   {}   {time}Z", screen.url)];
    if let Some(trouble) = screen.trouble {
        lines.push(format!("no answer: {trouble}"));
    }
    if let Some(cluster) = screen.cluster {
        lines.extend(head(cluster, screen.speeds, columns));
        lines.push(String::new());
        lines.extend(nodes(cluster, columns, size.map(|size| size.lines.saturating_sub(lines.len()))));
    }
    let lines = lines.into_iter().map(|line| visible::line(&line).into_owned());
    let lines = lines.map(|line| match size {
        Some(_) => width::cut(&line, columns),
        None => line,
    });
    lines.take(size.map_or(usize::MAX, |size| size.lines)).collect()
}

fn head(cluster: &Cluster, speeds: &[f64], columns: usize) -> [String; HEAD - 1] {
    let cores: u64 = cluster
        .nodes
        .iter()
        .filter(|node| node.status != NodeStatus::Offline)
        .map(|node| u64::from(node.cores))
        .sum();
    let ready = cluster.standbys.iter().filter(|standby| standby.status == StandbyStatus::Ready).count();
    let unready = cluster.standbys.len() - ready;
    let unready = if unready > 0 { format!(", {unready} not ready") } else { String::new() };
    let quarantined = match cluster.quarantined_nodes {
        0 => String::new(),
        count => format!(", {} quarantined", grouped(count)),
    };
    let speed = format!("speed     {} simulations/s", short(cluster.simulations_per_second));
    let room = columns.saturating_sub(width::of(&speed) + 3);
    [
        format!(
            "nodes     {} busy, {} available, {} draining{quarantined}, {} offline, {} cores",
            grouped(cluster.busy_nodes),
            grouped(cluster.available_nodes),
            grouped(cluster.draining_nodes),
            grouped(cluster.offline_nodes),
            grouped(cores)
        ),
        format!(
            "queue     {} running, {} queued, {} to wait on average",
            grouped(cluster.running_jobs),
            grouped(cluster.queued_jobs),
            duration(cluster.average_queue_time)
        ),
        format!("{speed}   {}", curve(speeds, room)),
        format!("leader    {}", cluster.leader),
        format!("standbys  {ready} ready{unready}"),
    ]
}

/// The nodes that compute most, and how many more there are.
fn nodes(cluster: &Cluster, columns: usize, room: Option<usize>) -> Vec<String> {
    let mut nodes = cluster.nodes.clone();
    nodes.sort_by(|a, b| {
        let speed = b.simulations_per_second.total_cmp(&a.simulations_per_second);
        speed.then_with(|| a.name.cmp(&b.name))
    });
    // A line for the table's head, and one for those that are left out.
    let most = room.map_or(usize::MAX, |room| room.saturating_sub(1));
    let left_out = nodes.len().saturating_sub(most);
    let shown = if left_out > 0 { most.saturating_sub(1) } else { nodes.len() };
    let left_out = nodes.len() - shown;
    nodes.truncate(shown);
    let mut lines: Vec<_> = cluster::nodes_within(&nodes, columns).lines().map(str::to_owned).collect();
    if left_out > 0 {
        lines.push(format!("and {} more", grouped(left_out as u64)));
    }
    lines
}

/// The last values as bars, as many as there is room for.
fn curve(values: &[f64], room: usize) -> String {
    let values = &values[values.len().saturating_sub(room)..];
    let most = values.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let share = if most > 0.0 { value / most } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
        let height = (share * (BARS.len() - 1) as f64).round() as usize;
        BARS[height.min(BARS.len() - 1)]
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cluster(nodes: usize) -> Cluster {
        let node = |number: usize| {
            json!({
                "id": format!("node_{number:032x}"), "hostname": "h", "name": format!("müller\u{1b}[2J-{number}"),
                "status": "busy", "cores": 2, "instructionSet": "avx512", "currentJobIds": ["job_1"],
                "simulationsPerSecond": number as f64 * 1e6, "simulationsProcessed": 5, "cpuUtilization": 0.5,
                "memoryUtilization": 0.4, "lastSeen": "2026-01-01T00:00:00Z", "version": "0.1.0",
            })
        };
        let nodes: Vec<_> = (0..nodes).map(node).collect();
        serde_json::from_value(json!({
            "totalNodes": nodes.len(), "availableNodes": 0, "busyNodes": nodes.len(), "drainingNodes": 0,
            "offlineNodes": 0, "queuedJobs": 1200, "runningJobs": 2, "averageQueueTime": 0.0123,
            "simulationsPerSecond": 35_200_000.0, "leader": "https://a-long-name.coordinators.example:7070",
            "modelVersion": 5, "standbys": [{ "url": "https://b:7070", "status": "unready" }], "nodes": nodes,
        }))
        .expect("a cluster")
    }

    fn shown(cluster: &Cluster, size: Option<Size>, trouble: Option<&str>) -> Vec<String> {
        let now = Timestamp::UNIX_EPOCH;
        let url = "http://127.0.0.1:3001/";
        screen(&Screen { url, cluster: Some(cluster), speeds: &[1.0, 2.0, 4.0], trouble, now }, size)
    }

    #[test]
    fn the_screen_is_never_left() {
        for nodes in [0, 1, 5, 200] {
            let cluster = cluster(nodes);
            for columns in [20, 40, 80, 200] {
                for lines in [1, 5, 10, 24, 300] {
                    let shown = shown(&cluster, Some(Size { columns, lines }), Some("the connection broke"));
                    assert!(shown.len() <= lines, "{nodes} {columns}x{lines}: {}", shown.len());
                    for line in &shown {
                        assert!(width::of(line) <= columns, "{columns}: {line}");
                        assert!(!line.contains('\u{1b}'), "{line:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_fastest_nodes_are_shown_and_the_others_counted() {
        let shown = shown(&cluster(30), Some(Size { columns: 120, lines: 12 }), None);
        assert_eq!(shown.len(), 12);
        assert!(shown[8].contains("-29"), "{shown:#?}");
        assert_eq!(shown[11], "and 27 more");
        assert_eq!(shown[1], "nodes     30 busy, 0 available, 0 draining, 0 offline, 60 cores");
        assert_eq!(shown[2], "queue     2 running, 1,200 queued, 12 ms to wait on average");
        assert_eq!(shown[3], "speed     35.2 million simulations/s   ▃▅█");
        assert_eq!(shown[5], "standbys  0 ready, 1 not ready");
    }

    #[test]
    fn a_curve_keeps_to_its_room() {
        assert_eq!(curve(&[0.0, 1.0, 2.0], 2), "▅█");
        assert_eq!(curve(&[0.0, 0.0], 5), "▁▁");
        assert_eq!(curve(&[1.0], 0), "");
    }

    #[test]
    fn without_a_terminal_everything_is_told() {
        let shown = shown(&cluster(50), None, None);
        assert!(
            shown.iter().any(|line| line.contains("leader    https://a-long-name.coordinators.example:7070"))
        );
        assert!(!shown.iter().any(|line| line.contains("more")));
    }
}
