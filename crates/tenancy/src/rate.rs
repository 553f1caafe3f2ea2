//! Rate limits: how many calls a user may make in any second, minute and hour.
//!
//! The windows slide: **in no interval of a window's length are more calls admitted than its
//! limit**. (A refilling bucket such as GCRA admits up to twice as many in an unlucky interval, and
//! fixed windows do so at their borders.) The tests check this property.
//!
//! A window stores its calls in runs. A run counts the calls admitted within 1/60 of the window
//! after its first one, and stores the time of its last one. It is dropped once its last call has
//! left the window. So an isolated call counts for exactly the window's length, and a call in a
//! burst for at most 1/60 longer, never shorter. A window needs at most 62 runs, whatever its
//! limit.
//!
//! Nothing here is durable: windows are empty after a restart. Time is `Now::elapsed`, which never
//! goes back. A user is forgotten after an hour without calls. Only users with a key have windows,
//! so at most [`KEYS_MAX`](crate::keys::KEYS_MAX) users are stored, with less than 8 KB each.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use carlo_types::OwnerId;

use crate::refusal::Refusal;
use crate::tiers::TierLimits;

/// The length of a run is this fraction of its window.
const RUNS_PER_WINDOW: u32 = 60;
/// How often idle users are removed.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// The interval of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Window {
    Second,
    Minute,
    Hour,
}

impl Window {
    /// All windows, the shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// Its name, and the name of its policy in the headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }

    fn length(self) -> Duration {
        Duration::from_secs(self.seconds())
    }

    fn limit(self, limits: &TierLimits) -> Option<u32> {
        match self {
            Self::Second => limits.calls_per_second,
            Self::Minute => limits.calls_per_minute,
            Self::Hour => limits.calls_per_hour,
        }
    }
}

/// Completes the words "10 calls".
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "a second",
            Self::Minute => "a minute",
            Self::Hour => "an hour",
        })
    }
}

/// A user's state in one window after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyStatus {
    /// The window; its name is the policy's.
    pub window: Window,
    /// The limit of calls: `q` of the policy.
    pub limit: u32,
    /// The remaining calls: `r`.
    pub remaining: u32,
    /// Seconds, rounded up, until more calls remain than now if none is made: `t`. If none remain
    /// it is the same time as `Retry-After`.
    pub reset_seconds: u64,
}

/// A user's state in all windows that have a limit, the shortest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateStatus {
    /// One for each window with a limit.
    pub policies: Vec<PolicyStatus>,
}

impl RateStatus {
    /// The value of the `RateLimit-Policy` header (draft-ietf-httpapi-ratelimit-headers-10, section
    /// 3) if there is a limit: `"second";q=2;w=1, "minute";q=10;w=60`.
    pub fn policy_header(&self) -> Option<String> {
        self.header(|policy| {
            format!("\"{}\";q={};w={}", policy.window.as_str(), policy.limit, policy.window.seconds())
        })
    }

    /// The value of the `RateLimit` header (section 4 of the draft) if there is a limit:
    /// `"second";r=1;t=1, "minute";r=9;t=60`.
    pub fn limit_header(&self) -> Option<String> {
        self.header(|policy| {
            format!("\"{}\";r={};t={}", policy.window.as_str(), policy.remaining, policy.reset_seconds)
        })
    }

    fn header(&self, item: impl Fn(&PolicyStatus) -> String) -> Option<String> {
        let items: Vec<String> = self.policies.iter().map(item).collect();
        (!items.is_empty()).then(|| items.join(", "))
    }
}

/// Calls that were admitted shortly after each other.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: Duration,
    last: Duration,
    calls: u32,
}

/// The calls of one user in one window, the oldest first.
#[derive(Debug, Clone, Default)]
struct Calls {
    runs: VecDeque<Run>,
    count: u32,
}

impl Calls {
    fn forget(&mut self, window: Duration, now: Duration) {
        while let Some(run) = self.runs.front().filter(|run| run.last + window <= now) {
            self.count -= run.calls;
            self.runs.pop_front();
        }
    }

    fn add(&mut self, window: Duration, now: Duration) {
        self.count += 1;
        match self.runs.back_mut().filter(|run| now < run.first + window / RUNS_PER_WINDOW) {
            Some(run) => {
                run.last = now;
                run.calls += 1;
            }
            None => self.runs.push_back(Run { first: now, last: now, calls: 1 }),
        }
    }

    /// How long until at most `count` calls are in the window.
    fn wait(&self, count: u32, window: Duration, now: Duration) -> Duration {
        let mut left = self.count;
        for run in &self.runs {
            if left <= count {
                break;
            }
            left -= run.calls;
            if left <= count {
                return (run.last + window).saturating_sub(now);
            }
        }
        Duration::ZERO
    }
}

/// The windows of every user who called within the last hour.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    users: BTreeMap<OwnerId, [Calls; 3]>,
    /// The latest time that was passed in.
    now: Duration,
    swept: Duration,
}

impl Rates {
    /// Admits a call and counts it in every window, or refuses it and counts it in none.
    pub(crate) fn admit(
        &mut self,
        user: &OwnerId,
        limits: &TierLimits,
        now: Duration,
    ) -> (RateStatus, Result<(), Refusal>) {
        self.now = self.now.max(now);
        let now = self.now;
        self.sweep(now);
        if !self.users.contains_key(user) {
            self.users.insert(user.clone(), Default::default());
        }
        let calls = self.users.get_mut(user).expect("just inserted");
        for (window, calls) in Window::ALL.into_iter().zip(calls.iter_mut()) {
            calls.forget(window.length(), now);
        }
        let refusal = refusal(calls, limits, now);
        if refusal.is_none() {
            for (window, calls) in Window::ALL.into_iter().zip(calls.iter_mut()) {
                calls.add(window.length(), now);
            }
        }
        (status(calls, limits, now), refusal.map_or(Ok(()), Err))
    }

    /// Removes users who have not called for an hour.
    fn sweep(&mut self, now: Duration) {
        if now < self.swept + SWEEP_EVERY {
            return;
        }
        self.swept = now;
        self.users.retain(|_, calls| {
            let [.., hour] = calls;
            hour.forget(Window::Hour.length(), now);
            hour.count > 0
        });
    }
}

/// The refusal with the longest wait, if any window is full.
fn refusal(calls: &[Calls; 3], limits: &TierLimits, now: Duration) -> Option<Refusal> {
    let full = Window::ALL.into_iter().zip(calls).filter_map(|(window, calls)| {
        let limit = window.limit(limits).filter(|limit| calls.count >= *limit)?;
        Some((calls.wait(limit.saturating_sub(1), window.length(), now), window, limit))
    });
    let (wait, window, limit) = full.max()?;
    Some(Refusal::RateLimited { window, limit, retry_after_seconds: whole_seconds(wait).max(1) })
}

fn status(calls: &[Calls; 3], limits: &TierLimits, now: Duration) -> RateStatus {
    let policies = Window::ALL.into_iter().zip(calls).filter_map(|(window, calls)| {
        let limit = window.limit(limits)?;
        let remaining = limit.saturating_sub(calls.count);
        let next = limit.saturating_sub(remaining).saturating_sub(1);
        let reset_seconds = whole_seconds(calls.wait(next, window.length(), now));
        Some(PolicyStatus { window, limit, remaining, reset_seconds })
    });
    RateStatus { policies: policies.collect() }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
