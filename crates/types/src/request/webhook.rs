//! Webhooks: the URL to which the events of a job or a batch are sent.
//!
//! A URL may be well formed here and still be refused by the coordinator, which knows to which
//! addresses the operator lets it connect.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use url::Url;

use crate::definition::rule::{items, word};
use crate::definition::{Input, Leaf, Object, label, section};
use crate::limits::{WEBHOOK_SECRET_BYTES, WEBHOOK_URL_CHARS_MAX};

label! {
    /// An event of a job or of a batch. Its name has the status that begins with it. A sweep, a
    /// comparison and a solution are jobs.
    pub WebhookEvent {
        /// The job was given its first lease.
        JobRunning = "job.running",
        /// The job has ended with results.
        JobComplete = "job.complete",
        /// The job has ended because a part of it kept failing.
        JobFailed = "job.failed",
        /// The job was cancelled.
        JobCancelled = "job.cancelled",
        /// The first job of the batch was given its first lease.
        BatchRunning = "batch.running",
        /// All jobs of the batch are complete.
        BatchCompleted = "batch.completed",
        /// All jobs of the batch have ended, and some of them are complete.
        BatchPartial = "batch.partial",
        /// All jobs of the batch have ended, and none is complete.
        BatchFailed = "batch.failed",
        /// The batch was cancelled, and all of its jobs have ended.
        BatchCancelled = "batch.cancelled",
    }
}

impl WebhookEvent {
    /// Whether it is an event of a job.
    pub fn is_of_job(self) -> bool {
        matches!(self, Self::JobRunning | Self::JobComplete | Self::JobFailed | Self::JobCancelled)
    }

    /// Whether its object has ended, so that no event of it follows.
    pub fn is_end(self) -> bool {
        !matches!(self, Self::JobRunning | Self::BatchRunning)
    }
}

section! {
    /// Where events are sent, as a `POST` that is signed as Standard Webhooks says.
    pub Webhook / WebhookDraft as "Webhook" {
        /// An `https` URL without a user and a fragment. It must not be at an address of a private
        /// network.
        url: HttpUrl = Input::new(()).required().example("https://example.org/carlo");
        /// The secret for the signatures: `whsec_` and 24 to 64 bytes in Base64. All webhooks of a
        /// user with the same URL share one secret; a given one replaces it. Where absent and there
        /// is none yet, one is made, and only this response shows it.
        secret: Option<WebhookSecret> = Input::new(());
        /// The events that are sent; by default those at the end of the job, or of the batch as a
        /// whole. The jobs of a batch send events only if they are named here.
        events: Vec<WebhookEvent> = items(word(), WebhookEvent::ALL.len());
    }
}

impl Webhook {
    /// Whether this event is sent. `is_of_member`: the event is of a job of a batch.
    pub fn wants(events: &[WebhookEvent], event: WebhookEvent, is_of_member: bool) -> bool {
        if events.is_empty() { event.is_end() && !is_of_member } else { events.contains(&event) }
    }
}

/// A job has no events of batches.
pub(crate) fn of_job(webhook: Option<&Webhook>, object: &mut Object<'_>) {
    for (i, event) in webhook.into_iter().flat_map(|webhook| webhook.events.iter().enumerate()) {
        if !event.is_of_job() {
            let message = format_args!("is no event of a job, but of a batch");
            object.fault(&[&format!("/webhook/events/{i}")], message);
        }
    }
}

/// An `http` or `https` URL with a host, and without a user, a password and a fragment, in the
/// normal form of the WHATWG's URL standard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts.
    ///
    /// # Panics
    ///
    /// Never: the text was read when the value was made.
    pub fn parts(&self) -> Url {
        Url::parse(&self.0).expect("it is a URL")
    }
}

impl Serialize for HttpUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Leaf for HttpUrl {
    type Rule = ();
    type Const = &'static str;
    type Wire = String;

    fn parse(value: &Value, (): &()) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| "a URL".to_owned())
    }

    fn judge(text: String, (): &()) -> Result<Self, String> {
        let too_long = || format!("must have at most {WEBHOOK_URL_CHARS_MAX} characters");
        if text.chars().count() > WEBHOOK_URL_CHARS_MAX {
            return Err(too_long());
        }
        // The parser drops some of them.
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err("must have no spaces and no control characters".to_owned());
        }
        let url = Url::parse(&text).map_err(|error| format!("must be a URL: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err("must begin with https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must have no user and no password".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must have no fragment".to_owned());
        }
        if url.as_str().len() > WEBHOOK_URL_CHARS_MAX {
            return Err(too_long());
        }
        Ok(Self(url.into()))
    }

    fn of(value: &'static str) -> Self {
        Self(value.to_owned())
    }

    fn stand_in((): &()) -> Self {
        Self("https://example.org/".to_owned())
    }

    fn to_wire(&self) -> String {
        self.0.clone()
    }

    fn schema((): &()) -> Value {
        json!({"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": WEBHOOK_URL_CHARS_MAX})
    }

    fn digest_bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}

/// The secret with which the requests of a webhook are signed. Only [`Self::reveal`] and its JSON
/// have its text.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

const SECRET_PREFIX: &str = "whsec_";

impl WebhookSecret {
    /// The secret with these bits, which must come from the system's random source.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(bits.to_vec())
    }

    /// The secret with these bytes, which were a secret before.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes with which is signed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

impl Serialize for WebhookSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.reveal())
    }
}

impl<'de> Deserialize<'de> for WebhookSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::judge(String::deserialize(deserializer)?, &()).map_err(serde::de::Error::custom)
    }
}

impl Leaf for WebhookSecret {
    type Rule = ();
    type Const = &'static str;
    type Wire = String;

    fn parse(value: &Value, (): &()) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| "a text".to_owned())
    }

    // The message doesn't repeat the text.
    fn judge(text: String, (): &()) -> Result<Self, String> {
        let (low, high) = (WEBHOOK_SECRET_BYTES.start(), WEBHOOK_SECRET_BYTES.end());
        let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        match bytes.filter(|bytes| WEBHOOK_SECRET_BYTES.contains(&bytes.len())) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!("must be {SECRET_PREFIX} and {low} to {high} bytes in Base64")),
        }
    }

    fn of(_: &'static str) -> Self {
        Self::stand_in(&())
    }

    fn stand_in((): &()) -> Self {
        Self(vec![0; *WEBHOOK_SECRET_BYTES.start()])
    }

    fn to_wire(&self) -> String {
        self.reveal()
    }

    fn schema((): &()) -> Value {
        json!({"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]{32,88}={0,2}$", "maxLength": 94})
    }

    fn digest_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::{Faults, read};
    use crate::request::envelope::{CreateBatch, JobOptions};

    fn faults<S: crate::definition::Section>(body: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        let section: S = read(body, &mut faults);
        let fault = faults.none_or(section).err();
        fault.map_or_else(Vec::new, |fault| fault.fields.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_faults_of_a_webhook_are_named_by_pointer() {
        let found = faults::<JobOptions>(&json!({"webhook": {
            "url": "ftp://example.org", "secret": "whsec_c2hvcnQ=", "events": ["job.complete", "job.completed", 3],
            "sercet": 1,
        }}));
        assert_eq!(found.len(), 5, "{found:#?}");
        for (fault, words) in found.iter().zip([
            "/webhook/url must begin with https://",
            "/webhook/secret must be whsec_ and 24 to 64 bytes in Base64",
            "/webhook/events/1 must be one of job.running",
            "/webhook/events/2 must be one of",
            "/webhook/sercet is not a field of Webhook; did you mean secret?",
        ]) {
            assert!(fault.starts_with(words), "{fault} is not {words}");
        }
        assert!(found[2].ends_with("; did you mean job.complete?"), "{}", found[2]);
        assert!(!found.concat().contains("c2hvcnQ"), "the secret is repeated");
    }

    #[test]
    fn a_job_has_no_events_of_batches() {
        let webhook = |event: &str| json!({"webhook": {"url": "https://example.org", "events": [event]}});
        let found = faults::<JobOptions>(&webhook("batch.failed"));
        assert_eq!(found, ["/webhook/events/0 is no event of a job, but of a batch"]);
        assert_eq!(faults::<JobOptions>(&webhook("job.failed")), [""; 0]);
        let mut batch = webhook("batch.failed");
        batch["simulations"] = json!([]);
        let found = faults::<CreateBatch>(&batch);
        assert!(found.iter().all(|fault| fault.starts_with("/simulations")), "{found:?}");
    }

    #[test]
    fn a_url_is_normal_or_refused() {
        let judge = |text: &str| HttpUrl::judge(text.to_owned(), &());
        for (text, normal) in [
            ("https://example.org", "https://example.org/"),
            ("HTTPS://Example.ORG:443/A?b=%20c", "https://example.org/A?b=%20c"),
            ("http://0x7f.1:80/", "http://127.0.0.1/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("http://[::FFFF:127.0.0.1]:9/", "http://[::ffff:7f00:1]:9/"),
        ] {
            assert_eq!(judge(text).unwrap().as_str(), normal);
        }
        let (long, grows) =
            (format!("https://a/{}", "a".repeat(2_048)), format!("https://a/{}", "ä".repeat(1_000)));
        for text in [
            "",
            "example.org",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://",
            "https:///",
            "javascript:1",
            "https://ada@example.org/",
            "https://:secret@example.org/",
            "https://example.org/#part",
            "https://exa mple.org/",
            "https://example.org/\n",
            "\thttps://example.org/",
            &long,
            &grows,
        ] {
            assert!(judge(text).is_err(), "{text:?} is taken");
        }
    }

    #[test]
    fn a_secret_is_shown_by_nothing_but_reveal_and_json() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = WebhookSecret::judge(text.to_owned(), &()).unwrap();
        assert_eq!((secret.reveal().as_str(), secret.as_bytes().len()), (text, 24));
        assert_eq!(serde_json::to_value(&secret).unwrap(), text);
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
        for text in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",
            "whsec_?",
        ] {
            let error = WebhookSecret::judge(text.to_owned(), &()).unwrap_err();
            assert!(!error.contains("MfKQ"), "{error}");
        }
    }

    #[test]
    fn without_a_choice_the_ends_are_sent_and_nothing_of_the_jobs_of_a_batch() {
        let wanted = |events: &[WebhookEvent], is_of_member| {
            WebhookEvent::ALL
                .into_iter()
                .filter(move |event| Webhook::wants(events, *event, is_of_member))
                .count()
        };
        assert_eq!((wanted(&[], false), wanted(&[], true)), (7, 0));
        let chosen = [WebhookEvent::JobRunning, WebhookEvent::BatchFailed];
        assert_eq!((wanted(&chosen, false), wanted(&chosen, true)), (2, 2));
    }
}
