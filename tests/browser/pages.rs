//! Every page, with two widths, and with light and dark colors.

use std::time::Duration;

use anyhow::Context;
use carlo_tests::{Client, Cluster};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Browser;

/// A short job, and a batch of two.
async fn content(cluster: &Cluster) -> anyhow::Result<(String, String)> {
    let job = cluster.client.submit(&Client::request(200_000, 7)).await?;
    cluster.client.complete(&job).await?;
    let one = |id: &str, seed| {
        let mut request = Client::request(20_000, seed);
        request["custom_id"] = id.into();
        request
    };
    let batch = json!({"simulations": [one("now", 1), one("later", 2)], "budget_cap_usd": 1, "metadata": {"for": "the test"}});
    let answer = cluster.client.call(Method::POST, "/simulations/batch", Some(&batch)).await?;
    let batch: Value = answer.error_for_status()?.json().await?;
    Ok((job, batch["batch_id"].as_str().context("a batch has an id")?.to_owned()))
}

#[tokio::test]
async fn every_page_opens_without_an_error() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 1, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let (job, batch) = content(&cluster).await?;
    let pages = [
        ("plan", "/".to_owned(), "simulated futures"),
        ("job", format!("/jobs/{job}"), "Assumptions"),
        ("jobs", "/jobs".to_owned(), "3 jobs"),
        ("batches", "/batches".to_owned(), "1 batch"),
        ("batch", format!("/batches/{batch}"), "now"),
        ("cluster", "/cluster".to_owned(), "attic"),
        ("usage", "/usage".to_owned(), "This month"),
        ("docs", "/docs".to_owned(), "/api/jobs/{id}/events"),
    ];
    for (name, path, text) in &pages {
        browser.go(path).await?;
        browser.sees(text).await?;
        if ["plan", "job"].contains(name) {
            // The charts appear after plotly has been loaded.
            browser.until("return document.querySelectorAll('.chart .main-svg').length >= 3").await?;
        }
        browser.screenshots(name).await?;
        let wide =
            browser.run("return document.documentElement.scrollWidth > innerWidth", Vec::new()).await?;
        assert_eq!(wide, false, "{path} can be scrolled sideways");
    }
    browser.prefer("dark").await?;
    for (name, path, text) in &pages[..2] {
        browser.go(path).await?;
        browser.sees(text).await?;
        browser.until("return document.querySelectorAll('.chart .main-svg').length >= 3").await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        browser.screenshots(&format!("{name}-dark")).await?;
    }
    browser.close(&[]).await
}

#[tokio::test]
async fn the_first_page_is_usable_within_a_second() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    browser.go("/").await?;
    browser.until("return document.querySelector('.plan-form input')").await?;
    let script = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/web/') && !one.name.includes('plotly'))
        .reduce((bytes, one) => bytes + one.decodedBodySize, 0)";
    let bytes = browser.run(script, Vec::new()).await?.as_f64().context("a number")?;
    assert!((20_000.0..300_000.0).contains(&bytes), "the first page loads {bytes} bytes");
    browser.close(&[]).await
}

#[tokio::test]
async fn the_report_prints_without_anything_from_elsewhere() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 1, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let job = cluster.client.submit(&Client::request(200_000, 7)).await?;
    cluster.client.complete(&job).await?;
    let path = format!("/api/jobs/{job}/report");
    let page = async || -> anyhow::Result<Vec<u8>> {
        let answer = cluster.client.call(Method::GET, &path, None).await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    };
    assert_eq!(page().await?, page().await?, "the same job gives the same bytes");
    browser.go(&path).await?;
    browser.sees("How to verify").await?;
    assert_eq!(browser.run("return document.querySelectorAll('svg').length", Vec::new()).await?, 3);
    browser.screenshots("report").await?;
    let printed = browser.devtools("Page.printToPDF", json!({"preferCSSPageSize": true})).await?;
    assert!(printed["data"].as_str().context("a PDF")?.len() > 10_000);
    browser.close(&[]).await
}
