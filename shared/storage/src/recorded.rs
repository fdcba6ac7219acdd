//! The result of recording an enquiry.

use domain::EnquiryId;

/// The result of recording an enquiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is a new record.
    New(EnquiryId),
    /// It was recorded before, under the same key.
    Replayed(EnquiryId),
    /// The key belongs to another submission.
    KeyReused,
    /// Another call was writing the key each time we tried.
    InProgress,
}
