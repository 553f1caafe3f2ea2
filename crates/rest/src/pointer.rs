//! JSON pointers (RFC 6901) in the spelling that a body uses.

use carlo_types::FieldFault;
use carlo_types::definition::snake_case;
use serde_json::Value;

/// The spelling of names of several words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Spelling {
    CamelCase,
    SnakeCase,
}

/// Converts `pointer`, which is in camelCase, to the spelling of `body`. A missing field is spelled
/// like the other fields of its object. `usual` is the spelling if the body has no name of several
/// words.
pub fn as_written(pointer: &str, body: &Value, usual: Spelling) -> String {
    let (mut here, mut snake) = (Some(body), usual == Spelling::SnakeCase);
    let mut written = String::with_capacity(pointer.len());
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        let mut spelled = step.to_owned();
        here = match here {
            Some(Value::Object(fields)) => {
                let other = snake_case(&name);
                snake = if fields.keys().any(|key| key.contains('_')) {
                    true
                } else {
                    snake && !fields.keys().any(|key| key.bytes().any(|letter| letter.is_ascii_uppercase()))
                };
                if !fields.contains_key(&name) && (snake || fields.contains_key(&other)) {
                    spelled = snake_case(step);
                }
                fields.get(&name).or_else(|| fields.get(&other))
            }
            Some(Value::Array(entries)) => step.parse().ok().and_then(|index: usize| entries.get(index)),
            _ => {
                if snake {
                    spelled = snake_case(step);
                }
                None
            }
        };
        written.push('/');
        written.push_str(&spelled);
    }
    written
}

/// Converts the pointers of all faults with [`as_written`]. Of consecutive faults of the same
/// field, only the first is kept.
pub fn spelled(mut faults: Vec<FieldFault>, body: &Value, usual: Spelling) -> Vec<FieldFault> {
    for fault in &mut faults {
        fault.pointer = as_written(&fault.pointer, body, usual);
    }
    faults.dedup_by(|later, first| later.pointer == first.pointer);
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pointer_is_spelled_as_the_body_is() {
        let snake = json!({"simulations": [{"financial_profile": {"liquid_assets": 1}, "goal": {}}]});
        let camel = json!({"financialProfile": {"liquidAssets": 1}, "goal": {}});
        for (body, pointer, expected) in [
            (
                &snake,
                "/simulations/0/financialProfile/liquidAssets",
                "/simulations/0/financial_profile/liquid_assets",
            ),
            (&snake, "/simulations/0/goal/targetAmount", "/simulations/0/goal/target_amount"),
            (&snake, "/simulations/0/userInputs/monthlyIncome", "/simulations/0/user_inputs/monthly_income"),
            (
                &snake,
                "/simulations/0/simulationParams/loans/0/id",
                "/simulations/0/simulation_params/loans/0/id",
            ),
            (&camel, "/goal/targetAmount", "/goal/targetAmount"),
            (&camel, "/userInputs/monthlyIncome", "/userInputs/monthlyIncome"),
            (&camel, "", ""),
            (&json!(3), "/goal", "/goal"),
        ] {
            assert_eq!(as_written(pointer, body, Spelling::CamelCase), expected);
        }
        assert_eq!(as_written("/userId", &json!({}), Spelling::SnakeCase), "/user_id");
        assert_eq!(as_written("/goal/targetAmount", &camel, Spelling::SnakeCase), "/goal/targetAmount");
    }
}
