//! The way of a request through the ring.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::{Admission, Client, Environment};
use futures_util::FutureExt;
use jiff::Timestamp;
use storage::StorageError;

use crate::call::Call;
use crate::cors::{self, AllowedOrigins};
use crate::event::{Event, Header};
use crate::limiter::{Limiter, Standing};
use crate::problem::Problem;
use crate::response::{Created, Envelope, Outcome, Response};

/// The edge that a function of the ring stands behind.
#[derive(Debug)]
pub struct Ring {
    envelope: Envelope,
    origins: AllowedOrigins,
    limiter: Limiter,
    deadline: Duration,
    has_served: AtomicBool,
}

impl Ring {
    /// A ring of `environment` that links its errors to anchors of the page `doc_url_base`, admits `limit` requests a
    /// client and window, and gives a call as long as `deadline`.
    #[must_use]
    pub fn new(
        environment: Environment,
        doc_url_base: String,
        origins: AllowedOrigins,
        limit: u32,
        deadline: Duration,
    ) -> Self {
        let envelope = Envelope { environment, doc_url_base };
        Self { envelope, origins, limiter: Limiter::new(limit), deadline, has_served: AtomicBool::new(false) }
    }

    /// Answers one event: a preflight from memory, everything else through the limiter and the handler. `clock` serves
    /// where the event has no time of its own. Never fails, and writes one log line.
    pub async fn answer<Count, Handle>(&self, event: Event, clock: Timestamp, count: Count, handle: Handle) -> Response
    where
        Count: AsyncFnOnce(&Client, Timestamp, u32) -> Result<Admission, StorageError>,
        Handle: AsyncFnOnce(&Call) -> Result<Created, Problem>,
    {
        let started = Instant::now();
        let call = Call::new(event, clock, self.deadline);
        let (outcome, standing) = self.outcome_of(&call, count, handle).await;
        let mut response = self.envelope.wrap(&call.request_id, &outcome);
        self.origins.add_to_response(call.event.header(Header::Origin).first().copied(), &mut response.headers);
        if matches!(outcome, Outcome::Preflight) {
            cors::add_to_preflight(&mut response.headers);
        }
        standing.add_to_response(&mut response.headers);
        response.cookies = call.event.is_v2().then_some([]);
        self.log(&call, &outcome, started);
        response
    }

    async fn outcome_of<Count, Handle>(&self, call: &Call, count: Count, handle: Handle) -> (Outcome, Standing)
    where
        Count: AsyncFnOnce(&Client, Timestamp, u32) -> Result<Admission, StorageError>,
        Handle: AsyncFnOnce(&Call) -> Result<Created, Problem>,
    {
        if call.is_preflight() {
            return (Outcome::Preflight, Standing::Uncounted);
        }
        let standing = match guarded(self.limiter.admit(call, count)).await {
            Ok(standing) => standing,
            Err(panicked) => return (Outcome::Problem(panicked), Standing::Uncounted),
        };
        let result = match standing {
            Standing::Refused(quota) => Err(Problem::RateLimited { seconds_to_reset: quota.seconds_to_reset }),
            Standing::Admitted(_) | Standing::Uncounted => guarded(handle(call)).await.flatten(),
        };
        (result.map_or_else(Outcome::Problem, Outcome::Created), standing)
    }

    /// Writes the one line of a call: never a body, a name, an address or a key.
    fn log(&self, call: &Call, outcome: &Outcome, started: Instant) {
        let answer = outcome.problem().map(Problem::answer);
        let failed = answer.as_ref().is_some_and(|answer| answer.status >= 500);
        let told = match outcome {
            Outcome::Preflight => "preflight",
            Outcome::Created(Created { replayed: false, .. }) => "created",
            Outcome::Created(Created { replayed: true, .. }) => "replayed",
            Outcome::Problem(_) if failed => "failed",
            Outcome::Problem(_) => "refused",
        };
        // The cause of a refusal may quote the caller; the cause of a failure of ours never does.
        let cause = outcome.problem().filter(|_| failed).map(tracing::field::display);
        tracing::info!(
            request_id = call.request_id.as_str(),
            gateway_request_id = call.event.gateway_request_id(),
            gateway_extended_request_id = call.event.gateway_extended_request_id(),
            enquiry_id = outcome.created().map(|created| created.id.as_str()),
            form = call.subject().map(|subject| subject.form),
            dept = call.subject().and_then(|subject| subject.dept).map(domain::Dept::as_str),
            outcome = told,
            code = answer.map(|answer| answer.code),
            cause,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            cold = !self.has_served.swap(true, Ordering::Relaxed),
        );
    }
}

/// Turns a panic into a problem: the environment lives on after it, and the caller needs the envelope.
///
/// # Errors
/// [`Problem::Panicked`].
pub fn guarded<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, Problem>> {
    AssertUnwindSafe(work).catch_unwind().map(|result| result.map_err(|_panic| Problem::Panicked))
}
