//! One simulation of a job, month by month.

use carlo_rest::replay::{Replay, ReplayMonth};
use carlo_wire::v1;

/// The shape of a simulation.
pub(crate) fn replay(message: v1::ReplayedSimulation) -> Replay {
    let v1::ReplayedSimulation { index, starting_balance, months, owed, final_balance, succeeded } = message;
    Replay {
        index,
        starting_balance,
        months: months.into_iter().map(month).collect(),
        owed,
        final_balance,
        succeeded,
    }
}

fn month(message: v1::ReplayMonth) -> ReplayMonth {
    let v1::ReplayMonth {
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
    } = message;
    ReplayMonth {
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
