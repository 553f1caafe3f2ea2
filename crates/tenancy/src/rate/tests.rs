use proptest::prelude::*;

use super::*;
use crate::tiers::Tier;

fn limits(second: u32, minute: u32, hour: u32) -> TierLimits {
    TierLimits {
        calls_per_second: Some(second),
        calls_per_minute: Some(minute),
        calls_per_hour: Some(hour),
        ..TierLimits::default_of(Tier::Free)
    }
}

fn ann() -> OwnerId {
    OwnerId::new("ann")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How long a refused call has to wait, in seconds.
fn wait((_, outcome): (RateStatus, Result<(), Refusal>)) -> Option<u64> {
    outcome.err().map(|refusal| refusal.retry_after_seconds().unwrap())
}

#[test]
fn each_window_has_its_limit_and_says_how_long_to_wait() {
    let mut rates = Rates::default();
    let limits = limits(2, 3, 4);
    let mut call = |at| wait(rates.admit(&ann(), &limits, ms(at)));
    assert_eq!([call(0), call(100), call(200)], [None, None, Some(1)]);
    assert_eq!(call(999), Some(1), "the first call still counts");
    assert_eq!(call(1_000), None, "alone in its run, a call counts for exactly a second");
    assert_eq!(
        call(1_050),
        Some(60),
        "the first two calls are one run in the minute, and the later one holds it"
    );
    assert_eq!(call(60_100), None);
    assert_eq!(call(62_000), Some(3_539), "the hour is full until the last call of its first run leaves it");
    assert_eq!(call(3_600_999), Some(1));
    assert_eq!(call(3_601_000), None);
}

#[test]
fn a_refusal_names_the_window_that_lasts_longest() {
    let mut rates = Rates::default();
    rates.admit(&ann(), &limits(1, 1, 5), ms(0)).1.unwrap();
    let refusal = rates.admit(&ann(), &limits(1, 1, 5), ms(500)).1.unwrap_err();
    assert_eq!(refusal, Refusal::RateLimited { window: Window::Minute, limit: 1, retry_after_seconds: 60 });
    assert_eq!(refusal.to_string(), "the rate limit of 1 a minute is reached; try again in 60 s");
}

#[test]
fn the_status_has_what_the_headers_need() {
    let mut rates = Rates::default();
    let (status, outcome) = rates.admit(&ann(), &limits(2, 10, 100), ms(0));
    outcome.unwrap();
    let policy = r#""second";q=2;w=1, "minute";q=10;w=60, "hour";q=100;w=3600"#;
    assert_eq!(status.policy_header().as_deref(), Some(policy));
    let limit = r#""second";r=1;t=1, "minute";r=9;t=60, "hour";r=99;t=3600"#;
    assert_eq!(status.limit_header().as_deref(), Some(limit));

    rates.admit(&ann(), &limits(2, 10, 100), ms(500)).1.unwrap();
    let (status, outcome) = rates.admit(&ann(), &limits(2, 10, 100), ms(600));
    outcome.unwrap_err();
    let limit = r#""second";r=0;t=1, "minute";r=8;t=60, "hour";r=98;t=3600"#;
    assert_eq!(status.limit_header().as_deref(), Some(limit), "a refused call counts nowhere");
}

#[test]
fn what_has_no_limit_has_no_policy() {
    let free = TierLimits { calls_per_second: None, calls_per_hour: None, ..limits(1, 1, 1) };
    let (status, outcome) = Rates::default().admit(&ann(), &free, ms(0));
    outcome.unwrap();
    assert_eq!(status.limit_header().as_deref(), Some(r#""minute";r=0;t=60"#));
    assert_eq!(RateStatus::default().policy_header(), None);
    assert_eq!(RateStatus::default().limit_header(), None);
}

#[test]
fn users_do_not_share_windows_and_keys_of_a_user_do() {
    let mut rates = Rates::default();
    let mut call =
        |user: &str, second| rates.admit(&OwnerId::new(user), &limits(second, 9, 9), ms(0)).1.is_ok();
    assert!(call("ann", 1) && call("bob", 1));
    assert!(!call("ann", 1));
    assert!(call("ann", 2), "a key of a higher tier has what is left of its own limit");
    assert!(!call("ann", 2) && !call("ann", 1));
}

#[test]
fn a_limit_that_was_lowered_waits_for_all_calls_above_it() {
    let mut rates = Rates::default();
    for at in [0, 10_000, 20_000] {
        rates.admit(&ann(), &limits(9, 9, 9), ms(at)).1.unwrap();
    }
    assert_eq!(wait(rates.admit(&ann(), &limits(9, 1, 9), ms(30_000))), Some(50));
    assert_eq!(wait(rates.admit(&ann(), &limits(9, 0, 9), ms(30_000))), Some(50));
}

#[test]
fn a_clock_that_stands_or_goes_back_is_the_latest_time() {
    let mut rates = Rates::default();
    rates.admit(&ann(), &limits(2, 9, 9), ms(5_000)).1.unwrap();
    rates.admit(&ann(), &limits(2, 9, 9), ms(0)).1.unwrap();
    assert_eq!(wait(rates.admit(&ann(), &limits(2, 9, 9), ms(5_999))), Some(1));
    assert_eq!(wait(rates.admit(&ann(), &limits(2, 9, 9), ms(6_000))), None);
}

#[test]
fn memory_is_bounded_and_idle_users_are_dropped() {
    let mut rates = Rates::default();
    for number in 0..50 {
        rates.admit(&OwnerId::new(format!("user{number}")), &limits(9, 9, 9), ms(0)).1.unwrap();
    }
    let busy = limits(u32::MAX, u32::MAX, u32::MAX);
    let mut most = 0;
    for step in 0..40_000 {
        rates.admit(&ann(), &busy, ms(step * 97)).1.unwrap();
        most = most.max(rates.users[&ann()].iter().map(|calls| calls.runs.len()).max().unwrap());
    }
    assert!((55..=62).contains(&most), "{most} runs");
    assert_eq!(rates.users.len(), 1);
}

proptest! {
    #[test]
    fn no_interval_of_a_windows_length_has_more_calls_than_its_limit(
        second in 1_u32..6,
        minute in 1_u32..40,
        hour in 1_u32..200,
        // Mostly bursts, separated by pauses of up to twenty minutes.
        steps in prop::collection::vec(prop_oneof![6 => 0_u64..40, 3 => 0_u64..1_200, 1 => 0_u64..90_000, 1 => 0_u64..1_200_000], 1..400),
    ) {
        let limits = limits(second, minute, hour);
        let mut rates = Rates::default();
        let mut admitted: Vec<Duration> = Vec::new();
        let mut now = Duration::ZERO;
        for step in steps {
            now += ms(step);
            let within = |length: Duration| admitted.iter().filter(|at| **at + length > now).count();
            let full = |slack: Duration| Window::ALL.into_iter().any(|window| {
                within(window.length() + slack * u32::try_from(window.seconds()).unwrap()) >= window.limit(&limits).unwrap() as usize
            });
            let (must_refuse, may_refuse) = (full(Duration::ZERO), full(Duration::from_secs(1) / RUNS_PER_WINDOW));
            let mut after = rates.clone();
            let refused = wait(rates.admit(&ann(), &limits, now));
            if must_refuse {
                prop_assert!(refused.is_some(), "more than the limit at {now:?}");
            }
            if !may_refuse {
                prop_assert_eq!(refused, None, "refused at {:?}, although there was room", now);
            }
            match refused {
                None => admitted.push(now),
                Some(seconds) => {
                    let late = now + Duration::from_secs(seconds);
                    prop_assert_eq!(wait(after.admit(&ann(), &limits, late)), None, "Retry-After was not enough");
                }
            }
        }
    }
}
