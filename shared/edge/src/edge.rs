//! Handles a request: counts it, calls the route's handler, and builds the response.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use jiff::Timestamp;
use lambda_http::http::header::{self, HeaderName, HeaderValue};
use lambda_http::http::{HeaderMap, Method};
use storage::RateCounters;
use tracing::Span;

use crate::call::Call;
use crate::cors;
use crate::envelope::error_body;
use crate::guard::GatewayEvent;
use crate::limiter::{Admission, Limiter};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::response::{Response, ascii_value};
use crate::route::Route;
use crate::settings::Settings;

/// The edge of a function.
#[derive(Debug)]
pub struct Edge {
    settings: Settings,
    limiter: Limiter,
    counters: RateCounters,
    has_served: AtomicBool,
}

impl Edge {
    /// An edge with these settings, which counts requests in `counters`.
    #[must_use]
    pub fn new(settings: Settings, counters: RateCounters) -> Self {
        let limiter = Limiter::new(settings.rate_limit);
        Self { settings, limiter, counters, has_served: AtomicBool::new(false) }
    }

    /// Opens the connection to the counters. A failure does not matter.
    pub async fn warm_up(&self) {
        self.counters.warm_up().await;
    }

    /// Responds to one event of a route, and returns the response with the reply's follow-up. Preflights are answered
    /// without calls to AWS. All other requests go through the limiter and the handler. A request whose event has no
    /// time gets `clock`. Never fails, and writes one log line.
    pub async fn respond<FollowUp>(
        &self,
        event: GatewayEvent,
        clock: Timestamp,
        route: &Route,
        handle: impl AsyncFnOnce(&Call) -> Result<Reply<FollowUp>, Problem>,
    ) -> (Response, Option<FollowUp>) {
        let started = Instant::now();
        let call = Call::new(event.0, route, &self.settings, clock);
        let (result, admission) = self.result_of(&call, route, handle).await;
        let (status, mut headers, body, follow_up) = match result {
            Ok(reply) => {
                self.log(&call, started, reply.outcome, None, None);
                (reply.status, reply.headers, reply.body, reply.follow_up)
            }
            Err(problem) => {
                let error = problem.reply(route);
                // A refusal's cause may quote the caller, so log only the causes of our own failures.
                let is_ours = error.status.is_server_error();
                let outcome = if is_ours { "failed" } else { "refused" };
                self.log(&call, started, outcome, Some(error.code), is_ours.then_some(&problem));
                (
                    error.status,
                    error.headers.clone(),
                    error_body(&error, &self.settings.doc_url_base, call.meta()),
                    None,
                )
            }
        };
        add_to_every_response(&call, &mut headers);
        self.settings.allowed_origins.add_to_response(call.origin(), &mut headers);
        admission.add_to_response(&mut headers);
        (Response::new(call.is_v2, status, headers, body), follow_up)
    }

    async fn result_of<FollowUp>(
        &self,
        call: &Call,
        route: &Route,
        handle: impl AsyncFnOnce(&Call) -> Result<Reply<FollowUp>, Problem>,
    ) -> (Result<Reply<FollowUp>, Problem>, Admission) {
        if call.method() == Method::OPTIONS {
            return (Ok(cors::preflight(call.meta(), route)), Admission::Uncounted);
        }
        let admission = match guarded(self.admit(call)).await {
            Ok(admission) => admission,
            Err(panicked) => return (Err(panicked), Admission::Uncounted),
        };
        let result = match admission {
            Admission::Refused(quota) => Err(Problem::RateLimited { seconds_to_reset: quota.seconds_to_reset }),
            _ if let Some(cause) = call.unreadable() => {
                tracing::error!(event = "unreadable_event", request_id = call.request_id.as_str(), cause);
                Err(Problem::UnreadableEvent)
            }
            _ if !route.methods.contains(call.method()) => Err(Problem::MethodNotAllowed),
            Admission::Admitted(_) | Admission::Uncounted => guarded(handle(call)).await.flatten(),
        };
        (result, admission)
    }

    async fn admit(&self, call: &Call) -> Admission {
        if let Some(refused) = self.limiter.refuse_at_once(call) {
            return refused;
        }
        let counted = self.counters.count(&call.client, call.now, self.settings.rate_limit).await;
        self.limiter.admit(call, counted)
    }

    /// Writes the request's log line, which never has a body, name, address or key.
    fn log(&self, call: &Call, started: Instant, outcome: &str, code: Option<&str>, cause: Option<&Problem>) {
        let _span = call.log.get().map(Span::enter);
        tracing::info!(
            request_id = call.request_id.as_str(),
            gateway_request_id = call.gateway_request_id,
            gateway_extended_request_id = call.gateway_extended_request_id(),
            outcome,
            code,
            cause = cause.map(tracing::field::display),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            cold = !self.has_served.swap(true, Ordering::Relaxed),
        );
    }
}

/// Turns a panic into a problem. The environment survives a panic, and the caller needs the error envelope.
fn guarded<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, Problem>> {
    AssertUnwindSafe(work).catch_unwind().map(|result| result.map_err(|_panic| Problem::Panicked))
}

/// Adds the headers of every response. A route may set its own content type.
fn add_to_every_response(call: &Call, headers: &mut HeaderMap) {
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("x-credicorp-request-id"), ascii_value(call.request_id.as_str()));
}
