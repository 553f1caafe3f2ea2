//! One JSON object per line, with unique keys.
//!
//! `timestamp`, `level` and `target` come first, then the event's fields, then those of the
//! surrounding spans, the innermost first. If the name of an event's field is used already, an
//! underscore is appended. If the name of a span's field is used already, the field is left out.

use std::error::Error;
use std::fmt::{self, Debug, Write as _};

use serde::ser::{SerializeMap as _, Serializer};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as JSON lines.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    JsonFields: for<'writer> FormatFields<'writer>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;

        let mut line = Line::default();
        line.push("timestamp", timestamp.into());
        line.push("level", metadata.level().as_str().into());
        line.push("target", metadata.target().into());
        event.record(&mut line);
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
            let Ok(fields) = serde_json::from_str::<Map<String, Value>>(fields) else { continue };
            for (name, value) in fields {
                if !line.has(&name) {
                    line.0.push((name, value));
                }
            }
        }
        let mut text = Vec::new();
        let mut json = serde_json::Serializer::new(&mut text);
        line.serialize(&mut json).map_err(|_| fmt::Error)?;
        writeln!(writer, "{}", String::from_utf8_lossy(&text))
    }
}

/// The members of a line, in order.
#[derive(Debug, Default)]
struct Line(Vec<(String, Value)>);

impl Line {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    fn push(&mut self, name: &str, value: Value) {
        let mut name = name.to_owned();
        while self.has(&name) {
            name.push('_');
        }
        self.0.push((name, value));
    }

    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Fields such as `log.target` come from the `log` crate and are normalized.
        if !field.name().starts_with("log.") {
            self.push(field.name(), value.into());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.push(field.name(), crate::chain(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a `String` can't fail. If the value's own format fails, the part that it wrote
        // is kept.
        let _ = write!(text, "{value:?}");
        self.push(field.name(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn keys_are_unique_and_values_keep_their_kinds() {
        let memory = Memory::default();
        let sink = memory.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .with_writer(move || sink.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _outer = tracing::info_span!("call", request_id = %"r-1", level = 7).entered();
            let _inner = tracing::info_span!("inner", request_id = %"r-2").entered();
            tracing::info!(level = "avx2", number = 3, yes = true, id = %"a\"b", "a line");
        });
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let expected = r#""level":"INFO","target":"carlo_service::telemetry::json::tests","message":"a line","level_":"avx2","number":3,"yes":true,"id":"a\"b","request_id":"r-2"}"#;
        assert!(text.starts_with(r#"{"timestamp":"#) && text.ends_with(&format!("{expected}\n")), "{text}");
    }
}
