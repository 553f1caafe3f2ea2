//! The limits of this process's control group (cgroups(7)), as containers and systemd set them, and
//! how much of them is in use. Both versions of control groups are read.
//!
//! A group is also bound by the groups around it, so the smallest limit on the way to the root
//! counts, and the use is that of the group that has it.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// Limits of at least this are none: version 1 writes a number like this where there is none.
const MEMORY_UNLIMITED: u64 = 1 << 60;

/// The limits that apply to this process.
#[derive(Debug, Default)]
pub(crate) struct Cgroup {
    cpu: Option<CpuLimit>,
    memory: Option<MemoryLimit>,
}

#[derive(Debug)]
struct CpuLimit {
    /// Processors that may be used.
    quota: f64,
    usage: CpuUsage,
    /// The processor time used up to the last look.
    last: Option<(Instant, Duration)>,
}

/// The file with the processor time that a group has used.
#[derive(Debug)]
enum CpuUsage {
    /// Version 2: `usage_usec` in `cpu.stat`.
    Stat(PathBuf),
    /// Version 1: nanoseconds.
    Nanoseconds(PathBuf),
}

#[derive(Debug)]
struct MemoryLimit {
    bytes: u64,
    usage: PathBuf,
    stat: PathBuf,
    /// What the system can take back at once is not in use: this line of `stat`.
    reclaimable: &'static str,
}

impl Cgroup {
    /// The limits of this process.
    pub(crate) fn of_this_process() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::find(&membership, Path::new("/sys/fs/cgroup"))
    }

    /// The limits of the process with this `/proc/PID/cgroup`, where `root` is `/sys/fs/cgroup`.
    fn find(membership: &str, root: &Path) -> Self {
        let mut found = Self::default();
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let path = path.trim_start_matches('/');
            if controllers.is_empty() {
                found.take(cpu_2(root, path), memory_2(root, path));
                continue;
            }
            let root = root.join(controllers);
            let has = |name| controllers.split(',').any(|controller| controller == name);
            let cpu = if has("cpu") { cpu_1(&root, path) } else { None };
            let memory = if has("memory") { memory_1(&root, path) } else { None };
            found.take(cpu, memory);
        }
        found
    }

    fn take(&mut self, cpu: Option<CpuLimit>, memory: Option<MemoryLimit>) {
        self.cpu = self.cpu.take().or(cpu);
        self.memory = self.memory.take().or(memory);
    }

    /// Threads that its processors keep busy, at least one; `None` without a limit.
    pub(crate) fn threads(&self) -> Option<NonZeroUsize> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float's cast saturates"
        )]
        self.cpu.as_ref().map(|cpu| NonZeroUsize::new(cpu.quota as usize).unwrap_or(NonZeroUsize::MIN))
    }

    /// The share of its processors that was in use since the last call; `None` without a limit.
    pub(crate) fn cpu(&mut self) -> Option<f64> {
        let cpu = self.cpu.as_mut()?;
        let (now, used) = (Instant::now(), cpu.usage.read()?);
        let (then, used_then) = cpu.last.replace((now, used)).unwrap_or((now, used));
        let available = now.duration_since(then).as_secs_f64() * cpu.quota;
        let used = used.saturating_sub(used_then).as_secs_f64();
        Some(if available > 0.0 { (used / available).min(1.0) } else { 0.0 })
    }

    /// The share of its memory that is in use; `None` without a limit.
    pub(crate) fn memory(&self) -> Option<f64> {
        let memory = self.memory.as_ref()?;
        let used = number(&memory.usage)?;
        let reclaimable = line(&memory.stat, memory.reclaimable).unwrap_or(0);
        Some(used.saturating_sub(reclaimable) as f64 / memory.bytes.max(1) as f64)
    }
}

impl CpuUsage {
    fn read(&self) -> Option<Duration> {
        match self {
            Self::Stat(file) => line(file, "usage_usec").map(Duration::from_micros),
            Self::Nanoseconds(file) => number(file).map(Duration::from_nanos),
        }
    }
}

/// The groups from this path up to the root. A container may see its own group as the root.
fn groups(root: &Path, path: &str) -> impl Iterator<Item = PathBuf> {
    let path = root.join(path);
    let groups: Vec<_> =
        path.ancestors().take_while(|group| group.starts_with(root)).map(Path::to_owned).collect();
    groups.into_iter()
}

fn cpu_2(root: &Path, path: &str) -> Option<CpuLimit> {
    let quota = |group: &Path| {
        let text = fs::read_to_string(group.join("cpu.max")).ok()?;
        let (quota, period) = text.trim().split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    };
    smallest_quota(groups(root, path), quota, |group| CpuUsage::Stat(group.join("cpu.stat")))
}

fn cpu_1(root: &Path, path: &str) -> Option<CpuLimit> {
    // A quota of -1 is none.
    let quota = |group: &Path| {
        let quota = number(&group.join("cpu.cfs_quota_us"))?;
        Some(quota as f64 / number(&group.join("cpu.cfs_period_us"))? as f64)
    };
    smallest_quota(groups(root, path), quota, |group| CpuUsage::Nanoseconds(group.join("cpuacct.usage")))
}

fn smallest_quota(
    groups: impl Iterator<Item = PathBuf>,
    quota: impl Fn(&Path) -> Option<f64>,
    usage: impl Fn(&Path) -> CpuUsage,
) -> Option<CpuLimit> {
    let limits = groups.filter_map(|group| Some((quota(&group)?, group)));
    let limits = limits.filter(|(quota, _)| quota.is_finite() && *quota > 0.0);
    let (quota, group) = limits.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some(CpuLimit { quota, usage: usage(&group), last: None })
}

fn memory_2(root: &Path, path: &str) -> Option<MemoryLimit> {
    let limits = groups(root, path).filter_map(|group| Some((number(&group.join("memory.max"))?, group)));
    let (bytes, group) = limits.min_by_key(|(bytes, _)| *bytes)?;
    let (usage, stat) = (group.join("memory.current"), group.join("memory.stat"));
    Some(MemoryLimit { bytes, usage, stat, reclaimable: "inactive_file" })
}

fn memory_1(root: &Path, path: &str) -> Option<MemoryLimit> {
    let limits =
        groups(root, path).filter_map(|group| Some((number(&group.join("memory.limit_in_bytes"))?, group)));
    let (bytes, group) =
        limits.filter(|(bytes, _)| *bytes < MEMORY_UNLIMITED).min_by_key(|(bytes, _)| *bytes)?;
    let (usage, stat) = (group.join("memory.usage_in_bytes"), group.join("memory.stat"));
    Some(MemoryLimit { bytes, usage, stat, reclaimable: "total_inactive_file" })
}

/// The number in a file; `None` for a word like `max`.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number behind a name in a file.
fn line(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            write(&root, file, text);
        }
        root
    }

    fn write(root: &tempfile::TempDir, file: &str, text: &str) {
        let file = root.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_smallest_limit_on_the_way_to_the_root_counts() {
        let root = root(&[
            ("pods/cpu.max", "250000 100000\n"),
            ("pods/cpu.stat", "usage_usec 7000000\nuser_usec 1\n"),
            ("pods/memory.max", "max\n"),
            ("pods/one/cpu.max", "max 100000\n"),
            ("pods/one/cpu.stat", "usage_usec 1\n"),
            ("pods/one/memory.max", "1000000\n"),
            ("pods/one/memory.current", "700000\n"),
            ("pods/one/memory.stat", "anon 1\ninactive_file 200000\n"),
        ]);
        let mut group = Cgroup::find("0::/pods/one\n", root.path());
        assert_eq!(group.threads().map(NonZeroUsize::get), Some(2));
        assert_eq!(group.memory(), Some(0.5));
        assert_eq!(group.cpu(), Some(0.0), "nothing is known before the first look");
        tokio::time::advance(Duration::from_secs(2)).await;
        write(&root, "pods/cpu.stat", "usage_usec 9000000\n");
        assert_eq!(group.cpu(), Some(0.4), "2 s of 5");
        tokio::time::advance(Duration::from_secs(1)).await;
        write(&root, "pods/cpu.stat", "usage_usec 19000000\n");
        assert_eq!(group.cpu(), Some(1.0));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let root = root(&[("cpu.max", "50000 100000"), ("memory.max", "4096"), ("memory.current", "1024")]);
        for membership in ["0::/\n", "0::/not/visible/here\n"] {
            let group = Cgroup::find(membership, root.path());
            assert_eq!(group.threads().map(NonZeroUsize::get), Some(1), "half a processor is one thread");
            assert_eq!(group.memory(), Some(0.25));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn version_1_has_a_tree_for_each_controller() {
        let root = root(&[
            ("cpu,cpuacct/docker/a/cpu.cfs_quota_us", "400000"),
            ("cpu,cpuacct/docker/a/cpu.cfs_period_us", "100000"),
            ("cpu,cpuacct/docker/a/cpuacct.usage", "0"),
            ("cpu,cpuacct/docker/cpu.cfs_quota_us", "-1"),
            ("cpu,cpuacct/docker/cpu.cfs_period_us", "100000"),
            ("memory/docker/a/memory.limit_in_bytes", "8192"),
            ("memory/docker/a/memory.usage_in_bytes", "6144"),
            ("memory/docker/a/memory.stat", "inactive_file 1\ntotal_inactive_file 2048\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
        ]);
        let membership = "9:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n1:name=systemd:/docker/a\n0::/\n";
        let mut group = Cgroup::find(membership, root.path());
        assert_eq!(group.threads().map(NonZeroUsize::get), Some(4));
        assert_eq!(group.memory(), Some(0.5));
        group.cpu();
        tokio::time::advance(Duration::from_secs(1)).await;
        write(&root, "cpu,cpuacct/docker/a/cpuacct.usage", "1000000000");
        assert_eq!(group.cpu(), Some(0.25));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let root = root(&[("a/cpu.max", "max 100000"), ("a/memory.max", "max")]);
        for membership in ["0::/a\n", "", "nonsense", "0:/a"] {
            let mut group = Cgroup::find(membership, root.path());
            assert_eq!((group.threads(), group.cpu(), group.memory()), (None, None, None), "{membership}");
        }
    }
}
