//! Measures the kernel part by part and level by level. `cargo bench -p carlo-kernel`

use carlo_kernel::{Accumulator, Job, Level, Partial, Replayer, measure, results};
use carlo_types::sweep::SweepAxisDraft;
use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec, Merge};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn spec(months: u64, simulations: u64) -> JobSpec {
    let mut draft = Draft::default();
    draft.profile.liquid_assets = Some(13_500.0);
    draft.profile.credit_debt = Some(1_200.0);
    draft.profile.monthly_loan_payments = Some(350.0);
    draft.profile.monthly_spending = Some(3_200.0);
    draft.inputs.monthly_income = Some(5_000.0);
    draft.goal.target_amount = Some(70_000.0);
    draft.goal.timeline_months = Some(months);
    draft.params.n_simulations = Some(simulations);
    draft.check(1).expect("a valid request")
}

/// Only the keystream of a block with 36 months.
#[divan::bench(args = Level::available())]
fn keystream(bencher: Bencher<'_, '_>, level: Level) {
    const BLOCKS: u32 = 3;
    let simulations = u32::try_from(BLOCK_SIMULATIONS).expect("a block");
    bencher
        .counter(ItemsCount::new(BLOCK_SIMULATIONS))
        .counter(BytesCount::new(BLOCK_SIMULATIONS * u64::from(BLOCKS) * 64))
        .bench(|| measure::keystream(level, simulations, black_box(BLOCKS)));
}

/// Pairs of normals.
#[divan::bench(args = Level::available())]
fn normals(bencher: Bencher<'_, '_>, level: Level) {
    bencher.counter(ItemsCount::new(65_536_u64)).bench(|| measure::normals(level, black_box(65_536)));
}

/// A block with 36 months, recorded.
#[divan::bench(args = Level::available())]
fn block(bencher: Bencher<'_, '_>, level: Level) {
    blocks(bencher, level, 36, BLOCK_SIMULATIONS);
}

/// A block with this timeline. Items are path-months.
#[divan::bench(args = [12, 36, 120, 480])]
fn path_months(bencher: Bencher<'_, '_>, months: u64) {
    blocks(bencher, Level::detect().expect("a level"), months, BLOCK_SIMULATIONS * months);
}

/// A block of a plan over a lifetime, of the golden cases. Items are path-months.
#[divan::bench(args = ["retire_real", "save_then_retire", "couple_guardrails", "bootstrap_inflation"])]
fn plan_months(bencher: Bencher<'_, '_>, plan: &str) {
    let spec = plan_spec(plan, u64::from(u32::MAX));
    let items = BLOCK_SIMULATIONS * u64::from(spec.goal.timeline_months);
    blocks_of(bencher, &Job::new(&spec, Level::detect().expect("a level")), 100.., items);
}

/// The same with the scenarios.
#[divan::bench(args = ["retire_real", "save_then_retire"])]
fn plan_months_with_scenarios(bencher: Bencher<'_, '_>, plan: &str) {
    let spec = plan_spec(plan, u64::from(u32::MAX));
    let items = BLOCK_SIMULATIONS * u64::from(spec.goal.timeline_months);
    let blocks = (4..60).cycle();
    blocks_of(bencher, &Job::new(&spec, Level::detect().expect("a level")), blocks, items);
}

fn plan_spec(name: &str, simulations: u64) -> JobSpec {
    let cases = include_str!("../tests/golden/plan.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(cases).expect("valid JSON");
    let case = cases.iter().find(|case| case["name"] == name).expect("a case of this name");
    let mut request = case["request"].clone();
    request["simulationParams"]["nSimulations"] = simulations.into();
    request["simulationParams"]["seed"] = 1.into();
    JobSpec::read(&request).expect("a valid request")
}

fn blocks(bencher: Bencher<'_, '_>, level: Level, months: u64, items: u64) {
    // Past the first million, for which every scenario is simulated.
    blocks_of(bencher, &Job::new(&spec(months, u64::from(u32::MAX)), level), 100.., items);
}

fn blocks_of(bencher: Bencher<'_, '_>, job: &Job, mut blocks: impl Iterator<Item = u64>, items: u64) {
    let mut accumulator = Accumulator::new(job);
    bencher.counter(ItemsCount::new(items)).bench_local(|| {
        accumulator.block(job, blocks.next().expect("blocks without end"));
    });
}

/// A block with 36 months that isn't recorded.
#[divan::bench(args = Level::available())]
fn walk_only(bencher: Bencher<'_, '_>, level: Level) {
    let job = Job::new(&spec(36, u64::from(u32::MAX)), level);
    bencher.counter(ItemsCount::new(BLOCK_SIMULATIONS)).bench(|| job.final_balances(black_box(7)));
}

fn lease() -> (JobSpec, Partial) {
    let spec = spec(36, 100 * BLOCK_SIMULATIONS);
    let job = Job::new(&spec, Level::detect().expect("a level"));
    let mut accumulator = Accumulator::new(&job);
    for block in 0..100 {
        accumulator.block(&job, block);
    }
    (spec, accumulator.finish())
}

/// Merges one lease's partial result into another.
#[divan::bench]
fn merge(bencher: Bencher<'_, '_>) {
    let (_, partial) = lease();
    bencher.with_inputs(|| partial.clone()).bench_values(|mut sum| {
        sum.merge(&partial);
        sum
    });
}

/// Encodes a report.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let (_, partial) = lease();
    bencher.bench(|| black_box(&partial).encode());
}

/// Decodes a report.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let bytes = lease().1.encode();
    bencher.bench(|| Partial::decode(black_box(&bytes)));
}

/// Computes the summary of a result.
#[divan::bench]
fn summary(bencher: Bencher<'_, '_>) {
    let (spec, partial) = lease();
    bencher.bench(|| results(&spec, black_box(&partial)));
}

/// The monthly spending and the assets of the points of a sweep: 1,000 in all.
fn axes() -> [Vec<f64>; 2] {
    [
        (0..25).map(|i| 3_000.0 + 10.0 * f64::from(i)).collect(),
        (0..40).map(|i| 500.0 * f64::from(i)).collect(),
    ]
}

/// A request for a sweep, without its axes, and without the scenarios of the sensitivity.
fn swept(request: &str) -> Draft {
    let spec = if request == "household" { spec(36, 10_000_000) } else { plan_spec(request, 10_000_000) };
    let mut draft = spec.to_draft();
    draft.params.sensitivity = Some(false);
    draft
}

/// A block of a sweep of 1,000 points.
#[divan::bench(args = ["household", "retire_real"], sample_count = 5, sample_size = 1)]
fn sweep(bencher: Bencher<'_, '_>, request: &str) {
    let pointers = ["/financialProfile/monthlySpending", "/financialProfile/liquidAssets"];
    let axis =
        |(pointer, values): (&str, Vec<f64>)| SweepAxisDraft { pointer: Some(pointer.to_owned()), values };
    let sweep = pointers.into_iter().zip(axes()).map(axis).collect();
    let spec = Draft { sweep, ..swept(request) }.check(1).expect("a valid request");
    let job = Job::new(&spec, Level::detect().expect("a level"));
    let mut accumulator = Accumulator::new(&job);
    bencher.bench_local(|| accumulator.block(&job, black_box(100)));
}

/// The same block of 1,000 jobs, one for each point.
#[divan::bench(args = ["household", "retire_real"], sample_count = 5, sample_size = 1)]
fn sweep_point_by_point(bencher: Bencher<'_, '_>, request: &str) {
    let [spending, assets] = axes();
    let points = spending.iter().flat_map(|spending| assets.iter().map(move |assets| (*spending, *assets)));
    let jobs = points.map(|(spending, assets)| {
        let mut draft = swept(request);
        draft.profile.monthly_spending = Some(spending);
        draft.profile.liquid_assets = Some(assets);
        Job::new(&draft.check(1).expect("a valid request"), Level::detect().expect("a level"))
    });
    let mut jobs: Vec<(Accumulator, Job)> = jobs.map(|job| (Accumulator::new(&job), job)).collect();
    bencher.bench_local(|| {
        for (accumulator, job) in &mut jobs {
            accumulator.block(job, black_box(100));
        }
    });
}

/// Replays one simulation, as the coordinator does with two of every report.
#[divan::bench(args = ["household", "retire_real", "bootstrap_inflation"])]
fn replay(bencher: Bencher<'_, '_>, request: &str) {
    let spec = if request == "household" { lease().0 } else { plan_spec(request, 1_000_000) };
    let replayer = Replayer::new(&spec);
    let mut indices = (0..1_000_000).cycle();
    bencher.bench_local(|| replayer.final_balance(indices.next().expect("indices without end")));
}

/// A block of the first million simulations, with every scenario.
#[divan::bench]
fn block_with_scenarios(bencher: Bencher<'_, '_>) {
    first_blocks(bencher, 4..60);
}

/// A block of the first 65,536 simulations, with every scenario and the fan chart.
#[divan::bench]
fn block_with_scenarios_and_chart(bencher: Bencher<'_, '_>) {
    first_blocks(bencher, 0..4);
}

fn first_blocks(bencher: Bencher<'_, '_>, blocks: std::ops::Range<u64>) {
    let job = Job::new(&spec(36, u64::from(u32::MAX)), Level::detect().expect("a level"));
    blocks_of(bencher, &job, blocks.cycle(), BLOCK_SIMULATIONS);
}
