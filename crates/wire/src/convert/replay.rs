//! The months of one simulation.

use carlo_types::replay::Regime;
use carlo_types::{Replay, ReplayMonth};

use crate::v1;

/// Converts both ways between a message and a type whose fields have the same names and types. The
/// fields of `each` are lists of convertible types, and those of `words` enums in text form.
macro_rules! same_fields {
    ($message:ident, $type:ident { $($field:ident),* $(,)? } $(each { $($list:ident),* })? $(words { $($word:ident),* })?) => {
        impl From<$type> for v1::$message {
            fn from(value: $type) -> Self {
                let $type { $($field,)* $($($list,)*)? $($($word,)*)? } = value;
                Self {
                    $($field,)*
                    $($($list: $list.into_iter().map(Into::into).collect(),)*)?
                    $($($word: $word.map(TextForm::to_label),)*)?
                }
            }
        }

        impl From<v1::$message> for $type {
            fn from(message: v1::$message) -> Self {
                let v1::$message { $($field,)* $($($list,)*)? $($($word,)*)? } = message;
                Self {
                    $($field,)*
                    $($($list: $list.into_iter().map(Into::into).collect(),)*)?
                    $($($word: $word.as_deref().and_then(TextForm::from_label),)*)?
                }
            }
        }
    };
}

same_fields!(ReplayedSimulation, Replay { index, starting_balance, owed, final_balance, succeeded } each { months });
same_fields!(ReplayMonth, ReplayMonth {
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
    flows,
    interest,
    spending_multiplier,
    price_level,
    real_balance,
    row,
    lives,
} words { regime });

/// The text form of an enum.
trait TextForm: Sized {
    fn to_label(self) -> String;
    /// `None` if the text is unknown.
    fn from_label(label: &str) -> Option<Self>;
}

impl TextForm for Regime {
    fn to_label(self) -> String {
        match self {
            Self::Calm => "calm".to_owned(),
            Self::Stress => "stress".to_owned(),
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        match label {
            "calm" => Some(Self::Calm),
            "stress" => Some(Self::Stress),
            _ => None,
        }
    }
}
