//! The web interface in a real browser (headless Chromium, controlled with `WebDriver`) and with a
//! cluster of real processes.
//!
//! Every test finally checks that the console reported no error, and that there were no requests to
//! other hosts. Screenshots of each page are in `target/screenshots`. Without a browser the tests
//! count as skipped; in CI (`CI=true`) they fail.

mod accessibility;
mod browser;
mod hostile;
mod keys;
mod pages;
mod plan;

use browser::Browser;
