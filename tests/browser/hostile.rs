//! Input of other users is always shown as text. The pages recover when a coordinator that was
//! killed
//! is started again.

use anyhow::Context;
use carlo_tests::{Client, Cluster};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Browser;

/// This would call `alert` if it were parsed as HTML, which the test notices.
const HTML: &str = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";

#[tokio::test]
async fn what_users_typed_is_shown_as_text() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 1, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let mut request = Client::request(20_000, 7);
    request["goal"]["goalText"] = HTML.into();
    let job = cluster.client.submit(&request).await?;
    cluster.client.complete(&job).await?;
    request["custom_id"] = "<i>id</i>".into();
    let batch = json!({"simulations": [request], "metadata": {HTML: HTML}});
    let batch: Value = cluster
        .client
        .call(Method::POST, "/simulations/batch", Some(&batch))
        .await?
        .error_for_status()?
        .json()
        .await?;
    let batch = batch["batch_id"].as_str().context("a batch has an id")?;
    for (path, text) in [
        (format!("/jobs/{job}"), "<img src=x"),
        (format!("/batches/{batch}"), "<i>id</i>"),
        ("/jobs".to_owned(), "jobs"),
    ] {
        browser.go(&path).await?;
        browser.sees(text).await?;
        browser
            .run("document.querySelectorAll('details').forEach((one) => (one.open = true))", Vec::new())
            .await?;
        let found = "return [Boolean(window.hacked), document.querySelectorAll('main img, main script, main i, main b').length]";
        assert_eq!(browser.run(found, Vec::new()).await?, json!([false, 0]), "{path}");
    }
    // The same with the form and its JSON.
    browser.go(&format!("/jobs/{job}")).await?;
    browser.press("Edit as a new plan").await?;
    browser.sees("simulated futures").await?;
    assert_eq!(browser.run("return Boolean(window.hacked)", Vec::new()).await?, false);
    browser.close(&[]).await
}

#[tokio::test]
async fn a_page_recovers_from_a_coordinator_that_was_killed() -> anyhow::Result<()> {
    let mut cluster = Cluster::start().await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let job = cluster.client.submit(&Client::request(1_000_000, 7)).await?;
    browser.go(&format!("/jobs/{job}")).await?;
    browser.sees("Why it waits").await?;
    cluster.coordinator.kill().await?;
    browser.sees("reconnecting").await?;
    browser.screenshots("job-reconnecting").await?;
    cluster.crash_coordinator().await?;
    browser.until("return document.querySelector('.live-state')?.innerText.includes('live')").await?;
    let _worker = cluster.worker("attic", 2, None).await?;
    browser.sees("The job is complete.").await?;
    browser.close(&["status of 503", "status of 504", "ERR_INCOMPLETE", "ERR_"]).await
}

#[tokio::test]
async fn a_node_is_drained_and_given_work_again() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 1, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    browser.go("/cluster").await?;
    browser.press("Drain").await?;
    browser.until("return document.querySelector('tbody .badge')?.innerText === 'draining'").await?;
    browser.press("Undrain").await?;
    browser.until("return document.querySelector('tbody .badge')?.innerText === 'available'").await?;
    browser.close(&[]).await
}

#[tokio::test]
async fn ten_thousand_jobs_are_listed_page_by_page() -> anyhow::Result<()> {
    const BATCHES: u64 = 100;
    let cluster = Cluster::start().await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let simulations: Vec<Value> = (0..100).map(|seed| Client::request(1_000, seed)).collect();
    let batch = json!({"simulations": simulations});
    for _ in 0..BATCHES {
        cluster.client.call(Method::POST, "/simulations/batch", Some(&batch)).await?.error_for_status()?;
    }
    browser.go("/jobs").await?;
    browser.sees("10,000 jobs, page 1 of 500").await?;
    browser.press("Next").await?;
    browser.sees("page 2 of 500").await?;
    // The order is that of the whole list, not of one page.
    let oldest = cluster.client.call(Method::GET, "/api/jobs?sort=created&page_size=1", None).await?;
    let oldest: Value = oldest.error_for_status()?.json().await?;
    let oldest = oldest["jobs"][0]["id"].as_str().context("a job has an id")?;
    let choose = "const select = document.querySelector('option[value=created]').parentElement; \
                  select.value = 'created'; select.dispatchEvent(new Event('change'));";
    browser.run(choose, Vec::new()).await?;
    browser.until(&format!("return document.querySelector('tbody a')?.title === '{oldest}'")).await?;
    browser.sees("10,000 jobs, page 1 of 500").await?;
    browser.screenshots("jobs-10000").await?;
    browser.close(&[]).await
}
