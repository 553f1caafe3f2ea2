//! What is logged: the variable `CARLO_LOG`, which is checked word by word.

use tracing_subscriber::EnvFilter;

use super::{FATAL, FILTER_VARIABLE};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The first segments of all targets in these programs: the crates that log.
const TARGETS: [&str; 39] = [
    "carlo",
    "carlo_cli",
    "carlo_coordinator",
    "carlo_gateway",
    "carlo_kernel",
    "carlo_local",
    "carlo_python",
    "carlo_rest",
    "carlo_schedule",
    "carlo_service",
    "carlo_store",
    "carlo_tenancy",
    "carlo_types",
    "carlo_webhooks",
    "carlo_wire",
    "carlo_worker",
    "axum",
    "axum_core",
    "etcd_client",
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "log",
    "mio",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "reqwest",
    "rustls",
    "rustls_platform_verifier",
    "tokio",
    "tokio_rustls",
    "tokio_util",
    "tonic",
    "tower",
    "tower_http",
    "tracing",
    "want",
];
/// Suggestions that are less similar than this are left out.
const SIMILARITY_MIN: f64 = 0.7;

/// Why a filter can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum FilterError {
    #[error(
        "{FILTER_VARIABLE} has an unknown {what} {word:?}{}: expected a level ({}) or target=level, \
         separated by commas, like info,carlo_schedule=debug",
        suggestion.as_deref().map(|word| format!(" (did you mean {word:?}?)")).unwrap_or_default(),
        LEVELS.join(", ")
    )]
    Unknown {
        /// What the word should be: a level, a target or either.
        what: &'static str,
        word: String,
        /// The most similar valid word.
        suggestion: Option<String>,
    },
    #[error("{FILTER_VARIABLE} can't be read")]
    Syntax(#[from] tracing_subscriber::filter::ParseError),
    #[error("{FILTER_VARIABLE} is not Unicode text")]
    NotUnicode,
}

/// The filter for this text, or for `default` if there is none. Targets that the text doesn't name
/// are also logged at `default`, unless the text has a level without a target. Fatal errors always
/// pass.
pub(super) fn filter(text: Option<&str>, default: &str) -> Result<EnvFilter, FilterError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(default);
    let mut directives = vec![default.to_owned()];
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        // Directives with spans and fields are checked by the parser alone.
        if !directive.contains(['[', '{', ']', '}']) {
            check(directive)?;
        }
        directives.push(directive.to_owned());
    }
    directives.push(format!("{FATAL}=error"));
    Ok(directives.join(",").parse()?)
}

fn check(directive: &str) -> Result<(), FilterError> {
    let is_level = |word: &str| {
        LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) || matches!(word.parse(), Ok(0_u8..=5))
    };
    let is_target = |word: &str| TARGETS.contains(&word.split("::").next().unwrap_or(word));
    let unknown = |what, word: &str, known: &[&str]| {
        let suggestion = similar(word, known);
        Err(FilterError::Unknown { what, word: word.to_owned(), suggestion })
    };
    match directive.split_once('=') {
        Some((target, _)) if !is_target(target) => unknown("target", target, &TARGETS),
        Some((_, level)) if !is_level(level) => unknown("level", level, &LEVELS),
        None if !is_level(directive) && !is_target(directive) => {
            unknown("level or target", directive, &[&LEVELS[..], &TARGETS].concat())
        }
        _ => Ok(()),
    }
}

/// The known word that is most similar to the first segment, followed by the other segments.
fn similar(word: &str, known: &[&str]) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let (first, rest) = word.split_at(word.find("::").unwrap_or(word.len()));
    let similarity = |known: &&str| strsim::jaro_winkler(known, first);
    let best = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(&best) >= SIMILARITY_MIN).then(|| format!("{best}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_taken() {
        for text in [
            "info",
            "INFO",
            "off",
            "3",
            "carlo_schedule=debug",
            "warn, carlo_worker::session=trace,",
            "carlo_worker[session]=debug",
            "h2",
        ] {
            filter(Some(text), "info").unwrap();
        }
        for nothing in [None, Some(""), Some(" ")] {
            assert!(filter(nothing, "warn").unwrap().to_string().contains("warn"));
        }
    }

    #[test]
    fn a_target_alone_leaves_the_default_to_all_others() {
        let filter = filter(Some("carlo_schedule=debug"), "info").unwrap().to_string();
        assert!(filter.split(',').any(|directive| directive == "info"), "{filter}");
        let off = super::filter(Some("off"), "info").unwrap().to_string();
        assert!(!off.split(',').any(|directive| directive == "info"), "{off}");
    }

    #[test]
    fn an_unknown_word_is_refused_with_a_hint() {
        for (text, expected) in [
            ("inof", "unknown level or target \"inof\" (did you mean \"info\"?)"),
            ("carlo_schedule=debgu", "unknown level \"debgu\" (did you mean \"debug\"?)"),
            ("carlo_shedule::queue=debug", "(did you mean \"carlo_schedule::queue\"?)"),
            ("zzzzzz", "unknown level or target \"zzzzzz\": expected a level"),
            ("carlo_gateway=", "unknown level \"\": expected"),
        ] {
            let error = filter(Some(text), "info").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(filter(Some("carlo_worker[=debug"), "info"), Err(FilterError::Syntax(_))));
    }

    #[test]
    fn every_crate_of_the_workspace_is_a_target() {
        let crates = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
        for folder in crates.map(Result::unwrap).filter(|entry| entry.path().join("Cargo.toml").is_file()) {
            let target = format!("carlo_{}", folder.file_name().to_str().unwrap());
            assert!(TARGETS.contains(&target.as_str()), "{target}");
        }
    }
}
