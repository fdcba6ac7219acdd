//! The notification of a department: the message on the queue, the mail that is made from the record, and SES's events
//! about it.
//!
//! The only user of the SQS and SES SDKs. A message carries the enquiry's id and nothing else, so the queue never holds what
//! people wrote, and a lost message loses nothing: the record knows that its mail is due.

mod inboxes;
mod mail;
mod mail_event;
mod queue;
mod sender;
mod timeouts;

pub use inboxes::Inboxes;
pub use mail::Mail;
pub use mail_event::MailEvent;
pub use queue::{BATCH, Batch, BatchResponse, EnqueueError, Message, NotificationQueue};
pub use sender::{MailSender, SendError};
