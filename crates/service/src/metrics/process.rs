//! Metrics of the process, from `/proc/self` (proc(5)), with the names that Prometheus' client
//! libraries use.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::{write_counter, write_gauge};

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let encoder = &mut encoder;
        if let Some(stat) = Stat::read() {
            write_counter(encoder, "process_cpu_seconds", "Processor time used", stat.cpu_seconds)?;
            let resident = stat.resident_bytes;
            write_gauge(encoder, "process_resident_memory_bytes", "Resident memory", resident)?;
            write_gauge(encoder, "process_virtual_memory_bytes", "Virtual memory", stat.virtual_bytes)?;
            write_gauge(encoder, "process_threads", "Threads of the process", stat.threads)?;
            if let Some(boot) = boot_time() {
                let started = boot + stat.started_after_boot_seconds;
                write_gauge(encoder, "process_start_time_seconds", "When it started, Unix time", started)?;
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Reading the directory opens it, which adds one.
            let open = open.count().saturating_sub(1) as f64;
            write_gauge(encoder, "process_open_fds", "Open file descriptors", open)?;
        }
        match getrlimit(Resource::Nofile).current {
            Some(max) => write_gauge(encoder, "process_max_fds", "Most open file descriptors", max as f64),
            None => Ok(()),
        }
    }
}

/// Fields of `/proc/self/stat`.
struct Stat {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    threads: f64,
    started_after_boot_seconds: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field, the program's name in parentheses, may contain blanks.
        let fields: Vec<f64> = (text.rsplit_once(')')?.1.split_whitespace().skip(1))
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        // Numbered as in proc(5). `fields` begins with field 4.
        let field = |number: usize| fields.get(number.checked_sub(4)?).copied();
        let ticks = clock_ticks_per_second() as f64;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            started_after_boot_seconds: field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_size() as f64,
        })
    }
}

/// The machine's boot time, as Unix time.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described() {
        let stat = Stat::read().unwrap();
        assert!(
            stat.threads >= 1.0 && stat.resident_bytes > 1e5 && stat.virtual_bytes >= stat.resident_bytes
        );
        let started = boot_time().unwrap() + stat.started_after_boot_seconds;
        let age = super::super::unix_seconds(std::time::SystemTime::now()) - started;
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_moves_no_field() {
        let text = "7 (a) b) S 1 1 1 0 -1 4 0 0 0 0 200 100 0 0 20 0 5 0 300 4096 2 18";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.threads, stat.virtual_bytes), (5.0, 4096.0));
        assert!((stat.cpu_seconds - 300.0 / clock_ticks_per_second() as f64).abs() < 1e-9);
    }
}
