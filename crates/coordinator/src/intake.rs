//! Limits on what a call may send before it is carried out. The caller's key, which is in the
//! metadata, is checked before anything of the message is read. The message has a time limit, a
//! size limit by its method, and a limit on its number of parts, which are counted before decoding:
//! an empty part of two bytes becomes hundreds of bytes in memory. gzip is decompressed here, so
//! that the same limits apply.
//!
//! The method itself checks the caller's permissions ([`auth`]). The workers' stream checks its own
//! token.

mod body;
mod parts;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use carlo_types::limits::{BODY_BYTES_MAX, MESSAGE_BYTES_MAX};
use carlo_types::{Fault, FaultCode};
use carlo_wire::{GATEWAY_PROTOCOLS, PROTOCOL, status};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::metadata::MetadataMap;
use tower::{Layer, Service};

use self::body::{Budgeted, Limited};
use self::parts::Methods;
use crate::auth;
use crate::lead::Leadership;

/// How long a message may take to arrive.
const ARRIVAL_MAX: Duration = Duration::from_secs(10);
/// The size limit of messages of all methods that are not listed below, in bytes.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all messages in arrival.
const ARRIVING_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The size limit of `Revalidate` in bytes: enough for a thousand keys and ids.
const REVALIDATE_BYTES_MAX: usize = 512 * 1024;
/// Streams of the reflection service over all callers, and how long each may last.
const REFLECTIONS_MAX: usize = 32;
const REFLECTION_LIFE_MAX: Duration = Duration::from_mins(1);
/// Keys that are checked at the same time.
const CHECKS_MAX: usize = 256;
/// How long an accepted key is not checked again here, and how many keys are remembered.
const KEY_REMEMBERED: Duration = Duration::from_mins(1);
const KEYS_MAX: usize = 10_000;

const REVALIDATE: &str = "/carlo.v1.Jobs/Revalidate";
const READY: &str = "/carlo.v1.Cluster/Ready";

/// The layer around every service.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Shared>);

struct Shared {
    leadership: Leadership,
    methods: Methods,
    arriving: Arc<Semaphore>,
    reflections: Arc<Semaphore>,
    checks: Semaphore,
    accepted: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Intake {
    pub(crate) fn new(leadership: Leadership) -> Self {
        Self(Arc::new(Shared {
            leadership,
            methods: Methods::of_services(),
            arriving: Arc::new(Semaphore::new(ARRIVING_BYTES_MAX)),
            reflections: Arc::new(Semaphore::new(REFLECTIONS_MAX)),
            checks: Semaphore::new(CHECKS_MAX),
            accepted: Mutex::default(),
        }))
    }
}

/// The size limit of this method's messages, in bytes.
fn bytes_max(path: &str) -> usize {
    match path {
        "/carlo.v1.Batches/Create" => MESSAGE_BYTES_MAX,
        "/carlo.v1.Jobs/Submit" | "/carlo.v1.Jobs/Simulate" => BODY_BYTES_MAX,
        REVALIDATE => REVALIDATE_BYTES_MAX,
        _ => SMALL_BYTES_MAX,
    }
}

/// Refuses a gateway whose protocol this coordinator doesn't know.
fn check_protocol(headers: &HeaderMap) -> Result<(), Status> {
    let Some(theirs) = headers.get(PROTOCOL) else { return Ok(()) };
    let version = theirs.to_str().ok().and_then(|text| text.parse().ok());
    if version.is_some_and(|version| GATEWAY_PROTOCOLS.contains(&version)) {
        return Ok(());
    }
    let (first, last) = GATEWAY_PROTOCOLS.into_inner();
    let message = format!(
        "the gateway has protocol version {theirs:?}, and the coordinator knows {first} to {last}: \
         install the same release, on the coordinators first"
    );
    Err(status::from_fault(&Fault::new(FaultCode::Incompatible, message)))
}

impl Shared {
    /// The request with its whole message, if both are within the limits.
    async fn admit(&self, request: Request<Body>) -> Result<Request<Body>, Status> {
        check_protocol(request.headers())?;
        let path = request.uri().path().to_owned();
        let Some(method) = self.methods.get(&path) else {
            // The health service and unknown methods need no more than a few bytes.
            let limited = |body| Body::new(Limited::new(body, SMALL_BYTES_MAX, ARRIVAL_MAX));
            return Ok(request.map(limited));
        };
        if method.is_stream {
            return Ok(request);
        }
        let (mut head, body) = request.into_parts();
        if path != REVALIDATE && path != READY {
            let metadata = MetadataMap::from_headers(head.headers);
            self.authenticate(auth::key(&metadata)).await?;
            head.headers = metadata.into_headers();
        }
        let encoding = head.headers.remove("grpc-encoding");
        let arriving = body::collect(body, bytes_max(&path), encoding.as_ref(), &self.arriving);
        let late = |_| Status::deadline_exceeded("the message did not arrive within 10 s");
        let Budgeted { message, budget } = timeout(ARRIVAL_MAX, arriving).await.map_err(late)??;
        self.methods.check(method, &message)?;
        Ok(Request::from_parts(head, Body::new(body::Whole::new(&message, budget))))
    }

    /// Refuses a key that the core doesn't know.
    async fn authenticate(&self, key: Option<String>) -> Result<(), Status> {
        let core = self.leadership.term()?.core;
        let hash: [u8; 32] = Sha256::digest(key.as_deref().unwrap_or_default()).into();
        let hash = key.is_some().then_some(hash);
        if let Some(hash) = &hash
            && self.lock().get(hash).is_some_and(|at| at.elapsed() < KEY_REMEMBERED)
        {
            return Ok(());
        }
        let Ok(_check) = self.checks.try_acquire() else {
            return Err(Status::unavailable("too many keys are being checked at the moment"));
        };
        let checked = core.ask(move |core| core.authenticate(key.as_deref()).map(|_| ())).await;
        let checked = checked.and_then(|checked| checked.map_err(auth::refused));
        checked.map_err(|fault| status::from_fault(&fault))?;
        if let Some(hash) = hash {
            let mut accepted = self.lock();
            if accepted.len() >= KEYS_MAX {
                accepted.clear();
            }
            accepted.insert(hash, Instant::now());
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        // A panic can't leave the map half changed.
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for Intake {
    type Service = Guarded<S>;

    fn layer(&self, service: S) -> Guarded<S> {
        Guarded { service, intake: self.clone() }
    }
}

/// A service behind [`Intake`].
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    service: S,
    intake: Intake,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The ready service must be used; its clone may not be ready.
        let clone = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, clone);
        let intake = Arc::clone(&self.intake.0);
        Box::pin(async move {
            if request.uri().path().starts_with("/grpc.reflection.") {
                let Ok(permit) = Arc::clone(&intake.reflections).try_acquire_owned() else {
                    let message = "as many clients use the reflection service as may";
                    return Ok(Status::resource_exhausted(message).into_http());
                };
                let limited = |body| Body::new(Limited::new(body, SMALL_BYTES_MAX, REFLECTION_LIFE_MAX));
                let response = service.call(request.map(limited)).await?;
                let limited =
                    |body| Body::new(Limited::new(body, usize::MAX, REFLECTION_LIFE_MAX).with_permit(permit));
                return Ok(response.map(limited));
            }
            match intake.admit(request).await {
                Ok(request) => service.call(request).await,
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}
