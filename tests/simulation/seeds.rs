//! Runs many seeds, each in its own process, as many at a time as there are cores.

use std::fmt::Debug;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::plan::StoragePlan;
use crate::world::{self, Sabotage};

/// The default number of seeds.
const SEEDS: u64 = 200;
/// The number of seeds within which a missing guard must be noticed.
const SABOTAGED_SEEDS: u64 = 40;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// The element of `all` that a variable names.
fn choice<T: Copy + Debug, const N: usize>(variable: &str, all: [T; N]) -> Option<T> {
    let name = std::env::var(variable).ok()?;
    let chosen = all.into_iter().find(|one| format!("{one:?}") == name);
    Some(chosen.unwrap_or_else(|| panic!("{variable}={name} is none of {all:?}")))
}

/// Runs one seed and prints its history. Started by the tests below, or by hand.
#[test]
#[ignore = "started by the other tests, for one seed"]
fn one_seed() {
    let seed = variable("CARLO_SIM_SEED").expect("CARLO_SIM_SEED is the seed");
    let sabotage = choice("CARLO_SIM_SABOTAGE", Sabotage::ALL);
    let storage = choice("CARLO_SIM_STORAGE", StoragePlan::ALL);
    let (_telemetry, _) = carlo_service::telemetry::init(carlo_service::telemetry::LogFormat::Text, "off");
    world::watch_for_panics();
    let (trace, outcome) = world::run(seed, storage, sabotage);
    println!("{}", trace.text());
    println!("trace {:016x}", trace.hash());
    if let Err(violation) = outcome {
        println!("violation: {violation}");
        // The hosts may be in any state. They are not shut down; the process ends.
        std::process::exit(1);
    }
}

/// Runs one seed in a process, optionally with a guard switched off, on a storage where that shows.
fn run(seed: u64, sabotaged: Option<(Sabotage, StoragePlan)>) -> Output {
    let mut process = Command::new(std::env::current_exe().expect("this program has a path"));
    process.args(["--exact", "seeds::one_seed", "--ignored", "--nocapture", "--test-threads", "1"]);
    process.env("CARLO_SIM_SEED", seed.to_string());
    if let Some((sabotage, storage)) = sabotaged {
        process.env("CARLO_SIM_SABOTAGE", format!("{sabotage:?}"));
        process.env("CARLO_SIM_STORAGE", format!("{storage:?}"));
    }
    process.output().expect("this program can be started")
}

/// The line of a run's output that begins with `begin`.
fn line(output: &Output, begin: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().find_map(|line| line.strip_prefix(begin)).unwrap_or("(none)").to_owned()
}

/// What is wrong with a run, if anything.
fn violation(output: &Output) -> Option<String> {
    (!output.status.success()).then(|| {
        let panics = String::from_utf8_lossy(&output.stderr);
        format!("{} {}", line(output, "violation: "), panics.trim())
    })
}

/// Calls `work` with `count` numbers from `first` on, using all cores.
fn on_every_core(first: u64, count: u64, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(first);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + count {
                        return;
                    }
                    work(number);
                }
            });
        }
    });
}

#[test]
fn every_seed_ends_as_an_undisturbed_run() {
    let first = variable("CARLO_SIM_FIRST").unwrap_or(0);
    let seeds = variable("CARLO_SIM_SEEDS").unwrap_or(SEEDS);
    let failed = Mutex::new(Vec::new());
    on_every_core(first, seeds, |seed| {
        if let Some(violation) = violation(&run(seed, None)) {
            println!("seed {seed} fails: {violation}");
            failed.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "failing seeds, each to be seen with tests/sim --seed S: {failed:?}");
}

#[test]
fn a_seed_does_the_same_each_time() {
    for seed in 0..12 {
        let [first, second] = [(); 2].map(|()| line(&run(seed, None), "trace "));
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first, "(none)", "seed {seed}");
    }
}

#[test]
fn a_guard_that_is_off_is_noticed() {
    for storage in StoragePlan::ALL {
        for sabotage in Sabotage::ALL.into_iter().filter(|sabotage| sabotage.shows_with(storage)) {
            // Running out of time is no proof: a check must have failed.
            let noticed = (0..SABOTAGED_SEEDS)
                .filter_map(|seed| Some((seed, violation(&run(seed, Some((sabotage, storage))))?)))
                .find(|(_, violation)| !violation.starts_with(world::ENDLESS));
            let (seed, violation) =
                noticed.unwrap_or_else(|| panic!("nobody noticed {sabotage:?} on {storage:?}"));
            println!("{sabotage:?} on {storage:?} is noticed with seed {seed}: {violation}");
        }
    }
}
