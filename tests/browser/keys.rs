//! A cluster with authentication: a valid key, a wrong one, the job of another user, and the view
//! of
//! administrators.

use anyhow::Context;
use carlo_tests::{Auth, Client, Cluster};

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
    browser.sees("page 1 of 1").await?;

    // An administrator creates a key for another user. Its secret is shown only once.
    browser.press("Usage").await?;
    browser.press("New key…").await?;
    browser.enter("User", "ann").await?;
    browser.press("Make the key").await?;
    browser.sees("It is shown this once").await?;
    let secret = browser.text("dialog pre").await?;
    browser.screenshots("key-made").await?;
    browser.press("Close").await?;
    browser.sees("ann").await?;
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
    browser.until("return performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/api/admin/keys'))").await?;
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
