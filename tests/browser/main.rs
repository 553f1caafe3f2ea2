//! The web interface in a real browser: headless Chromium, driven over the protocol `WebDriver`, in
//! front of a cluster of real processes.
//!
//! Every test ends with the same questions: did the console report an error, and was anything asked
//! of another host? Screenshots of each page are in `target/screenshots`, for people. Where the
//! browser can't be had, the tests count as skipped; in CI (`CI=true`) they fail.

mod accessibility;
mod browser;
mod hostile;
mod keys;
mod pages;
mod plan;

use browser::Browser;
