//! CPU time and memory of a process, from Linux's `/proc`.

use anyhow::Context as _;

/// The unit of the times in `/proc/PID/stat`: `sysconf(_SC_CLK_TCK)` is 100 on every current Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The CPU time in seconds that a process and all its threads have used so far.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("failed to read a process")?;
    // The second field is the program's name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |field: &str| field.parse::<f64>().context("times are numbers");
    let (user, system) = (ticks(fields[11])?, ticks(fields[12])?);
    Ok((user + system) / TICKS_PER_SECOND)
}

/// The resident memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process has memory")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
