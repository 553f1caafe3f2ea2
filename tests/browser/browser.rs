//! A browser: chromedriver in a process of its own, and one session.

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

/// How often an element is looked up anew to be pressed.
const PRESSES_MAX: u32 = 5;

/// Between two looks at a page.
const POLL: Duration = Duration::from_millis(30);
/// For Chromium as root in a container: no sandbox, and nothing that it does by itself.
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

/// A browser with one page. Dropping it ends both of its processes.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
    /// The site that is tested.
    site: String,
}

impl Browser {
    /// A browser for the site at `url`; none where this machine has no Chromium, which fails in CI
    /// and is reported as skipped elsewhere.
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

    /// Goes to a path of the site.
    pub(crate) async fn go(&self, path: &str) -> anyhow::Result<()> {
        Ok(self.client.goto(&format!("{}{path}", self.site)).await?)
    }

    /// The path that the address bar shows.
    pub(crate) async fn path(&self) -> anyhow::Result<String> {
        Ok(self.client.current_url().await?.path().to_owned())
    }

    /// Gives the page a viewport of this size, which may be smaller than any window.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> anyhow::Result<()> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Makes the page believe that its reader prefers `light` or `dark` colors.
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

    /// Runs a script in the page, the body of a function; what it returns.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.client.execute(script, arguments).await?)
    }

    /// The same for a script that calls its last argument with what it gives.
    pub(crate) async fn run_async(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.client.execute_async(script, Vec::new()).await?)
    }

    /// Waits until a script gives something true.
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

    /// Clicks the first element that matches, once it is there.
    pub(crate) async fn click(&self, selector: &str) -> anyhow::Result<()> {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await?;
        element.click().await.with_context(|| format!("failed to click {selector}"))
    }

    /// Clicks the button or link with this text, once it is there.
    pub(crate) async fn press(&self, label: &str) -> anyhow::Result<()> {
        let path = format!(
            "//*[self::button or self::a or self::summary][contains(normalize-space(.), '{label}')][not(ancestor::*[@hidden])]"
        );
        // A live page may draw the element anew between finding and pressing it.
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

    /// Types into the field with this label, in place of what is there, with keys alone.
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

    /// Sends keys to whatever has the focus.
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
            // Charts follow the size of their place a moment later.
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.screenshot(&format!("{name}-{width}")).await?;
        }
        self.resize(1440, 900).await
    }

    /// Writes a picture of what the page shows.
    pub(crate) async fn screenshot(&self, name: &str) -> anyhow::Result<()> {
        let bytes = self.client.screenshot().await?;
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(format!("{name}.png")), bytes)?;
        Ok(())
    }

    /// What the console has reported since the last look: errors and warnings.
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

    /// Ends the browser, after asking what every page must answer with no: did the console report
    /// anything but what has one of the words of `expected` in it, and was another host asked for
    /// anything?
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

/// Says that a test was skipped, past the harness, which shows nothing of a test that passes:
/// tests/run counts these lines.
pub(crate) fn skipped(what: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(format!("\nskipped: {what}\n").as_bytes())
}

/// A test that fails leaves no Chromium behind, which chromedriver alone would.
impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = self.driver.id() {
            let _ =
                std::process::Command::new("kill").args(["-s", "KILL", "--", &format!("-{group}")]).status();
        }
    }
}

/// The port that chromedriver says it listens on.
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

/// A command of chromedriver beyond `WebDriver`.
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
