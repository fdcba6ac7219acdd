//! What SES reports about the emails that it accepted.

use aws_types::SdkConfig;
use domain::{Delivery, EnquiryId, Retention};
use jiff::Timestamp;

use super::table::{EXPIRES_SET, Table, if_delivery_not_in, send, with_deliveries, with_expiry};
use crate::attributes::{text, time};
use crate::error::StorageError;
use crate::notification_item::{SENT, delivery_of, timeline_entry};

const RECORD: &str = "UpdateItem enquiries (delivery)";
/// A delivery event proves that SES accepted the email, even if our own mark was not written.
const RECORD_SET: &str = "SET delivery = :delivery, mail_state = :sent, \
    ses_message_id = if_not_exists(ses_message_id, :message), sent_at = if_not_exists(sent_at, :sent_at), \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";
/// Keep the lease id: our own mark may still come, and needs it.
const RECORD_REMOVE: &str = "REMOVE mail_due_shard, mail_due_at, mail_lease_until";
const KEEP: &str = "UpdateItem enquiries (keep)";

/// The deliveries of all emails.
#[derive(Clone, Debug)]
pub struct Deliveries {
    table: Table,
    retention: Retention,
}

/// The result of recording a delivery event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryMoved {
    /// The record has the new delivery.
    Forward,
    /// The record already had this delivery or a later one. Holds that delivery, if we know it.
    Stale(Option<Delivery>),
    /// The enquiry does not exist.
    Unknown,
}

impl Deliveries {
    /// The deliveries of the enquiries in `table`. Each enquiry is kept for `retention` after its email was sent.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String, retention: Retention) -> Self {
        Self { table: Table::new(sdk, table), retention }
    }

    /// Records what happened at `at` to an email that SES accepted at `sent_at`, unless the record has this delivery or
    /// a later one. If the department may not have the email, the enquiry does not expire.
    ///
    /// # Errors
    /// When the call to DynamoDB failed.
    pub async fn record(
        &self,
        id: &EnquiryId,
        delivery: Delivery,
        ses_message_id: &str,
        sent_at: Timestamp,
        at: Timestamp,
    ) -> Result<DeliveryMoved, StorageError> {
        let not_earlier: Vec<_> = Delivery::ALL.iter().copied().filter(|other| *other >= delivery).collect();
        let condition = format!("attribute_exists(id) AND {}", if_delivery_not_in(&not_earlier));
        let entry = timeline_entry(delivery.as_str(), at, [("ses_message_id", ses_message_id)]);
        let expires_at = self.retention.expires_at(at).filter(|_| delivery.is_good());
        let update = match expires_at {
            Some(_) => format!("{RECORD_SET}{EXPIRES_SET} {RECORD_REMOVE}"),
            None if delivery.is_good() => format!("{RECORD_SET} {RECORD_REMOVE}"),
            None => format!("{RECORD_SET} {RECORD_REMOVE}, expires_at"),
        };
        let update = with_expiry(self.table.update_with_timeline(id, &condition, &update, [entry]), expires_at)
            .expression_attribute_values(":delivery", text(delivery.as_str()))
            .expression_attribute_values(":sent", text(SENT))
            .expression_attribute_values(":message", text(ses_message_id))
            .expression_attribute_values(":sent_at", time(sent_at));
        match send(with_deliveries(update, &not_earlier), RECORD).await? {
            Ok(_) => Ok(DeliveryMoved::Forward),
            Err(Some(old)) => Ok(DeliveryMoved::Stale(delivery_of(&old))),
            Err(None) => Ok(DeliveryMoved::Unknown),
        }
    }

    /// Stops an enquiry from expiring.
    ///
    /// # Errors
    /// When the call to DynamoDB failed.
    pub async fn keep(&self, id: &EnquiryId) -> Result<(), StorageError> {
        let update = self.table.update(id, "attribute_exists(expires_at)", "REMOVE expires_at");
        send(update, KEEP).await.map(|_| ())
    }
}
