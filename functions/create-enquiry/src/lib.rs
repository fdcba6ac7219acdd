//! `POST /public/v1/enquiries`: records what a form says, once, and once it has answered, announces it to its department.

mod config;

use std::time::Duration;

use aws_types::SdkConfig;
use domain::{Enquiry, EnquiryId, Environment, IdempotencyClaim, RequestId};
use edge::{Call, Created, Event, Problem, Response, Ring};
use jiff::Timestamp;
use notify::NotificationQueue;
use storage::{Enquiries, IdempotencyRecords, RateCounters, Recorded};

pub use config::Config;

const ROUTE: &str = "POST /public/v1/enquiries";

/// What lives as long as the environment: the ring, the tables and the queue.
#[derive(Debug)]
pub struct State {
    environment: Environment,
    ring: Ring,
    enquiries: Enquiries,
    counters: RateCounters,
    queue: NotificationQueue,
    warm_up_budget: Duration,
}

/// Records the submission that `call` carries.
///
/// # Errors
/// What the contract lists for this route, save what the ring itself answers.
pub async fn create_enquiry(state: &State, call: &Call) -> Result<Created, Problem> {
    call.require_post()?;
    let body = call.json_body()?;
    let key = call.idempotency_key()?;
    let document = call.json(&body)?;
    let submission = call.submission(&document)?;
    let claim = key.map(|key| IdempotencyClaim::new(key, &document));
    let enquiry = Enquiry::received(submission, call.now, call.request_id.clone(), state.environment);
    match call.in_time(state.enquiries.record(&enquiry, claim.as_ref())).await? {
        Recorded::New(id) => Ok(Created::new(id)),
        Recorded::Replayed(id) => Ok(Created::replayed(id)),
        Recorded::KeyReused => Err(Problem::IdempotencyKeyReused),
        Recorded::InProgress => Err(Problem::IdempotencyRequestInProgress),
    }
}

/// Says so in the log when it is time to fetch the next bank holidays: without them, deadlines would come too early.
pub fn warn_of_ending_bank_holidays(now: Timestamp) {
    if let Some(last) = domain::bank_holidays_ending(now) {
        let last = last.to_string();
        tracing::warn!(event = "bank_holidays_ending", last, "run `make bank-holidays` and deploy");
    }
}

impl State {
    /// The state that `config` describes, with the connections of `sdk`.
    #[must_use]
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let Config { environment, pepper, .. } = config;
        let idempotency = IdempotencyRecords::new(config.idempotency_table, pepper.clone(), ROUTE);
        Self {
            environment,
            ring: Ring::new(
                environment,
                config.doc_url_base,
                config.allowed_origins,
                config.rate_limit,
                config.deadline,
            ),
            enquiries: Enquiries::new(sdk, config.enquiries_table, idempotency),
            counters: RateCounters::new(sdk, config.rate_counters_table, pepper),
            queue: NotificationQueue::new(sdk, config.queue_url, config.enqueue_budget),
            warm_up_budget: config.warm_up_budget,
        }
    }

    /// Opens the connections while Lambda still gives a full core, so that the first caller does not wait for it. Whether
    /// it succeeds does not matter.
    pub async fn warm_up(&self) {
        if self.warm_up_budget.is_zero() {
            return;
        }
        let warm_up = async { tokio::join!(self.counters.warm_up(), self.queue.warm_up()) };
        let _ = tokio::time::timeout(self.warm_up_budget, warm_up).await;
    }

    /// Answers one event; `clock` serves where the event has no time of its own. What is left to do then is to announce the
    /// enquiry, if it is new: the caller need not wait for it, since the record knows that its mail is due.
    pub async fn answer(&self, event: Event, clock: Timestamp) -> (Response, impl Future<Output = ()>) {
        let mut recorded = None;
        let count = async |client: &_, now, limit| self.counters.count(client, now, limit).await;
        let handle = async |call: &Call| {
            let created = create_enquiry(self, call).await?;
            recorded = created.new_id().map(|id| (id.clone(), call.request_id.clone()));
            Ok(created)
        };
        let response = self.ring.answer(event, clock, count, handle).await;
        (response, self.announce(recorded))
    }

    /// Best effort: a message that is lost only delays the mail. Not even a panic may come of it, or the environment dies.
    async fn announce(&self, recorded: Option<(EnquiryId, RequestId)>) {
        let Some((id, request_id)) = recorded else { return };
        let cause = match edge::guarded(self.queue.announce(&id)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        let (request_id, enquiry_id) = (request_id.as_str(), id.as_str());
        tracing::warn!(event = "enqueue_failed", request_id, enquiry_id, cause);
    }
}
