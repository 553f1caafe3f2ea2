//! One simulation, month by month.

use carlo_types::{Replay, ReplayMonth};

use crate::v1;

impl From<Replay> for v1::ReplayedSimulation {
    fn from(replay: Replay) -> Self {
        let Replay { index, starting_balance, months, owed, final_balance, succeeded } = replay;
        let months = months.into_iter().map(Into::into).collect();
        Self { index, starting_balance, months, owed, final_balance, succeeded }
    }
}

impl From<ReplayMonth> for v1::ReplayMonth {
    fn from(month: ReplayMonth) -> Self {
        let ReplayMonth {
            month,
            income,
            income_noise,
            spending,
            expense_noise,
            emergency,
            market_return,
            payment,
            annual_raise,
            promotion_raise,
            balance,
        } = month;
        Self {
            month,
            income,
            income_noise,
            spending,
            expense_noise,
            emergency,
            market_return,
            payment,
            annual_raise,
            promotion_raise,
            balance,
        }
    }
}
