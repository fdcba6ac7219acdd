//! Turns any gateway event into a request of `lambda_http`.
//!
//! `lambda_http` itself panics on some hosts, paths and bodies, rejects some headers, and keeps only one of two headers
//! with the same name: docs/decisions/0007-lambda-http-behind-a-guard.md. So the request gets only the parts that we
//! read.
//!
//! Source: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration" (REST, v1) and
//! "Working with AWS Lambda proxy integrations for HTTP APIs" (v2, which `cargo lambda watch` sends).

use std::borrow::Cow;
use std::fmt;

use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext};
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN};
use lambda_http::http::{HeaderMap, Method};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The header that makes a retry safe (contract, Idempotency-Key).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The headers that we read. Browsers and gateways send about twenty others.
const READ_HEADERS: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_TYPE, IDEMPOTENCY_KEY, ORIGIN];

/// A gateway event. It accepts any JSON, because an event that is not a request needs a response too.
///
/// It has no `Debug`, because the request holds personal data.
pub struct GatewayEvent(pub(crate) Request);

/// Marks an event that is not a request, with the reason, which contains no data.
#[derive(Clone)]
pub(crate) struct Unreadable(pub(crate) String);

/// The gateway's extended id of a request. Callers cannot choose it.
#[derive(Clone)]
pub(crate) struct ExtendedRequestId(pub(crate) String);

/// Marks a body in base64. It is decoded only if it is small enough.
#[derive(Clone)]
pub(crate) struct Base64Body;

/// The keys that we read. `null` is the same as absent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    version: Option<String>,
    http_method: Option<String>,
    headers: Option<Headers>,
    multi_value_headers: Option<Headers>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Option<SentContext>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentContext {
    request_id: Option<String>,
    extended_request_id: Option<String>,
    request_time_epoch: Option<i64>,
    identity: Option<SentCaller>,
    http: Option<SentCaller>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentCaller {
    method: Option<String>,
    source_ip: Option<String>,
}

/// The headers that we read, and whether there were any headers at all.
struct Headers {
    read: HeaderMap,
    any: bool,
}

/// A header's name, in any case.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value or values of one header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(Option<String>),
    Many(Vec<Option<String>>),
}

impl<'de> Deserialize<'de> for GatewayEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read raw JSON first. An error here would make Lambda's runtime respond, without our error envelope.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let sent = serde_json::from_str::<Sent>(raw.get());
        let request = sent.map_err(|error| format!("{:?} error at column {}", error.classify(), error.column()));
        Ok(Self(request.and_then(Sent::into_request).unwrap_or_else(|reason| unreadable(raw.get(), reason))))
    }
}

impl Sent {
    /// The request, or the reason that the event is not one.
    fn into_request(self) -> Result<Request, String> {
        let is_v2 = self.version.as_deref() == Some("2.0");
        let SentContext { request_id, extended_request_id, request_time_epoch, identity, http } =
            self.request_context.unwrap_or_default();
        let (identity, http) = (identity.unwrap_or_default(), http.unwrap_or_default());
        let method = if is_v2 { http.method } else { self.http_method };
        let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let mut request = Request::new(self.body.map_or(Body::Empty, Body::Text));
        *request.method_mut() = method.ok_or("no method")?;
        // `multiValueHeaders` has all values of each header. `headers` repeats only the last.
        let headers = self.multi_value_headers.filter(|headers| headers.any).or(self.headers);
        *request.headers_mut() = headers.map_or_else(HeaderMap::new, |headers| headers.read);
        if self.is_base64_encoded == Some(true) {
            request.extensions_mut().insert(Base64Body);
        }
        if let Some(id) = extended_request_id {
            request.extensions_mut().insert(ExtendedRequestId(id));
        }
        Ok(request.with_request_context(if is_v2 {
            let mut context = ApiGatewayV2httpRequestContext::default();
            context.request_id = request_id;
            context.http.source_ip = http.source_ip;
            RequestContext::ApiGatewayV2(context)
        } else {
            let mut context = ApiGatewayProxyRequestContext::default();
            context.request_id = request_id;
            context.identity.source_ip = identity.source_ip;
            context.request_time_epoch = request_time_epoch.unwrap_or_default();
            RequestContext::ApiGatewayV1(context)
        }))
    }
}

/// The request for an event that is not one. It keeps the gateway's ids and source address, if they are readable.
fn unreadable(event: &str, reason: String) -> Request {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rest {
        request_context: Option<SentContext>,
    }
    let Rest { request_context } = serde_json::from_str(event).unwrap_or_default();
    let sent = Sent { http_method: Some("GET".to_owned()), request_context, ..Sent::default() };
    let mut request = sent.into_request().unwrap_or_default();
    request.extensions_mut().insert(Unreadable(reason));
    request
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut sent: A) -> Result<Headers, A::Error> {
        let mut headers = Headers { read: HeaderMap::new(), any: false };
        while let Some(Name(name)) = sent.next_key()? {
            headers.any = true;
            let Some(name) = READ_HEADERS.into_iter().find(|read| name.eq_ignore_ascii_case(read.as_str())) else {
                sent.next_value::<IgnoredAny>()?;
                continue;
            };
            let values = match sent.next_value()? {
                Values::One(value) => vec![value],
                Values::Many(values) => values,
            };
            for value in values.into_iter().flatten() {
                headers.read.append(&name, header_value(&value));
            }
        }
        Ok(headers)
    }
}

/// A header's value in UTF-8. Control characters are replaced. If the header were dropped, a bad idempotency key would
/// count as no key.
#[expect(clippy::expect_used, reason = "what a header's value may not hold has been replaced")]
fn header_value(sent: &str) -> HeaderValue {
    let is_illegal = |character: char| character.is_ascii_control() && character != '\t';
    HeaderValue::from_str(&sent.replace(is_illegal, "\u{fffd}")).expect("the value is legal")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn request_of(event: &str) -> Option<Request> {
        let GatewayEvent(request) = serde_json::from_str(event).unwrap();
        request.extensions().get::<Unreadable>().is_none().then_some(request)
    }

    /// The header's values in a request with these keys besides its method.
    fn values(keys: &str, name: HeaderName) -> Vec<String> {
        let request = request_of(&format!(r#"{{"httpMethod":"POST",{keys}}}"#)).unwrap();
        request.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into()).collect()
    }

    #[test]
    fn every_sample_event_of_a_gateway_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let mut count = 0;
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let request = request_of(&fs::read_to_string(&path).unwrap());
            match request.as_ref().and_then(RequestExt::request_context_ref) {
                Some(RequestContext::ApiGatewayV1(context)) => {
                    assert!(name.starts_with("rest-v1-"), "{name}");
                    assert!(context.request_id.is_some() && context.identity.source_ip.is_some(), "{name}");
                    assert!(context.request_time_epoch > 0, "{name}");
                }
                Some(RequestContext::ApiGatewayV2(context)) => {
                    assert!(name.starts_with("http-v2-"), "{name}");
                    assert!(context.request_id.is_some() && context.http.source_ip.is_some(), "{name}");
                }
                _ => continue,
            }
            count += 1;
        }
        assert!(count > 20, "{count}");
    }

    #[test]
    fn what_is_no_request_is_none_and_nothing_panics() {
        for event in [
            "null",
            "7",
            r#""text""#,
            "[]",
            r#"["POST"]"#,
            "{}",
            r#"{"httpMethod":null}"#,
            r#"{"httpMethod":""}"#,
            r#"{"httpMethod":"P O S T"}"#,
            r#"{"httpMethod":["POST"]}"#,
            r#"{"httpMethod":"POST","httpMethod":"GET"}"#,
            r#"{"httpMethod":"POST","headers":[]}"#,
            r#"{"httpMethod":"POST","headers":{"origin":{}}}"#,
            r#"{"httpMethod":"POST","body":{}}"#,
            r#"{"httpMethod":"POST","isBase64Encoded":"yes"}"#,
            r#"{"httpMethod":"POST","requestContext":{"requestTimeEpoch":"now"}}"#,
            r#"{"version":"2.0","httpMethod":"POST"}"#,
            r#"{"Records":[{"body":"{}"}]}"#,
        ] {
            assert!(request_of(event).is_none(), "{event}");
        }
    }

    #[test]
    fn what_is_no_request_keeps_the_gateways_ids_and_says_why_without_data() {
        let context =
            r#""requestContext":{"requestId":"a","extendedRequestId":"b","identity":{"sourceIp":"192.0.2.1"}}"#;
        for (event, reason) in [
            (format!(r#"{{"httpMethod":"POST","body":{{"name":"Jordan"}},{context}}}"#), "Data error at column 28"),
            (format!(r#"{{"httpMethod":"J O R D A N",{context}}}"#), "no method"),
        ] {
            let GatewayEvent(request) = serde_json::from_str(&event).unwrap();
            let extensions = request.extensions();
            let (Unreadable(said), ExtendedRequestId(id)) = (extensions.get().unwrap(), extensions.get().unwrap());
            assert_eq!((said.as_str(), id.as_str()), (reason, "b"));
            let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() else { panic!("{event}") };
            assert_eq!(context.request_id.as_deref(), Some("a"));
            assert_eq!(context.identity.source_ip.as_deref(), Some("192.0.2.1"));
        }
    }

    #[test]
    fn nothing_that_is_not_read_can_make_a_request_unreadable() {
        for keys in [
            r#""headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null,"requestContext":null"#,
            r#""requestContext":{"identity":null,"http":null,"requestTimeEpoch":null,"requestId":null}"#,
            r#""headers":{"origin":null},"multiValueHeaders":{"content-type":null,"origin":[null]}"#,
            r#""headers":{"Host":"a b","X-Forwarded-Proto":"a b","x y":"\u0000","":"","é":"é"}"#,
            r#""path":"/a b\"[","resource":7,"queryStringParameters":{"a b":"["},"pathParameters":[]"#,
            r#""requestContext":{"domainName":"a b","stage":"[","identity":{"userAgent":{}},"authorizer":7}"#,
            r#""body":"no base64","isBase64Encoded":true"#,
        ] {
            let request = request_of(&format!(r#"{{"httpMethod":"POST",{keys}}}"#));
            assert!(request.is_some_and(|request| request.headers().is_empty()), "{keys}");
            let v2 = r#"{"version":"2.0","rawPath":"/a b[","rawQueryString":"a b\"[","requestContext":{"http":{"method":"PUT"}}"#;
            assert_eq!(request_of(&format!("{v2},\"cookies\":7}}")).unwrap().method(), "PUT");
        }
        let path = format!(r#"{{"httpMethod":"POST","path":"/{}"}}"#, "a".repeat(70_000));
        assert_eq!(request_of(&path).unwrap().uri(), "/");
    }

    #[test]
    fn any_number_of_headers_is_read() {
        let names: Vec<_> = (0..40_000).map(|index| format!(r#""x-{index}":["a"]"#)).collect();
        assert_eq!(values(&format!(r#""multiValueHeaders":{{{}}}"#, names.join(",")), ORIGIN), [""; 0]);
        let many = vec![r#""a""#; 70_000].join(",");
        assert_eq!(values(&format!(r#""multiValueHeaders":{{"origin":[{many}]}}"#), ORIGIN).len(), 70_000);
    }

    #[test]
    fn all_values_of_a_header_are_found_under_any_spelling_of_its_name() {
        let many = r#""multiValueHeaders":{"Idempotency-Key":["a","b"],"idempotency-key":["c"]}"#;
        let one = r#""headers":{"idempotency-key":"c","IDEMPOTENCY-\u004bEY":"d","X-Key":"e"}"#;
        assert_eq!(values(&format!("{many},{one}"), IDEMPOTENCY_KEY), ["a", "b", "c"]);
        assert_eq!(values(&format!("{one},{many}"), IDEMPOTENCY_KEY), ["a", "b", "c"]);
        assert_eq!(values(one, IDEMPOTENCY_KEY), ["c", "d"]);
        assert_eq!(values(&format!(r#"{one},"multiValueHeaders":{{}}"#), IDEMPOTENCY_KEY), ["c", "d"]);
    }

    #[test]
    fn a_value_that_http_does_not_allow_does_not_vanish() {
        for (sent, expected) in [
            (r"a\u0000b", "a\u{fffd}b"),
            (r"\r\nx: y", "\u{fffd}\u{fffd}x: y"),
            (r"\u007f", "\u{fffd}"),
            (r"a\tb", "a\tb"),
            ("é 🔑", "é 🔑"),
            ("", ""),
        ] {
            assert_eq!(values(&format!(r#""headers":{{"Idempotency-Key":"{sent}"}}"#), IDEMPOTENCY_KEY), [expected]);
        }
    }
}
