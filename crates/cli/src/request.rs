//! The request of a command: the text of a file, with the options of the command line.
//!
//! The server checks the request. Values that are not replaced are sent exactly as they are in the
//! file.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use carlo_service::files::without_byte_order_mark;
use carlo_types::limits::BODY_BYTES_MAX;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::args;

/// The reason why a file can't be sent.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub enum RequestError {
    /// The file can't be read.
    #[error("failed to read {}", name(file))]
    Read { file: PathBuf, source: std::io::Error },
    /// The file is larger than a request may be.
    #[error("failed to read {}: it is larger than {BODY_BYTES_MAX} bytes, the most that a request may have", name(.0))]
    TooLarge(PathBuf),
    /// The file isn't JSON.
    #[error("failed to read {}: it is not JSON", name(file))]
    NotJson {
        file: PathBuf,
        /// The error with its line and column.
        source: serde_json::Error,
    },
}

type Object = BTreeMap<String, Box<RawValue>>;

/// Reads the file and makes the body of a submission.
pub fn load(request: &args::Request) -> Result<String, RequestError> {
    load_labelled(request, &Labels::default())
}

/// Members of a submission besides its request, if given. They override those of the file.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Labels {
    pub name: Option<String>,
    pub priority: Option<u32>,
    pub webhook: Option<Value>,
}

/// Like [`load`], with these members.
pub fn load_labelled(request: &args::Request, labels: &Labels) -> Result<String, RequestError> {
    let file = &request.file;
    let bytes = read(file)?;
    body(&bytes, request.simulations, request.seed)
        .and_then(|body| labelled(body, labels))
        .map_err(|source| RequestError::NotJson { file: file.clone(), source })
}

/// Reads a further plan of a comparison, to which the seed and the number of simulations of the
/// first plan apply.
pub fn load_plan(file: &Path) -> Result<String, RequestError> {
    let bytes = read(file)?;
    plan(&bytes).map_err(|source| RequestError::NotJson { file: file.to_owned(), source })
}

/// Reads a file up to the size limit of requests; `-` is stdin.
pub fn read(file: &Path) -> Result<Vec<u8>, RequestError> {
    let read = if file == Path::new("-") {
        read_limited(std::io::stdin().lock())
    } else {
        std::fs::File::open(file).and_then(read_limited)
    };
    let bytes = read.map_err(|source| RequestError::Read { file: file.to_owned(), source })?;
    if bytes.len() > BODY_BYTES_MAX {
        return Err(RequestError::TooLarge(file.to_owned()));
    }
    Ok(without_byte_order_mark(&bytes).to_vec())
}

/// The name of a file in messages.
pub fn name(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}

/// One byte more than allowed, to recognize files that are too large.
fn read_limited(file: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn body(bytes: &[u8], simulations: Option<u64>, seed: Option<u64>) -> serde_json::Result<String> {
    let text: Box<RawValue> = serde_json::from_slice(bytes)?;
    let overridden = if simulations.or(seed).is_some() { overridden(&text, simulations, seed) } else { None };
    overridden.map_or_else(|| Ok(text.get().to_owned()), |request| serde_json::to_string(&request))
}

/// The request with these members. If it isn't an object, it stays unchanged, and the server
/// refuses it.
fn labelled(body: String, labels: &Labels) -> serde_json::Result<String> {
    let Labels { name, priority, webhook } = labels;
    if name.is_none() && priority.is_none() && webhook.is_none() {
        return Ok(body);
    }
    let Ok(mut request) = serde_json::from_str::<Object>(&body) else { return Ok(body) };
    if let Some(name) = name {
        request.insert("name".to_owned(), to_raw_value(name)?);
    }
    if let Some(priority) = priority {
        request.insert("priority".to_owned(), to_raw_value(priority)?);
    }
    if let Some(webhook) = webhook {
        request.insert("webhook".to_owned(), to_raw_value(webhook)?);
    }
    serde_json::to_string(&request)
}

/// The request with these values. `None` if it has no place for them; the server then refuses the
/// unchanged request.
fn overridden(text: &RawValue, simulations: Option<u64>, seed: Option<u64>) -> Option<Object> {
    let mut request: Object = serde_json::from_str(text.get()).ok()?;
    let spelling =
        if request.contains_key("simulation_params") { "simulation_params" } else { "simulationParams" };
    let params = request.get(spelling).map_or("null", |params| params.get());
    let mut params: Object = serde_json::from_str::<Option<Object>>(params).ok()?.unwrap_or_default();
    if let Some(simulations) = simulations {
        params.remove("n_simulations");
        params.insert("nSimulations".to_owned(), to_raw_value(&simulations).ok()?);
    }
    if let Some(seed) = seed {
        // As a string, because large numbers lose digits in some JSON readers.
        params.insert("seed".to_owned(), to_raw_value(&seed.to_string()).ok()?);
    }
    request.insert(spelling.to_owned(), to_raw_value(&params).ok()?);
    Some(request)
}

/// The request without its own seed and number of simulations.
fn plan(bytes: &[u8]) -> serde_json::Result<String> {
    let text: Box<RawValue> = serde_json::from_slice(bytes)?;
    let Ok(mut request) = serde_json::from_str::<Object>(text.get()) else {
        return Ok(text.get().to_owned());
    };
    for spelling in ["simulationParams", "simulation_params"] {
        let params =
            request.get(spelling).and_then(|params| serde_json::from_str::<Object>(params.get()).ok());
        let Some(mut params) = params else { continue };
        params.retain(|name, _| !["nSimulations", "n_simulations", "seed"].contains(&name.as_str()));
        request.insert(spelling.to_owned(), to_raw_value(&params)?);
    }
    serde_json::to_string(&request)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str, simulations: Option<u64>, seed: Option<u64>) -> Value {
        serde_json::from_str(&body(text.as_bytes(), simulations, seed).unwrap()).unwrap()
    }

    #[test]
    fn without_overrides_it_is_sent_as_it_is() {
        for text in [r#"{"goal":{"targetAmount":0.30000000000000004,"a":1e400}}"#, "[1, 2]", "null"] {
            assert_eq!(body(text.as_bytes(), None, None).unwrap(), text);
        }
    }

    #[test]
    fn overrides_replace_either_spelling() {
        let expected = json!({"simulationParams": {"nSimulations": 7, "seed": "18446744073709551615"}});
        for text in [
            "{}",
            r#"{"simulationParams": null}"#,
            r#"{"simulationParams": {"nSimulations": 1e6, "seed": 3}}"#,
            r#"{"simulationParams": {"n_simulations": 5, "seed": "3"}}"#,
        ] {
            assert_eq!(value(text, Some(7), Some(u64::MAX)), expected, "{text}");
        }
        let snake =
            value(r#"{"simulation_params": {"inflation_rate": 0.10, "n_simulations": 5}}"#, Some(7), None);
        assert_eq!(snake, json!({"simulation_params": {"inflation_rate": 0.1, "nSimulations": 7}}));
    }

    #[test]
    fn labels_go_before_the_files() {
        for text in ["{}", r#"{"priority": 3, "name": "mine"}"#] {
            let labels = Labels {
                name: Some("a \"b\"".to_owned()),
                priority: Some(90),
                webhook: Some(json!({"url": "https://a/"})),
            };
            let labelled = labelled(text.to_owned(), &labels).unwrap();
            assert_eq!(labelled, r#"{"name":"a \"b\"","priority":90,"webhook":{"url":"https://a/"}}"#);
        }
        let (some, none) = (Labels { priority: Some(90), ..Labels::default() }, Labels::default());
        assert_eq!(labelled("[1]".to_owned(), &some).unwrap(), "[1]");
        assert_eq!(labelled(r#"{"a": 1.0}"#.to_owned(), &none).unwrap(), r#"{"a": 1.0}"#);
    }

    #[test]
    fn a_plan_that_is_compared_has_no_seed_and_number_of_its_own() {
        let text = r#"{"goal":{"targetAmount":5},"simulation_params":{"n_simulations":5,"seed":"3","inflation_rate":0.10}}"#;
        assert_eq!(
            plan(text.as_bytes()).unwrap(),
            r#"{"goal":{"targetAmount":5},"simulation_params":{"inflation_rate":0.10}}"#
        );
        for text in ["[1]", r#"{"simulationParams":7}"#] {
            assert_eq!(plan(text.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn what_an_override_has_no_place_in_is_left_to_the_server() {
        for text in ["[]", r#"{"simulationParams":[]}"#] {
            assert_eq!(body(text.as_bytes(), Some(7), Some(1)).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_json_is_named_by_line_and_column() {
        for (text, place) in [
            ("{\n  \"goal\": }", "at line 2 column 11"),
            ("", "at line 1 column 0"),
            ("{} {}", "trailing characters"),
        ] {
            let error = body(text.as_bytes(), None, None).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
    }
}
