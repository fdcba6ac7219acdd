//! `POST /public/v1/enquiries` as one would write it in Rust: `lambda_http`, `aws-config`, and all defaults.

mod problem;
mod store;

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aws_config::{BehaviorVersion, SdkConfig};
use domain::json::Json;
use domain::{Client, Enquiry, Environment, IdempotencyClaim, IdempotencyKey, InvalidIdempotencyKey};
use domain::{RequestId, STATUS_NEW, Submission, Window};
use jiff::Timestamp;
use lambda_http::http::{HeaderValue, Method, header};
use lambda_http::request::RequestContext;
use lambda_http::tracing::field::Empty;
use lambda_http::tracing::{self, Instrument, Span, info, info_span, warn};
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};
use mime::Mime;
use serde_json::{Value, json};

use problem::Problem;
use store::Store;

const MAX_BODY_BYTES: usize = 64 * 1024;
const METHODS: &str = "OPTIONS, POST";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

struct Api {
    environment: Environment,
    doc_url_base: String,
    allowed_origins: Vec<String>,
    store: Store,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
    has_served: AtomicBool,
}

/// What the gateway says of a request.
struct Call {
    request_id: RequestId,
    gateway_request_id: Option<String>,
    now: Timestamp,
    client: Client,
}

/// A response, without what every response has.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let api = &Api::new(&config)?;
    run(service_fn(|request| api.respond(request))).await
}

impl Api {
    fn new(config: &SdkConfig) -> Result<Self, Error> {
        Ok(Self {
            environment: env::var("ENVIRONMENT")?.parse()?,
            doc_url_base: env::var("DOC_URL_BASE")?,
            allowed_origins: env::var("ALLOWED_ORIGINS")?.split(',').map(|origin| origin.trim().to_owned()).collect(),
            store: Store::new(config)?,
            sqs: aws_sdk_sqs::Client::new(config),
            queue_url: env::var("NOTIFICATIONS_QUEUE_URL")?,
            has_served: AtomicBool::new(false),
        })
    }

    /// Responds to one request, and writes one log line.
    async fn respond(&self, request: Request) -> Result<Response<Body>, Error> {
        let started = Instant::now();
        let call = Call::of(&request);
        let request_id = call.request_id.as_str();
        let span = info_span!("enquiry", request_id, form = Empty, dept = Empty, enquiry_id = Empty);
        let mut reply = self.reply(&request, &call).instrument(span.clone()).await;
        span.in_scope(|| {
            info!(
                gateway_request_id = call.gateway_request_id,
                status = reply.status,
                code = reply.body["error"]["code"].as_str(),
                duration_ms = started.elapsed().as_millis() as u64,
                cold = !self.has_served.swap(true, Ordering::Relaxed),
            );
        });
        reply.body["meta"] = json!({ "request_id": request_id, "environment": self.environment.as_str() });
        let mut response = Response::builder()
            .status(reply.status)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CACHE_CONTROL, "no-store")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header("x-credicorp-request-id", request_id)
            .header(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "x-credicorp-request-id, retry-after, ratelimit, ratelimit-policy, idempotent-replayed",
            );
        if self.allowed_origins[0] == "*" {
            response = response.header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        } else {
            response = response.header(header::VARY, "origin");
            let origin = request.headers().get(header::ORIGIN);
            if let Some(origin) = origin.filter(|sent| self.allowed_origins.iter().any(|allowed| allowed == *sent)) {
                response = response.header(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
        }
        for (name, value) in reply.headers {
            response = response.header(name, value);
        }
        Ok(response.body(reply.body.to_string().into())?)
    }

    async fn reply(&self, request: &Request, call: &Call) -> Reply {
        if request.method() == Method::OPTIONS {
            return preflight();
        }
        let (quota, admitted) = self.admit(call).await;
        let result = match admitted {
            Ok(()) => self.create_enquiry(request, call).await,
            Err(refused) => Err(refused),
        };
        let mut reply = result.unwrap_or_else(|problem| self.refusal(&problem));
        reply.headers.extend(quota);
        reply
    }

    /// Counts one request, and gives the headers that say so. If it cannot be counted, it is let through without them.
    async fn admit(&self, call: &Call) -> (Vec<(&'static str, String)>, Result<(), Problem>) {
        let limit = self.store.rate_limit;
        let reset = Window::containing(call.now).seconds_to_reset(call.now);
        let quota = |left: u32| {
            let policy = format!("\"public\";q={limit};w={}", Window::SECONDS);
            vec![("ratelimit-policy", policy), ("ratelimit", format!("\"public\";r={left};t={reset}"))]
        };
        match self.store.count(&call.client, call.now).await {
            Ok(Some(hits)) => (quota(limit.saturating_sub(hits)), Ok(())),
            Ok(None) => (quota(0), Err(Problem::rate_limited(reset))),
            Err(problem) => {
                warn!(event = "limiter_failed_open", cause = problem.cause);
                (Vec::new(), Ok(()))
            }
        }
    }

    /// Records the submission, once for each key, and announces it.
    async fn create_enquiry(&self, request: &Request, call: &Call) -> Result<Reply, Problem> {
        if request.method() != Method::POST {
            return Err(Problem::method_not_allowed());
        }
        let body = json_body(request)?;
        let key = idempotency_key(request)?;
        let document = Json::parse(body)?;
        let submission = Submission::parse(&document)?;
        Span::current().record("form", submission.form.registered_key());
        Span::current().record("dept", submission.dept.map(|dept| dept.as_str()));
        let claim = key.map(|key| IdempotencyClaim::new(key, &document));
        let enquiry = Enquiry::received(submission, call.now, call.request_id.clone(), self.environment);
        let recorded = self.store.record(&enquiry, claim.as_ref()).await?;
        let id = recorded.id.as_str();
        Span::current().record("enquiry_id", id);
        let mut headers = Vec::new();
        if recorded.is_replay {
            headers.push(("idempotent-replayed", "true".to_owned()));
        } else {
            self.announce(id).await;
        }
        Ok(Reply { status: 201, headers, body: json!({ "id": id, "status": STATUS_NEW }) })
    }

    /// Puts the enquiry on the queue. If this fails, the mail is late: the record says that it is due.
    async fn announce(&self, id: &str) {
        let message = json!({ "enquiry_id": id }).to_string();
        if let Err(error) = self.sqs.send_message().queue_url(&self.queue_url).message_body(message).send().await {
            warn!(event = "enqueue_failed", cause = Problem::from(error).cause);
        }
    }

    fn refusal(&self, problem: &Problem) -> Reply {
        if let Some(cause) = &problem.cause {
            warn!(event = "failed", cause);
        }
        let mut headers = Vec::new();
        if problem.status == 405 {
            headers.push(("allow", METHODS.to_owned()));
        }
        if let Some(seconds) = problem.retry_after {
            headers.push(("retry-after", seconds.to_string()));
        }
        Reply { status: problem.status, headers, body: json!({ "error": problem.to_json(&self.doc_url_base) }) }
    }
}

impl Call {
    fn of(request: &Request) -> Self {
        let context = match request.request_context() {
            RequestContext::ApiGatewayV1(context) => context,
            _ => Default::default(),
        };
        let received_at = Some(context.request_time_epoch).filter(|epoch| *epoch != 0);
        Self {
            request_id: RequestId::random(),
            gateway_request_id: context.request_id,
            now: received_at.and_then(|epoch| Timestamp::from_millisecond(epoch).ok()).unwrap_or_else(Timestamp::now),
            client: Client::from_source_ip(&context.identity.source_ip.unwrap_or_default()),
        }
    }
}

fn preflight() -> Reply {
    let headers = [
        ("access-control-allow-methods", METHODS),
        ("access-control-allow-headers", "content-type, idempotency-key"),
        ("access-control-max-age", "86400"),
    ];
    Reply { status: 200, headers: headers.map(|(name, value)| (name, value.to_owned())).into(), body: json!({}) }
}

/// The body, if it is small enough and JSON.
fn json_body(request: &Request) -> Result<&[u8], Problem> {
    let body: &[u8] = request.body();
    if body.len() > MAX_BODY_BYTES {
        return Err(Problem::payload_too_large(MAX_BODY_BYTES));
    }
    let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(is_utf8_json);
    if !is_json || request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::unsupported_media_type());
    }
    Ok(body)
}

fn is_utf8_json(content_type: &HeaderValue) -> bool {
    let media_type = content_type.to_str().ok().and_then(|text| text.parse::<Mime>().ok());
    media_type.is_some_and(|media_type| {
        let charset = media_type.get_param(mime::CHARSET);
        media_type.essence_str() == "application/json" && charset.is_none_or(|charset| charset == mime::UTF_8)
    })
}

fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, InvalidIdempotencyKey> {
    let malformed = InvalidIdempotencyKey::Malformed;
    let mut sent = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => IdempotencyKey::parse(key.to_str().map_err(|_| malformed)?).map(Some),
        (Some(_), Some(_)) => Err(malformed),
    }
}
