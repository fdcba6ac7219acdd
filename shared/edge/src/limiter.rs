//! The guard of the quota: 60 requests a client and window, whatever they ask for.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use domain::{Admission, Client, Window};
use jiff::Timestamp;
use storage::StorageError;

use crate::call::Call;
use crate::response::Headers;

/// How many clients an instance remembers to be over their quota: 1,024 of them take less than 50 KiB. A flood from more
/// clients than that is counted by the table, as if there were no memory.
const MAX_REMEMBERED: usize = 1_024;

/// Counts calls, and remembers which clients are over their quota so that a flood costs no call to the table.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u32,
    over: Mutex<OverQuota>,
}

/// The clients known to be over their quota, all in one window: with the next one they are forgotten.
#[derive(Debug)]
struct OverQuota {
    window: Window,
    clients: HashSet<Client>,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Within its quota.
    Admitted(Quota),
    /// Over it.
    Refused(Quota),
    /// Not counted: a preflight; or the table could not count, and refusing people for that would lose enquiries.
    Uncounted,
}

/// What a client is told of its quota (draft-ietf-httpapi-ratelimit-headers).
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

    /// Counts one call with `count`, which asks the table.
    pub(crate) async fn admit<Count>(&self, call: &Call, count: Count) -> Standing
    where
        Count: AsyncFnOnce(&Client, Timestamp, u32) -> Result<Admission, StorageError>,
    {
        let window = Window::containing(call.now);
        let quota = |hits: u32| Quota {
            limit: self.limit,
            left: self.limit.saturating_sub(hits),
            seconds_to_reset: window.seconds_to_reset(call.now),
        };
        if self.remembers(&call.client, window) {
            return Standing::Refused(quota(self.limit));
        }
        match count(&call.client, call.now, self.limit).await {
            Ok(Admission::Admitted { hits }) => Standing::Admitted(quota(hits)),
            Ok(Admission::Refused) => {
                self.remember(&call.client, window);
                Standing::Refused(quota(self.limit))
            }
            // Others may share the key range, so this says nothing of the client's next request.
            Ok(Admission::Throttled) => Standing::Refused(quota(self.limit)),
            Err(error) => {
                tracing::warn!(event = "limiter_failed_open", request_id = call.request_id.as_str(), cause = %error);
                Standing::Uncounted
            }
        }
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

impl Standing {
    /// Adds what the client is told, if it was counted.
    pub(crate) fn add_to_response(self, headers: &mut Headers) {
        let (Self::Admitted(quota) | Self::Refused(quota)) = self else { return };
        let Quota { limit, left, seconds_to_reset } = quota;
        headers.push(("ratelimit-policy", format!("\"public\";q={limit};w={}", Window::SECONDS).into()));
        headers.push(("ratelimit", format!("\"public\";r={left};t={seconds_to_reset}").into()));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    const NOW: i64 = 1_782_740_527_123;

    fn call(client: &str, millisecond: i64) -> Call {
        let identity = format!(r#""identity":{{"sourceIp":"{client}"}}"#);
        let event = format!(r#"{{"requestContext":{{{identity},"requestTimeEpoch":{millisecond}}}}}"#);
        Call::new(serde_json::from_str(&event).unwrap(), Timestamp::UNIX_EPOCH, Duration::ZERO)
    }

    /// Admits one call against a table that answers `answer`; says how it stands and whether the table was asked.
    async fn admit(limiter: &Limiter, call: &Call, answer: Result<Admission, StorageError>) -> (Standing, bool) {
        let asked = Cell::new(false);
        let standing = limiter
            .admit(call, async |_: &Client, _, limit| {
                assert_eq!(limit, 60);
                asked.set(true);
                answer
            })
            .await;
        (standing, asked.get())
    }

    fn quota(left: u32, seconds_to_reset: i64) -> Quota {
        Quota { limit: 60, left, seconds_to_reset }
    }

    #[tokio::test]
    async fn an_admitted_client_is_told_what_is_left() {
        let limiter = Limiter::new(60);
        let (standing, _) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Admitted { hits: 1 })).await;
        assert_eq!(standing, Standing::Admitted(quota(59, 53)));
        let mut headers = Headers::new();
        standing.add_to_response(&mut headers);
        assert_eq!(
            headers,
            [("ratelimit-policy", "\"public\";q=60;w=60".into()), ("ratelimit", "\"public\";r=59;t=53".into())]
        );
    }

    #[tokio::test]
    async fn a_client_over_its_quota_is_refused_without_a_call_until_the_window_ends() {
        let limiter = Limiter::new(60);
        let refused = |seconds| Standing::Refused(quota(0, seconds));
        assert_eq!(admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Refused)).await, (refused(53), true));
        assert_eq!(admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Refused)).await, (refused(53), false));
        let admitted = || Ok(Admission::Admitted { hits: 1 });
        assert!(admit(&limiter, &call("192.0.2.2", NOW), admitted()).await.1, "another client");
        assert!(admit(&limiter, &call("192.0.2.1", NOW + 53_000), admitted()).await.1, "the next window");
    }

    #[tokio::test]
    async fn a_client_that_was_throttled_is_refused_once_and_not_remembered() {
        let limiter = Limiter::new(60);
        let (standing, _) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Throttled)).await;
        assert_eq!(standing, Standing::Refused(quota(0, 53)));
        let (standing, asked) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Admitted { hits: 7 })).await;
        assert_eq!((standing, asked), (Standing::Admitted(quota(53, 53)), true));
    }

    #[tokio::test]
    async fn a_late_call_of_an_earlier_window_neither_uses_nor_clears_the_memory() {
        let limiter = Limiter::new(60);
        admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Refused)).await;
        let (_, asked) = admit(&limiter, &call("192.0.2.1", NOW - 60_000), Ok(Admission::Refused)).await;
        assert!(asked);
        let (_, asked) = admit(&limiter, &call("192.0.2.1", NOW), Ok(Admission::Refused)).await;
        assert!(!asked);
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let limiter = Limiter::new(60);
        for client in 0..MAX_REMEMBERED + 10 {
            let address = format!("10.0.{}.{}", client / 256, client % 256);
            admit(&limiter, &call(&address, NOW), Ok(Admission::Refused)).await;
        }
        assert_eq!(limiter.over.lock().unwrap().clients.len(), MAX_REMEMBERED);
    }

    #[tokio::test]
    async fn a_table_that_cannot_count_admits() {
        let limiter = Limiter::new(60);
        let unavailable = StorageError::Unavailable { operation: "UpdateItem", cause: "timeout".to_owned() };
        let (standing, _) = admit(&limiter, &call("192.0.2.1", NOW), Err(unavailable)).await;
        assert_eq!(standing, Standing::Uncounted);
        let mut headers = Headers::new();
        standing.add_to_response(&mut headers);
        assert_eq!(headers, []);
    }
}
