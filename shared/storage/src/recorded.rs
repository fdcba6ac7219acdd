//! The result of recording an enquiry.

use domain::EnquiryId;

/// The result of recording an enquiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is a new record.
    New(EnquiryId),
    /// It was already recorded with the same key.
    Replayed(EnquiryId),
    /// The key was used for a different submission.
    KeyReused,
    /// Another request was writing the key at each attempt.
    InProgress,
}
