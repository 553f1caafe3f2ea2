//! Jobs that compare plans or solve for a number of one, against jobs of their own.

use carlo_kernel::{Accumulator, Job, Partial, results, threshold};
use carlo_types::analysis::SolveDraft;
use carlo_types::analysis::Variable;
use carlo_types::definition::kind::Seed;
use carlo_types::results::Solution;
use carlo_types::sweep::SweepAxisDraft;
use carlo_types::{BLOCK_SIMULATIONS, Draft, JobSpec, Merge};

use crate::{golden, level, partial, whole};

const COUNT: u64 = 5 * BLOCK_SIMULATIONS + 4_321;

fn plan(case: usize) -> Draft {
    golden::cases()[case].spec(COUNT, 5).to_draft()
}

fn probability(draft: &Draft) -> f64 {
    let spec = draft.check(0).unwrap();
    results(&spec, &whole(&spec, level())).success_probability
}

fn asking(draft: &Draft, variable: Variable, probability: f64) -> JobSpec {
    let solve = SolveDraft { variable: Some(variable.to_string()), probability: Some(probability) };
    Draft { solve: Some(solve), ..draft.clone() }.check(0).unwrap()
}

fn solution(draft: &Draft, variable: Variable, probability: f64) -> Solution {
    let spec = asking(draft, variable, probability);
    results(&spec, &whole(&spec, level())).solution.unwrap()
}

/// The plan with another value of a variable.
fn with(draft: &Draft, variable: Variable, value: f64) -> Draft {
    let mut draft = draft.clone();
    match variable {
        Variable::MaxSpending => draft.profile.monthly_spending = Some(value),
        Variable::MinIncome => draft.inputs.monthly_income = Some(value),
        #[expect(clippy::cast_sign_loss, reason = "1 to 1200")]
        Variable::EarliestMonth => {
            draft.goal.timeline_months = Some(value as u64);
        }
        Variable::MaxTarget => draft.goal.target_amount = Some(value),
        Variable::MinLiquidAssets => draft.profile.liquid_assets = Some(value),
        Variable::EarliestRetirement | Variable::MaxWithdrawal => unreachable!("only plans have them"),
    }
    draft
}

#[test]
fn variants_are_jobs_of_their_own_with_the_same_random_numbers() {
    let (first, other) = (plan(0), plan(0));
    let mut longer = other.clone();
    longer.goal.timeline_months = Some(40);
    longer.params.annual_return_std = Some(0.3);
    let compared = Draft { variants: vec![other, longer.clone()], ..first.clone() };
    let spec = compared.check(0).unwrap();
    let answer = results(&spec, &whole(&spec, level()));

    assert_eq!(answer.success_probability, probability(&first));
    let [same, different] = answer.variants.as_slice() else { panic!("{:?}", answer.variants) };
    assert_eq!((same.delta, same.delta_standard_error), (0.0, 0.0));
    assert_eq!(same.success_probability, answer.success_probability);
    assert_eq!(different.success_probability, probability(&longer));
    assert!((different.delta - (different.success_probability - answer.success_probability)).abs() < 1e-12);

    let reached = |draft: &Draft| -> Vec<f64> {
        let spec = draft.check(0).unwrap();
        let job = Job::new(&spec, level());
        let finals = (0..6).flat_map(|block| job.final_balances(block));
        finals.map(|x| f64::from(u8::from(x >= threshold(spec.goal.target_amount)))).collect()
    };
    let pairs: Vec<f64> = reached(&longer).iter().zip(reached(&first)).map(|(new, old)| new - old).collect();
    let n = COUNT as f64;
    let variance = pairs.iter().map(|pair| (pair - different.delta).powi(2)).sum::<f64>() / n;
    assert!((different.delta_standard_error - (variance / n).sqrt()).abs() < 1e-9);
}

fn sweeping(draft: &Draft, axes: &[(&str, Vec<f64>)]) -> JobSpec {
    let over = |(pointer, values): &(&str, Vec<f64>)| SweepAxisDraft {
        pointer: Some((*pointer).to_owned()),
        values: values.clone(),
    };
    let sweep = axes.iter().map(over).collect();
    Draft { sweep, ..draft.clone() }.check(0).unwrap_or_else(|fault| panic!("{fault:?}"))
}

/// Each point has the results of a job of its own, also if a number turns a savings goal into a
/// plan.
#[test]
fn points_of_a_sweep_are_jobs_of_their_own() {
    let axes = [
        ("/financialProfile/monthlySpending", vec![3_100.0, 3_300.0, 3_500.0]),
        ("/plan/incomeUntil", vec![20.0, 36.0]),
    ];
    let spec = sweeping(&plan(0), &axes);
    assert_eq!(spec.months(), 7 * 36);
    let answer = results(&spec, &whole(&spec, level()));
    assert_eq!(answer.variants.len(), 6);
    for (i, point) in answer.variants.iter().enumerate() {
        let mut draft = plan(0);
        draft.profile.monthly_spending = Some(axes[0].1[i / 2]);
        draft.plan.income_until = Some([20, 36][i % 2]);
        let own = draft.check(0).unwrap();
        let own = results(&own, &whole(&own, level()));
        assert_eq!(point.success_probability, own.success_probability, "{i}");
        assert!((point.delta - (own.success_probability - answer.success_probability)).abs() < 1e-12);
        let spread = own.percentiles[6] - own.percentiles[0];
        assert!((point.mean.unwrap() - own.mean).abs() < 1e-5 * spread, "{i}: {point:?}, not {}", own.mean);
        let apart = (point.median.unwrap() - own.median()).abs();
        assert!(apart < 1e-3 * spread, "{i}: {point:?}, not {}", own.median());
    }
    let compared = Draft { variants: vec![plan(0)], ..plan(0) }.check(0).unwrap();
    let compared = results(&compared, &whole(&compared, level()));
    assert!((compared.variants[0].mean.unwrap() / compared.mean - 1.0).abs() < 1e-5);
}

/// The largest sweep, cut as it may be: the same bits, and reports that stay small.
#[test]
fn a_block_of_a_sweep_is_given_up_once_it_is_not_wanted() {
    let targets = (0..100).map(|i| 50_000.0 + f64::from(i)).collect();
    let spec = sweeping(&plan(0), &[("/goal/targetAmount", targets)]);
    let job = Job::new(&spec, level());
    let asked = std::cell::Cell::new(0);
    let mut accumulator = Accumulator::new(&job);
    let is_whole = accumulator.block_while(&job, 0, &|| {
        asked.set(asked.get() + 1);
        asked.get() < 3
    });
    assert!(!is_whole && asked.get() == 3, "{} questions", asked.get());
    assert!(Accumulator::new(&job).block_while(&job, 0, &|| true));
}

#[test]
fn a_large_sweep_merges_exactly_from_small_reports() {
    let mut draft = plan(0);
    draft.params.n_simulations = Some(2 * BLOCK_SIMULATIONS + 77);
    draft.goal.timeline_months = Some(8);
    let values = |from: f64| (0..32).map(|i| from + 10.0 * f64::from(i)).collect();
    let axes =
        [("/financialProfile/monthlySpending", values(3_000.0)), ("/goal/targetAmount", values(14_000.0))];
    let spec = sweeping(&draft, &axes);
    let job = Job::new(&spec, level());
    let mut sum = partial(&job, [2]);
    for blocks in [[1], [0]] {
        let part = partial(&job, blocks);
        let bytes = part.encode();
        assert!(bytes.len() < 64 * 1024, "{} bytes", bytes.len());
        assert_eq!(Partial::decode(&bytes).unwrap(), part);
        sum.merge(&part);
    }
    assert_eq!(sum, whole(&spec, level()));
    let answer = results(&spec, &sum);
    assert_eq!(answer.variants.len(), 1_024);
    let falls =
        |pair: &[carlo_types::results::Variant]| pair[0].success_probability >= pair[1].success_probability;
    assert!(answer.variants[..32].windows(2).all(falls), "a higher target is harder");
    let other = sweeping(&draft, &[("/goal/targetAmount", values(14_000.0))]);
    assert_ne!(results(&other, &sum).digest, answer.digest);
}

#[test]
fn what_is_solved_for_gives_the_wanted_probability() {
    for case in [0, 4] {
        let plan = plan(case);
        for variable in [
            Variable::MaxSpending,
            Variable::MinIncome,
            Variable::EarliestMonth,
            Variable::MaxTarget,
            Variable::MinLiquidAssets,
        ] {
            for wanted in [0.25, 0.9] {
                let solution = solution(&plan, variable, wanted);
                let Some(value) = solution.value else {
                    panic!("case {case}: {variable} has no value for {wanted}");
                };
                let [low, high] = solution.interval_95.unwrap();
                assert!(low <= value && value <= high, "{solution:?}");
                let given = probability(&with(&plan, variable, value));
                if variable == Variable::EarliestMonth {
                    assert!(given >= wanted, "case {case}: {solution:?} gives {given}");
                    let before = probability(&with(&plan, variable, (value - 1.0).max(1.0)));
                    assert!(before < wanted || value == 1.0, "case {case}: {solution:?} is late: {before}");
                } else {
                    // What a straight line between two candidates is off.
                    assert!((given - wanted).abs() < 2e-3, "case {case}: {solution:?} gives {given}");
                }
            }
        }
    }
}

#[test]
fn the_interval_of_what_is_solved_for_is_that_of_the_probability() {
    let plan = plan(0);
    let solution = solution(&plan, Variable::MaxSpending, 0.5);
    let error = 1.96 * (0.25 / COUNT as f64).sqrt();
    let [low, high] = solution.interval_95.unwrap();
    for (value, expected) in [(low, 0.5 + error), (high, 0.5 - error)] {
        let given = probability(&with(&plan, Variable::MaxSpending, value));
        assert!((given - expected).abs() < error / 2.0, "{solution:?}: {given}, not {expected}");
    }
}

#[test]
fn what_nothing_reaches_has_no_value_and_what_everything_reaches_has_the_least() {
    let mut hopeless = plan(0);
    hopeless.params.emergency_probability = Some(1.0);
    hopeless.params.emergency_min = Some(1e6);
    hopeless.params.emergency_max = Some(1e6);
    let none = solution(&hopeless, Variable::MaxSpending, 0.9);
    assert_eq!((none.value, none.interval_95), (None, None));

    let mut rich = plan(0);
    rich.profile.liquid_assets = Some(1e9);
    assert_eq!(solution(&rich, Variable::MinIncome, 0.9).value, Some(0.0));
    assert_eq!(solution(&rich, Variable::EarliestMonth, 0.9).value, Some(1.0));
}

#[test]
fn what_never_changes_is_solved_for_exactly() {
    let mut certain = plan(0);
    let params = &mut certain.params;
    for none in [
        &mut params.annual_return_std,
        &mut params.inflation_volatility,
        &mut params.income_volatility,
        &mut params.expense_volatility,
        &mut params.emergency_probability,
        &mut params.annual_raise_volatility,
        &mut params.promotion_probability,
    ] {
        *none = Some(0.0);
    }
    let spec = certain.check(0).unwrap();
    let balance = results(&spec, &whole(&spec, level())).mean;
    let target = solution(&certain, Variable::MaxTarget, 0.9).value.unwrap();
    assert!((target / balance - 1.0).abs() < 1e-5, "{target} of {balance}");
}

#[test]
fn questions_are_answered_the_same_however_the_work_is_cut() {
    let spec = asking(&plan(0), Variable::MinIncome, 0.75);
    let job = Job::new(&spec, level());
    let mut sum = partial(&job, [4, 1]);
    for blocks in [[0, 5], [3, 2]] {
        let part = partial(&job, blocks);
        assert_eq!(Partial::decode(&part.encode()).unwrap(), part);
        sum.merge(&part);
    }
    let expected = whole(&spec, level());
    assert_eq!(sum, expected);

    let answer = results(&spec, &expected);
    let other = asking(&plan(0), Variable::MinIncome, 0.76);
    assert_ne!(results(&other, &expected).digest, answer.digest, "the digest is of the question");
    let plain = plan(0).check(0).unwrap();
    assert!(!whole(&plain, level()).fits(&expected), "partial results of other questions don't merge");
}

#[test]
fn the_earliest_month_does_not_depend_on_the_timeline_of_the_request() {
    let found = [12, 36, 120].map(|months| {
        let mut draft = plan(0);
        draft.profile = carlo_types::request::ProfileDraft {
            liquid_assets: Some(5_000.0),
            monthly_spending: Some(3_000.0),
            ..Default::default()
        };
        draft.inputs.monthly_income = Some(3_400.0);
        draft.goal.target_amount = Some(9_000.0);
        draft.goal.timeline_months = Some(months);
        draft.params.annual_raise_mean = Some(0.0);
        draft.params.promotion_probability = Some(0.0);
        let solution = solution(&draft, Variable::EarliestMonth, 0.5);
        let month = solution.value.expect("month 36 is reached with 60 %");
        assert!(probability(&with(&draft, Variable::EarliestMonth, month)) >= 0.5, "{solution:?}");
        let before = probability(&with(&draft, Variable::EarliestMonth, month - 1.0));
        assert!(before < 0.5, "{solution:?}: {before} a month before");
        month
    });
    assert!(found.iter().all(|month| *month == found[0]), "{found:?}");
}

/// Emergencies of one size and nothing else: success jumps where one emergency less can be met.
#[test]
fn where_success_jumps_the_answer_is_the_cent_that_reaches_it() {
    let mut draft = plan(0);
    let params = &mut draft.params;
    for none in [
        &mut params.annual_return_mean,
        &mut params.annual_return_std,
        &mut params.inflation_rate,
        &mut params.inflation_volatility,
        &mut params.income_volatility,
        &mut params.expense_volatility,
        &mut params.annual_raise_mean,
        &mut params.annual_raise_volatility,
        &mut params.promotion_probability,
    ] {
        *none = Some(0.0);
    }
    (params.emergency_min, params.emergency_max) = (Some(1_234.56), Some(1_234.56));
    for (variable, towards_failure) in [
        (Variable::MinLiquidAssets, -0.02),
        (Variable::MaxTarget, 0.02),
        (Variable::MinIncome, -0.01),
        (Variable::MaxSpending, 0.01),
    ] {
        for wanted in [0.5, 0.8] {
            let value = solution(&draft, variable, wanted).value.unwrap();
            let reached = probability(&with(&draft, variable, value));
            assert!(reached >= wanted, "{variable}: {value} gives {reached}, not {wanted}");
            let missed = probability(&with(&draft, variable, value + towards_failure));
            assert!(missed < wanted, "{variable}: more than {value} gives {missed}");
        }
    }
}

/// The true value lies within the interval in at least 93 % of small jobs, also where nearly all or
/// nearly none succeed.
#[test]
fn intervals_of_what_is_solved_for_hold_the_truth_at_the_ends() {
    const SEEDS: u64 = 150;
    let mut draft = plan(0);
    draft.goal.timeline_months = Some(6);
    for (wanted, least) in [(0.001, 140), (0.5, 138), (0.999, 140)] {
        draft.params.n_simulations = Some(2_000_000);
        let truth = solution(&draft, Variable::MaxTarget, wanted).value.unwrap();
        draft.params.n_simulations = Some(1_000);
        let mut held = 0;
        for seed in 0..SEEDS {
            let mut spec = asking(&draft, Variable::MaxTarget, wanted);
            spec.params.seed = Some(Seed(seed));
            let solution = results(&spec, &whole(&spec, level())).solution.unwrap();
            let [low, high] = solution.interval_95.unwrap();
            held += u64::from((low..=high).contains(&truth));
        }
        assert!(held >= least, "{wanted}: {held} of {SEEDS}");
    }
}
