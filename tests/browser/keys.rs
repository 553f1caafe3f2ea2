//! A cluster with authentication: a valid key, a wrong one, the job of another user, and the view
//! of
//! administrators.

use anyhow::Context;
use carlo_tests::{Auth, Client, Cluster};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Browser;

/// Enters a key into the field of the dialog.
async fn show_key(browser: &Browser, key: &str) -> anyhow::Result<()> {
    browser.sees("This cluster asks for a key").await?;
    browser.enter("API key", key).await?;
    browser.press("Use this key").await
}

#[tokio::test]
async fn a_key_is_asked_for_once_and_kept_out_of_every_url() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let admin = cluster.client.key().context("the cluster's client shows a key")?.to_owned();
    let job = cluster.client.submit(&Client::request(1_000_000, 7)).await?;

    browser.go("/jobs").await?;
    show_key(&browser, "carlo_wrong").await?;
    browser.sees("not one of this cluster").await?;
    browser.screenshots("key-wrong").await?;
    show_key(&browser, &admin).await?;
    browser.until("return !document.querySelector('dialog')").await?;
    browser.sees("1 job").await?;

    // An administrator creates a key for another user. Its secret is shown only once.
    browser.press("Usage").await?;
    browser.press("New key…").await?;
    browser.enter("User", "ann").await?;
    browser.enter("Note", "for the nightly report").await?;
    browser.enter("Expires in days", "90").await?;
    browser.press("Make the key").await?;
    browser.sees("It is shown this once").await?;
    let secret = browser.text("dialog pre").await?;
    browser.screenshots("key-made").await?;
    browser.press("Close").await?;
    browser.sees("for the nightly report").await?;
    browser.sees("key created").await?;
    browser.screenshots("usage-admin").await?;

    // This key doesn't show the job of another user, or any keys.
    browser.press("Forget key").await?;
    show_key(&browser, &secret).await?;
    browser.until("return document.querySelector('.who')?.innerText === 'ann'").await?;
    browser.go(&format!("/jobs/{job}")).await?;
    browser.sees("Not yours to see").await?;
    browser.screenshots("job-forbidden").await?;
    browser.go("/usage").await?;
    browser.sees("This month").await?;
    browser.sees("Cost by month").await?;
    assert!(!browser.text("main").await?.contains("New key"), "only administrators manage keys");

    let urls = browser
        .run("return performance.getEntriesByType('resource').map(({ name }) => name).join()", Vec::new())
        .await?;
    assert!(!urls.as_str().context("a text")?.contains(&secret), "the key is in no URL");
    let kept =
        "return [localStorage.getItem('carlo.key'), document.cookie, sessionStorage.getItem('carlo.key')]";
    assert_eq!(browser.run(kept, Vec::new()).await?, serde_json::json!([null, "", secret]));
    browser.close(&["status of 401", "status of 403", "status of 429"]).await
}

#[tokio::test]
async fn an_administrator_finds_and_ends_another_users_job_and_the_audit_log_says_so() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let Some(browser) = Browser::open(cluster.client.url()).await? else { return Ok(()) };
    let admin = cluster.client.key().context("the cluster's client shows a key")?.to_owned();
    let body = json!({"user_id": "ann", "tier": "pro"});
    let made = cluster.client.call(Method::POST, "/api/admin/keys", Some(&body)).await?;
    let made: Value = made.error_for_status()?.json().await?;
    let ann = cluster.client.with_key(made["secret"].as_str().context("a key has a secret")?);
    for name in ["House in Kent", "A boat"] {
        let mut request = Client::request(1_000_000, 7);
        request["name"] = name.into();
        ann.submit(&request).await?;
    }

    browser.go("/jobs").await?;
    show_key(&browser, &admin).await?;
    browser.sees("No jobs yet").await?;
    browser.enter("User", "*").await?;
    browser.keys("\u{e007}").await?;
    for text in ["House in Kent", "A boat", "ann"] {
        browser.sees(text).await?;
    }
    browser.enter("Name", "BOAT").await?;
    browser.keys("\u{e007}").await?;
    browser.until("return !document.body.innerText.includes('House in Kent')").await?;
    browser.sees("1 job").await?;
    browser.screenshots("jobs-admin").await?;
    browser.click("td input[type=checkbox]").await?;
    browser.press("Cancel 1 chosen").await?;
    browser.sees("1 job cancelled").await?;
    browser.press("A boat").await?;
    browser.sees("This job was cancelled").await?;
    browser.go("/usage").await?;
    for text in ["Usage by user", "Audit log", "job cancelled", "of ann"] {
        browser.sees(text).await?;
    }
    browser.screenshots("audit").await?;
    browser.close(&["status of 401"]).await
}
