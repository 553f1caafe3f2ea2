//! A reader of server-sent events, according to the HTML standard.

use carlo_types::JobId;
use reqwest::{Method, Response, Url};
use serde::de::DeserializeOwned;

use super::{Client, ClientError};

/// The longest accepted line. A job with its results has less than a tenth of this.
const LINE_BYTES_MAX: usize = 16 << 20;

impl Client {
    /// `GET /api/jobs/{id}/events`, from the event after `last`.
    pub async fn events(&self, id: JobId, last: Option<u64>) -> Result<Events, ClientError> {
        self.events_at(self.path(&["jobs", &id.to_string(), "events"]), last).await
    }

    /// `GET /simulations/batch/{batch_id}/events`, after the event `last` where it is given.
    pub async fn batch_events(&self, id: &str, last: Option<u64>) -> Result<Events, ClientError> {
        self.events_at(self.at(&["simulations", "batch", id, "events"]), last).await
    }

    async fn events_at(&self, url: Url, last: Option<u64>) -> Result<Events, ClientError> {
        let mut request = self.request(Method::GET, url);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Ok(Events { client: self.clone(), response: self.stream(request).await?, reader: Reader::default() })
    }
}

/// The stream of events of a job or a batch.
#[derive(Debug)]
pub struct Events {
    client: Client,
    response: Response,
    reader: Reader,
}

impl Events {
    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(event) = self.reader.event() {
                return Ok(Some(event));
            }
            match self.response.chunk().await.map_err(|error| self.client.unreachable(&error))? {
                Some(chunk) if self.reader.unread.len() + chunk.len() <= LINE_BYTES_MAX => {
                    self.reader.unread.extend_from_slice(&chunk);
                }
                _ => return Ok(None),
            }
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The id, with which a new stream can continue after this event.
    pub id: Option<u64>,
    /// The job or the batch, as JSON.
    pub data: String,
}

impl Event {
    /// Parses the job or the batch.
    pub fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.data).map_err(|error| anyhow::anyhow!("failed to read an event: {error}"))
    }
}

/// The received bytes, and the incomplete event so far.
#[derive(Debug, Default)]
struct Reader {
    unread: Vec<u8>,
    event: Event,
}

impl Reader {
    /// The next complete event in the received bytes.
    fn event(&mut self) -> Option<Event> {
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if !event.data.is_empty() {
                    return Some(event);
                }
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" => self.event.id = value.parse().ok(),
                "data" => {
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                // The event's name only repeats the status. An empty name is a comment.
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_the_stream_is_cut() {
        let stream = ": still here\n\nid: 4\nevent: progress\ndata: {\"a\":1}\n\nid:5\r\ndata:b\r\ndata: c\r\n\r\nretry: 3\n\ndata: unfinished";
        let expected = [(4, "{\"a\":1}"), (5, "b\nc")];
        for cut in 0..stream.len() {
            let (mut reader, mut events) = (Reader::default(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                reader.unread.extend_from_slice(part.as_bytes());
                events.extend(std::iter::from_fn(|| reader.event()));
            }
            let events: Vec<_> =
                events.iter().map(|event| (event.id.unwrap(), event.data.as_str())).collect();
            assert_eq!(events, expected, "cut at {cut}");
        }
    }
}
