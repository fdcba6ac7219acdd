//! A request to a route.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::json::Json;
use domain::{Client, Environment, IdempotencyKey, InvalidIdempotencyKey, RequestId};
use futures_util::FutureExt;
use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::http::header::{self, HeaderName, HeaderValue};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use tokio::time::Instant;
use tracing::Span;

use crate::guard::{Base64Body, ExtendedRequestId, IDEMPOTENCY_KEY, Unreadable};
use crate::problem::Problem;
use crate::reply::Meta;
use crate::route::Route;
use crate::settings::Settings;

/// A request, as its handler sees it. It has no `Debug`, because it holds personal data.
pub struct Call {
    /// The id that engineers use to find this request.
    pub request_id: RequestId,
    /// When the gateway received the request.
    pub now: Timestamp,
    /// The environment that the API runs in.
    pub environment: Environment,
    /// The span with the route's own fields for the log line. The handler sets it once it knows what the request is
    /// about.
    pub log: OnceLock<Span>,
    pub(crate) client: Client,
    /// Whether the gateway is an HTTP API, which expects a different response format.
    pub(crate) is_v2: bool,
    /// The gateway's id of the request. A caller may choose it.
    pub(crate) gateway_request_id: Option<String>,
    request: Request,
    max_body_bytes: usize,
    deadline: Instant,
}

impl Call {
    pub(crate) fn new(request: Request, route: &Route, settings: &Settings, clock: Timestamp) -> Self {
        let (is_v2, gateway_request_id, source_ip, received_at) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => {
                let received_at = Some(context.request_time_epoch).filter(|epoch| *epoch != 0);
                (false, &context.request_id, context.identity.source_ip.as_deref(), received_at)
            }
            // Ignore its time: `cargo lambda watch` sends seconds, but AWS sends milliseconds.
            Some(RequestContext::ApiGatewayV2(context)) => {
                (true, &context.request_id, context.http.source_ip.as_deref(), None)
            }
            _ => (false, &None, None, None),
        };
        Self {
            request_id: RequestId::random(),
            now: received_at.and_then(|epoch| Timestamp::from_millisecond(epoch).ok()).unwrap_or(clock),
            environment: settings.environment,
            log: OnceLock::new(),
            // Use the address that the gateway saw, never one from a header.
            client: Client::from_source_ip(source_ip.unwrap_or_default()),
            is_v2,
            gateway_request_id: gateway_request_id.clone(),
            request,
            max_body_bytes: route.max_body_bytes,
            deadline: Instant::now() + settings.deadline,
        }
    }

    /// The `meta` object for a JSON body.
    #[must_use]
    pub fn meta(&self) -> Meta<'_> {
        Meta { request_id: self.request_id.as_str(), environment: self.environment.as_str() }
    }

    /// The body's bytes. A body that is too large is not decoded.
    ///
    /// # Errors
    /// [`Problem::PayloadTooLarge`], or [`Problem::UnsupportedMediaType`] if it is not declared as plain JSON.
    pub fn json_body(&self) -> Result<Vec<u8>, Problem> {
        let body: &[u8] = self.request.body();
        let is_encoded = self.request.extensions().get::<Base64Body>().is_some();
        let max_bytes = if is_encoded { self.max_body_bytes.div_ceil(3) * 4 } else { self.max_body_bytes };
        if body.len() > max_bytes {
            return Err(Problem::PayloadTooLarge);
        }
        // The gateway does the encoding. Text that is not valid base64 is not JSON either.
        let bytes = if is_encoded { STANDARD.decode(body).unwrap_or_default() } else { body.to_vec() };
        if bytes.len() > self.max_body_bytes {
            return Err(Problem::PayloadTooLarge);
        }
        let mut media_types = self.header(header::CONTENT_TYPE).peekable();
        let is_plain_json = media_types.peek().is_some()
            && media_types.all(|value| std::str::from_utf8(value.as_bytes()).is_ok_and(is_utf8_json))
            && self.header(header::CONTENT_ENCODING).next().is_none();
        if is_plain_json { Ok(bytes) } else { Err(Problem::UnsupportedMediaType) }
    }

    /// The idempotency key, if the caller sent one.
    ///
    /// # Errors
    /// [`Problem::InvalidIdempotencyKey`], also when there are two keys.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let malformed = InvalidIdempotencyKey::Malformed;
        let mut sent = self.header(IDEMPOTENCY_KEY);
        match (sent.next(), sent.next()) {
            (None, _) => Ok(None),
            // Only ASCII is valid, and `to_str` accepts nothing else.
            (Some(key), None) => Ok(Some(IdempotencyKey::parse(key.to_str().map_err(|_| malformed)?)?)),
            (Some(_), Some(_)) => Err(malformed.into()),
        }
    }

    /// Parses `body` as JSON.
    ///
    /// # Errors
    /// [`Problem::MalformedJson`].
    pub fn json<'body>(&self, body: &'body [u8]) -> Result<Json<'body>, Problem> {
        Ok(Json::parse(body)?)
    }

    /// Runs `work` until the request's deadline. Use it only for work that the response depends on. Once an enquiry is
    /// recorded, nothing may change the response.
    ///
    /// # Errors
    /// [`Problem::DeadlinePassed`], or the error of `work`.
    pub fn in_time<T, E: Into<Problem>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, Problem>> {
        tokio::time::timeout_at(self.deadline, work).map(|result| match result {
            Ok(result) => result.map_err(Into::into),
            Err(_elapsed) => Err(Problem::DeadlinePassed),
        })
    }

    pub(crate) fn method(&self) -> &Method {
        self.request.method()
    }

    /// Why the event is not a request, or `None` if it is one.
    pub(crate) fn unreadable(&self) -> Option<&str> {
        self.request.extensions().get().map(|Unreadable(reason)| reason.as_str())
    }

    pub(crate) fn origin(&self) -> Option<&HeaderValue> {
        self.header(header::ORIGIN).next()
    }

    /// The gateway's extended id. Callers cannot choose it.
    pub(crate) fn gateway_extended_request_id(&self) -> Option<&str> {
        self.request.extensions().get().map(|ExtendedRequestId(id)| id.as_str())
    }

    fn header(&self, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.request.headers().get_all(name).iter()
    }
}

/// Whether a media type (RFC 9110 section 8.3.1) is JSON in UTF-8. JSON ignores other parameters, so they need not be
/// well-formed. Media type libraries are stricter, and would reject what some clients send.
fn is_utf8_json(text: &str) -> bool {
    let mut is_quoted = false;
    let mut parts = text.split(|character| {
        is_quoted ^= character == '"';
        character == ';' && !is_quoted
    });
    let is_json = parts.next().is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case("application/json"));
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim_ascii().eq_ignore_ascii_case("charset").then(|| value.trim_ascii().trim_matches('"'))
    });
    is_json && charsets.all(|charset| charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use crate::cors::AllowedOrigins;
    use crate::guard::GatewayEvent;

    const ROUTE: Route = Route {
        methods: &[Method::POST],
        max_body_bytes: 64 * 1024,
        method_not_allowed: "",
        internal_error: "",
        service_unavailable: "",
    };

    impl Call {
        /// The request in an event. Its time is the epoch unless the event has a time.
        pub(crate) fn of(event: &str) -> Self {
            let GatewayEvent(request) = serde_json::from_str(event).unwrap();
            let settings = Settings {
                environment: Environment::Live,
                doc_url_base: String::new(),
                allowed_origins: AllowedOrigins::Any,
                rate_limit: 60,
                deadline: Duration::ZERO,
            };
            Self::new(request, &ROUTE, &settings, Timestamp::UNIX_EPOCH)
        }
    }

    /// A request whose event has these keys.
    fn call(keys: &str) -> Call {
        Call::of(&format!(r#"{{"httpMethod":"POST",{keys}}}"#))
    }

    #[track_caller]
    fn check_media_type(text: &str, expected: bool) {
        assert_eq!(is_utf8_json(text), expected, "{text}");
    }

    #[test]
    fn the_media_type_is_json_with_any_parameter_but_another_charset() {
        check_media_type("application/json", true);
        check_media_type("Application/JSON", true);
        check_media_type("application/json; charset=utf-8", true);
        check_media_type("application/json;charset=UTF-8", true);
        check_media_type("application/json ; Charset=\"Utf-8\"", true);
        check_media_type("application/json; profile=\"x;y\"; version=1", true);
        check_media_type("application/json;", true);
        check_media_type("application/json;; charset=utf-8", true);
        check_media_type("application/json; profile=https://example.com/a; q", true);
        check_media_type("application/json; profile=\"; charset=latin1\"", true);
        check_media_type("application/json; charset=iso-8859-1", false);
        check_media_type("application/json; charset=utf-8; charset=utf-16", false);
        check_media_type("application/json+x", false);
        check_media_type("application/problem+json", false);
        check_media_type("text/json", false);
        check_media_type("text/plain", false);
        check_media_type("application/json, application/json", false);
        check_media_type("json", false);
        check_media_type("", false);
        check_media_type("é", false);
    }

    #[test]
    fn every_media_type_that_was_sent_must_be_json() {
        let body_of = |media_types: &str| {
            call(&format!(r#""body":"x","multiValueHeaders":{{"content-type":[{media_types}]}}"#)).json_body()
        };
        assert_eq!(body_of(r#""application/json""#), Ok(b"x".to_vec()));
        assert_eq!(body_of(r#""application/json","application/json; charset=utf-8""#), Ok(b"x".to_vec()));
        for media_types in ["", r#""text/plain""#, r#""application/json","text/plain""#] {
            assert_eq!(body_of(media_types), Err(Problem::UnsupportedMediaType), "{media_types}");
        }
    }

    #[test]
    fn a_body_that_the_gateway_did_not_encode_right_is_no_body() {
        let event = r#""body":"%%%","isBase64Encoded":true,"headers":{"content-type":"application/json"}"#;
        assert_eq!(call(event).json_body(), Ok(vec![]));
    }

    #[test]
    fn a_body_is_at_most_64_kib_encoded_or_not() {
        let body_of = |bytes: usize, is_encoded: bool| {
            let text = "x".repeat(bytes);
            let body = if is_encoded { STANDARD.encode(text) } else { text };
            let headers = r#""headers":{"content-type":"application/json"}"#;
            call(&format!(r#""body":"{body}","isBase64Encoded":{is_encoded},{headers}"#)).json_body()
        };
        for is_encoded in [true, false] {
            assert_eq!(body_of(65_536, is_encoded).map(|body| body.len()), Ok(65_536));
            for bytes in [65_537, 65_538, 65_539, 65_540, 87_384, 87_385, 200_000] {
                assert_eq!(body_of(bytes, is_encoded), Err(Problem::PayloadTooLarge), "{bytes}");
            }
        }
    }

    #[test]
    fn the_time_is_the_gateways_or_else_the_clocks() {
        let v1 = r#""requestContext":{"requestTimeEpoch":1782740527123}"#;
        assert_eq!(call(v1).now, Timestamp::from_millisecond(1_782_740_527_123).unwrap());
        let times = r#""requestTimeEpoch":1782740527,"timeEpoch":1782740527"#;
        let v2 = format!(r#""version":"2.0","requestContext":{{"http":{{"method":"POST"}},{times}}}"#);
        assert_eq!(call(&v2).now, Timestamp::UNIX_EPOCH);
        for absurd in ["9223372036854775807", "0", "null"] {
            let call = call(&format!(r#""requestContext":{{"requestTimeEpoch":{absurd}}}"#));
            assert_eq!(call.now, Timestamp::UNIX_EPOCH, "{absurd}");
        }
    }

    #[test]
    fn the_client_is_the_gateways_source_address_and_never_a_headers() {
        let claimed = r#""multiValueHeaders":{"X-Forwarded-For":["198.51.100.7"],"Forwarded":["for=198.51.100.7"]}"#;
        let v1 = format!(r#"{claimed},"requestContext":{{"identity":{{"sourceIp":"192.0.2.1"}}}}"#);
        let http = r#""http":{"method":"POST","sourceIp":"192.0.2.1"}"#;
        let v2 = format!(r#""version":"2.0",{claimed},"requestContext":{{{http}}}"#);
        for event in [v1, v2] {
            assert_eq!(call(&event).client, Client::from_source_ip("192.0.2.1"));
        }
    }
}
