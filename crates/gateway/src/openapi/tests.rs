use carlo_types::analysis::{CompareRequest, SolveRequest};
use carlo_types::definition::{self, Faults, Section};
use carlo_types::json;
use carlo_types::request::Request;
use carlo_types::request::envelope::{
    CancelBatch, CancelJob, CreateBatch, CreateJoinToken, CreateKey, RotateKey, SubmitJob, UpdateJob,
};
use carlo_types::sweep::SweepRequest;
use carlo_types::webhook::Webhook;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::examples;

mod sweeps;

/// Faults that no schema can express, because they concern several fields together, or the size of
/// a text that contains JSON. The descriptions mention them.
const BEYOND_SCHEMAS: [&str; 33] = [
    "is required, here or as financialProfile.monthlyIncome",
    "targetAmount: is required",
    "targetAmount: must be above 0",
    "is required, unless returns are bootstrapped",
    "must be at least emergencyMin",
    "must be at most the timeline",
    "must be before the end of the timeline",
    "must be above from",
    "can't be",
    "must be the number of one of the",
    "must have one number",
    "needs a positive monthlySpending",
    "must have one weight for each",
    "must add up to 1",
    "must be after month",
    "rows of",
    "must have 1 on the diagonal",
    "must be symmetric",
    "must be positive semidefinite",
    "must not be 0 together with calmToStress",
    "must be at least floor",
    "must be that of the plan that it is compared with",
    "is the same as that of",
    "bytes, not",
    "must be at least the",
    "/pointer: must be the same for all points",
    "/pointer: is that of the other axis, too",
    "/pointer: leads nowhere",
    "/pointer: changes nothing that is simulated",
    "can't be put in at",
    "points together",
    "is no event of a job",
    "bytes in Base64",
];

/// The number of random bodies of each kind.
const CASES: usize = 1_000;

fn document() -> Value {
    super::complete(crate::routes::contract().into_openapi())
}

/// The validator of the schema with this name.
fn validator(document: &Value, name: &str) -> Validator {
    let schema =
        json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
    jsonschema::draft202012::new(&schema).expect("the components are schemas")
}

/// The server's faults of a body.
fn faults<S: Section>(body: &Value) -> Vec<String> {
    let document = json::parse(body.to_string().into_bytes()).unwrap();
    let mut faults = Faults::of(document.duplicates);
    let section: S = definition::read(&document.value, &mut faults);
    let fault = faults.none_or(section).map(drop);
    let listed = fault.err().into_iter().flat_map(|fault| fault.fields);
    listed.map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect()
}

/// Checks that the server accepts the body exactly if the document allows it. Returns whether they
/// do.
fn agree<S: Section>(validator: &Validator, body: &Value) -> bool {
    let (is_valid, faults) = (validator.is_valid(body), faults::<S>(body));
    if is_valid {
        let is_said = |fault: &String| {
            BEYOND_SCHEMAS.iter().any(|known| fault.contains(known)) || sweeps::is_of_a_point(body, fault)
        };
        let odd: Vec<_> = faults.iter().filter(|fault| !is_said(fault)).collect();
        assert!(odd.is_empty(), "the document allows what the server refuses: {odd:?}\n{body}");
    } else {
        let errors: Vec<_> = validator.iter_errors(body).map(|error| error.to_string()).collect();
        assert!(!faults.is_empty(), "the server accepts what the document doesn't allow: {errors:?}\n{body}");
    }
    is_valid
}

#[test]
fn what_one_takes_the_other_takes() {
    fn compare<S: Section>(document: &Value, name: &str) {
        let (validator, schema) =
            (validator(document, name), json!({"$ref": format!("#/components/schemas/{name}")}));
        let mut random = Random { state: 7, document };
        let taken = (0..CASES).filter(|_| agree::<S>(&validator, &random.value(&schema))).count();
        assert!((CASES / 20..CASES).contains(&taken), "{taken} of {CASES} bodies for {name} are taken");
    }
    let document = document();
    compare::<Request>(&document, "SimulationRequest");
    compare::<CompareRequest>(&document, "CompareRequest");
    compare::<SolveRequest>(&document, "SolveRequest");
    compare::<CreateBatch>(&document, "CreateBatch");
    compare::<CancelBatch>(&document, "CancelBatch");
    compare::<CancelJob>(&document, "CancelJob");
    compare::<CreateKey>(&document, "CreateKey");
    compare::<SubmitJob>(&document, "SubmitJob");
    compare::<SweepRequest>(&document, "SweepRequest");
    compare::<CreateJoinToken>(&document, "CreateJoinToken");
    compare::<RotateKey>(&document, "RotateKey");
    compare::<UpdateJob>(&document, "UpdateJob");
    compare::<Webhook>(&document, "Webhook");
}

/// Every body that a call takes is compared, but those that no section defines.
#[test]
fn no_body_is_left_out_of_the_comparison() {
    const COMPARED: [&str; 13] = [
        "SimulationRequest",
        "CompareRequest",
        "SolveRequest",
        "CreateBatch",
        "CancelBatch",
        "CancelJob",
        "CreateKey",
        "SubmitJob",
        "SweepRequest",
        "CreateJoinToken",
        "RotateKey",
        "UpdateJob",
        "Webhook",
    ];
    // The tiers are read by `carlo_tenancy`, which says what is wrong with them.
    const OTHERS: [&str; 1] = ["Tiers"];
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = schema.as_str().and_then(|schema| schema.rsplit('/').next()) else { continue };
            assert!(COMPARED.contains(&name) || OTHERS.contains(&name), "{method} {path} takes {name}");
        }
    }
}

/// Generates values for schemas: mostly valid ones, and sometimes ones at or beyond their bounds.
struct Random<'a> {
    state: u64,
    document: &'a Value,
}

impl Random<'_> {
    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    fn one_of(&mut self, values: &[Value]) -> Value {
        values[self.below(values.len())].clone()
    }

    fn value(&mut self, schema: &Value) -> Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return self.value(self.document.pointer(&name[1..]).unwrap());
        }
        if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
            let choice = self.one_of(choices.as_array().unwrap());
            return self.value(&choice);
        }
        if self.below(60) == 0 {
            let edges = self.edges(schema);
            return self.one_of(&edges);
        }
        if let Some(word) = schema.get("const") {
            return word.clone();
        }
        if let Some(words) = schema["enum"].as_array() {
            return self.one_of(words);
        }
        let example =
            schema.get("examples").and_then(|examples| examples.get(0)).or_else(|| schema.get("default"));
        match (kind(schema), example) {
            ("object", _) => self.object(schema),
            ("array", _) => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                let most = schema["maxItems"].as_u64().unwrap_or(least + 2).min(least + 2);
                let length = least + self.next() % (most - least + 1);
                (0..length).map(|_| self.value(&schema["items"])).collect()
            }
            (_, Some(example)) => example.clone(),
            ("number" | "integer", None) => {
                self.one_of(&[schema["minimum"].clone(), schema["maximum"].clone()])
            }
            ("boolean", None) => true.into(),
            ("string", None) => "42".into(),
            ("null", None) => Value::Null,
            (other, None) => panic!("no value of the type {other}"),
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let is_there =
                if required.contains(&name.as_str()) { self.below(80) != 0 } else { self.below(3) == 0 };
            if is_there {
                object.insert(name.clone(), self.value(member));
            }
        }
        if schema["additionalProperties"].is_object() {
            for name in ["rent", "\u{1d11e}"] {
                object.insert(name.to_owned(), self.value(&schema["additionalProperties"]));
            }
        } else if self.below(120) == 0 {
            object.insert("notAMember".to_owned(), 1.into());
        }
        object.into()
    }

    /// Values at the bounds of a schema, some valid and some not.
    fn edges(&mut self, schema: &Value) -> Vec<Value> {
        let mut edges = vec![
            Value::Null,
            json!(true),
            json!([]),
            json!({}),
            json!("text"),
            json!(0),
            json!(-1),
            json!(1.0),
            json!(0.5),
            json!(-0.0),
            json!(1e-320),
            json!(1e300),
            json!(u64::MAX),
            json!(18_446_744_073_709_551_616.0),
            json!(9_007_199_254_740_994.0),
        ];
        for bound in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            if let Some(bound) = schema[bound].as_f64() {
                edges.extend([
                    json!(bound),
                    json!(bound.next_up()),
                    json!(bound.next_down()),
                    json!(bound + 1.0),
                    json!(bound - 1.0),
                ]);
            }
        }
        for length in [schema["minLength"].as_u64().unwrap_or(0), schema["maxLength"].as_u64().unwrap_or(20)]
        {
            let length = usize::try_from(length).unwrap();
            for letter in ["a", "\u{e4}", "\u{1d11e}", "\n", "\u{85}"] {
                edges.extend([letter.repeat(length).into(), letter.repeat(length + 1).into()]);
            }
        }
        edges.extend(
            ["18446744073709551615", "18446744073709551616", "000000000000000000042", "-1", "1.0", ""]
                .map(Value::from),
        );
        if let Some(most) = schema["maxItems"].as_u64().filter(|most| *most <= 100) {
            let item = self.value(&schema["items"]);
            edges.extend([most, most + 1].map(|length| (0..length).map(|_| item.clone()).collect::<Value>()));
        }
        if let Some(most) = schema["maxProperties"].as_u64() {
            edges.push((0..=most).map(|name| (name.to_string(), json!(1))).collect::<Map<_, _>>().into());
            edges.extend([1_024, 1_025].map(|length| json!({"\u{e4}".repeat(length): 1})));
        }
        edges
    }
}

/// The type of a schema, without null.
fn kind(schema: &Value) -> &str {
    let named = |kind: &Value| kind.as_str().is_some_and(|kind| kind != "null");
    match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().find(|kind| named(kind)).and_then(Value::as_str).unwrap_or("null")
        }
        kind => kind.as_str().unwrap_or("null"),
    }
}

/// The example with this name, with one value replaced.
fn with(name: &str, pointer: &str, value: Value) -> Value {
    let mut body = examples::all()[name].clone();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    body
}

#[test]
fn the_listed_cases_are_taken_or_refused_by_both() {
    let document = document();
    let request = |pointer, value| ("SimulationRequest", with("SimulationRequest", pointer, value));
    let only_in_the_profile = json!({
        "financialProfile": {"liquidAssets": 1, "monthlySpending": 1, "monthlyIncome": 3},
        "goal": {"targetAmount": 1, "timelineMonths": 1}
    });
    let custom_id = |length| {
        ("CreateBatch", with("CreateBatch", "/simulations/0/custom_id", "\u{e4}".repeat(length).into()))
    };
    let probability = |value| ("SolveRequest", with("SolveRequest", "/probability", value));
    for ((name, body), is_taken) in [
        (custom_id(36), true),
        (custom_id(128), true),
        (custom_id(129), false),
        (custom_id(0), false),
        (request("/goal/goalText", "\u{1d11e}".repeat(300).into()), true),
        (request("/goal/goalText", "\u{e4}".repeat(1_024).into()), true),
        (request("/goal/goalText", "a".repeat(1_025).into()), false),
        (("SimulationRequest", only_in_the_profile), true),
        (request("/goal/targetAmount", json!(1e-320)), true),
        (request("/goal/timelineMonths", Value::Null), false),
        (request("/goal/goalType", Value::Null), true),
        (request("/goal/success", Value::Null), true),
        (request("/simulationParams/seed", "000000000000000000042".into()), true),
        (request("/simulationParams/seed", json!(1.0)), true),
        (request("/simulationParams/seed", json!(1e19)), true),
        (request("/simulationParams/seed", json!(u64::MAX)), true),
        (request("/simulationParams/seed", "18446744073709551615".into()), true),
        (request("/simulationParams/seed", "18446744073709551616".into()), false),
        (request("/simulationParams/seed", json!(18_446_744_073_709_551_616.0)), false),
        (request("/simulationParams/nSimulations", json!(1e6)), true),
        (request("/simulationParams/nSimulations", json!(0)), false),
        (probability(json!(0)), false),
        (probability(json!(1)), false),
        (probability(json!(0.999_999)), true),
    ] {
        let faults = match name {
            "CreateBatch" => faults::<CreateBatch>(&body),
            "SolveRequest" => faults::<SolveRequest>(&body),
            _ => faults::<Request>(&body),
        };
        assert_eq!(faults.is_empty(), is_taken, "{faults:?} {body}");
        assert_eq!(validator(&document, name).is_valid(&body), is_taken, "{body}");
    }
}

/// Calls `look` with every object of the document and its pointer.
fn each_object(value: &Value, path: &str, look: &mut impl FnMut(&str, &Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            look(path, object);
            for (name, member) in object {
                each_object(member, &format!("{path}/{name}"), look);
            }
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                each_object(entry, &format!("{path}/{index}"), look);
            }
        }
        _ => {}
    }
}

#[test]
fn schemas_are_such_that_generators_can_use_them() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in schemas.keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
    }
    let mut faults = Vec::new();
    each_object(&json!({"paths": document["paths"], "schemas": schemas}), "", &mut |path, object| {
        if path.contains("/example/") || path.contains("/properties") && path.ends_with("/properties") {
            return;
        }
        let mut fault = |fault: &str| faults.push(format!("{path} {fault}"));
        if let Some(name) = object.get("$ref").and_then(Value::as_str)
            && document.pointer(&name[1..]).is_none()
        {
            fault(&format!("refers to {name}, which isn't there"));
        }
        if object.values().any(Value::is_null) {
            fault("has a member without a value");
        }
        if object.get("default").is_some_and(|default| default.is_null() || *default == json!({})) {
            fault("has an empty default");
        }
        if object.get("enum").and_then(Value::as_array).is_some_and(|words| words.contains(&Value::Null)) {
            fault("has null among its words");
        }
        if object.get("type").is_some() && kind(&Value::from(object.clone())) == "integer" {
            if !matches!(object.get("format").and_then(Value::as_str), Some("int32" | "int64" | "uint64")) {
                fault("is an integer without a format");
            }
            if ["minimum", "maximum"].iter().any(|bound| object.get(*bound).is_some_and(Value::is_f64)) {
                fault("is an integer with a bound that is none");
            }
        }
        let is_parameter =
            path.starts_with("/paths") && path.contains("/parameters/") && path.ends_with("/schema");
        if is_parameter && object.get("type").is_some_and(Value::is_array) {
            fault("is a parameter that may be null, which no parameter can be");
        }
        if path.ends_with("/requestBody/content/application~1json/schema") && object.get("oneOf").is_some() {
            fault("is a body that is one of several");
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
    for (schema, member, name) in [
        ("Usage", "tier", "Tier"),
        ("Key", "tier", "Tier"),
        ("Key", "role", "Role"),
        ("NodeProgress", "state", "NodeState"),
        ("Solution", "for", "Variable"),
    ] {
        assert_eq!(schemas[schema]["properties"][member]["$ref"], format!("#/components/schemas/{name}"));
        assert!(schemas[name]["enum"].is_array(), "{name}");
    }
}

#[test]
fn every_call_says_what_it_does_takes_and_answers_with_examples_that_are_right() {
    let document = document();
    assert_eq!(document["servers"][0]["url"], "/");
    let resolve = |value: &Value| match value.get("$ref").and_then(Value::as_str) {
        Some(name) => document.pointer(&name[1..]).unwrap_or_else(|| panic!("there is no {name}")).clone(),
        None => value.clone(),
    };
    let headers = |response: &Value| -> Vec<String> {
        response["headers"].as_object().into_iter().flat_map(Map::keys).cloned().collect()
    };
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let call = format!("{method} {path}");
            for words in ["operationId", "summary", "description"] {
                assert!(
                    operation[words].as_str().is_some_and(|words| !words.is_empty()),
                    "{call} has no {words}"
                );
            }
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "401", "405", "414", "421", "429", "431", "500", "503"] {
                assert!(responses.contains_key(status), "{call} has no {status}");
            }
            let takes = |name: &str| {
                operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|parameter| parameter["name"] == name)
            };
            for (status, response) in responses {
                let response = resolve(response);
                let (headers, content) = (headers(&response), response["content"].as_object());
                let has = |name: &str| headers.iter().any(|header| header == name);
                assert!(has("X-Request-Id") && has("RateLimit"), "{call} {status} {headers:?}");
                assert_eq!(
                    has("ETag"),
                    takes("If-None-Match") && ["200", "304"].contains(&status.as_str()),
                    "{call} {status}"
                );
                assert_eq!(has("Retry-After"), ["429", "503"].contains(&status.as_str()), "{call} {status}");
                assert!(has("Location") || !["201", "202"].contains(&status.as_str()), "{call} {status}");
                for (kind, content) in content.into_iter().flatten() {
                    assert!(content["schema"].is_object(), "{call} {status} {kind} has no schema");
                    let has_example = content.get("examples").or_else(|| content.get("example")).is_some();
                    let needs_example = kind.ends_with("json") || kind == "text/event-stream";
                    assert!(has_example || !needs_example, "{call} {status} {kind} has no example");
                }
            }
            let body = &operation["requestBody"];
            assert!(body.is_null() || body["content"]["application/json"]["examples"].is_object(), "{call}");
        }
    }
    let submit = &document["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"];
    for name in ["SubmitJob", "SimulationRequest.retirement"] {
        assert!(submit["examples"][name].is_object(), "{submit}");
    }
    for (name, example) in examples::all() {
        let schema = name.split('.').next().unwrap();
        let errors: Vec<_> = validator(&document, schema)
            .iter_errors(&example)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "the example {name}: {errors:?}");
    }
    let cancel = &document["paths"]["/simulations/{job_id}/cancel"]["post"]["requestBody"];
    assert_eq!(
        (&cancel["required"], cancel.pointer("/content/application~1json/schema/$ref").is_some()),
        (&json!(false), true)
    );
}
