//! What the gateway sends: the two shapes of proxy event, read with nothing refused.
//!
//! Source: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration" (REST, v1) and "Working
//! with AWS Lambda proxy integrations for HTTP APIs" (v2, which `cargo lambda watch` sends).

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A gateway event. Absent keys and `null` are the same, and what we do not need is not read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    version: Option<String>,
    http_method: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    headers: Headers<Option<String>>,
    #[serde(deserialize_with = "null_is_empty")]
    multi_value_headers: Headers<Option<Vec<String>>>,
    pub(crate) body: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(crate) is_base64_encoded: bool,
    #[serde(deserialize_with = "null_is_empty")]
    request_context: RequestContext,
}

/// A header that the ring reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    ContentEncoding,
    ContentType,
    IdempotencyKey,
    Origin,
}

/// What was sent under the names of those. Browsers and gateways send a score of others, which are passed over.
struct Headers<Value> {
    read: Vec<(Header, Value)>,
    /// Whether there were any, of whatever name.
    any: bool,
}

/// Which header a name stands for, in whatever case it was sent.
struct Name(Option<Header>);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    request_id: Option<String>,
    extended_request_id: Option<String>,
    request_time_epoch: Option<i64>,
    #[serde(deserialize_with = "null_is_empty")]
    identity: Source,
    #[serde(deserialize_with = "null_is_empty")]
    http: Source,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    method: Option<String>,
    source_ip: Option<String>,
}

impl Event {
    /// Whether it is of an HTTP API's kind.
    pub(crate) fn is_v2(&self) -> bool {
        self.version.as_deref() == Some("2.0")
    }

    /// The method, as sent: methods are case-sensitive (RFC 9110 section 9.1).
    pub(crate) fn method(&self) -> &str {
        let method = if self.is_v2() { &self.request_context.http.method } else { &self.http_method };
        method.as_deref().unwrap_or_default()
    }

    /// The address that the gateway saw, never one that a header claims.
    pub(crate) fn source_ip(&self) -> &str {
        let source = if self.is_v2() { &self.request_context.http } else { &self.request_context.identity };
        source.source_ip.as_deref().unwrap_or_default()
    }

    /// When the gateway received the request, in milliseconds of the epoch. Not from a v2 event: `cargo lambda watch`
    /// writes seconds where AWS writes milliseconds.
    pub(crate) fn received_at_millisecond(&self) -> Option<i64> {
        self.request_context.request_time_epoch.filter(|_| !self.is_v2())
    }

    /// The gateway's own id of the request, which a caller may choose.
    pub(crate) fn gateway_request_id(&self) -> Option<&str> {
        self.request_context.request_id.as_deref()
    }

    /// The gateway's extended id, which nobody can choose.
    pub(crate) fn gateway_extended_request_id(&self) -> Option<&str> {
        self.request_context.extended_request_id.as_deref()
    }

    /// All values of a header, whatever case its name was sent in.
    pub(crate) fn header(&self, header: Header) -> Vec<&str> {
        if self.multi_value_headers.any {
            self.multi_value_headers.of(header).flatten().flatten().map(String::as_str).collect()
        } else {
            self.headers.of(header).filter_map(Option::as_deref).collect()
        }
    }
}

impl Header {
    const ALL: [(&str, Self); 4] = [
        ("content-encoding", Self::ContentEncoding),
        ("content-type", Self::ContentType),
        ("idempotency-key", Self::IdempotencyKey),
        ("origin", Self::Origin),
    ];
}

impl<Value> Headers<Value> {
    fn of(&self, header: Header) -> impl Iterator<Item = &Value> {
        self.read.iter().filter(move |(sent, _)| *sent == header).map(|(_, value)| value)
    }
}

impl<Value> Default for Headers<Value> {
    fn default() -> Self {
        Self { read: Vec::new(), any: false }
    }
}

impl<'de, Value: Deserialize<'de>> Deserialize<'de> for Headers<Value> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor(Self::default()))
    }
}

struct HeadersVisitor<Value>(Headers<Value>);

impl<'de, Value: Deserialize<'de>> Visitor<'de> for HeadersVisitor<Value> {
    type Value = Headers<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut sent: A) -> Result<Self::Value, A::Error> {
        let Self(mut headers) = self;
        while let Some(Name(header)) = sent.next_key()? {
            headers.any = true;
            match header {
                Some(header) => headers.read.push((header, sent.next_value()?)),
                None => {
                    sent.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(headers)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a header's name")
    }

    fn visit_str<E: Error>(self, sent: &str) -> Result<Name, E> {
        let named = Header::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(sent));
        Ok(Name(named.map(|(_, header)| header)))
    }
}

/// It holds a person's address and what they wrote: it is never shown.
impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Event(…)")
    }
}

fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn every_sample_event_of_a_gateway_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let is_gateways = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("rest-v1-") || name.starts_with("http-v2-")
        };
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let events: Vec<_> = files.filter(is_gateways).collect();
        assert!(!events.is_empty());
        for path in events {
            let event: Event = serde_json::from_str(&fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!event.method().is_empty() && !event.source_ip().is_empty(), "{}", path.display());
            assert!(event.is_v2() != event.received_at_millisecond().is_some(), "{}", path.display());
            assert!(event.gateway_request_id().is_some(), "{}", path.display());
        }
    }

    #[test]
    fn an_event_without_anything_is_read() {
        for empty in [
            "{}",
            r#"{"headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null,"requestContext":null}"#,
            r#"{"requestContext":{"identity":null,"http":null,"requestTimeEpoch":null}}"#,
            r#"{"headers":{"origin":null},"multiValueHeaders":{"origin":null}}"#,
        ] {
            let event: Event = serde_json::from_str(empty).unwrap();
            assert_eq!((event.method(), event.source_ip(), event.header(Header::Origin)), ("", "", vec![]));
        }
    }

    #[test]
    fn a_headers_values_are_found_under_any_spelling_of_its_name() {
        let sent = r#"{"multiValueHeaders":{"Idempotency-Key":["a","b"],"idempotency-key":["c"]},"headers":{"idempotency-key":"c"}}"#;
        let event: Event = serde_json::from_str(sent).unwrap();
        assert_eq!(event.header(Header::IdempotencyKey), ["a", "b", "c"]);
        let event: Event =
            serde_json::from_str(r#"{"headers":{"IDEMPOTENCY-KEY":"é\u0000","X-Key":"d"},"multiValueHeaders":{}}"#)
                .unwrap();
        assert_eq!(event.header(Header::IdempotencyKey), ["é\0"]);
    }
}
