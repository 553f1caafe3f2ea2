//! A browser: a process of chromedriver with one session.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use carlo_tests::PATIENCE;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::{ParseError, Url};

/// The number of attempts to press an element.
const PRESSES_MAX: u32 = 5;

/// The time between two checks of a page.
const POLL: Duration = Duration::from_millis(30);
/// Arguments of Chromium as root in a container: no sandbox, and no background activity.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
];

/// A browser with one page. Dropping it ends chromedriver and Chromium.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
    /// The URL of the tested site.
    site: String,
}

impl Browser {
    /// A browser for the site at `url`. `None` if this machine has no Chromium: this fails in CI,
    /// and
    /// elsewhere the test is reported as skipped.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Option<Self>> {
        let Ok(mut driver) = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
        else {
            if std::env::var("CI").is_ok_and(|ci| ci == "true") {
                bail!("chromedriver can't be started; tests/install installs it");
            }
            skipped("a test in a browser, because chromedriver can't be started")?;
            return Ok(None);
        };
        let port = tokio::time::timeout(PATIENCE, port(&mut driver))
            .await
            .context("chromedriver didn't say where it listens")??;
        let profile = tempfile::tempdir()?;
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"script": 60_000},
        });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().context("an object")?.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        let browser = Self { client, driver, _profile: profile, site: url.to_owned() };
        browser.resize(1440, 900).await?;
        Ok(Some(browser))
    }

    /// Opens a path of the site.
    pub(crate) async fn go(&self, path: &str) -> anyhow::Result<()> {
        Ok(self.client.goto(&format!("{}{path}", self.site)).await?)
    }

    /// The path in the address bar.
    pub(crate) async fn path(&self) -> anyhow::Result<String> {
        Ok(self.client.current_url().await?.path().to_owned())
    }

    /// Sets the size of the page's viewport, which may be smaller than any window.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> anyhow::Result<()> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Emulates a user who prefers `light` or `dark` colors.
    pub(crate) async fn prefer(&self, scheme: &str) -> anyhow::Result<()> {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await?;
        Ok(())
    }

    /// Makes a call of the devtools protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        Ok(self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await?)
    }

    /// Runs a script, which is the body of a function, in the page. Returns its value.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.client.execute(script, arguments).await?)
    }

    /// The same for an asynchronous script, which passes its value to its last argument.
    pub(crate) async fn run_async(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.client.execute_async(script, Vec::new()).await?)
    }

    /// Waits until a script returns a true value.
    pub(crate) async fn until(&self, script: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let value = self.run(script, Vec::new()).await.unwrap_or(Value::Null);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                let text = self.text("body").await?;
                bail!(
                    "the page didn't come so far: {script}\nit shows: {text}\nconsole: {:?}",
                    self.console().await?
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the page shows this text.
    pub(crate) async fn sees(&self, text: &str) -> anyhow::Result<()> {
        let text = serde_json::to_string(text)?;
        self.until(&format!("return document.body.innerText.includes({text})")).await
    }

    /// The text of the first element that matches.
    pub(crate) async fn text(&self, selector: &str) -> anyhow::Result<String> {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.run(script, vec![selector.into()]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for an element that matches, and clicks it.
    pub(crate) async fn click(&self, selector: &str) -> anyhow::Result<()> {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await?;
        element.click().await.with_context(|| format!("failed to click {selector}"))
    }

    /// Waits for a button or link with this text, and clicks it.
    pub(crate) async fn press(&self, label: &str) -> anyhow::Result<()> {
        let path = format!(
            "//*[self::button or self::a or self::summary][contains(normalize-space(.), '{label}')][not(ancestor::*[@hidden])]"
        );
        // A live page may redraw the element before it is pressed.
        let mut tries = 0;
        loop {
            let element = self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await?;
            tries += 1;
            match element.click().await {
                Err(_) if tries < PRESSES_MAX => {}
                pressed => return pressed.with_context(|| format!("failed to press {label}")),
            }
        }
    }

    /// Replaces the text of the field with this label, only with the keyboard.
    pub(crate) async fn enter(&self, label: &str, text: &str) -> anyhow::Result<()> {
        let mark = "const label = [...document.querySelectorAll('label')].find((one) => one.offsetParent && one.textContent.trim().startsWith(arguments[0]));
            const field = label?.control ?? label?.querySelector('input');
            document.querySelectorAll('[data-marked]').forEach((one) => delete one.dataset.marked);
            if (field) field.dataset.marked = '';
            return Boolean(field)";
        if self.run(mark, vec![label.into()]).await? != true {
            bail!("there is no field {label}");
        }
        let element = self.client.find(Locator::Css("[data-marked]")).await?;
        let select_all = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
        element.send_keys(&format!("{select_all}{text}")).await?;
        Ok(())
    }

    /// Sends keys to the element that has the focus.
    pub(crate) async fn keys(&self, keys: &str) -> anyhow::Result<()> {
        let element = self.client.active_element().await?;
        element.send_keys(keys).await?;
        Ok(())
    }

    /// Writes pictures of the whole page at both widths, in `target/screenshots`.
    pub(crate) async fn screenshots(&self, name: &str) -> anyhow::Result<()> {
        for width in [390, 1440] {
            self.resize(width, 900).await?;
            let height = self.run("return document.documentElement.scrollHeight", Vec::new()).await?;
            self.resize(width, height.as_u64().and_then(|height| height.try_into().ok()).unwrap_or(900))
                .await?;
            // Charts are resized after a moment.
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.screenshot(&format!("{name}-{width}")).await?;
        }
        self.resize(1440, 900).await
    }

    /// Writes a picture of the page.
    pub(crate) async fn screenshot(&self, name: &str) -> anyhow::Result<()> {
        let bytes = self.client.screenshot().await?;
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(format!("{name}.png")), bytes)?;
        Ok(())
    }

    /// Errors and warnings of the console since the last call.
    pub(crate) async fn console(&self) -> anyhow::Result<Vec<String>> {
        let log =
            self.client.issue_cmd(Extension { path: "se/log", body: json!({"type": "browser"}) }).await?;
        let entries = log.as_array().cloned().unwrap_or_default();
        let is_bad = |entry: &&Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        Ok(entries
            .iter()
            .filter(is_bad)
            .filter_map(|entry| Some(entry["message"].as_str()?.to_owned()))
            .collect())
    }

    /// Checks that the console only reported errors that contain one of the words of `expected`,
    /// and
    /// that there were no requests to other hosts. Then ends the browser.
    pub(crate) async fn close(mut self, expected: &[&str]) -> anyhow::Result<()> {
        let mut console = self.console().await?;
        console.retain(|line| !expected.iter().any(|word| line.contains(word)));
        let foreign = self.foreign_requests().await?;
        self.client.clone().close().await?;
        self.driver.kill().await?;
        if !console.is_empty() {
            bail!("the console reports: {console:#?}");
        }
        if !foreign.is_empty() {
            bail!("other hosts were asked: {foreign:#?}");
        }
        Ok(())
    }

    async fn foreign_requests(&self) -> anyhow::Result<Vec<String>> {
        let log =
            self.client.issue_cmd(Extension { path: "se/log", body: json!({"type": "performance"}) }).await?;
        let mut foreign = Vec::new();
        for entry in log.as_array().into_iter().flatten() {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap_or_default())?;
            let url = message["message"]["params"]["request"]["url"].as_str().unwrap_or_default();
            if url.starts_with("http") && !url.starts_with(&self.site) {
                foreign.push(url.to_owned());
            }
        }
        Ok(foreign)
    }
}

/// Reports a skipped test. The harness shows no output of a test that passes, so this bypasses it;
/// tests/run counts these lines.
pub(crate) fn skipped(what: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(format!("\nskipped: {what}\n").as_bytes())
}

/// A failed test must end Chromium, too; chromedriver alone would leave it running.
impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = self.driver.id() {
            let _ =
                std::process::Command::new("kill").args(["-s", "KILL", "--", &format!("-{group}")]).status();
        }
    }
}

/// The port of chromedriver, from its output.
async fn port(driver: &mut Child) -> anyhow::Result<u16> {
    let stdout = driver.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port = port.trim_end_matches('.').parse()?;
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(port);
        }
    }
    bail!("chromedriver ended before it listened")
}

/// A command of chromedriver that is not part of `WebDriver`.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
