//! The differences of two JSON values.

use serde_json::Value;

/// A member that differs between two values, or that only one of them has.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The JSON pointer of the member.
    pub pointer: String,
    /// The value in the first; null if it is absent.
    pub first: Value,
    /// The value in the second; null if it is absent.
    pub second: Value,
}

/// All differences. Objects are compared by names, lists entry by entry. Null equals absent, and
/// numbers are compared by value.
pub fn between(first: &Value, second: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    add(first, second, &mut String::new(), &mut found);
    found
}

fn add(first: &Value, second: &Value, pointer: &mut String, found: &mut Vec<Difference>) {
    let parent = pointer.len();
    let mut step = |name: &str, first: &Value, second: &Value| {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        add(first, second, pointer, found);
        pointer.truncate(parent);
    };
    match (first, second) {
        (Value::Object(these), Value::Object(others)) => {
            let names: std::collections::BTreeSet<_> = these.keys().chain(others.keys()).collect();
            for name in names {
                let (this, other) = (these.get(name), others.get(name));
                step(name, this.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null));
            }
        }
        (Value::Array(these), Value::Array(others)) if these.len() == others.len() => {
            for (index, (this, other)) in these.iter().zip(others).enumerate() {
                step(&index.to_string(), this, other);
            }
        }
        (Value::Number(this), Value::Number(other)) if this.as_f64() == other.as_f64() => {}
        (this, other) if this == other => {}
        (this, other) => {
            found.push(Difference { pointer: pointer.clone(), first: this.clone(), second: other.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_member_that_differs_is_found_by_its_pointer() {
        let first = json!({"a": 1, "b": {"c/d": [1, 2, {"e": 3}]}, "f": null, "g": [1], "h": "x", "k": {}});
        let second =
            json!({"a": 1.0, "b": {"c/d": [1, 3, {"e": 4}]}, "g": [1, 2], "i": true, "k": {"l": null}});
        let pointers: Vec<_> = between(&first, &second).into_iter().map(|found| found.pointer).collect();
        assert_eq!(pointers, ["/b/c~1d/1", "/b/c~1d/2/e", "/g", "/h", "/i"]);
        assert_eq!(between(&first, &first), []);
    }
}
