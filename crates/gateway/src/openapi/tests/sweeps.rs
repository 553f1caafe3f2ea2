//! Sweeps. A point of a sweep is a request like any other, but no schema says which.

use carlo_types::request::Request;
use carlo_types::sweep::SweepRequest;
use serde_json::{Map, Value, json};

use super::{Random, agree, document, examples, faults, validator};

/// The number of random sweeps.
const CASES: usize = 3_000;

/// Whether this fault of a sweep is one of a point that the server refuses by itself, too.
pub(super) fn is_of_a_point(body: &Value, fault: &str) -> bool {
    let Some((number, value)) = fault.strip_prefix("/axes/").and_then(|place| place.split_once("/values/"))
    else {
        return false;
    };
    let (Ok(number), Some((value, _))) = (number.parse::<usize>(), value.split_once(": ")) else {
        return false;
    };
    let Ok(value) = value.parse::<usize>() else { return false };
    let axes = body["axes"].as_array().expect("the schema allows the body");
    let own = (&axes[number]["pointer"], &axes[number]["values"][value]);
    let others = axes.iter().enumerate().filter(|(other, _)| *other != number);
    let others = others.flat_map(|(_, other)| {
        let values = other["values"].as_array().into_iter().flatten();
        values.map(|value| (&other["pointer"], value))
    });
    let alone = std::iter::once(vec![own]);
    alone.chain(others.map(|other| vec![own, other])).any(|settings| {
        let mut point = whole(&body["request"]);
        let is_put = settings.iter().all(|(pointer, value)| put(&mut point, &camel_case(pointer), value));
        !is_put || !faults::<Request>(&point).is_empty()
    })
}

/// A request with everything that it leaves out.
fn whole(request: &Value) -> Value {
    let document = carlo_types::json::parse(request.to_string().into_bytes()).unwrap();
    let request: Request =
        carlo_types::definition::read(&document.value, &mut carlo_types::definition::Faults::default());
    serde_json::to_value(request).unwrap()
}

fn camel_case(pointer: &Value) -> String {
    let mut is_first = false;
    let letters = pointer.as_str().unwrap().chars().filter_map(|letter| {
        if letter == '_' {
            is_first = true;
            return None;
        }
        Some(if std::mem::take(&mut is_first) { letter.to_ascii_uppercase() } else { letter })
    });
    letters.collect()
}

fn put(request: &mut Value, pointer: &str, value: &Value) -> bool {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    match request.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(member.to_owned(), value.clone());
            true
        }
        Some(Value::Array(entries)) => {
            let entry = member.parse().ok().and_then(|index: usize| entries.get_mut(index));
            entry.map(|entry| *entry = value.clone()).is_some()
        }
        _ => false,
    }
}

/// The pointers of everything in a value.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| pointers(member, &format!("{path}/{name}"), found));
        }
        Value::Array(entries) => {
            let entries = entries.iter().enumerate();
            entries.for_each(|(index, entry)| pointers(entry, &format!("{path}/{index}"), found));
        }
        _ => {}
    }
}

#[test]
fn what_one_takes_of_a_sweep_the_other_takes() {
    let document = document();
    let validator = validator(&document, "SweepRequest");
    let examples = examples::all();
    let plans = ["SimulationRequest", "SimulationRequest.retirement"].map(|name| &examples[name]);
    let mut random = Random { state: 11, document: &document };
    let (mut allowed, mut taken) = (0, 0);
    for _ in 0..CASES {
        let plan = plans[random.below(plans.len())];
        let mut known = Vec::new();
        pointers(&whole(plan), "", &mut known);
        known.extend(
            ["/nowhere/x", "/plan/flows/9/amount", "plan/x", "", "/", "/goal/target_amount"]
                .map(String::from),
        );
        let any_axis = |random: &mut Random<'_>| -> Value {
            let pointer = known[random.below(known.len())].clone();
            let count = random.below(4);
            let numbers = [json!(0), json!(-0.0), json!(1), json!(0.5), json!(12), json!(360.0), json!(1e6)];
            let edges = [json!(1e12), json!(1.1e12), json!(-3), json!(null), json!("1"), json!(1e-320)];
            let value = |_| {
                let choices: &[Value] = if random.below(12) == 0 { &edges } else { &numbers };
                random.one_of(choices)
            };
            let values: Vec<_> = (0..count).map(value).collect();
            json!({"pointer": pointer, "values": values})
        };
        let count = if random.below(30) == 0 { 3 } else { 1 + random.below(2) };
        let axes: Vec<_> = (0..count).map(|_| any_axis(&mut random)).collect();
        let body = Value::from(Map::from_iter([
            ("request".to_owned(), plan.clone()),
            ("axes".to_owned(), axes.into()),
        ]));
        if agree::<SweepRequest>(&validator, &body) {
            allowed += 1;
            taken += usize::from(faults::<SweepRequest>(&body).is_empty());
        }
    }
    assert!(taken > CASES / 50 && allowed > 2 * taken, "{taken} taken, {allowed} allowed");
}
