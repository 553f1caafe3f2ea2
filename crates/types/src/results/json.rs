//! Percentiles in JSON: objects with a member for each, where the domain has arrays.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Interval;

/// Declares an object with a member for each percentile, and the module that writes an array as
/// one.
macro_rules! percentiles {
    ($(#[$doc:meta])* $name:ident, $module:ident, $count:literal, $type:ty as $schema:ty { $($member:ident),* }) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, ToSchema)]
        pub(crate) struct $name {
            $( #[schema(value_type = $schema)] $member: $type, )*
        }

        pub(super) mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[allow(unused_imports, reason = "only some are of intervals")]
            use super::{$name, Interval};

            pub(crate) fn serialize<S: Serializer>(values: &[$type; $count], serializer: S) -> Result<S::Ok, S::Error> {
                let [$($member),*] = *values;
                $name { $($member),* }.serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[$type; $count], D::Error> {
                let $name { $($member),* } = $name::deserialize(deserializer)?;
                Ok([$($member),*])
            }
        }
    };
}

percentiles! {
    /// A value for each percentile that is reported.
    Percentiles, percentiles, 7, f64 as f64 { p5, p10, p25, p50, p75, p90, p95 }
}
percentiles! {
    /// An interval for each percentile that is reported: its lower and its upper end.
    PercentileIntervals, percentile_intervals, 7, Interval as Vec<f64> { p5, p10, p25, p50, p75, p90, p95 }
}
percentiles! {
    /// A value for each percentile of a fan chart.
    FanPercentiles, fan_percentiles, 5, f64 as f64 { p10, p25, p50, p75, p90 }
}
