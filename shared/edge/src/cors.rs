//! CORS: which web pages may read responses (Fetch standard, CORS protocol).

use std::str::FromStr;

use lambda_http::http::header::{self, HeaderValue};
use lambda_http::http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::reply::{Meta, Reply};
use crate::route::Route;

const ALLOWED_HEADERS: &str = "content-type, idempotency-key";
const EXPOSED_HEADERS: &str = "x-credicorp-request-id, retry-after, ratelimit, ratelimit-policy, idempotent-replayed";
const MAX_AGE_SECONDS: &str = "86400";

/// The origins whose pages may call the API, always without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// `*`: any page.
    Any,
    /// Only these. A response names only the origin of its own request.
    These(Vec<String>),
}

/// The text is not a list of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected * or a comma-separated list of origins such as https://www.example.com")]
pub struct InvalidOrigins;

impl AllowedOrigins {
    /// Adds the CORS headers of every response.
    pub(crate) fn add_to_response(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        match self {
            Self::Any => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::These(origins) => {
                headers.append(header::VARY, HeaderValue::from_static("origin"));
                if let Some(origin) = origin.filter(|sent| origins.iter().any(|allowed| allowed == *sent)) {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                }
            }
        }
    }
}

/// The response to a preflight. It makes no call to AWS.
pub(crate) fn preflight<FollowUp>(meta: Meta<'_>, route: &Route) -> Reply<FollowUp> {
    #[derive(Serialize)]
    struct Body<'a> {
        meta: Meta<'a>,
    }
    let headers = HeaderMap::from_iter([
        (header::ACCESS_CONTROL_ALLOW_METHODS, route.allowed_methods()),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS)),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS)),
    ]);
    Reply { headers, ..Reply::json(StatusCode::OK, "preflight", &Body { meta }) }
}

impl FromStr for AllowedOrigins {
    type Err = InvalidOrigins;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
        if origins.iter().all(|origin| is_origin(origin)) { Ok(Self::These(origins)) } else { Err(InvalidOrigins) }
    }
}

/// Whether the text is an origin as browsers send it: scheme, host and optional port, in lower case and without a path.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b':' | b'[' | b']');
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_host_byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check_origin(configured: &str, sent: Option<&str>, expected: &[(&str, &str)]) {
        let (mut headers, sent) = (HeaderMap::new(), sent.map(|sent| HeaderValue::from_str(sent).unwrap()));
        configured.parse::<AllowedOrigins>().unwrap().add_to_response(sent.as_ref(), &mut headers);
        headers.remove("access-control-expose-headers");
        let found = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected.iter().copied().collect());
    }

    #[test]
    fn any_origin_gets_a_star() {
        check_origin("*", Some("https://a.example"), &[("access-control-allow-origin", "*")]);
        check_origin("*", None, &[("access-control-allow-origin", "*")]);
    }

    #[test]
    fn a_listed_origin_is_reflected_and_caches_are_told() {
        let list = "https://a.example, https://b.example:8443";
        let reflected = [("vary", "origin"), ("access-control-allow-origin", "https://b.example:8443")];
        check_origin(list, Some("https://b.example:8443"), &reflected);
        for other in [None, Some("null"), Some("https://a.example.evil.example"), Some("http://a.example")] {
            check_origin(list, other, &[("vary", "origin")]);
        }
    }

    #[test]
    fn what_is_no_list_of_origins_is_refused() {
        for text in
            ["", ",", "a.example", "https://", "https://a.example/", "https://A.example", "https://a.example,*", "null"]
        {
            assert_eq!(text.parse::<AllowedOrigins>(), Err(InvalidOrigins), "{text}");
        }
    }
}
