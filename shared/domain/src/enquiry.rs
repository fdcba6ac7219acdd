//! An enquiry, as recorded.

use std::str::FromStr;

use jiff::Timestamp;

use crate::environment::Environment;
use crate::first_response::FirstResponse;
use crate::random::random_text;
use crate::request_id::RequestId;
use crate::submission::Submission;

/// The status of a new enquiry. Only the server sets it.
pub const STATUS_NEW: &str = "new";

/// How many random characters follow `enq_` (contract, `id`). This gives 32^6 ids, about a thousand million.
const ID_RANDOM_CHARACTERS: usize = 6;
/// Crockford's base32. It has no I, L, O or U, so an id can be read out over the phone.
const ID_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ID_PREFIX: &str = "enq_";

/// An enquiry's reference: `enq_` and 6 characters of Crockford base32.
#[derive(Clone, Debug, derive_more::Display, PartialEq, Eq)]
pub struct EnquiryId(String);

/// The text is not an enquiry id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no enquiry id")]
pub struct InvalidEnquiryId;

/// An accepted submission, ready to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enquiry {
    /// The form, the department and the fields, as sent.
    pub submission: Submission,
    /// When the gateway received the request.
    pub created_at: Timestamp,
    /// The request that recorded it.
    pub request_id: RequestId,
    /// The environment that it was recorded in.
    pub environment: Environment,
    /// When the first response is due, if the form has one.
    pub first_response: Option<FirstResponse>,
}

/// An enquiry with its id, as stored and emailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEnquiry {
    /// The enquiry's reference.
    pub id: EnquiryId,
    /// The accepted submission and its details.
    pub enquiry: Enquiry,
}

impl Enquiry {
    /// Makes an enquiry from a submission that the request `request_id` has just sent.
    #[must_use]
    pub fn received(
        submission: Submission,
        created_at: Timestamp,
        request_id: RequestId,
        environment: Environment,
    ) -> Self {
        let first_response = submission.severity().map(|severity| FirstResponse::of(severity, created_at));
        Self { submission, created_at, request_id, environment, first_response }
    }
}

impl EnquiryId {
    /// A new id from the system's random source. It may already be taken, so the record is only written if the id is
    /// free.
    #[must_use]
    pub fn random() -> Self {
        Self(random_text(ID_PREFIX, ID_RANDOM_CHARACTERS, ID_ALPHABET))
    }

    /// The id as sent in responses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnquiryId {
    type Err = InvalidEnquiryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let random = text.strip_prefix(ID_PREFIX).ok_or(InvalidEnquiryId)?;
        let valid = random.len() == ID_RANDOM_CHARACTERS && random.bytes().all(|byte| ID_ALPHABET.contains(&byte));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidEnquiryId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_enq_and_6_characters_of_crockford_base32() {
        for _ in 0..1_000 {
            let id = EnquiryId::random();
            assert_eq!(id.as_str().parse(), Ok(id));
        }
        assert!("enq_9F3K2P".parse::<EnquiryId>().is_ok());
        for text in [
            "",
            "enq_",
            "enq_9F3K2",
            "enq_9F3K2PX",
            "enq_9f3k2p",
            "enq_9F3K2I",
            "enq_9F3K2L",
            "enq_9F3K2O",
            "req_9F3K2P",
        ] {
            assert_eq!(text.parse::<EnquiryId>(), Err(InvalidEnquiryId), "{text}");
        }
    }
}
