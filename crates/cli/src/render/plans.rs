//! The results of comparisons and of solving for a number.

use carlo_rest::plans::{ComparedPlan, Comparison, Solution, Solved};

use super::facts;
use super::lifetime::years;
use super::number::{dollars, grouped, percent, percent_decimals};
use super::table::{Align, Table};

/// The plans of a comparison with the names of their files.
pub fn comparison(names: &[String], comparison: &Comparison) -> String {
    let provenance = [
        (
            "simulations",
            format!("{} of each, with the same random numbers", grouped(comparison.simulations_run)),
        ),
        ("seed", comparison.seed.clone()),
        ("model version", comparison.model_version.to_string()),
        ("digest", comparison.digest.clone()),
    ];
    format!("{}\n\n{}", plans(names, &comparison.plans), facts(&provenance))
}

/// The results of plans, each compared with the first.
pub fn plans(names: &[String], plans: &[ComparedPlan]) -> String {
    let head = ["plan", "probability", "95 % interval", "points", "standard error"];
    let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    let mut table = Table::new(std::array::from_fn(|column| (head[column], align[column])));
    for (number, (name, plan)) in names.iter().zip(plans).enumerate() {
        let [low, high] = plan.confidence_interval_95;
        let decimals = percent_decimals([low, high]);
        // The first plan is compared with nothing.
        let points = |points: f64, sign: bool| match (number, sign) {
            (0, _) => String::new(),
            (_, true) => format!("{:+.2}", 100.0 * points),
            (_, false) => format!("{:.2}", 100.0 * points),
        };
        table.push([
            name.clone(),
            percent(plan.success_probability, decimals),
            format!("{} to {}", percent(low, decimals), percent(high, decimals)),
            points(plan.delta, true),
            points(plan.delta_standard_error, false),
        ]);
    }
    table.fitted().to_string()
}

/// The result of solving for a number.
pub fn solved(solved: &Solved) -> String {
    let plans = solved.solution.tried.len() + 1;
    let provenance = [
        ("as it is now", percent(solved.base_probability, 2)),
        ("simulations", format!("{} for each of {plans} plans", grouped(solved.simulations_run))),
        ("seed", solved.seed.clone()),
        ("model version", solved.model_version.to_string()),
        ("digest", solved.digest.clone()),
    ];
    format!("{}\n\n{}", solution(&solved.solution), facts(&provenance))
}

/// The solution in a sentence.
pub fn solution(solution: &Solution) -> String {
    let told = |value: f64| match solution.variable.as_str() {
        "earliestMonth" => format!("month {value}"),
        "earliestRetirement" => format!("after month {value} ({})", years(value)),
        "maxWithdrawal" => format!("{value:.3} times what is planned"),
        _ => dollars(value),
    };
    let wanted = percent(solution.probability, 1);
    let what = match solution.variable.as_str() {
        "maxSpending" => "The most to spend each month",
        "minIncome" => "The least to earn each month",
        "earliestMonth" => "The earliest time",
        "maxTarget" => "The most to aim at",
        "minLiquidAssets" => "The least to begin with",
        "earliestRetirement" => "The earliest retirement",
        "maxWithdrawal" => "The most to withdraw",
        other => other,
    };
    let below_again = solution
        .below_again_after
        .map_or_else(String::new, |month| format!("\nafter month {month} the probability is below it again"));
    let found = match (solution.value, solution.interval_95) {
        (Some(value), Some([low, high])) => format!(
            "{what} for a probability of {wanted}: {}\n95 % interval {} to {}",
            told(value),
            told(low),
            told(high)
        ),
        (Some(value), None) => format!("{what} for a probability of {wanted}: {}", told(value)),
        (None, _) => format!("{what} for a probability of {wanted}: no value reaches it"),
    };
    found + &below_again
}

#[cfg(test)]
mod tests {
    use carlo_rest::plans::TriedPlan;
    use carlo_types::analysis::Variable;

    use super::*;

    #[test]
    fn a_comparison_is_a_table_with_the_first_plan_as_its_measure() {
        let plan = |success_probability, delta| ComparedPlan {
            success_probability,
            standard_error: 0.001,
            confidence_interval_95: [success_probability - 0.002, success_probability + 0.002],
            delta,
            delta_standard_error: if delta == 0.0 { 0.0 } else { 0.0004 },
            mean: None,
            median: None,
        };
        let comparison = Comparison {
            plans: vec![plan(0.5, 0.0), plan(0.625, 0.125)],
            simulations_run: 100_000,
            seed: "7".to_owned(),
            model_version: 2,
            digest: "ab".to_owned(),
        };
        let told = super::comparison(&["now.json".to_owned(), "later.json".to_owned()], &comparison);
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[1].starts_with("now.json") && lines[1].ends_with("49.80 % to 50.20 %"), "{told}");
        assert!(lines[2].ends_with("+12.50            0.04"), "{told}");
        assert!(told.contains("100,000 of each, with the same random numbers"), "{told}");
    }

    #[test]
    fn what_was_solved_for_is_a_sentence_also_where_there_is_none() {
        let solution = Solution {
            variable: Variable::MaxSpending,
            probability: 0.9,
            value: Some(2_345.4),
            interval_95: Some([2_340.0, 2_350.0]),
            below_again_after: None,
            tried: vec![TriedPlan { value: 1.0, success_probability: 0.5, standard_error: 0.1 }; 17],
        };
        let mut solved = Solved {
            solution,
            base_probability: 0.4798,
            simulations_run: 100_000,
            seed: "7".to_owned(),
            model_version: 2,
            digest: "ab".to_owned(),
        };
        let told = super::solved(&solved);
        assert!(
            told.starts_with(
                "The most to spend each month for a probability of 90.0 %: $2,345\n95 % interval $2,340 to $2,350\n"
            ),
            "{told}"
        );
        assert!(told.contains("100,000 for each of 18 plans"), "{told}");
        (solved.solution.value, solved.solution.interval_95) = (None, None);
        assert!(super::solved(&solved).contains("90.0 %: no value reaches it"));
        (solved.solution.variable, solved.solution.value) = (Variable::EarliestMonth, Some(41.0));
        assert!(
            super::solved(&solved).starts_with("The earliest time for a probability of 90.0 %: month 41\n")
        );
        solved.solution.below_again_after = Some(77.0);
        assert!(super::solved(&solved).contains("41\nafter month 77 the probability is below it again\n"));
    }
}
