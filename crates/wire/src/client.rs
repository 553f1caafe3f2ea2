//! The coordinators that a client knows, and which of them it talks to.

mod connector;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carlo_service::log_throttle::LogThrottle;
use carlo_service::tls::Trust;
use carlo_types::FaultCode;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::status;
use connector::{Connector, Trouble};

/// How long a connection is silent before its peer is asked for a sign of life.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(1);
/// How long the peer may take for that. Of a leader that froze, callers learn so after 2.5 to 3.5 s: another one leads by then (etcd's shortest
/// lease is 2 s, and its end takes up to 0.8 s to get around), so that nobody is sent back to the frozen one; and work goes on well
/// within the 5 s that are promised. A peer that is merely busy answers in time: it costs no thought.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The coordinators of one cluster. Calls go to one of them until it can't be reached or says that another one leads.
#[derive(Debug)]
pub struct Coordinators {
    known: Vec<Coordinator>,
    reach: Reach,
    current: Mutex<Current>,
    throttle: Mutex<LogThrottle>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Coordinator {
    /// Its URL.
    pub address: Arc<str>,
    /// The connection to it.
    pub channel: Channel,
    trouble: Trouble,
}

impl Coordinator {
    /// Why no connection to it could be made, where the last attempt failed.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.get()
    }
}

type Configure = Box<dyn Fn(Endpoint) -> Endpoint + Send + Sync>;
type Connect = Box<dyn Fn(&Endpoint) -> Channel + Send + Sync>;

/// How a URL becomes a channel.
enum Reach {
    /// Over TCP, with TLS where the URL says so.
    Tcp { trust: Trust, configure: Configure },
    /// Over a network of another kind.
    Other(Connect),
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach")
    }
}

#[derive(Debug)]
struct Current {
    coordinator: Coordinator,
    /// Which of the known ones is tried when this one fails.
    next: usize,
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
        Self::trusting(urls, Trust::system(), |endpoint| endpoint)
    }

    /// Knows the coordinators at these URLs, and reaches each, and whoever they say leads, by the channel that `connect` makes of an
    /// endpoint: for networks of another kind, without TLS.
    pub fn connecting(
        urls: &[String],
        connect: impl Fn(&Endpoint) -> Channel + Send + Sync + 'static,
    ) -> Result<Self, AddressError> {
        Self::reaching(urls, Reach::Other(Box::new(connect)))
    }

    /// Knows the coordinators at these URLs, and believes those who are trusted, where a URL begins with `https`. `configure` sets
    /// what a connection needs beyond that.
    pub fn trusting(
        urls: &[String],
        trust: Trust,
        configure: impl Fn(Endpoint) -> Endpoint + Send + Sync + 'static,
    ) -> Result<Self, AddressError> {
        Self::reaching(urls, Reach::Tcp { trust, configure: Box::new(configure) })
    }

    fn reaching(urls: &[String], reach: Reach) -> Result<Self, AddressError> {
        let known: Vec<_> = urls.iter().map(|url| reach.coordinator(url)).collect::<Result<_, _>>()?;
        let first = known.first().ok_or(AddressError::Empty)?.clone();
        let current = Mutex::new(Current { coordinator: first, next: 1 });
        Ok(Self { known, reach, current, throttle: Mutex::default() })
    }

    /// Which coordinators can't be reached and why, in one line; `None` where there is nothing to say.
    pub fn trouble(&self) -> Option<String> {
        let current = self.current();
        let is_known = self.known.iter().any(|known| known.address == current.address);
        let others = (!is_known).then_some(&current);
        let troubles: Vec<_> = (self.known.iter().chain(others))
            .filter_map(|coordinator| Some(format!("{}: {}", coordinator.address, coordinator.trouble()?)))
            .collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// The coordinator that calls go to now.
    pub fn current(&self) -> Coordinator {
        self.lock().coordinator.clone()
    }

    /// The channel that calls go to now.
    pub fn channel(&self) -> Channel {
        self.current().channel
    }

    /// Gives up on the coordinator that was `tried`: the next call goes to the one that leads, where `answer` says which that is, and
    /// otherwise to the next one. Where somebody else has given it up already, that holds.
    pub fn give_up(&self, tried: &Coordinator, answer: Option<&Status>) {
        let mut current = self.lock();
        if current.coordinator.address != tried.address {
            return;
        }
        let told = answer.and_then(status::leader).filter(|leader| **leader != *tried.address);
        if let Some(leader) = told.and_then(|leader| self.find(leader)) {
            current.coordinator = leader;
        } else {
            current.coordinator = self.known[current.next % self.known.len()].clone();
            current.next += 1;
        }
    }

    /// Makes `call`; where its coordinator can't be reached or doesn't lead, at others. Only for calls that may be repeated.
    pub async fn call<T, F>(&self, call: impl FnMut(Channel) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        self.call_where(|_| true, call).await
    }

    /// Makes `call`; where its coordinator can't be reached or doesn't lead, and `may_repeat` says so of the status, at others. Each known
    /// coordinator is tried once, and whoever is told to lead, too. Either way further calls go elsewhere.
    pub async fn call_where<T, F>(
        &self,
        may_repeat: impl Fn(&Status) -> bool,
        mut call: impl FnMut(Channel) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut attempts = self.known.len();
        let mut redirects = self.known.len() + 1;
        loop {
            let coordinator = self.current();
            let status = match call(coordinator.channel.clone()).await {
                Err(status) if status::to_fault(&status).code == FaultCode::Unavailable => status,
                answer => return answer,
            };
            self.log(&coordinator, &status);
            // Also where this call ends here: the next one should meet another coordinator.
            self.give_up(&coordinator, Some(&status));
            let left = if status::leader(&status).is_some() { &mut redirects } else { &mut attempts };
            *left -= 1;
            if *left == 0 || !may_repeat(&status) {
                return Err(status);
            }
        }
    }

    /// Logs why a coordinator couldn't answer: at the default level where the connection is at fault, once a minute.
    fn log(&self, coordinator: &Coordinator, status: &Status) {
        let address = &coordinator.address;
        tracing::debug!(%address, %status, "a coordinator can't answer");
        if !status::is_from_transport(status) {
            return;
        }
        let cause = coordinator.trouble().unwrap_or_else(|| "the connection broke".to_owned());
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        if throttle.admits(&format!("{address}: {cause}")) {
            tracing::warn!(%address, cause, "a coordinator can't be reached");
        }
    }

    fn find(&self, address: &str) -> Option<Coordinator> {
        let known = self.known.iter().find(|known| *known.address == *address).cloned();
        // A leader may be advertised at an address that this client wasn't told.
        known.or_else(|| self.reach.coordinator(address).ok())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // Whoever panicked elsewhere left a whole coordinator.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reach {
    fn coordinator(&self, url: &str) -> Result<Coordinator, AddressError> {
        let endpoint = endpoint(url)?;
        let address = url.into();
        let (trust, configure) = match self {
            Self::Other(connect) => {
                return Ok(Coordinator { address, channel: connect(&endpoint), trouble: Trouble::default() });
            }
            Self::Tcp { trust, configure } => (trust, configure),
        };
        let not_a_url = || AddressError::NotAUrl(url.to_owned());
        let connector = Connector::new(endpoint.uri(), trust).ok_or_else(not_a_url)?;
        let trouble = connector.trouble();
        // TLS is the connector's: to tonic the connection is a plain one, of calls to an https URL.
        let plain = url.replacen(ENCRYPTED, PLAIN, 1);
        let plain = configured(Endpoint::from_shared(plain).map_err(|_| not_a_url())?);
        let endpoint = configure(plain.origin(endpoint.uri().clone()));
        Ok(Coordinator { address, channel: endpoint.connect_with_connector_lazy(connector), trouble })
    }
}

/// What a URL begins with where TLS is spoken, and where it isn't.
const ENCRYPTED: &str = "https://";
const PLAIN: &str = "http://";

fn endpoint(url: &str) -> Result<Endpoint, AddressError> {
    let error = || AddressError::NotAUrl(url.to_owned());
    if ![ENCRYPTED, PLAIN].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(error());
    }
    Ok(configured(Endpoint::from_shared(url.to_owned()).map_err(|_| error())?))
}

fn configured(endpoint: Endpoint) -> Endpoint {
    endpoint
        // A peer that vanished without a word is noticed within seconds, also while nothing is said.
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

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

    const FIRST: &str = "http://127.0.0.1:1";
    const SECOND: &str = "http://127.0.0.1:2";
    const ELSEWHERE: &str = "http://127.0.0.1:3";

    fn two() -> Coordinators {
        Coordinators::new(&[FIRST.to_owned(), SECOND.to_owned()]).unwrap()
    }

    /// Where calls go after one was answered so.
    fn after(coordinators: &Coordinators, answer: Option<&Status>) -> String {
        coordinators.give_up(&coordinators.current(), answer);
        coordinators.current().address.to_string()
    }

    #[tokio::test]
    async fn whoever_is_told_to_lead_is_followed() {
        let coordinators = two();
        assert_eq!(after(&coordinators, Some(&status::not_leading(Some(ELSEWHERE)))), ELSEWHERE);
        // It is gone: the known ones are asked in turn.
        assert_eq!(after(&coordinators, None), SECOND);
        assert_eq!(after(&coordinators, Some(&status::not_leading(None))), FIRST);
        assert_eq!(after(&coordinators, Some(&status::not_leading(Some("nonsense")))), SECOND);
        assert_eq!(
            after(&coordinators, Some(&status::not_leading(Some(SECOND)))),
            FIRST,
            "no leader says so itself"
        );
    }

    #[tokio::test]
    async fn two_that_give_up_the_same_coordinator_move_on_once() {
        let coordinators = two();
        let tried = coordinators.current();
        coordinators.give_up(&tried, None);
        coordinators.give_up(&tried, None);
        assert_eq!(&*coordinators.current().address, SECOND);
    }

    #[tokio::test]
    async fn followers_that_send_each_other_are_not_followed_for_ever() {
        let coordinators = two();
        let mut calls = 0;
        let answer: Result<(), _> = coordinators
            .call(|_| {
                calls += 1;
                let other = if calls % 2 == 1 { SECOND } else { FIRST };
                std::future::ready(Err(status::not_leading(Some(other))))
            })
            .await;
        assert!(status::is_not_leading(&answer.unwrap_err()));
        assert_eq!(calls, 3);
    }

    #[tokio::test]
    async fn what_may_not_be_repeated_is_tried_once() {
        let coordinators = two();
        let mut calls = 0;
        let call = |_| {
            calls += 1;
            std::future::ready(Err::<(), _>(Status::unavailable("the connection broke")))
        };
        coordinators.call_where(status::is_not_leading, call).await.unwrap_err();
        assert_eq!(calls, 1);
        assert_eq!(&*coordinators.current().address, SECOND, "the next call goes elsewhere");
    }
}
