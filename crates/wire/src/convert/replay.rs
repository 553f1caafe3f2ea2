//! One simulation, month by month.

use carlo_types::{Replay, ReplayMonth};

use crate::v1;

/// Converts both ways between a message and a type whose fields have the same names and types; `each` are lists of such.
macro_rules! same_fields {
    ($message:ident, $type:ident { $($field:ident),* $(,)? } $(each { $($list:ident),* })?) => {
        impl From<$type> for v1::$message {
            fn from(value: $type) -> Self {
                let $type { $($field,)* $($($list,)*)? } = value;
                Self { $($field,)* $($($list: $list.into_iter().map(Into::into).collect(),)*)? }
            }
        }

        impl From<v1::$message> for $type {
            fn from(message: v1::$message) -> Self {
                let v1::$message { $($field,)* $($($list,)*)? } = message;
                Self { $($field,)* $($($list: $list.into_iter().map(Into::into).collect(),)*)? }
            }
        }
    };
}

same_fields!(ReplayedSimulation, Replay { index, starting_balance, owed, final_balance, succeeded } each { months });
same_fields!(
    ReplayMonth,
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
);
