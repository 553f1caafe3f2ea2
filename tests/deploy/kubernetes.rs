//! The manifests: kustomize builds them, they conform to the schemas of Kubernetes, and the daemons
//! have the options in them. The recipe for Slurm is run like a job of Slurm.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use carlo_rest::cluster::NodeStatus;
use carlo_tests::{Cluster, Daemon, binary};

use crate::{output, repository};

/// The documents that a kustomization builds.
fn build(path: &str) -> anyhow::Result<Vec<String>> {
    let directory = repository(path);
    let mut kustomize = Command::new("kustomize");
    let text = match output(kustomize.arg("build").arg(&directory)) {
        Ok(text) => text,
        Err(_) => output(Command::new("kubectl").arg("kustomize").arg(&directory))?,
    };
    Ok(text.split("\n---\n").map(str::to_owned).collect())
}

/// Validates documents with the schemas of Kubernetes.
fn validate(documents: &[String]) -> anyhow::Result<String> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("manifests.yaml");
    fs::write(&file, documents.join("\n---\n"))?;
    let program = repository(".venv-deploy/bin/kubernetes-validate");
    output(Command::new(program).arg("--strict").arg(&file)).context("tests/install makes .venv-deploy")
}

/// Whether a document has a built-in kind of Kubernetes.
fn is_builtin(document: &str) -> bool {
    !document.contains("apiVersion: keda.sh/")
}

#[test]
fn the_schemas_of_kubernetes_allow_every_manifest() -> anyhow::Result<()> {
    let production = build("deploy/kubernetes/production")?;
    let (builtin, others): (Vec<_>, Vec<_>) = production.into_iter().partition(|text| is_builtin(text));
    ensure!(builtin.len() >= 15, "only {} manifests", builtin.len());
    validate(&builtin)?;
    validate(&build("deploy/kubernetes/autoscaling/hpa")?)?;
    // There is no schema for KEDA's kind, so this checks its target and its query.
    ensure!(others.len() == 1 && others[0].contains("kind: ScaledObject"), "{others:?}");

    let broken: Vec<_> =
        builtin.iter().map(|text| text.replace("maxUnavailable", "maxUnavailabel")).collect();
    ensure!(validate(&broken).is_err(), "a manifest with a mistake passes");
    Ok(())
}

#[test]
fn every_container_is_confined_and_bounded() -> anyhow::Result<()> {
    let workloads: Vec<_> = build("deploy/kubernetes/production")?
        .into_iter()
        .filter(|text| text.contains("kind: Deployment\n") || text.contains("kind: StatefulSet\n"))
        .collect();
    ensure!(workloads.len() == 3, "{} workloads", workloads.len());
    for workload in workloads {
        for needed in [
            "runAsNonRoot: true",
            "readOnlyRootFilesystem: true",
            "allowPrivilegeEscalation: false",
            "- ALL",
            "type: RuntimeDefault",
            "limits:",
            "automountServiceAccountToken: false",
            "image: registry.example/carlo:",
        ] {
            ensure!(workload.contains(needed), "no {needed} in {workload}");
        }
    }
    Ok(())
}

#[test]
fn what_the_manifests_set_are_options_of_the_daemons() -> anyhow::Result<()> {
    let daemons = ["carlo-coordinator", "carlo-gateway", "carlo-worker"];
    let all = daemons.into_iter().map(crate::help).collect::<anyhow::Result<Vec<_>>>()?;
    for document in build("deploy/kubernetes/production")? {
        let daemon =
            daemons.iter().position(|daemon| document.contains(&format!("command:\n        - {daemon}")));
        let variables: Vec<_> = document
            .lines()
            .filter_map(|line| {
                // A container has `name: CARLO_X`, a ConfigMap `CARLO_X: value`.
                let text = line.trim().trim_start_matches("- ").trim_start_matches("name: ");
                text.starts_with("CARLO_").then(|| text.split(':').next().unwrap_or_default())
            })
            .collect();
        for variable in variables {
            let option = format!("[env: {variable}=");
            let known = match daemon {
                Some(daemon) => all[daemon].contains(&option),
                None => all.iter().any(|help| help.contains(&option)),
            };
            ensure!(known || variable == "CARLO_LOG", "no daemon knows {variable}: {document}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_job_of_slurm_is_a_worker_that_leaves_at_sigterm() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let coordinator = format!("http://{}", cluster.coordinator_address);
    let script = repository("deploy/slurm/carlo-workers.sbatch");
    let worker = binary("carlo-worker")?;
    let worker = worker.to_str().context("the target directory has a readable name")?;
    let variables = [
        ("CARLO_COORDINATOR", coordinator.as_str()),
        ("CARLO_WORKER", worker),
        ("SLURM_CPUS_PER_TASK", "1"),
        ("SLURMD_NODENAME", "node17"),
        ("SLURM_ARRAY_JOB_ID", "4242"),
        ("SLURM_ARRAY_TASK_ID", "3"),
    ];
    let job = Daemon::start_program("carlo-worker", &script, &[], &variables)?;
    let node = cluster.node_until("node17-4242-3", |node| node.status != NodeStatus::Offline).await?;
    ensure!(node.cores == 1, "{} threads", node.cores);
    ensure!(job.terminate().await? == Some(0), "it fails at SIGTERM");
    cluster.client.cluster_until(|cluster| cluster.available_nodes + cluster.busy_nodes == 0).await?;
    Ok(())
}
