//! The three tables, a file each: enquiries, idempotency records and rate counters.
//!
//! The only user of the DynamoDB SDK. What the product expects to happen (a replay, a refusal) is a value; an error is a
//! table that did not answer or answered what cannot be. Nothing here knows of HTTP, the queue or mail.

mod attributes;
mod enquiries;
mod error;
mod idempotency;
mod notifications;
mod rate_counters;
mod recorded;

pub use enquiries::Enquiries;
pub use error::StorageError;
pub use idempotency::IdempotencyRecords;
pub use notifications::{
    Claim, Claimed, DeliveryMoved, Due, DueInShard, MAIL_DUE_SHARDS, Moved, Notifications, Postponed, Written,
};
pub use rate_counters::RateCounters;
pub use recorded::Recorded;
