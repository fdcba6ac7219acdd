//! The three tables (enquiries, idempotency records and rate counters), and the enquiries' notifications.
//!
//! Only this crate uses the DynamoDB SDK. Expected results, such as a replay or a refusal, are values. An error means
//! that a table did not respond, or that its response is unreadable. Callers pass in random ids and the time. Nothing
//! here knows HTTP, the queue or email.

mod attributes;
mod enquiries;
mod enquiry_item;
mod error;
mod idempotency;
mod notification_item;
mod notifications;
mod rate_counters;
mod recorded;

pub use enquiries::Enquiries;
pub use error::StorageError;
pub use idempotency::IdempotencyRecords;
pub use notification_item::MAIL_DUE_SHARDS;
pub use notifications::{
    Claim, Claimed, Claims, Deliveries, DeliveryMoved, Due, DueInShard, DueNotifications, Moved, Postponed, Written,
};
pub use rate_counters::RateCounters;
pub use recorded::Recorded;
