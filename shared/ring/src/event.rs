//! What the gateway sends: the two shapes of proxy event, read with nothing refused.
//!
//! Source: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration" (REST, v1) and "Working
//! with AWS Lambda proxy integrations for HTTP APIs" (v2, which `cargo lambda watch` sends).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// A gateway event. Absent keys and `null` are the same, and what we do not need is not read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    version: Option<String>,
    http_method: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    headers: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "null_is_empty")]
    multi_value_headers: BTreeMap<String, Option<Vec<String>>>,
    pub(crate) body: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub(crate) is_base64_encoded: bool,
    #[serde(deserialize_with = "null_is_empty")]
    request_context: RequestContext,
}

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
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        if self.multi_value_headers.is_empty() {
            let named = self.headers.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
            named.filter_map(|(_, value)| value.as_deref()).collect()
        } else {
            let named = self.multi_value_headers.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
            named.flat_map(|(_, values)| values.iter().flatten()).map(String::as_str).collect()
        }
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
            r#"{"headers":{"x":null},"multiValueHeaders":{"x":null}}"#,
        ] {
            let event: Event = serde_json::from_str(empty).unwrap();
            assert_eq!((event.method(), event.source_ip(), event.header("x")), ("", "", vec![]));
        }
    }

    #[test]
    fn a_headers_values_are_found_under_any_spelling_of_its_name() {
        let sent = r#"{"multiValueHeaders":{"X-Key":["a","b"],"x-key":["c"]},"headers":{"x-key":"c"}}"#;
        let event: Event = serde_json::from_str(sent).unwrap();
        assert_eq!(event.header("x-key"), ["a", "b", "c"]);
        let event: Event = serde_json::from_str(r#"{"headers":{"X-KEY":"é\u0000"}}"#).unwrap();
        assert_eq!(event.header("x-key"), ["é\0"]);
    }
}
