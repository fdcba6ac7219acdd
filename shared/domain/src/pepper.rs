//! The secret for hashing values that must not be stored in the clear.

use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::Sha256;

use crate::client::Client;
use crate::idempotency::{Fingerprint, IdempotencyKey};

/// The shortest pepper, in bytes. RFC 2104 section 3 recommends the length of the hash, which is 32 for SHA-256.
const MIN_PEPPER_BYTES: usize = 32;

/// The secret for hashing idempotency keys and clients before they are stored.
#[derive(Clone, derive_more::Debug)]
#[debug("Pepper(…)")]
pub struct Pepper(Hmac<Sha256>);

/// The text is too short to be a pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at least 32 bytes")]
pub struct PepperTooShort;

impl Pepper {
    /// The key of an idempotency record: the hex HMAC of the scope and the caller's key.
    #[must_use]
    pub fn idempotency_record_key(&self, scope: &str, key: &IdempotencyKey) -> String {
        to_hex(self.0.clone(), &[scope, "\0", key.as_str()])
    }

    /// The submission's fingerprint as its hex HMAC, for the idempotency record. A short submission could be guessed
    /// from a plain hash.
    #[must_use]
    pub fn fingerprint_hmac(&self, fingerprint: Fingerprint) -> String {
        to_hex(self.0.clone(), &[&fingerprint.to_hex()])
    }

    /// The key for counting a client's requests on the day of `now`: the hex HMAC of the client under that day's key.
    /// Nobody can link a client's counters of two days.
    #[must_use]
    pub fn client_key(&self, client: &Client, now: Timestamp) -> String {
        let day = now.to_zoned(TimeZone::UTC).date().to_string();
        let day_key = self.0.clone().chain_update(day).finalize().into_bytes();
        to_hex(keyed(&day_key), &[&client.to_network()])
    }
}

/// HMAC accepts a key of any length (RFC 2104 section 2), so this cannot fail.
#[expect(clippy::expect_used, reason = "the type of the error says otherwise, the algorithm does not")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn to_hex(mut mac: Hmac<Sha256>, parts: &[&str]) -> String {
    for part in parts {
        mac.update(part.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

impl FromStr for Pepper {
    type Err = PepperTooShort;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < MIN_PEPPER_BYTES { Err(PepperTooShort) } else { Ok(Self(keyed(text.as_bytes()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper() -> Pepper {
        "a development pepper of more than 32 bytes".parse().unwrap()
    }

    #[test]
    fn a_pepper_has_at_least_32_bytes_and_is_never_shown() {
        assert!("x".repeat(31).parse::<Pepper>().is_err());
        assert_eq!(format!("{:?}", "x".repeat(32).parse::<Pepper>()), "Ok(Pepper(…))");
    }

    #[test]
    fn one_key_on_two_routes_is_two_keys() {
        let key = IdempotencyKey::parse("pay-2026-06-29-inv-5512").unwrap();
        let one = pepper().idempotency_record_key("POST /public/v1/enquiries", &key);
        assert_eq!(one.len(), 64);
        assert_eq!(one, pepper().idempotency_record_key("POST /public/v1/enquiries", &key));
        assert_ne!(one, pepper().idempotency_record_key("POST /public/v1/callbacks", &key));
    }

    #[test]
    fn a_client_has_another_key_each_day() {
        let client = Client::from_source_ip("192.0.2.1");
        let key = |now: &str| pepper().client_key(&client, now.parse().unwrap());
        assert_eq!(key("2026-06-29T00:00:00Z"), key("2026-06-29T23:59:59Z"));
        assert_ne!(key("2026-06-29T23:59:59Z"), key("2026-06-30T00:00:00Z"));
        assert_ne!(
            key("2026-06-29T00:00:00Z"),
            pepper().client_key(&Client::from_source_ip("192.0.2.2"), "2026-06-29T00:00:00Z".parse().unwrap())
        );
    }
}
