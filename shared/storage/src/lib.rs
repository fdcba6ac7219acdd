//! The three tables, a file each: enquiries, idempotency records and rate counters; and the enquiries' notifications.
//!
//! The only user of the DynamoDB SDK. An expected result (a replay, a refusal) is a value; an error is a table that did not
//! respond, or whose response cannot be read. Random ids and the time are passed in. Nothing here knows HTTP, the queue or mail.

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
