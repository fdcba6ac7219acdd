//! `POST /public/v1/enquiries`: records an enquiry once, and after the response queues its notification to the
//! department.

mod bank_holidays;
mod config;
mod problem;

use std::time::Duration;

use aws_types::SdkConfig;
use domain::{Dept, Enquiry, EnquiryId, IdempotencyClaim, RequestId, STATUS_NEW, Submission};
use edge::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use edge::{Call, Edge, GatewayEvent, Meta, Problem, Reply, Response, Route};
use jiff::Timestamp;
use notify::NotificationQueue;
use serde::Serialize;
use storage::{Enquiries, IdempotencyRecords, RateCounters, Recorded};
use tracing::field::Empty;

pub use bank_holidays::warn_of_ending_bank_holidays;
pub use config::Config;

const ROUTE: Route = Route {
    methods: &[Method::POST],
    max_body_bytes: 64 * 1024,
    method_not_allowed: "Use POST to send an enquiry.",
    internal_error: "Something went wrong on our side. You can safely retry with the same Idempotency-Key. Without a key, a retry \
                     may record the enquiry twice.",
    service_unavailable: "The service did not respond in time. Try again in 1 second. You can safely retry with the \
                          same Idempotency-Key. Without a key, a retry may record the enquiry twice.",
};

/// The edge, the tables and the queue, for as long as the environment lives.
#[derive(Debug)]
pub struct State {
    edge: Edge,
    enquiries: Enquiries,
    queue: NotificationQueue,
    warm_up_budget: Duration,
}

/// An enquiry that this request recorded. Its notification is not queued yet.
#[derive(Debug)]
pub struct NewEnquiry {
    id: EnquiryId,
    request_id: RequestId,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    status: &'static str,
    meta: Meta<'a>,
}

/// Records the submission in `call`.
///
/// # Errors
/// The contract's errors for this route, except those of the edge.
pub async fn create_enquiry(state: &State, call: &Call) -> Result<Reply<NewEnquiry>, Problem> {
    let body = call.json_body()?;
    let key = call.idempotency_key()?;
    let document = call.json(&body)?;
    let submission = Submission::parse(&document).map_err(problem::invalid_submission)?;
    // Log only registered form keys, because anybody can choose a key.
    let (form, dept) = (submission.form.registered_key(), submission.dept.map(Dept::as_str));
    let log = call.log.get_or_init(|| tracing::info_span!("enquiry", form, dept, enquiry_id = Empty));
    let claim = key.map(|key| IdempotencyClaim::new(key, &document));
    let enquiry = Enquiry::received(submission, call.now, call.request_id.clone(), call.environment);
    match call.in_time(state.enquiries.record(enquiry, EnquiryId::random, claim.as_ref())).await? {
        Recorded::New(id) => {
            log.record("enquiry_id", id.as_str());
            let reply = recorded(call, "created", &id);
            Ok(Reply { follow_up: Some(NewEnquiry { id, request_id: call.request_id.clone() }), ..reply })
        }
        Recorded::Replayed(id) => {
            log.record("enquiry_id", id.as_str());
            Ok(Reply { headers: idempotent_replayed(), ..recorded(call, "replayed", &id) })
        }
        Recorded::KeyReused => Err(problem::idempotency_key_reused().into()),
        Recorded::InProgress => Err(problem::idempotency_request_in_progress().into()),
    }
}

fn recorded(call: &Call, outcome: &'static str, id: &EnquiryId) -> Reply<NewEnquiry> {
    Reply::json(StatusCode::CREATED, outcome, &Body { id: id.as_str(), status: STATUS_NEW, meta: call.meta() })
}

fn idempotent_replayed() -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"))])
}

impl State {
    /// The state for `config`, with the connections of `sdk`.
    #[must_use]
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let idempotency = IdempotencyRecords::new(config.idempotency_table, config.pepper.clone());
        let counters = RateCounters::new(sdk, config.rate_counters_table, config.pepper);
        Self {
            edge: Edge::new(config.edge, counters),
            enquiries: Enquiries::new(sdk, config.enquiries_table, idempotency),
            queue: NotificationQueue::new(sdk, config.queue_url, config.enqueue_budget),
            warm_up_budget: config.warm_up_budget,
        }
    }

    /// Opens the connections while Lambda still gives a full core, so that the first caller does not wait for them.
    /// Failures do not matter.
    pub async fn warm_up(&self) {
        if self.warm_up_budget.is_zero() {
            return;
        }
        let warm_up = async { tokio::join!(self.edge.warm_up(), self.queue.warm_up()) };
        let _ = tokio::time::timeout(self.warm_up_budget, warm_up).await;
    }

    /// Responds to one event. If the event has no time, `clock` is used. The returned future queues the notification of
    /// a new enquiry, and the caller does not wait for it. The record says that the email is due, so a lost message
    /// only delays it.
    pub async fn respond(&self, event: GatewayEvent, clock: Timestamp) -> (Response, impl Future<Output = ()>) {
        let handle = async |call: &Call| create_enquiry(self, call).await;
        let (response, new) = self.edge.respond(event, clock, &ROUTE, handle).await;
        (response, async move {
            if let Some(NewEnquiry { id, request_id }) = new {
                self.queue.announce(&id, &request_id).await;
            }
        })
    }
}
