//! The terms of service: every tier's limits and the price of a token. An operator's file overrides
//! the defaults.
//!
//! The file is JSON. A value that it leaves out keeps its default; −1 means no limit:
//!
//! ```json
//! {
//!   "price_per_token_usd": 0.0002,
//!   "tiers": {"free": {"calls_per_second": 5, "jobs_per_month": -1, "cost_per_month_usd": 2.5}}
//! }
//! ```

use carlo_types::{FieldFault, Money};
use serde_json::{Map, Value, json};

use crate::tiers::{Tier, TierLimits};

/// The default price of a token: $0.0001.
pub const PRICE_PER_TOKEN_DEFAULT: Money = Money::from_micros(100);
/// The highest price of a token.
pub const PRICE_PER_TOKEN_MAX: Money = Money::from_whole_dollars(1_000_000);
/// The largest batch size that a tier may allow. All jobs of a batch are admitted in one commit.
pub const BATCH_SIZE_MAX: u32 = 1_000;

/// The range of a tier's weight.
const WEIGHTS: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;

/// The limits of all tiers, and the price.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The price of a token, for jobs admitted from now on.
    pub price_per_token: Money,
    /// Indexed by [`Tier`].
    tiers: [TierLimits; 4],
}

impl Default for Terms {
    fn default() -> Self {
        Self { price_per_token: PRICE_PER_TOKEN_DEFAULT, tiers: Tier::ALL.map(TierLimits::default_of) }
    }
}

impl Terms {
    /// The limits of a tier.
    pub fn limits(&self, tier: Tier) -> &TierLimits {
        &self.tiers[tier as usize]
    }

    /// The mutable limits of a tier.
    pub fn limits_mut(&mut self, tier: Tier) -> &mut TierLimits {
        &mut self.tiers[tier as usize]
    }

    /// The text of a file that says all of them.
    pub fn to_json(&self) -> String {
        let count = |limit: Option<u64>| limit.map_or_else(|| Value::from(-1), Value::from);
        let small = |limit: Option<u32>| count(limit.map(u64::from));
        let tier = |tier: Tier| {
            let TierLimits {
                calls_per_second,
                calls_per_minute,
                calls_per_hour,
                jobs_at_once,
                calls_per_month,
                jobs_per_month,
                cost_per_month,
                batch_size,
                open_jobs,
                streams_at_once,
                stored_bytes,
                retention_days,
                retained_jobs,
                weight,
            } = *self.limits(tier);
            let limits = json!({
                "calls_per_second": small(calls_per_second),
                "calls_per_minute": small(calls_per_minute),
                "calls_per_hour": small(calls_per_hour),
                "jobs_at_once": small(jobs_at_once),
                "calls_per_month": count(calls_per_month),
                "jobs_per_month": count(jobs_per_month),
                "cost_per_month_usd": cost_per_month.map_or_else(|| json!(-1), |cost| json!(cost.to_dollars())),
                "batch_size": batch_size,
                "open_jobs": small(open_jobs),
                "streams_at_once": small(streams_at_once),
                "stored_bytes": count(stored_bytes),
                "retention_days": small(retention_days),
                "retained_jobs": small(retained_jobs),
                "weight": weight,
            });
            (tier.as_str().to_owned(), limits)
        };
        let tiers: Map<String, Value> = Tier::ALL.into_iter().map(tier).collect();
        json!({"price_per_token_usd": self.price_per_token.to_dollars(), "tiers": tiers}).to_string()
    }

    /// The defaults, overridden by the text of a file. Returns every fault of the file at once.
    pub fn parse(json: &str) -> Result<Self, Vec<FieldFault>> {
        let value: Value = serde_json::from_str(json)
            .map_err(|error| vec![FieldFault::new("", format!("is not JSON: {error}"))])?;
        let mut terms = Self::default();
        let mut reader = Reader::default();
        reader.object("", &value, |reader, name, pointer, value| {
            match name {
                "price_per_token_usd" => {
                    if let Some(price) = reader.money(pointer, value) {
                        terms.price_per_token = price;
                    }
                }
                "tiers" => reader.object(pointer, value, |reader, name, pointer, value| {
                    let Some(tier) = Tier::parse(name) else { return false };
                    reader.tier(pointer, value, terms.limits_mut(tier));
                    true
                }),
                _ => return false,
            }
            true
        });
        if terms.price_per_token > PRICE_PER_TOKEN_MAX {
            reader.fault("/price_per_token_usd", format!("must be at most {PRICE_PER_TOKEN_MAX}"));
        }
        if reader.faults.is_empty() { Ok(terms) } else { Err(reader.faults) }
    }
}

/// Reads values and collects their faults.
#[derive(Default)]
struct Reader {
    faults: Vec<FieldFault>,
}

impl Reader {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.faults.push(FieldFault::new(pointer, message));
    }

    /// Passes each member to `member`, which returns whether it knows the name.
    fn object(
        &mut self,
        pointer: &str,
        value: &Value,
        mut member: impl FnMut(&mut Self, &str, &str, &Value) -> bool,
    ) {
        let empty = Map::new();
        let members = value.as_object().unwrap_or_else(|| {
            self.fault(pointer, "must be an object");
            &empty
        });
        for (name, value) in members {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            if !member(self, name, &pointer, value) {
                self.fault(&pointer, "is not known here");
            }
        }
    }

    fn tier(&mut self, pointer: &str, value: &Value, limits: &mut TierLimits) {
        self.object(pointer, value, |reader, name, pointer, value| {
            match name {
                "calls_per_second" => reader.count(pointer, value, 1, &mut limits.calls_per_second),
                "calls_per_minute" => reader.count(pointer, value, 1, &mut limits.calls_per_minute),
                "calls_per_hour" => reader.count(pointer, value, 1, &mut limits.calls_per_hour),
                "jobs_at_once" => reader.count(pointer, value, 1, &mut limits.jobs_at_once),
                "open_jobs" => reader.count(pointer, value, 1, &mut limits.open_jobs),
                "streams_at_once" => reader.count(pointer, value, 1, &mut limits.streams_at_once),
                "stored_bytes" => reader.count(pointer, value, 1, &mut limits.stored_bytes),
                "retention_days" => reader.count(pointer, value, 1, &mut limits.retention_days),
                "retained_jobs" => reader.count(pointer, value, 1, &mut limits.retained_jobs),
                "calls_per_month" => reader.count(pointer, value, 0, &mut limits.calls_per_month),
                "jobs_per_month" => reader.count(pointer, value, 0, &mut limits.jobs_per_month),
                "cost_per_month_usd" => {
                    if value.as_i64() == Some(-1) {
                        limits.cost_per_month = None;
                    } else if let Some(money) = reader.money(pointer, value) {
                        limits.cost_per_month = Some(money);
                    }
                }
                "weight" => {
                    if let Some(weight) = value.as_f64().filter(|weight| WEIGHTS.contains(weight)) {
                        limits.weight = weight;
                    } else {
                        let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
                        reader.fault(pointer, format!("must be a number from {least} to {most}"));
                    }
                }
                "batch_size" => {
                    let size = value.as_u64().and_then(|size| u32::try_from(size).ok());
                    match size.filter(|size| (1..=BATCH_SIZE_MAX).contains(size)) {
                        Some(size) => limits.batch_size = size,
                        None => {
                            reader.fault(pointer, format!("must be an integer from 1 to {BATCH_SIZE_MAX}"));
                        }
                    }
                }
                _ => return false,
            }
            true
        });
    }

    /// A count of at least `least`, or −1 for no limit.
    fn count<T: TryFrom<u64>>(&mut self, pointer: &str, value: &Value, least: u64, limit: &mut Option<T>) {
        if value.as_i64() == Some(-1) {
            *limit = None;
            return;
        }
        let count = value.as_u64().filter(|count| *count >= least).and_then(|count| T::try_from(count).ok());
        if count.is_some() {
            *limit = count;
        } else {
            let bits = 8 * size_of::<T>();
            self.fault(
                pointer,
                format!("must be an integer of {bits} bits from {least} on, or -1 for no limit"),
            );
        }
    }

    fn money(&mut self, pointer: &str, value: &Value) -> Option<Money> {
        let money = Money::from_dollars(value.as_f64().unwrap_or(f64::NAN));
        money.map_err(|error| self.fault(pointer, error.to_string())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's table, copied verbatim.
    const TABLE: &str = "
        | free | 10 | 100 | 2 | 1 | 1,000 | 10 | 1 | 5 |
        | basic | 60 | 1,000 | 5 | 3 | 10,000 | 100 | 10 | 20 |
        | pro | 300 | 10,000 | 20 | 10 | 100,000 | 1,000 | 100 | 50 |
        | enterprise | 1,000 | 100,000 | 50 | no limit | no limit | no limit | no limit | 100 |";

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let terms = Terms::default();
        assert_eq!(terms.price_per_token.to_dollars(), 0.0001);
        for (line, tier) in TABLE.trim().lines().zip(Tier::ALL) {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let number = |cell: usize| cells[cell].replace(',', "").parse::<u64>().ok();
            let small = |cell| number(cell).map(|number| u32::try_from(number).unwrap());
            let wanted = TierLimits {
                calls_per_minute: small(1),
                calls_per_hour: small(2),
                calls_per_second: small(3),
                jobs_at_once: small(4),
                calls_per_month: number(5),
                jobs_per_month: number(6),
                cost_per_month: number(7).map(Money::from_whole_dollars),
                batch_size: small(8).unwrap(),
                ..TierLimits::default_of(tier)
            };
            assert_eq!((cells[0], terms.limits(tier)), (tier.as_str(), &wanted));
        }
    }

    #[test]
    fn a_file_overrides_every_number() {
        let terms = Terms::parse(
            r#"{"price_per_token_usd": 0.00025, "tiers": {"basic": {
                "calls_per_second": 1, "calls_per_minute": 2, "calls_per_hour": 3, "jobs_at_once": 4,
                "calls_per_month": 5, "jobs_per_month": 0, "cost_per_month_usd": 7.5, "batch_size": 8, "open_jobs": 9, "streams_at_once": 10, "stored_bytes": 11,
                "retention_days": 12, "retained_jobs": 13, "weight": 2.5}}}"#,
        );
        let mut wanted = Terms { price_per_token: Money::from_micros(250), ..Terms::default() };
        *wanted.limits_mut(Tier::Basic) = TierLimits {
            calls_per_second: Some(1),
            calls_per_minute: Some(2),
            calls_per_hour: Some(3),
            jobs_at_once: Some(4),
            calls_per_month: Some(5),
            jobs_per_month: Some(0),
            cost_per_month: Some(Money::from_micros(7_500_000)),
            batch_size: 8,
            open_jobs: Some(9),
            streams_at_once: Some(10),
            stored_bytes: Some(11),
            retention_days: Some(12),
            retained_jobs: Some(13),
            weight: 2.5,
        };
        assert_eq!(Terms::parse(&wanted.to_json()), Ok(wanted.clone()));
        assert_eq!(terms, Ok(wanted));
        assert_eq!(Terms::parse("{}"), Ok(Terms::default()));
        assert_eq!(Terms::parse(&Terms::default().to_json()), Ok(Terms::default()));
    }

    #[test]
    fn minus_one_is_no_limit() {
        let json = r#"{"tiers": {"free": {"calls_per_second": -1, "calls_per_minute": -1, "calls_per_hour": -1,
            "jobs_at_once": -1, "calls_per_month": -1, "jobs_per_month": -1, "cost_per_month_usd": -1}}}"#;
        let wanted = TierLimits {
            calls_per_second: None,
            calls_per_minute: None,
            calls_per_hour: None,
            jobs_at_once: None,
            calls_per_month: None,
            jobs_per_month: None,
            cost_per_month: None,
            ..TierLimits::default_of(Tier::Free)
        };
        assert_eq!(Terms::parse(json).unwrap().limits(Tier::Free), &wanted);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let faults = Terms::parse(
            r#"{"price_per_token_usd": 2e6, "a/b": 1, "tiers": {"gold": {}, "pro": [], "free": {
                "calls_per_second": 0, "calls_per_minute": 4294967296, "calls_per_hour": 1.5, "jobs_at_once": -2,
                "calls_per_month": "5", "jobs_per_month": null, "cost_per_month_usd": -0.5, "batch_size": -1,
                "calls_per_day": 1}, "basic": {"batch_size": 1001, "jobs_at_once": 1e3}}}"#,
        );
        let mut pointers: Vec<String> = faults.unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        pointers.sort();
        let wanted = [
            "/a~1b",
            "/price_per_token_usd",
            "/tiers/basic/batch_size",
            "/tiers/basic/jobs_at_once",
            "/tiers/free/batch_size",
            "/tiers/free/calls_per_day",
            "/tiers/free/calls_per_hour",
            "/tiers/free/calls_per_minute",
            "/tiers/free/calls_per_month",
            "/tiers/free/calls_per_second",
            "/tiers/free/cost_per_month_usd",
            "/tiers/free/jobs_at_once",
            "/tiers/free/jobs_per_month",
            "/tiers/gold",
            "/tiers/pro",
        ];
        assert_eq!(pointers, wanted);
    }

    #[test]
    fn what_is_no_object_is_one_fault() {
        for (json, words) in
            [("", "is not JSON"), ("[1]", "must be an object"), (r#"{"tiers": 3}"#, "must be an object")]
        {
            let faults = Terms::parse(json).unwrap_err();
            assert!(faults.len() == 1 && faults[0].message.contains(words), "{faults:?}");
        }
    }
}
