//! Distributed traces: what a request did in every daemon that took part in it.
//!
//! * [`TraceContext`]: the place in a trace that one daemon hands on to the next one, as W3C Trace
//!   Context describes it.
//! * [`Span`]: a piece of work with a beginning and an end. Whoever does the work owns the span,
//!   so a span may outlive the call that began it.
//! * `otlp` (feature `otlp`): exports the spans with OpenTelemetry's protocol over gRPC.
//!
//! Spans are exported if [`ENDPOINT_VARIABLE`] is set. Otherwise a span only carries its parent's
//! context, and costs nothing.

#[cfg(not(feature = "otlp"))]
#[path = "trace/none.rs"]
mod otlp;
#[cfg(feature = "otlp")]
mod otlp;

use std::fmt::{self, Display};
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use otlp::Recording;

/// The header, or the key in gRPC metadata, of a [`TraceContext`].
pub const TRACEPARENT: &str = "traceparent";
/// The variable with the URL of the collector that spans are sent to.
pub const ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The same for spans alone.
const TRACES_ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// These variables switch tracing off for this value.
const SWITCHES: [(&str, &str); 2] = [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")];

/// A span's place in its trace, for the next daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: NonZeroU128,
    span: NonZeroU64,
    flags: u8,
}

/// Why a text is no trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a traceparent of W3C Trace Context, like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)]
pub struct NotATraceparent;

impl TraceContext {
    /// A new trace, which nobody records.
    pub fn random() -> Self {
        Self {
            trace: NonZeroU128::new(rand::random()).unwrap_or(NonZeroU128::MIN),
            span: NonZeroU64::new(rand::random()).unwrap_or(NonZeroU64::MIN),
            flags: 0,
        }
    }

    /// The id of the whole trace, in hexadecimal.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// As the value of [`TRACEPARENT`].
impl Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = NotATraceparent;

    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        let hexadecimal = |text: &str, digits: usize| {
            let is_it = text.len() == digits
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            if is_it { u128::from_str_radix(text, 16).ok() } else { None }
        };
        let parse = || {
            let mut parts = text.split('-');
            let version = hexadecimal(parts.next()?, 2)?;
            let trace = NonZeroU128::new(hexadecimal(parts.next()?, 32)?)?;
            let span = NonZeroU64::new(u64::try_from(hexadecimal(parts.next()?, 16)?).ok()?)?;
            let flags = u8::try_from(hexadecimal(parts.next()?, 2)?).ok()?;
            // Later versions may have more parts; version 255 is forbidden.
            let is_known = (version == 0 && parts.next().is_none()) || (1..255).contains(&version);
            // Of the flags only the first has a meaning in this version.
            is_known.then_some(Self { trace, span, flags: flags & 1 })
        };
        parse().ok_or(NotATraceparent)
    }
}

/// The role of a span towards its parent and its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It answers a call.
    Server,
    /// It gives work to somebody who does it later.
    Producer,
    /// It does such work.
    Consumer,
}

/// A piece of work, which ends when this is dropped.
#[derive(Debug)]
pub struct Span {
    context: Option<TraceContext>,
    recording: Option<Recording>,
}

impl Span {
    /// Begins a piece of work of this name. Without a parent it begins a new trace.
    pub fn begin(name: &str, kind: Kind, parent: Option<TraceContext>) -> Self {
        match Recording::begin(name, kind, parent) {
            Some((recording, context)) => Self { context: Some(context), recording },
            None => Self { context: parent, recording: None },
        }
    }

    /// A span that isn't one.
    pub fn none() -> Self {
        Self { context: None, recording: None }
    }

    /// The context to hand on: this span's, or its parent's if spans are not exported.
    pub fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// Whether it will be exported.
    pub fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// Notes a text about the work.
    pub fn set(&mut self, name: &'static str, value: impl Display) {
        if let Some(recording) = &mut self.recording {
            recording.set(name, value.to_string());
        }
    }

    /// Notes a number about the work.
    pub fn set_number(&mut self, name: &'static str, value: u64) {
        if let Some(recording) = &mut self.recording {
            recording.set(name, i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Notes that the work failed.
    pub fn fail(&mut self, message: impl Display) {
        if let Some(recording) = &mut self.recording {
            recording.fail(message.to_string());
        }
    }
}

/// Whether spans are to be exported, by the environment.
fn is_wanted() -> bool {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    [ENDPOINT_VARIABLE, TRACES_ENDPOINT_VARIABLE].iter().any(|name| value(name).is_some())
        && !SWITCHES
            .iter()
            .any(|(name, off)| value(name).is_some_and(|value| value.eq_ignore_ascii_case(off)))
}

/// Begins to export spans if the environment wants that. `daemon` is the name of this daemon. To be
/// called on the runtime. A problem is logged, and the daemon goes on without spans.
pub fn start_export(daemon: &'static str) {
    if !is_wanted() {
        return;
    }
    match otlp::start(daemon) {
        Ok(()) => tracing::info!("spans are exported to the collector of {ENDPOINT_VARIABLE}"),
        Err(error) => {
            let error = crate::chain(&*error);
            tracing::warn!(error, "failed to export spans to the collector of {ENDPOINT_VARIABLE}");
        }
    }
}

/// Spans that have ended and spans that a collector has taken, since the process started. `None`
/// if spans are not exported.
pub(crate) fn counts() -> Option<(u64, u64)> {
    otlp::counts()
}

/// Exports the last spans. Takes a second at most.
pub async fn stop_export() {
    otlp::stop().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let context: TraceContext = TRACEPARENT.parse().unwrap();
        assert_eq!(context.to_string(), TRACEPARENT);
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let random = TraceContext::random();
        assert_eq!(random.to_string().parse(), Ok(random));
        assert_ne!(random, TraceContext::random());
    }

    #[test]
    fn a_later_version_may_have_more_parts_and_other_flags() {
        let context: TraceContext = format!("cc{}f7-what-else", &TRACEPARENT[2..53]).parse().unwrap();
        assert_eq!(context.to_string(), TRACEPARENT);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-é4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(NotATraceparent), "{text}");
        }
    }

    #[test]
    fn without_an_exporter_a_span_hands_on_its_parents_context() {
        let parent: TraceContext = TRACEPARENT.parse().unwrap();
        let mut span = Span::begin("work", Kind::Server, Some(parent));
        span.set("a", "b");
        span.set_number("c", 1);
        span.fail("it failed");
        assert_eq!(span.context(), Some(parent));
        assert!(!span.is_recorded());
        assert_eq!(Span::begin("work", Kind::Server, None).context(), None);
    }
}
