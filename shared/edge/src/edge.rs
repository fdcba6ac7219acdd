//! The way of a request through the edge.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::Environment;
use futures_util::FutureExt;
use jiff::Timestamp;
use lambda_http::http::header::{self, HeaderName, HeaderValue};
use lambda_http::http::{HeaderMap, Method, StatusCode};
use storage::RateCounters;

use crate::call::Call;
use crate::cors::{self, AllowedOrigins};
use crate::envelope::Envelope;
use crate::guard::GatewayEvent;
use crate::limiter::{Admission, Limiter};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::response::{Response, own_value};
use crate::route::Route;

/// The edge that a function stands behind.
#[derive(Debug)]
pub struct Edge {
    envelope: Envelope,
    origins: AllowedOrigins,
    limiter: Limiter,
    counters: RateCounters,
    deadline: Duration,
    has_served: AtomicBool,
}

/// What the environment decides about the edge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API runs.
    pub environment: Environment,
    /// The page of the error reference, to which `#code` is added.
    pub doc_url_base: String,
    /// Which pages may read responses.
    pub allowed_origins: AllowedOrigins,
    /// How many requests a client may make in a window.
    pub rate_limit: u32,
    /// How long a call may take.
    pub deadline: Duration,
}

/// What a call came to.
enum Outcome<FollowUp> {
    Preflight,
    Done(Reply<FollowUp>),
    Failed(Problem),
}

impl Edge {
    /// The edge with these settings, which counts in `counters`.
    #[must_use]
    pub fn new(settings: Settings, counters: RateCounters) -> Self {
        let Settings { environment, doc_url_base, allowed_origins, rate_limit, deadline } = settings;
        Self {
            envelope: Envelope { environment, doc_url_base },
            origins: allowed_origins,
            limiter: Limiter::new(rate_limit),
            counters,
            deadline,
            has_served: AtomicBool::new(false),
        }
    }

    /// Opens the connection to the counters; whether it succeeds does not matter.
    pub async fn warm_up(&self) {
        self.counters.warm_up().await;
    }

    /// Responds to one event of a route: a preflight from memory, everything else through the limiter and the handler. `clock` serves
    /// where the event has no time of its own. Never fails, and writes one log line. Besides the response it gives what the reply
    /// leaves to do.
    pub async fn respond<FollowUp>(
        &self,
        event: GatewayEvent,
        clock: Timestamp,
        route: &Route,
        handle: impl AsyncFnOnce(&Call) -> Result<Reply<FollowUp>, Problem>,
    ) -> (Response, Option<FollowUp>) {
        let started = Instant::now();
        let GatewayEvent(request) = event;
        let is_readable = request.is_some();
        let environment = self.envelope.environment;
        let call = Call::new(request.unwrap_or_default(), environment, route, clock, self.deadline);
        let (outcome, admission) = if is_readable {
            self.outcome_of(&call, route, handle).await
        } else {
            (Outcome::Failed(Problem::UnreadableEvent), Admission::Uncounted)
        };
        let mut headers = headers_of_every_response(&call);
        self.origins.add_to_response(call.origin(), &mut headers);
        admission.add_to_response(&mut headers);
        let (status, body, follow_up) = match outcome {
            Outcome::Preflight => {
                cors::add_to_preflight(route.allowed_methods(), &mut headers);
                self.log(&call, started, "preflight", None, None);
                (StatusCode::OK, self.envelope.preflight(&call.request_id), None)
            }
            Outcome::Done(reply) => {
                headers.extend(reply.headers);
                self.log(&call, started, reply.outcome, None, None);
                (reply.status, reply.body, reply.follow_up)
            }
            Outcome::Failed(problem) => {
                let error = problem.reply(route);
                headers.extend(error.headers.clone());
                // The cause of a refusal may quote the caller; the cause of a failure of ours never does.
                let is_ours = error.status.is_server_error();
                let outcome = if is_ours { "failed" } else { "refused" };
                self.log(&call, started, outcome, Some(error.code), is_ours.then_some(&problem));
                (error.status, self.envelope.error(&call.request_id, &error), None)
            }
        };
        (Response::new(call.is_v2(), status, headers, body), follow_up)
    }

    async fn outcome_of<FollowUp>(
        &self,
        call: &Call,
        route: &Route,
        handle: impl AsyncFnOnce(&Call) -> Result<Reply<FollowUp>, Problem>,
    ) -> (Outcome<FollowUp>, Admission) {
        if call.method() == Method::OPTIONS {
            return (Outcome::Preflight, Admission::Uncounted);
        }
        let admission = match guarded(self.admit(call)).await {
            Ok(admission) => admission,
            Err(panicked) => return (Outcome::Failed(panicked), Admission::Uncounted),
        };
        let result = match admission {
            Admission::Refused(quota) => Err(Problem::RateLimited { seconds_to_reset: quota.seconds_to_reset }),
            _ if !route.methods.contains(call.method()) => Err(Problem::MethodNotAllowed),
            Admission::Admitted(_) | Admission::Uncounted => guarded(handle(call)).await.flatten(),
        };
        (result.map_or_else(Outcome::Failed, Outcome::Done), admission)
    }

    async fn admit(&self, call: &Call) -> Admission {
        if let Some(refused) = self.limiter.refuse_at_once(call) {
            return refused;
        }
        let counted = self.counters.count(&call.client, call.now, self.limiter.limit()).await;
        self.limiter.admit(call, counted)
    }

    /// Writes the one line of a call: never a body, a name, an address or a key.
    fn log(&self, call: &Call, started: Instant, outcome: &str, code: Option<&str>, cause: Option<&Problem>) {
        let _route_says = call.log.enter();
        tracing::info!(
            request_id = call.request_id.as_str(),
            gateway_request_id = call.gateway_request_id(),
            gateway_extended_request_id = call.gateway_extended_request_id(),
            outcome,
            code,
            cause = cause.map(tracing::field::display),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            cold = !self.has_served.swap(true, Ordering::Relaxed),
        );
    }
}

/// Turns a panic into a problem: the environment lives on after it, and the caller needs the envelope.
fn guarded<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, Problem>> {
    AssertUnwindSafe(work).catch_unwind().map(|result| result.map_err(|_panic| Problem::Panicked))
}

fn headers_of_every_response(call: &Call) -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("x-credicorp-request-id"), own_value(call.request_id.as_str())),
    ])
}
