//! Enforces the rate limit: 60 requests per client and window, on any route.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use domain::{Client, Counted, Window};
use jiff::Timestamp;
use lambda_http::http::{HeaderMap, HeaderName};
use storage::StorageError;

use crate::call::Call;
use crate::response::ascii_value;

/// How many clients over their quota an instance remembers. 1,024 take less than 50 KiB. Further clients are counted by
/// the table, as if there were no memory.
const MAX_REMEMBERED: usize = 1_024;

/// Counts requests. It remembers clients over their quota, so that a flood makes no calls to the table.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u32,
    over: Mutex<OverQuota>,
}

/// The clients known to be over their quota, all in one window. The next window clears them.
#[derive(Debug)]
struct OverQuota {
    window: Window,
    clients: HashSet<Client>,
}

/// Whether a request may proceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The request is within the client's quota.
    Admitted(Quota),
    /// The request is over the quota.
    Refused(Quota),
    /// The request may proceed uncounted. It is a preflight, or the table could not count it: refusing it would lose
    /// enquiries.
    Uncounted,
}

/// The quota as sent to the client (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    limit: u32,
    left: u32,
    pub(crate) seconds_to_reset: i64,
}

impl Limiter {
    pub(crate) fn new(limit: u32) -> Self {
        let over = OverQuota { window: Window::containing(Timestamp::MIN), clients: HashSet::new() };
        Self { limit, over: Mutex::new(over) }
    }

    /// Refuses a request if its client is remembered to be over its quota.
    pub(crate) fn refuse_at_once(&self, call: &Call) -> Option<Admission> {
        self.remembers(&call.client, Window::containing(call.now))
            .then(|| Admission::Refused(self.quota(call, self.limit)))
    }

    /// Whether a request may proceed, from the table's result.
    pub(crate) fn admit(&self, call: &Call, counted: Result<Counted, StorageError>) -> Admission {
        match counted {
            Ok(Counted::Within { hits }) => Admission::Admitted(self.quota(call, hits)),
            Ok(Counted::Over) => {
                self.remember(&call.client, Window::containing(call.now));
                Admission::Refused(self.quota(call, self.limit))
            }
            // Other clients may share the throttled key range, so do not remember this one.
            Ok(Counted::Throttled) => Admission::Refused(self.quota(call, self.limit)),
            Err(error) => {
                tracing::warn!(event = "limiter_failed_open", request_id = call.request_id.as_str(), cause = %error);
                Admission::Uncounted
            }
        }
    }

    fn quota(&self, call: &Call, hits: u32) -> Quota {
        let seconds_to_reset = Window::containing(call.now).seconds_to_reset(call.now);
        Quota { limit: self.limit, left: self.limit.saturating_sub(hits), seconds_to_reset }
    }

    fn remembers(&self, client: &Client, window: Window) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.window == window && over.clients.contains(client)
    }

    fn remember(&self, client: &Client, window: Window) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if over.window < window {
            *over = OverQuota { window, clients: HashSet::new() };
        }
        if over.window == window && over.clients.len() < MAX_REMEMBERED {
            over.clients.insert(client.clone());
        }
    }
}

impl Admission {
    /// Adds the quota's headers if the request was counted.
    pub(crate) fn add_to_response(self, headers: &mut HeaderMap) {
        let (Self::Admitted(quota) | Self::Refused(quota)) = self else { return };
        let Quota { limit, left, seconds_to_reset } = quota;
        let policy = format!("\"public\";q={limit};w={}", Window::SECONDS);
        let state = format!("\"public\";r={left};t={seconds_to_reset}");
        headers.insert(HeaderName::from_static("ratelimit-policy"), ascii_value(&policy));
        headers.insert(HeaderName::from_static("ratelimit"), ascii_value(&state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_782_740_527_123;

    fn call(client: &str, millisecond: i64) -> Call {
        let identity = format!(r#""identity":{{"sourceIp":"{client}"}}"#);
        Call::of(&format!(
            r#"{{"httpMethod":"POST","requestContext":{{{identity},"requestTimeEpoch":{millisecond}}}}}"#
        ))
    }

    /// Admits one request, for which the table returns `counted`. Also returns whether the table was called.
    fn admit(limiter: &Limiter, call: &Call, counted: Result<Counted, StorageError>) -> (Admission, bool) {
        limiter.refuse_at_once(call).map_or_else(|| (limiter.admit(call, counted), true), |refused| (refused, false))
    }

    fn quota(left: u32, seconds_to_reset: i64) -> Quota {
        Quota { limit: 60, left, seconds_to_reset }
    }

    #[test]
    fn an_admitted_client_is_told_what_is_left() {
        let limiter = Limiter::new(60);
        let (admission, _) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Within { hits: 1 }));
        assert_eq!(admission, Admission::Admitted(quota(59, 53)));
        let mut headers = HeaderMap::new();
        admission.add_to_response(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"public\";q=60;w=60");
        assert_eq!(headers["ratelimit"], "\"public\";r=59;t=53");
    }

    #[test]
    fn a_client_over_its_quota_is_refused_without_a_call_until_the_window_ends() {
        let limiter = Limiter::new(60);
        let refused = |seconds| Admission::Refused(quota(0, seconds));
        assert_eq!(admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Over)), (refused(53), true));
        assert_eq!(admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Over)), (refused(53), false));
        let admitted = || Ok(Counted::Within { hits: 1 });
        assert!(admit(&limiter, &call("192.0.2.2", NOW), admitted()).1, "another client");
        assert!(admit(&limiter, &call("192.0.2.1", NOW + 53_000), admitted()).1, "the next window");
    }

    #[test]
    fn a_client_that_was_throttled_is_refused_once_and_not_remembered() {
        let limiter = Limiter::new(60);
        let (admission, _) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Throttled));
        assert_eq!(admission, Admission::Refused(quota(0, 53)));
        let (admission, asked) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Within { hits: 7 }));
        assert_eq!((admission, asked), (Admission::Admitted(quota(53, 53)), true));
    }

    #[test]
    fn a_late_call_of_an_earlier_window_neither_uses_nor_clears_the_memory() {
        let limiter = Limiter::new(60);
        admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Over));
        let (_, asked) = admit(&limiter, &call("192.0.2.1", NOW - 60_000), Ok(Counted::Over));
        assert!(asked);
        let (_, asked) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Counted::Over));
        assert!(!asked);
    }

    #[test]
    fn the_memory_is_bounded() {
        let limiter = Limiter::new(60);
        for client in 0..MAX_REMEMBERED + 10 {
            let address = format!("10.0.{}.{}", client / 256, client % 256);
            admit(&limiter, &call(&address, NOW), Ok(Counted::Over));
        }
        assert_eq!(limiter.over.lock().unwrap().clients.len(), MAX_REMEMBERED);
    }

    #[test]
    fn a_table_that_cannot_count_admits() {
        let limiter = Limiter::new(60);
        let unavailable = StorageError::Unavailable { operation: "UpdateItem", cause: "timeout".to_owned() };
        let (admission, _) = admit(&limiter, &call("192.0.2.1", NOW), Err(unavailable));
        assert_eq!(admission, Admission::Uncounted);
        let mut headers = HeaderMap::new();
        admission.add_to_response(&mut headers);
        assert!(headers.is_empty());
    }
}
