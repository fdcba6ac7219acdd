//! SES's events about a mail that it took.

use std::collections::HashMap;

use domain::{Delivery, EnquiryId};
use jiff::Timestamp;
use serde::Deserialize;

use crate::sender::ENQUIRY_TAG;

/// An event of SES's as it comes by EventBridge (SES developer guide, event publishing), as far as we read it. It quotes the
/// mail's headers, which we leave alone: one is the enquirer's address.
#[derive(Debug, Deserialize)]
pub struct MailEvent {
    time: Timestamp,
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: MailOfEvent,
    #[serde(default)]
    bounce: Bounce,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(default)]
    bounce_type: String,
    #[serde(default)]
    bounce_sub_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailOfEvent {
    message_id: String,
    timestamp: Timestamp,
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

impl MailEvent {
    /// What happened to the mail; `None` if the event is not about that.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        match self.detail.event_type.as_str() {
            "Send" => Some(Delivery::Accepted),
            "Delivery" => Some(Delivery::Delivered),
            "Complaint" => Some(Delivery::Complained),
            "Bounce" if matches!(self.detail.bounce.bounce_type.as_str(), "Transient" | "Undetermined") => {
                Some(Delivery::SoftBounced)
            }
            "Bounce" => Some(Delivery::Bounced),
            "Reject" => Some(Delivery::Rejected),
            _ => None,
        }
    }

    /// Whether it may be an automatic reply, such as out of office, which SES reports as a transient bounce of the general kind.
    /// The other kinds (a full mailbox, a mail too large, its content refused) mean that nobody gets the mail.
    #[must_use]
    pub fn may_be_an_automatic_reply(&self) -> bool {
        self.detail.bounce.bounce_type == "Transient" && self.detail.bounce.bounce_sub_type == "General"
    }

    /// The enquiry that was mailed, by the tag that we gave the mail.
    #[must_use]
    pub fn enquiry_id(&self) -> Option<EnquiryId> {
        self.detail.mail.tags.get(ENQUIRY_TAG)?.first()?.parse().ok()
    }

    /// SES's id of the mail.
    #[must_use]
    pub fn ses_message_id(&self) -> &str {
        &self.detail.mail.message_id
    }

    /// When SES took the mail.
    #[must_use]
    pub fn sent_at(&self) -> Timestamp {
        self.detail.mail.timestamp
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.time
    }
}
