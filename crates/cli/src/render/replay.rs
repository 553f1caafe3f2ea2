//! One simulation of a job, month by month.

use carlo_types::replay::Regime;
use carlo_types::{Replay, ReplayMonth};

use super::number::{dollars, percent};
use super::table::{Align, Table};

/// A line for each month, and one for the outcome.
pub fn replay(replay: &Replay) -> String {
    let head = ["month", "income", "spending", "payment", "emergency", "market", "balance", ""];
    let mut table = Table::new(std::array::from_fn(|column| {
        (head[column], if column == 7 { Align::Left } else { Align::Right })
    }));
    for month in &replay.months {
        table.push([
            month.month.to_string(),
            dollars(month.income + month.income_noise),
            dollars(month.spending + month.expense_noise),
            dollars(month.payment),
            month.emergency.map(dollars).unwrap_or_default(),
            dollars(month.market_return),
            dollars(month.balance),
            remarks(month),
        ]);
    }
    let owed =
        if replay.owed > 0.0 { format!(", with {} still owed", dollars(replay.owed)) } else { String::new() };
    let ending = if replay.succeeded { "it reached the goal" } else { "it missed the goal" };
    format!(
        "simulation {}, from {}\n\n{}\n\nfinal balance {}{owed}: {ending}",
        replay.index,
        dollars(replay.starting_balance),
        table.fitted(),
        dollars(replay.final_balance),
    )
}

/// Remarks on a month.
fn remarks(month: &ReplayMonth) -> String {
    let raise = |what: &str, rate: Option<f64>| rate.map(|rate| format!("{what} {}", percent(rate, 1)));
    let lives = |(number, lives): (usize, &bool)| (!lives).then(|| format!("person {number} has died"));
    let mut remarks = vec![
        raise("raise", month.annual_raise),
        raise("promotion", month.promotion_raise),
        month.flows.filter(|&flows| flows != 0.0).map(|flows| format!("flows {}", dollars(flows))),
        month.interest.map(|interest| format!("interest {}", dollars(interest))),
        month.spending_multiplier.map(|share| format!("spending {} of plan", percent(share, 0))),
        month.price_level.map(|level| format!("prices {level:.3}")),
        month.real_balance.map(|balance| format!("{} in today's dollars", dollars(balance))),
        month.regime.map(|regime| match regime {
            Regime::Calm => "calm".to_owned(),
            Regime::Stress => "stress".to_owned(),
        }),
        month.row.map(|row| format!("row {row}")),
    ];
    remarks.extend(month.lives.iter().enumerate().map(lives));
    remarks.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_is_a_line_for_each_month_and_an_ending() {
        let month = ReplayMonth {
            month: 6,
            income: 5_000.0,
            income_noise: -100.0,
            spending: 3_200.0,
            expense_noise: 300.0,
            emergency: Some(1_234.4),
            market_return: 12.0,
            payment: 350.0,
            annual_raise: None,
            promotion_raise: Some(0.081),
            balance: 13_327.6,
            ..ReplayMonth::default()
        };
        let mut simulation = Replay {
            index: 7,
            starting_balance: 12_300.0,
            months: vec![month],
            owed: 0.0,
            final_balance: 13_327.6,
            succeeded: false,
        };
        let told = replay(&simulation);
        assert!(told.starts_with("simulation 7, from $12,300\n\n"), "{told}");
        let line = told.lines().nth(3).unwrap();
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            ["6", "$4,900", "$3,500", "$350", "$1,234", "$12", "$13,328", "promotion", "8.1", "%"]
        );
        assert!(told.ends_with("final balance $13,328: it missed the goal"), "{told}");
        (simulation.owed, simulation.succeeded) = (500.0, true);
        assert!(replay(&simulation).ends_with(", with $500 still owed: it reached the goal"));
    }
}
