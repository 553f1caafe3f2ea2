//! axe-core finds no serious fault on any page, with light and dark colors.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use carlo_tests::{Client, Cluster};
use serde_json::Value;

use crate::Browser;

/// The script of axe-core, which tests/install puts into the virtual environment of the tests.
fn axe() -> anyhow::Result<Option<String>> {
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv-openapi/lib");
    let versions = std::fs::read_dir(&libraries).into_iter().flatten().flatten();
    let scripts: Vec<PathBuf> = versions
        .map(|version| version.path().join("site-packages/axe_playwright_python/axe.min.js"))
        .filter(|script| script.exists())
        .collect();
    let Some(script) = scripts.first() else {
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            bail!("axe-core isn't there; tests/install installs it");
        }
        return Ok(None);
    };
    Ok(Some(std::fs::read_to_string(script)?))
}

/// A script that runs axe's rules of WCAG A and AA, for dark pages only those about colors.
fn run(scheme: &str) -> String {
    let rules = if scheme == "light" {
        r#"{"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}"#
    } else {
        r#"{"type": "rule", "values": ["color-contrast"]}"#
    };
    format!(
        "const done = arguments[arguments.length - 1];
        const options = {{runOnly: {rules}, resultTypes: ['violations']}};
        axe.run(options).then(({{ violations }}) => done(violations), (error) => done(String(error)))"
    )
}

#[tokio::test]
async fn no_page_has_a_serious_fault() -> anyhow::Result<()> {
    let Some(axe) = axe()? else {
        crate::browser::skipped("a test of accessibility, because axe-core isn't there")?;
        return Ok(());
    };
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 1, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let job = cluster.client.submit(&Client::request(50_000, 7)).await?;
    cluster.client.complete(&job).await?;
    let mut faults = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await?;
        for (path, text) in [
            ("/".to_owned(), "up to date"),
            (format!("/jobs/{job}"), "Assumptions"),
            ("/jobs".to_owned(), "1 job"),
            ("/batches".to_owned(), "No batches yet"),
            ("/cluster".to_owned(), "attic"),
            ("/usage".to_owned(), "This month"),
            ("/docs".to_owned(), "Getting started"),
        ] {
            browser.go(&path).await?;
            browser.sees(text).await?;
            browser
                .run("document.querySelectorAll('details').forEach((one) => (one.open = true))", Vec::new())
                .await?;
            browser.run(&axe, Vec::new()).await?;
            let found = browser.run_async(&run(scheme)).await?;
            for violation in found.as_array().with_context(|| format!("axe failed: {found}"))? {
                if violation["impact"] == "serious" || violation["impact"] == "critical" {
                    let places: Vec<&Value> = violation["nodes"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|node| &node["html"])
                        .take(3)
                        .collect();
                    faults.push(format!("{path} in {scheme}: {}: {places:?}", violation["help"]));
                }
            }
        }
    }
    browser.close(&[]).await?;
    assert!(faults.is_empty(), "{faults:#?}");
    Ok(())
}
