//! The page Plan: use by keyboard, invalid input, sliders, and the submitted job.

use anyhow::Context;
use carlo_tests::Cluster;
use reqwest::Method;
use serde_json::{Value, json};

use crate::Browser;

/// Waits until the probability on the page is up to date, and returns it.
async fn probability(browser: &Browser) -> anyhow::Result<String> {
    browser.sees("up to date").await?;
    browser.text(".probability").await
}

/// Waits until the page shows another probability.
async fn changed(browser: &Browser, from: &str) -> anyhow::Result<String> {
    let from = serde_json::to_string(from)?;
    let script = format!(
        "const now = document.querySelector('.probability')?.innerText;
        return now && now !== {from} && document.body.innerText.includes('up to date')"
    );
    browser.until(&script).await?;
    browser.text(".probability").await
}

#[tokio::test]
async fn a_plan_is_edited_and_its_job_watched_to_the_end() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 2, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    browser.go("/").await?;
    let first = probability(&browser).await?;

    // The keyboard: text in a field changes the results.
    browser.enter("Income a month", "5,400").await?;
    let richer = changed(&browser, &first).await?;
    // A slider: an arrow key moves it by a step.
    let slide = "const slider = document.querySelector('input[aria-label=\"Target amount, slider\"]'); slider.focus(); return slider.value";
    let before = browser.run(slide, Vec::new()).await?;
    browser.keys("\u{e014}\u{e014}\u{e014}").await?;
    assert_ne!(browser.run(slide, Vec::new()).await?, before, "the slider has moved");
    let dearer = changed(&browser, &richer).await?;

    // A fault is shown at its field, with the server's message.
    browser.enter("Target amount", "-5").await?;
    browser.until("return document.querySelector('[aria-invalid=true]')").await?;
    let error =
        "return [...document.querySelectorAll('.field-error')].map((one) => one.innerText).filter(Boolean)";
    let errors = browser.run(error, Vec::new()).await?;
    assert_eq!(errors.as_array().context("texts")?.len(), 1, "{errors}");
    browser.enter("Target amount", "70000").await?;
    assert_eq!(changed(&browser, &dearer).await?, richer, "the same plan with the same random numbers");

    // A pinned plan is compared with the same random numbers.
    browser.press("Pin to compare").await?;
    browser.enter("Spending a month", "3100").await?;
    browser.sees("against the pinned plan").await?;
    browser.screenshots("plan-pinned").await?;

    // The form and the JSON stay in sync in both directions.
    browser.press("JSON").await?;
    let text = browser.run("return document.querySelector('.plan-json textarea').value", Vec::new()).await?;
    let mut plan: serde_json::Value = serde_json::from_str(text.as_str().context("a text")?)?;
    assert_eq!(plan["financialProfile"]["monthlySpending"], 3100);
    plan["financialProfile"]["monthlySpending"] = json!(3000);
    let set = "const text = document.querySelector('.plan-json textarea'); text.value = arguments[0]; text.dispatchEvent(new Event('input'))";
    browser.run(set, vec![plan.to_string().into()]).await?;
    browser.press("Form").await?;
    let script = "return [...document.querySelectorAll('label')].find((one) => one.textContent === 'Spending a month').control.value";
    assert_eq!(browser.run(script, Vec::new()).await?, "3,000");

    // Solving, a sweep, and a large run.
    browser.press("Solve…").await?;
    browser.click("dialog form .primary").await?;
    browser.sees("Use this value in the plan").await?;
    browser.press("Close").await?;
    browser.press("Sweep…").await?;
    browser.click("dialog form .primary").await?;
    browser.sees("Probability along").await?;
    browser.until("return document.querySelector('dialog .main-svg')").await?;
    browser.sees("Open this sweep as a job").await?;
    browser.screenshot("sweep-1440").await?;
    let choose = "const select = document.querySelector('[aria-label=\"and: number\"]'); \
                  select.value = '/financialProfile/monthlySpending'; select.dispatchEvent(new Event('change'))";
    browser.run(choose, Vec::new()).await?;
    browser.click("dialog form .primary").await?;
    browser.sees("Probability by").await?;
    browser.sees("Open this sweep as a job").await?;
    browser.screenshot("sweep-map-1440").await?;
    browser.press("Close").await?;
    browser.press("Run large…").await?;
    browser.enter("Simulations", "20,000,000").await?;
    browser.click("dialog form .primary").await?;
    browser.sees("The answer so far").await?;
    browser.screenshots("job-running").await?;
    assert!(browser.path().await?.starts_with("/jobs/job_"));
    browser.sees("Single futures").await?;
    browser.press("The worst").await?;
    browser.sees("misses the goal").await?;
    browser.screenshots("job-replay").await?;

    // A fault is refused with 400, which the browser logs.
    browser.close(&["status of 400"]).await
}

#[tokio::test]
async fn a_job_is_cancelled_on_its_page() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    // Without a worker the job waits, and the page shows the reason.
    let id = cluster.client.submit(&carlo_tests::Client::request(1_000_000, 7)).await?;
    browser.go(&format!("/jobs/{id}")).await?;
    browser.sees("Why it waits").await?;
    browser.screenshots("job-queued").await?;
    browser.press("Cancel").await?;
    browser.sees("This job was cancelled").await?;
    browser.close(&[]).await
}

#[tokio::test]
async fn what_the_plan_page_asks_while_one_edits_is_in_no_list() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let _worker = cluster.worker("attic", 1, None).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    browser.go("/").await?;
    browser.sees("simulated futures").await?;
    browser.go("/jobs").await?;
    browser.sees("No jobs yet").await?;
    assert_eq!(cluster.client.jobs().await?.total, 0);
    let usage = cluster.client.call(Method::GET, "/simulations/batch/usage", None).await?;
    let usage: Value = usage.error_for_status()?.json().await?;
    assert!(usage["cost_used_usd"].as_f64() > Some(0.0), "it is paid for: {usage}");
    browser.close(&[]).await
}
