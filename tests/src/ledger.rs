//! `carlo-coordinator ledger`, as operators call it.

use std::process::Output;

use anyhow::ensure;

use crate::binary;

/// Calls it with these arguments, and expects that it succeeds.
///
/// # Errors
///
/// If it fails.
pub async fn succeed(arguments: &[&str]) -> anyhow::Result<()> {
    let output = call(arguments).await?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Calls it with these arguments, and expects that it fails with this exit code and these words.
///
/// # Errors
///
/// If it does anything else.
pub async fn be_refused(arguments: &[&str], code: i32, words: &str) -> anyhow::Result<()> {
    let output = call(arguments).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code) && said.contains(words), "{arguments:?}: {said}");
    Ok(())
}

async fn call(arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = tokio::process::Command::new(binary("carlo-coordinator")?);
    Ok(command.arg("ledger").args(arguments).kill_on_drop(true).output().await?)
}
