//! The id of one request.

use std::str::FromStr;

const PREFIX: &str = "req_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARACTERS: usize = 12;

/// `req_` and 12 random characters of `[0-9A-Za-z]`. Engineers use it to find a request (contract, Every response).
#[derive(Clone, Debug, derive_more::Display, PartialEq, Eq)]
pub struct RequestId(String);

/// The text is not a request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no request id")]
pub struct InvalidRequestId;

impl RequestId {
    /// A new id from the system's random source. We never use an id that a caller sends.
    #[must_use]
    pub fn random() -> Self {
        Self(crate::random::random_text(PREFIX, RANDOM_CHARACTERS, ALPHABET))
    }

    /// The id as sent in responses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let random = text.strip_prefix(PREFIX).ok_or(InvalidRequestId)?;
        let valid = random.len() == RANDOM_CHARACTERS && random.bytes().all(|byte| ALPHABET.contains(&byte));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidRequestId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_req_and_12_alphanumeric_characters() {
        let ids: Vec<_> = (0..1_000).map(|_| RequestId::random()).collect();
        for id in &ids {
            assert_eq!(id.as_str().parse(), Ok(id.clone()));
            let random = id.as_str().strip_prefix("req_").unwrap();
            assert!(random.len() == 12 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        }
        for text in ["", "req_", "req_8Hn2Lp0Wd4X", "req_8Hn2Lp0Wd4XcX", "req_8Hn2Lp0Wd4X-", "enq_8Hn2Lp0Wd4Xc"] {
            assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text}");
        }
        for character in ALPHABET {
            assert!(ids.iter().any(|id| id.as_str()[4..].bytes().any(|byte| byte == *character)));
        }
    }
}
