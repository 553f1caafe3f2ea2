//! The coordinators that a client knows, and which of them it calls.

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

/// After this much silence the peer must answer a ping.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(1);
/// How long the peer may take to answer a ping. Callers notice a frozen leader after 2.5 to 3.5 s.
/// Another one leads by then (etcd's shortest lease is 2 s, and its expiry is noticed within 0.8
/// s), so nobody is sent back to the frozen one, and work continues well within the promised 5 s. A
/// peer that is only busy answers in time, because the transport answers pings.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The coordinators of one cluster. Calls go to one of them until it can't be reached or names
/// another leader.
#[derive(Debug)]
pub struct Coordinators {
    known: Mutex<Vec<Coordinator>>,
    reach: Reach,
    current: Mutex<Current>,
    throttle: Mutex<LogThrottle>,
}

/// One of the coordinators.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Coordinator {
    pub address: Arc<str>,
    pub channel: Channel,
    trouble: Trouble,
}

impl Coordinator {
    /// Why the last attempt to connect failed, if it did.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.get()
    }
}

type Configure = Box<dyn Fn(Endpoint) -> Endpoint + Send + Sync>;
type Connect = Box<dyn Fn(&Endpoint) -> Channel + Send + Sync>;

/// How to make a channel for a URL.
enum Reach {
    /// TCP, with TLS for `https` URLs.
    Tcp { trust: Trust, configure: Configure },
    /// Another kind of network.
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
    /// The known coordinator to try when this one fails.
    next: usize,
}

/// Why a list of coordinators can't be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum AddressError {
    #[error("no coordinator was given")]
    Empty,
    #[error("{0:?} is not the URL of a coordinator: expected something like http://127.0.0.1:7070")]
    NotAUrl(String),
}

impl Coordinators {
    /// Uses the coordinators at these URLs. Connects at the first call.
    pub fn new(urls: &[String]) -> Result<Self, AddressError> {
        Self::trusting(urls, Trust::system(), |endpoint| endpoint)
    }

    /// Uses the coordinators at these URLs, and whichever they name as leader. `connect` makes a
    /// channel of an endpoint, for other kinds of networks, without TLS.
    pub fn connecting(
        urls: &[String],
        connect: impl Fn(&Endpoint) -> Channel + Send + Sync + 'static,
    ) -> Result<Self, AddressError> {
        Self::reaching(urls, Reach::Other(Box::new(connect)))
    }

    /// Uses the coordinators at these URLs and accepts certificates that `trust` accepts at `https`
    /// URLs. `configure` applies further settings to each endpoint.
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
        Ok(Self { known: Mutex::new(known), reach, current, throttle: Mutex::default() })
    }

    /// Which coordinators can't be reached and why, in one line; `None` if all can.
    pub fn trouble(&self) -> Option<String> {
        let current = self.current();
        let known = self.known();
        let is_known = known.iter().any(|known| known.address == current.address);
        let others = (!is_known).then_some(&current);
        let troubles: Vec<_> = (known.iter().chain(others))
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

    /// Gives up on the coordinator that was `tried`. The next call goes to the leader that `answer`
    /// names, or else to the next coordinator. Does nothing if another caller has given up on it
    /// already.
    pub fn give_up(&self, tried: &Coordinator, answer: Option<&Status>) {
        let mut current = self.lock();
        if current.coordinator.address != tried.address {
            return;
        }
        let told = answer.and_then(status::leader).filter(|leader| **leader != *tried.address);
        if let Some(leader) = told.and_then(|leader| self.find(leader)) {
            current.coordinator = leader;
        } else {
            let known = self.known();
            current.coordinator = known[current.next % known.len()].clone();
            current.next += 1;
        }
    }

    /// Makes `call`. If its coordinator can't be reached or doesn't lead, repeats it at others.
    /// Only for calls that may be repeated.
    pub async fn call<T, F>(&self, call: impl FnMut(Channel) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        self.call_where(|_| true, call).await
    }

    /// Makes `call`. If its coordinator can't be reached or doesn't lead, and `may_repeat` allows
    /// it for the status, repeats it at others. Each known coordinator is tried once, and so is one
    /// that is named as leader. In any case later calls go elsewhere.
    pub async fn call_where<T, F>(
        &self,
        may_repeat: impl Fn(&Status) -> bool,
        mut call: impl FnMut(Channel) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut attempts = self.known().len();
        let mut redirects = attempts + 1;
        loop {
            let coordinator = self.current();
            let status = match call(coordinator.channel.clone()).await {
                Err(status) if status::to_fault(&status).code == FaultCode::Unavailable => status,
                answer => return answer,
            };
            self.log(&coordinator, &status);
            // Also if this call isn't repeated: the next one should use another coordinator.
            self.give_up(&coordinator, Some(&status));
            let left = if status::leader(&status).is_some() { &mut redirects } else { &mut attempts };
            *left -= 1;
            if *left == 0 || !may_repeat(&status) {
                return Err(status);
            }
        }
    }

    /// Logs why a coordinator couldn't answer. Connection failures are logged at `warn`, once a
    /// minute, all else at `debug`.
    fn log(&self, coordinator: &Coordinator, status: &Status) {
        let address = &coordinator.address;
        tracing::debug!(%address, %status, "a coordinator didn't answer");
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
        let known = self.known().iter().find(|known| *known.address == *address).cloned();
        // The leader may advertise an address that this client wasn't configured with.
        known.or_else(|| self.reach.coordinator(address).ok())
    }

    /// Uses new connections from now on, for example because another certificate is to be
    /// presented.
    pub fn reconnect(&self) {
        let renew = |coordinator: &mut Coordinator| {
            // Its URL was accepted before.
            if let Ok(new) = self.reach.coordinator(&coordinator.address) {
                *coordinator = new;
            }
        };
        renew(&mut self.lock().coordinator);
        self.known().iter_mut().for_each(renew);
    }

    fn known(&self) -> MutexGuard<'_, Vec<Coordinator>> {
        // A panic elsewhere can't leave the value half written.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // A panic elsewhere can't leave the value half written.
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
        // The connector speaks TLS. For tonic the connection is plain, although calls have an https
        // URL.
        let plain = url.replacen(ENCRYPTED, PLAIN, 1);
        let plain = configured(Endpoint::from_shared(plain).map_err(|_| not_a_url())?);
        let endpoint = configure(plain.origin(endpoint.uri().clone()));
        Ok(Coordinator { address, channel: endpoint.connect_with_connector_lazy(connector), trouble })
    }
}

/// The prefixes of URLs with and without TLS.
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
        // Detects a vanished peer within seconds, even while no call is in progress.
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

    /// Where calls go after this answer.
    fn after(coordinators: &Coordinators, answer: Option<&Status>) -> String {
        coordinators.give_up(&coordinators.current(), answer);
        coordinators.current().address.to_string()
    }

    #[tokio::test]
    async fn whoever_is_told_to_lead_is_followed() {
        let coordinators = two();
        assert_eq!(after(&coordinators, Some(&status::not_leading(Some(ELSEWHERE)))), ELSEWHERE);
        // The leader is gone, so the known coordinators are tried in turn.
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
