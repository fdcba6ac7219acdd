//! One request to the ring.

use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::json::Json;
use domain::{Client, Dept, IdempotencyKey, InvalidIdempotencyKey, RequestId, Submission};
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::event::{Event, Header};
use crate::problem::Problem;

/// The largest body, in bytes as received (contract, `payload_too_large`).
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;
/// The same in base64.
const MAX_ENCODED_BYTES: usize = MAX_BODY_BYTES.div_ceil(3) * 4;

/// One request to the ring, as its handler sees it.
#[derive(Debug)]
pub struct Call {
    /// The id under which an engineer finds this call.
    pub request_id: RequestId,
    /// When the gateway received it.
    pub now: Timestamp,
    pub(crate) client: Client,
    pub(crate) event: Event,
    deadline: Instant,
    subject: OnceLock<Subject>,
}

/// What a call turned out to be about, for its log line.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Only a key that the registry has: any other is a stranger's text.
    pub(crate) form: &'static str,
    pub(crate) dept: Option<Dept>,
}

impl Call {
    pub(crate) fn new(event: Event, clock: Timestamp, budget: Duration) -> Self {
        let received_at = event.received_at_millisecond().and_then(|at| Timestamp::from_millisecond(at).ok());
        Self {
            request_id: RequestId::random(),
            now: received_at.unwrap_or(clock),
            client: Client::from_source_ip(event.source_ip()),
            event,
            deadline: Instant::now() + budget,
            subject: OnceLock::new(),
        }
    }

    /// Lets only POST through; OPTIONS never gets here.
    ///
    /// # Errors
    /// [`Problem::MethodNotAllowed`].
    pub fn require_post(&self) -> Result<(), Problem> {
        if self.event.method() == "POST" { Ok(()) } else { Err(Problem::MethodNotAllowed) }
    }

    /// The body's bytes, if it is small enough and declared to be plain JSON. One that is too large is not even decoded.
    ///
    /// # Errors
    /// [`Problem::PayloadTooLarge`], [`Problem::UnsupportedMediaType`].
    pub fn json_body(&self) -> Result<Vec<u8>, Problem> {
        let body = self.event.body.as_deref().unwrap_or_default();
        if body.len() > MAX_ENCODED_BYTES {
            return Err(Problem::PayloadTooLarge);
        }
        let bytes = if self.event.is_base64_encoded {
            // The gateway encodes; what it encoded wrongly is no JSON either.
            STANDARD.decode(body).unwrap_or_default()
        } else {
            body.as_bytes().to_vec()
        };
        if bytes.len() > MAX_BODY_BYTES {
            return Err(Problem::PayloadTooLarge);
        }
        let media_types = self.event.header(Header::ContentType);
        let is_plain_json = !media_types.is_empty()
            && media_types.into_iter().all(is_utf8_json)
            && self.event.header(Header::ContentEncoding).is_empty();
        if is_plain_json { Ok(bytes) } else { Err(Problem::UnsupportedMediaType) }
    }

    /// The idempotency key, if the caller sent one.
    ///
    /// # Errors
    /// [`Problem::InvalidIdempotencyKey`], also when it was sent twice.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        match self.event.header(Header::IdempotencyKey)[..] {
            [] => Ok(None),
            [sent] => Ok(Some(IdempotencyKey::parse(sent)?)),
            _ => Err(Problem::InvalidIdempotencyKey(InvalidIdempotencyKey::Malformed)),
        }
    }

    /// The JSON document that `body` is.
    ///
    /// # Errors
    /// [`Problem::MalformedJson`].
    pub fn json<'body>(&self, body: &'body [u8]) -> Result<Json<'body>, Problem> {
        Ok(Json::parse(body)?)
    }

    /// The valid submission in `document`.
    ///
    /// # Errors
    /// [`Problem::InvalidSubmission`].
    pub fn submission(&self, document: &Json<'_>) -> Result<Submission, Problem> {
        let submission = Submission::parse(document)?;
        self.subject.get_or_init(|| Subject { form: submission.form.registered_key(), dept: submission.dept });
        Ok(submission)
    }

    /// Does what the answer depends on before the call's deadline. What comes after that is not worth a failure: once an
    /// enquiry is recorded, nothing may turn the answer into another.
    ///
    /// # Errors
    /// [`Problem::DeadlinePassed`], or what `work` came to.
    pub fn in_time<T, E: Into<Problem>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, Problem>> {
        tokio::time::timeout_at(self.deadline, work).map(|result| match result {
            Ok(result) => result.map_err(Into::into),
            Err(_elapsed) => Err(Problem::DeadlinePassed),
        })
    }

    pub(crate) fn is_preflight(&self) -> bool {
        self.event.method() == "OPTIONS"
    }

    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.subject.get()
    }
}

/// Whether a media type (RFC 9110 section 8.3.1) is JSON in UTF-8. Other parameters say nothing to JSON, so they are not even
/// required to be well-formed: libraries for media types are stricter, and would refuse what senders do send.
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

    fn call(event: &str) -> Call {
        Call::new(serde_json::from_str(event).unwrap(), Timestamp::UNIX_EPOCH, Duration::ZERO)
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
            call(&format!(r#"{{"body":"x","multiValueHeaders":{{"content-type":[{media_types}]}}}}"#)).json_body()
        };
        assert_eq!(body_of(r#""application/json""#), Ok(b"x".to_vec()));
        assert_eq!(body_of(r#""application/json","application/json; charset=utf-8""#), Ok(b"x".to_vec()));
        for media_types in ["", r#""text/plain""#, r#""application/json","text/plain""#] {
            assert_eq!(body_of(media_types), Err(Problem::UnsupportedMediaType), "{media_types}");
        }
    }

    #[test]
    fn a_body_that_the_gateway_did_not_encode_right_is_no_body() {
        let event = r#"{"body":"%%%","isBase64Encoded":true,"headers":{"content-type":"application/json"}}"#;
        assert_eq!(call(event).json_body(), Ok(vec![]));
    }

    #[test]
    fn a_body_is_at_most_64_kib_encoded_or_not() {
        let body_of = |bytes: usize, is_encoded: bool| {
            let text = "x".repeat(bytes);
            let body = if is_encoded { STANDARD.encode(text) } else { text };
            let headers = r#""headers":{"content-type":"application/json"}"#;
            call(&format!(r#"{{"body":"{body}","isBase64Encoded":{is_encoded},{headers}}}"#)).json_body()
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
        let v1 = r#"{"requestContext":{"requestTimeEpoch":1782740527123}}"#;
        assert_eq!(call(v1).now, Timestamp::from_millisecond(1_782_740_527_123).unwrap());
        let v2 = r#"{"version":"2.0","requestContext":{"requestTimeEpoch":1782740527,"timeEpoch":1782740527}}"#;
        assert_eq!(call(v2).now, Timestamp::UNIX_EPOCH);
        let absurd = r#"{"requestContext":{"requestTimeEpoch":9223372036854775807}}"#;
        assert_eq!(call(absurd).now, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn the_client_is_the_gateways_source_address_and_never_a_headers() {
        let claimed = r#""multiValueHeaders":{"X-Forwarded-For":["198.51.100.7"],"Forwarded":["for=198.51.100.7"]}"#;
        let v1 = format!(r#"{{{claimed},"requestContext":{{"identity":{{"sourceIp":"192.0.2.1"}}}}}}"#);
        let v2 = format!(r#"{{"version":"2.0",{claimed},"requestContext":{{"http":{{"sourceIp":"192.0.2.1"}}}}}}"#);
        for event in [v1, v2] {
            assert_eq!(call(&event).client, Client::from_source_ip("192.0.2.1"));
        }
    }
}
