//! The coordinators that a client knows, and which of them it talks to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(2);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// The coordinators of one cluster. Calls go to one of them until it can't be reached, then to the next.
#[derive(Debug)]
pub struct Coordinators {
    channels: Vec<Channel>,
    addresses: Vec<String>,
    current: AtomicUsize,
}

/// A list of coordinators that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The list is empty.
    #[error("no coordinator was given")]
    Empty,
    /// One of them is not a URL.
    #[error("{0:?} is not the URL of a coordinator: expected something like http://127.0.0.1:7070")]
    NotAUrl(String),
}

impl Coordinators {
    /// Knows the coordinators at these URLs. Nothing is connected before the first call.
    pub fn new(urls: &[String]) -> Result<Self, AddressError> {
        Self::connecting(urls, Endpoint::connect_lazy)
    }

    /// Knows the coordinators at these URLs, and reaches each by the channel that `connect` makes of its endpoint: for networks of
    /// another kind.
    pub fn connecting(
        urls: &[String],
        mut connect: impl FnMut(&Endpoint) -> Channel,
    ) -> Result<Self, AddressError> {
        if urls.is_empty() {
            return Err(AddressError::Empty);
        }
        let channels = urls.iter().map(|url| Ok(connect(&endpoint(url)?))).collect::<Result<_, _>>()?;
        Ok(Self { channels, addresses: urls.to_vec(), current: AtomicUsize::new(0) })
    }

    /// The URL that calls go to now.
    pub fn address(&self) -> &str {
        &self.addresses[self.index()]
    }

    /// The channel that calls go to now.
    pub fn channel(&self) -> Channel {
        self.channels[self.index()].clone()
    }

    /// Gives up on the coordinator that calls went to: the next call goes to the next one.
    pub fn rotate(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes `call`; where its coordinator can't be reached, once more at each of the others. Only for calls that may be repeated.
    pub async fn call<T, F>(&self, call: impl FnMut(Channel) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        self.call_where(|_| true, call).await
    }

    /// Makes `call`; where its coordinator can't be reached and `may_repeat` says so of the status, once more at each of the others.
    /// Either way further calls go to the next coordinator.
    pub async fn call_where<T, F>(
        &self,
        may_repeat: impl Fn(&Status) -> bool,
        mut call: impl FnMut(Channel) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut at = self.current.load(Ordering::Relaxed);
        let mut left = self.channels.len();
        loop {
            let index = at % self.channels.len();
            let status = match call(self.channels[index].clone()).await {
                Err(status) if status.code() == Code::Unavailable => status,
                answer => return answer,
            };
            tracing::debug!(address = self.addresses[index], %status, "further calls go to the next coordinator");
            // Of many calls that meet the same lost coordinator, one moves on for all.
            let next = at.wrapping_add(1);
            let _ = self.current.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
            at = next;
            left -= 1;
            if left == 0 || !may_repeat(&status) {
                return Err(status);
            }
        }
    }

    fn index(&self) -> usize {
        self.current.load(Ordering::Relaxed) % self.channels.len()
    }
}

fn endpoint(url: &str) -> Result<Endpoint, AddressError> {
    let error = || AddressError::NotAUrl(url.to_owned());
    if !url.starts_with("http://") {
        return Err(error());
    }
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| error())?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // A peer that vanished without a word is noticed within seconds, also while nothing is said.
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_url_is_refused_in_words() {
        assert!(matches!(Coordinators::new(&[]), Err(AddressError::Empty)));
        let error = Coordinators::new(&["localhost:7070".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("\"localhost:7070\" is not the URL"), "{error}");
    }

    #[tokio::test]
    async fn a_call_goes_round_the_coordinators_once() {
        let urls = ["http://127.0.0.1:1".to_owned(), "http://127.0.0.1:2".to_owned()];
        let coordinators = Coordinators::new(&urls).unwrap();
        let mut calls = 0;
        let answer: Result<(), _> = coordinators
            .call(|_| {
                calls += 1;
                std::future::ready(Err(Status::unavailable("nobody is there")))
            })
            .await;
        assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
        assert_eq!(calls, 2);
    }
}
