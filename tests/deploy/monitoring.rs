//! What watches a cluster: Prometheus accepts its configuration, and its alerts fire as they should.

use std::fs;
use std::process::Command;

use anyhow::ensure;

use crate::{output, repository};

#[test]
fn prometheus_accepts_the_configuration_and_the_alerts_fire_when_they_should() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    for file in ["prometheus.yml", "rules.yml", "rules_test.yml"] {
        fs::copy(repository("deploy/prometheus").join(file), directory.path().join(file))?;
    }
    // What an operator adds: the authority of the certificates, and the list of the workers.
    fs::write(directory.path().join("ca.pem"), "")?;
    fs::write(directory.path().join("workers.yml"), "- targets: [worker-1.example:7072]\n")?;
    let promtool =
        |arguments: &[&str]| output(Command::new("promtool").args(arguments).current_dir(directory.path()));
    promtool(&["check", "config", "prometheus.yml"])?;
    promtool(&["test", "rules", "rules_test.yml"])?;

    let rules = fs::read_to_string(directory.path().join("rules.yml"))?;
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let tests = fs::read_to_string(directory.path().join("rules_test.yml"))?;
        ensure!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} has no test");
    }
    let late = rules.replace("- time() < 14 * 86400", "- time() < 14");
    fs::write(directory.path().join("rules.yml"), late)?;
    ensure!(promtool(&["test", "rules", "rules_test.yml"]).is_err(), "an alert that never fires passes");
    Ok(())
}
