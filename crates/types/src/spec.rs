//! The specification of a job: a checked request with all defaults filled in, and its analysis.
//!
//! A [`JobSpec`] can only be made by a check, which reports all faults at once: [`Draft::check`]
//! for messages, [`JobSpec::read`] for JSON. The inverse is [`JobSpec::to_draft`], which makes a
//! draft with all defaults filled in. In this form a specification is sent to workers and stored in
//! the ledger.

use std::ops::{Deref, DerefMut};

use serde_json::Value;

use crate::analysis::{self, Analysis, CANDIDATES, Solve, SolveDraft, TIMELINES, VARIANTS_MAX, Variable};
use crate::definition::kind::Seed;
use crate::definition::{self, Canonical, Faults, Section as _};
use crate::fault::{Fault, FieldFault};
use crate::limits::TIMELINE_MONTHS_MAX;
use crate::request::plan::SpendingRule;
use crate::request::{CreditCard, Loan, Request, RequestDraft};
use crate::sweep::{self, AXES_MAX, SweepAxis, SweepAxisDraft};

/// A checked job. All numbers are finite and within their ranges.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobSpec {
    /// The request. The specification derefs to it.
    pub request: Request,
    /// The analysis.
    pub analysis: Analysis,
}

/// An unchecked job, in which everything is optional.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The request. The draft derefs to it.
    pub request: RequestDraft,
    /// Plans for a comparison with the same random numbers.
    pub variants: Vec<Draft>,
    /// The variable and the wanted probability, to solve for a number.
    pub solve: Option<SolveDraft>,
    /// The axes of a sweep.
    pub sweep: Vec<SweepAxisDraft>,
}

impl Deref for JobSpec {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.request
    }
}

impl DerefMut for JobSpec {
    fn deref_mut(&mut self) -> &mut Request {
        &mut self.request
    }
}

impl Deref for Draft {
    type Target = RequestDraft;

    fn deref(&self) -> &RequestDraft {
        &self.request
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut RequestDraft {
        &mut self.request
    }
}

impl JobSpec {
    /// Reads the JSON of a request without an analysis.
    ///
    /// # Errors
    ///
    /// All faults of the request.
    pub fn read(value: &Value) -> Result<Self, Fault> {
        let mut faults = Faults::default();
        let request = definition::read(value, &mut faults);
        faults.none_or(Self::new(request, Analysis::None))
    }

    /// The job of a request without an analysis.
    pub fn of(request: Request) -> Self {
        Self::new(request, Analysis::None)
    }

    pub(crate) fn new(request: Request, analysis: Analysis) -> Self {
        Self { request, analysis }
    }

    /// The job with this seed, if its request has none. Compared plans get the seed of the job.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        let seed = *self.request.params.seed.get_or_insert(Seed(seed));
        if let Analysis::Compare(others) = &mut self.analysis {
            for other in others {
                other.request.params.seed = Some(seed);
            }
        }
        self
    }

    /// The draft with the same content and all defaults filled in.
    pub fn to_draft(&self) -> Draft {
        let (mut variants, mut solve, mut sweep) = (Vec::new(), None, Vec::new());
        match &self.analysis {
            Analysis::None => {}
            Analysis::Compare(others) => variants.extend(others.iter().map(Self::to_draft)),
            Analysis::Solve(asked) => solve = Some(asked.to_draft()),
            Analysis::Sweep(axes) => sweep.extend(axes.iter().map(SweepAxis::to_draft)),
        }
        Draft { request: self.request.to_draft(), variants, solve, sweep }
    }

    /// The number of simulations, 1 to 10¹².
    pub fn simulations(&self) -> u64 {
        self.params.n_simulations
    }

    /// The seed of the random numbers, which is set when a job is admitted.
    pub fn seed(&self) -> u64 {
        self.params.seed.map_or(0, |Seed(seed)| seed)
    }

    /// Whether a shorter timeline is the same household that stops earlier, so that one walk
    /// computes all timelines. This isn't so with a rule that looks ahead to the end.
    pub fn is_one_walk_in_time(&self) -> bool {
        match &self.plan.spending_rule {
            None | Some(SpendingRule::Percent(_)) => true,
            Some(SpendingRule::Guardrails(rule)) => rule.no_cut_years == 0,
            Some(SpendingRule::Vpw(_)) => false,
        }
    }

    /// The largest number of months that are computed for each simulation: those of the job's own
    /// plan and of its variants, without sensitivity. A job that solves may compute fewer,
    /// according to its partial results ([`Merge::months`](crate::Merge::months)).
    pub fn months(&self) -> u32 {
        let own = self.goal.timeline_months;
        match &self.analysis {
            Analysis::None => own,
            Analysis::Compare(variants) => {
                variants.iter().fold(own, |sum, variant| sum.saturating_add(variant.goal.timeline_months))
            }
            Analysis::Solve(asked) => match asked.variable {
                Variable::MaxTarget => own,
                Variable::EarliestMonth if self.is_one_walk_in_time() => own + TIMELINE_MONTHS_MAX,
                Variable::EarliestMonth => own + TIMELINES * TIMELINE_MONTHS_MAX,
                _ => own * (1 + u32::from(CANDIDATES)),
            },
            Analysis::Sweep(axes) => {
                let points = sweep::months(&self.request, axes);
                own.saturating_add(u32::try_from(points).unwrap_or(u32::MAX))
            }
        }
    }

    /// The bytes that a digest covers: all inputs that the model reads and that differ from their
    /// defaults, and the analysis.
    pub fn canonical(&self) -> Vec<u8> {
        let mut canonical = Canonical::default();
        self.request.with_ends().canonical(&mut canonical);
        match &self.analysis {
            Analysis::None => {}
            Analysis::Compare(variants) => {
                for variant in variants {
                    canonical.text("compare");
                    canonical.item(|inner| variant.request.with_ends().canonical(inner));
                }
            }
            Analysis::Solve(asked) => {
                canonical.text("solve");
                canonical.item(|inner| asked.canonical(inner));
            }
            Analysis::Sweep(axes) => {
                canonical.text("sweep");
                for axis in axes {
                    canonical.item(|inner| axis.canonical(inner));
                }
            }
        }
        canonical.into_bytes()
    }
}

/// A credit card or a loan in the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The debt at the start, in dollars.
    pub balance: f64,
    /// Yearly interest in percent.
    pub yearly_rate_percent: f64,
    /// The monthly payment in dollars, as long as there is enough debt.
    pub monthly_payment: f64,
}

impl From<&CreditCard> for Account {
    fn from(card: &CreditCard) -> Self {
        let CreditCard { id: _, balance, apr, minimum_payment } = *card;
        Self { balance, yearly_rate_percent: apr, monthly_payment: minimum_payment }
    }
}

impl From<&Loan> for Account {
    fn from(loan: &Loan) -> Self {
        let Loan { id: _, balance, interest_rate, monthly_payment } = *loan;
        Self { balance, yearly_rate_percent: interest_rate, monthly_payment }
    }
}

impl Draft {
    /// Checks all rules of the inputs and fills in all defaults.
    ///
    /// `seed` is a random seed from the caller, which is used if the draft has none.
    ///
    /// # Errors
    ///
    /// All faults of the draft, at most one per field.
    pub fn check(&self, seed: u64) -> Result<JobSpec, Fault> {
        let mut faults = Faults::default();
        let spec = self.clone().check_at("", seed, &mut faults);
        faults.none_or(spec)
    }

    /// The job of a draft that was checked before, perhaps with older rules. Values are not checked
    /// again.
    pub fn checked_before(self, seed: u64) -> JobSpec {
        self.check_at("", seed, &mut Faults::of_checked())
    }

    /// Checks one draft among others. `pointer` is the prefix of the pointers of its faults.
    pub fn check_at(self, pointer: &str, seed: u64, faults: &mut Faults) -> JobSpec {
        let Self { request, variants, solve, sweep } = self;
        let mut request: Request = definition::check(request, pointer, faults);
        let seed = *request.params.seed.get_or_insert(Seed(seed));
        let fault = |at: &str, message: &str| FieldFault::new(format!("{pointer}{at}"), message);
        if !sweep.is_empty() && (solve.is_some() || !variants.is_empty()) {
            faults.push(fault("/sweep", "can't be asked for together with variants or solve"));
        }
        let analysis = match (solve, variants.len()) {
            (None, 0) if !sweep.is_empty() => Analysis::Sweep(check_sweep(&request, sweep, pointer, faults)),
            (None, 0) => Analysis::None,
            (Some(solve), 0) => {
                let solve: Solve = definition::check(solve, &format!("{pointer}/solve"), faults);
                if let Some(reason) = analysis::why_not(&request, solve.variable) {
                    faults.push(fault("/solve/for", reason));
                }
                Analysis::Solve(solve)
            }
            (Some(_), _) => {
                faults.push(fault("/solve", "can't be asked for together with variants"));
                Analysis::None
            }
            (None, count) if count > VARIANTS_MAX => {
                let message = format!("must have at most {VARIANTS_MAX} entries, not {count}");
                faults.push(fault("/variants", &message));
                Analysis::None
            }
            (None, _) => {
                let shared = (request.params.n_simulations, seed.0);
                let variants = variants.into_iter().enumerate();
                let checked = variants.map(|(i, variant)| {
                    variant.check_variant(&format!("{pointer}/variants/{i}"), shared, faults)
                });
                Analysis::Compare(checked.collect())
            }
        };
        JobSpec { request, analysis }
    }

    /// Checks a further plan of a comparison with this number of simulations and this seed.
    fn check_variant(
        mut self,
        pointer: &str,
        (simulations, seed): (u64, u64),
        faults: &mut Faults,
    ) -> JobSpec {
        let params = &mut self.request.params;
        let given = [
            ("nSimulations", params.n_simulations.replace(simulations), simulations),
            ("seed", params.seed.replace(seed), seed),
        ];
        for (name, own, first) in given {
            if own.is_some_and(|own| own != first) {
                faults.push(FieldFault::new(format!("{pointer}/simulationParams/{name}"), NOT_THE_SAME));
            }
        }
        if !self.variants.is_empty() || self.solve.is_some() || !self.sweep.is_empty() {
            faults.push(FieldFault::new(pointer, "must not ask for variants, solve or sweep of its own"));
        }
        JobSpec { request: definition::check(self.request, pointer, faults), analysis: Analysis::None }
    }
}

/// Checks the axes of a sweep over a request.
fn check_sweep(
    request: &Request,
    sweep: Vec<SweepAxisDraft>,
    pointer: &str,
    faults: &mut Faults,
) -> Vec<SweepAxis> {
    if sweep.len() > AXES_MAX {
        let message = format!("must have at most {AXES_MAX} entries, not {}", sweep.len());
        faults.push(FieldFault::new(format!("{pointer}/sweep"), message));
        return Vec::new();
    }
    let checked = |(i, draft)| definition::check::<SweepAxis>(draft, &format!("{pointer}/sweep/{i}"), faults);
    let mut axes: Vec<_> = sweep.into_iter().enumerate().map(checked).collect();
    // A faulty request can't be swept.
    if faults.is_empty() {
        for (at, message) in sweep::check(request, &mut axes) {
            faults.push(FieldFault::new(format!("{pointer}/sweep{at}"), message));
        }
    }
    axes
}

/// The fault of a further plan with another number of simulations or another seed.
pub(crate) const NOT_THE_SAME: &str = "must be that of the plan that it is compared with";

#[cfg(test)]
mod tests;
