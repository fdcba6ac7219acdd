//! The notification's attributes in an item of the table `enquiries`.
//!
//! A notification is `pending`, then `sending` under a lease, then `sent` or `failed`. While `pending` or `sending` it
//! is in the index `mail-due`, so the sweeper finds it even if its message is lost or the mailer fails.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::notification::DUE_AFTER_ENQUEUE;
use domain::{Delivery, EnquiryId, RecordedEnquiry, saturating_add};
use jiff::Timestamp;

use crate::attributes::{Item, text, text_of, time};

pub(crate) const PENDING: &str = "pending";
pub(crate) const SENDING: &str = "sending";
pub(crate) const SENT: &str = "sent";
pub(crate) const FAILED: &str = "failed";

/// The number of partitions of the index `mail-due`. Writes are spread over them.
pub const MAIL_DUE_SHARDS: u8 = 16;

/// The attributes of a new record's notification.
pub(crate) fn pending(RecordedEnquiry { id, enquiry }: &RecordedEnquiry) -> [(&'static str, AttributeValue); 5] {
    let due_at = saturating_add(enquiry.created_at, DUE_AFTER_ENQUEUE);
    let recorded = timeline_entry("recorded", enquiry.created_at, [("request_id", enquiry.request_id.as_str())]);
    [
        ("mail_state", text(PENDING)),
        ("mail_attempts", AttributeValue::N("0".to_owned())),
        ("mail_due_shard", text(mail_due_shard(id).to_string())),
        ("mail_due_at", time(due_at)),
        ("timeline", AttributeValue::L(vec![recorded])),
    ]
}

pub(crate) fn state_of(item: &Item) -> Option<&str> {
    text_of(item, "mail_state")
}

/// SES's last delivery event, if it is one that we know.
pub(crate) fn delivery_of(item: &Item) -> Option<Delivery> {
    text_of(item, "delivery")?.parse().ok()
}

/// One entry of an enquiry's timeline: an event, its time and details.
pub(crate) fn timeline_entry<const N: usize>(event: &str, at: Timestamp, details: [(&str, &str); N]) -> AttributeValue {
    let entry = [("event", text(event)), ("at", time(at))].into_iter();
    let details = details.into_iter().map(|(name, value)| (name, text(value)));
    AttributeValue::M(entry.chain(details).map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Whether the timeline has this event.
pub(crate) fn has_event(item: &Item, event: &str) -> bool {
    let timeline = item.get("timeline").and_then(|timeline| timeline.as_l().ok());
    let is_event = |entry: &AttributeValue| entry.as_m().is_ok_and(|entry| text_of(entry, "event") == Some(event));
    timeline.is_some_and(|entries| entries.iter().any(is_event))
}

/// An enquiry's shard. The sum of an id's random characters spreads enquiries evenly, to within 0.2 %.
fn mail_due_shard(id: &EnquiryId) -> u8 {
    id.as_str().bytes().fold(0, u8::wrapping_add) % MAIL_DUE_SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enquiries_spread_over_all_shards_of_the_index() {
        let mut counts = [0_u32; MAIL_DUE_SHARDS as usize];
        for _ in 0..16_000 {
            counts[usize::from(mail_due_shard(&EnquiryId::random()))] += 1;
        }
        assert!(counts.iter().all(|count| (500..=1_500).contains(count)), "{counts:?}");
    }
}
