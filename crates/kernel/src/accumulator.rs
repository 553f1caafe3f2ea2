//! The accumulator of one thread: a dense histogram and exact sums of the simulated blocks, which
//! become a [`Partial`].
#![expect(clippy::inline_always, reason = "loops over balances are vectorised with the level's instructions")]

use carlo_types::results;

use crate::chart::{self, Scale};
use crate::grid::{BINS, Grid, bin, fixed};
use crate::job::Job;
use crate::lanes::{Register, Task};
use crate::lifetime::outcomes::Outcomes;
use crate::lifetime::{self, Lifetime};
use crate::notable::Notable;
use crate::partial::Partial;
use crate::plan::Plan;
use crate::prepared::Prepared;
use crate::sensitivity::{self, ScenarioCounts};
use crate::sparse::drained;
use crate::variants::VariantCounts;

/// The scenarios that every request has.
const BASIC: usize = results::SCENARIOS.len();
/// Independent sums, so that additions can overlap.
const LANES: usize = 16;
/// The number of balances that are recorded together, few enough for the first-level cache.
const BATCH: usize = 1024;

/// Accumulates blocks of one job. It takes about 400 KiB, so use one per thread for many blocks.
#[derive(Debug)]
pub struct Accumulator {
    grid: Grid,
    finals: Vec<f32>,
    scenarios: Vec<Vec<f32>>,
    counts: Vec<u64>,
    tally: Tally,
    sensitivity: ScenarioCounts,
    scales: Vec<Scale>,
    chart: Vec<u64>,
    notable: Notable,
    variants: Vec<VariantCounts>,
    /// The score of each simulation, if success doesn't depend on the final balance alone.
    scores: Vec<f32>,
    outcomes: Vec<Outcomes>,
    /// Whether any simulation met a limit of the model.
    is_limited: bool,
    tally_plan: lifetime::tally::Tally,
}

/// Sums over balances, which are added exactly.
#[derive(Debug, Clone, Copy)]
struct Tally {
    simulations: u64,
    successes: u64,
    least: f32,
    most: f32,
    sum: i128,
    squares: u128,
}

const EMPTY: Tally =
    Tally { simulations: 0, successes: 0, least: f32::INFINITY, most: f32::NEG_INFINITY, sum: 0, squares: 0 };

impl Accumulator {
    /// An empty accumulator for blocks of `job`.
    pub fn new(job: &Job) -> Self {
        Self {
            grid: job.grid(),
            finals: Vec::new(),
            scenarios: vec![Vec::new(); results::SCENARIOS.len()],
            counts: vec![0; BINS],
            tally: EMPTY,
            sensitivity: ScenarioCounts::default(),
            scales: job.scales().to_vec(),
            chart: vec![0; job.scales().len() * chart::BINS],
            notable: job.notable(),
            variants: job.variants().counts(),
            scores: Vec::new(),
            outcomes: Vec::new(),
            is_limited: false,
            tally_plan: lifetime::tally::Tally::new(job.counts(), job.plan().months, job.scenarios().len()),
        }
    }

    /// Simulates a block of `job` and adds its results. `job` must be the job for which the
    /// accumulator was made. A block beyond the job's end has no simulations.
    pub fn block(&mut self, job: &Job, block: u64) {
        let _ = self.block_while(job, block, &|| true);
    }

    /// The same, but a block of a sweep, which may take a minute, is given up once it is not wanted
    /// any more: that is asked every few points. Returns whether the block was added; if not, a
    /// part of it was, and what was collected so far is of no use.
    #[must_use]
    pub fn block_while(&mut self, job: &Job, block: u64, is_wanted: &dyn Fn() -> bool) -> bool {
        let (first, count) = job.indices(block);
        let sampled = if job.sensitivity() { sensitivity::SIMULATIONS.saturating_sub(first) } else { 0 };
        let paired = usize::try_from(sampled).map_or(count, |left| left.min(count));
        let is_whole = match job.prepared() {
            Prepared::Savings(plan) => self.savings(job, plan, block, paired, is_wanted),
            Prepared::Lifetime(lifetime) => self.lifetimes(job, lifetime, block, paired, is_wanted),
        };
        if !is_whole {
            return false;
        }
        let is_scored = !self.scores.is_empty();
        let record = Record {
            grid: self.grid,
            target: job.plan().threshold,
            first,
            finals: &self.finals,
            scores: is_scored.then_some(&self.scores),
            counts: &mut self.counts,
            tally: &mut self.tally,
            notable: &mut self.notable,
        };
        job.level().run(record);
        true
    }

    /// Simulates a block of a savings goal, its first `paired` simulations with every scenario.
    /// Returns `false` if it gave up.
    fn savings(
        &mut self,
        job: &Job,
        plan: &Plan,
        block: u64,
        paired: usize,
        is_wanted: &dyn Fn() -> bool,
    ) -> bool {
        let (_, count) = job.indices(block);
        self.finals.resize(count, 0.0);
        let scenarios = if paired == 0 { &mut [][..] } else { &mut self.scenarios[..] };
        for finals in scenarios.iter_mut() {
            finals.resize(count, 0.0);
        }
        self.is_limited |= job.walk_savings(plan, block, &mut self.finals, scenarios, &mut self.chart);
        if paired > 0 {
            self.sensitivity.add(plan.threshold, &self.finals[..paired], &self.scenarios);
        }
        job.count_variants(block, &self.finals, &mut self.variants, &mut self.is_limited, is_wanted)
    }

    /// Simulates a block of a plan, its first `paired` simulations with every scenario. Returns
    /// `false` if it gave up.
    fn lifetimes(
        &mut self,
        job: &Job,
        lifetime: &Lifetime,
        block: u64,
        paired: usize,
        is_wanted: &dyn Fn() -> bool,
    ) -> bool {
        let (first, count) = job.indices(block);
        let scenarios = if paired == 0 { &[][..] } else { job.scenarios() };
        let others = job.variants().plans().iter().filter_map(|variant| variant.prepared.lifetime());
        let plans: Vec<&Lifetime> = [lifetime].into_iter().chain(scenarios).chain(others).collect();
        self.outcomes.resize_with(plans.len().max(self.outcomes.len()), Outcomes::default);
        let outcomes = &mut self.outcomes[..plans.len()];
        outcomes[0].resize(count);
        outcomes[1..].iter_mut().for_each(|outcomes| outcomes.resize_brief(count));
        job.walk_lifetimes(&plans, block, outcomes, &mut self.chart);
        self.is_limited |= outcomes.iter().any(|outcomes| outcomes.is_limited);

        let threshold = lifetime.plan.threshold;
        self.scores.resize(count, 0.0);
        outcomes[0].score(lifetime.never_short, &mut self.scores);
        self.tally_plan.add(lifetime, first, &outcomes[0], self.grid.fixed_per_dollar());
        std::mem::swap(&mut self.finals, &mut outcomes[0].finals);

        let (scenarios, others) = outcomes[1..].split_at_mut(scenarios.len());
        for (plan, outcomes) in plans[1..].iter().zip(&mut *scenarios) {
            outcomes.score_in_place(plan.never_short);
        }
        if paired > 0 {
            let scored = || scenarios.iter().map(|outcomes| &outcomes.finals);
            self.sensitivity.add(threshold, &self.scores[..paired], scored().take(BASIC));
            self.tally_plan.add_scenarios(threshold, &self.scores[..paired], scored().skip(BASIC));
        }
        let own = (self.scores.as_slice(), threshold);
        if job.variants().plans().is_empty()
            && !job.count_variants(block, own.0, &mut self.variants, &mut self.is_limited, is_wanted)
        {
            return false;
        }
        let (alone, mut others) = (&mut self.scenarios[0], others.iter_mut());
        for (variant, counts) in job.variants().plans().iter().zip(&mut self.variants) {
            if variant.prepared.lifetime().is_some() {
                counts.add(own, &variant.prepared, others.next().expect("each plan has scores"));
            } else {
                let mut outcomes = Outcomes { finals: std::mem::take(alone), ..Outcomes::default() };
                outcomes.finals.resize(count, 0.0);
                self.is_limited |= variant.prepared.scores(job.level(), first, &mut outcomes.finals);
                counts.add(own, &variant.prepared, &mut outcomes);
                *alone = outcomes.finals;
            }
        }
        true
    }

    /// The partial result so far.
    pub fn finish(mut self) -> Partial {
        self.drain()
    }

    /// Takes the partial result. The accumulator is empty afterwards and can be reused.
    pub fn drain(&mut self) -> Partial {
        let Tally { simulations, successes, least, most, sum, squares } =
            std::mem::replace(&mut self.tally, EMPTY);
        let chart = drained(&mut self.chart);
        let notable = self.notable;
        self.notable.seen = None;
        let variants = self.variants.clone();
        self.variants.iter_mut().for_each(VariantCounts::clear);
        Partial {
            grid: self.grid,
            simulations,
            successes,
            least,
            most,
            sum,
            squares,
            bins: drained(&mut self.counts),
            sensitivity: std::mem::take(&mut self.sensitivity),
            scales: if chart.is_empty() { Vec::new() } else { self.scales.clone() },
            chart,
            notable,
            variants,
            plan: self.tally_plan.drain(),
            is_limited: std::mem::take(&mut self.is_limited),
        }
    }
}

/// Adds final balances to an accumulator.
struct Record<'a> {
    grid: Grid,
    target: f32,
    /// The index of the first simulation.
    first: u64,
    finals: &'a [f32],
    /// The scores, if success doesn't depend on the final balance alone.
    scores: Option<&'a Vec<f32>>,
    counts: &'a mut [u64],
    tally: &'a mut Tally,
    notable: &'a mut Notable,
}

impl Task for Record<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Register>(self, _: L) {
        let (center, inverse) = (self.grid.center(), self.grid.inverse());
        let per_dollar = self.grid.fixed_per_dollar();
        let mut bins = [0; BATCH];
        for (batch, first) in self.finals.chunks(BATCH).zip((self.first..).step_by(BATCH)) {
            for (bin_of, &x) in bins.iter_mut().zip(batch) {
                *bin_of = bin((x - center) * inverse);
            }
            for &bin in &bins[..batch.len()] {
                self.counts[bin as usize] += 1;
            }
            self.notable.add(first, batch);
            let batch = sums(batch, self.target, center, per_dollar);
            let tally = &mut *self.tally;
            tally.simulations += batch.simulations;
            if self.scores.is_none() {
                tally.successes += batch.successes;
            }
            tally.least = if batch.least < tally.least { batch.least } else { tally.least };
            tally.most = if batch.most > tally.most { batch.most } else { tally.most };
            tally.sum += batch.sum;
            tally.squares += batch.squares;
        }
        if let Some(scores) = self.scores {
            let succeeded = scores.iter().filter(|&&score| score >= self.target).count();
            self.tally.successes += succeeded as u64;
        }
    }
}

/// The tally of at most [`BATCH`] balances.
#[inline(always)]
fn sums(batch: &[f32], target: f32, center: f32, per_dollar: f64) -> Tally {
    let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let mut successes = [0_u32; LANES];
    // A square is computed from two halves of 22 bits, so that each of these sums stays below 2⁵⁸.
    let (mut sum, mut high, mut middle, mut low) =
        ([0_i64; LANES], [0_i64; LANES], [0_i64; LANES], [0_i64; LANES]);
    let (groups, rest) = batch.as_chunks::<LANES>();
    let mut add = |lane: usize, x: f32| {
        // −0 becomes 0, so that the order of two equal extremes doesn't change their bits.
        let x = x + 0.0;
        least[lane] = if x < least[lane] { x } else { least[lane] };
        most[lane] = if x > most[lane] { x } else { most[lane] };
        successes[lane] += u32::from(x >= target);
        let q = fixed(x, center, per_dollar);
        sum[lane] += q;
        let (upper, lower) = (q >> 22, q & 0x3f_ffff);
        high[lane] += upper * upper;
        middle[lane] += upper * lower;
        low[lane] += lower * lower;
    };
    for group in groups {
        for (lane, &x) in group.iter().enumerate() {
            add(lane, x);
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        add(lane, x);
    }
    let total = |lanes: [i64; LANES]| lanes.into_iter().map(i128::from).sum::<i128>();
    let squares = (total(high) << 44) + (total(middle) << 23) + total(low);
    Tally {
        simulations: batch.len() as u64,
        successes: successes.into_iter().map(u64::from).sum(),
        least: least.into_iter().fold(f32::INFINITY, f32::min),
        most: most.into_iter().fold(f32::NEG_INFINITY, f32::max),
        sum: total(sum),
        squares: squares.cast_unsigned(),
    }
}
