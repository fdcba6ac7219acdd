//! What an enquiry is, and when it is valid.
//!
//! Everything here is a value. The edge parses it once and passes it on as a type that is always valid. The crate does
//! no I/O and has no async code. It does not know AWS, HTTP or the clock: callers pass in `now`.

mod blank;
mod client;
mod email_address;
mod enquiry;
mod environment;
mod fields;
mod first_response;
mod form;
mod forms;
mod idempotency;
pub mod json;
mod limits;
pub mod notification;
mod pepper;
mod random;
mod redaction;
mod request_id;
mod submission;
mod time;
mod unknown_key;
mod violation;
mod window;

pub use client::Client;
pub use email_address::{EmailAddress, InvalidEmailAddress};
pub use enquiry::{Enquiry, EnquiryId, InvalidEnquiryId, RecordedEnquiry, STATUS_NEW};
pub use environment::{Environment, UnknownEnvironment};
pub use fields::{Fields, UnreadableFields};
pub use first_response::{FirstResponse, LONDON, Severity, bank_holidays_ending};
pub use form::{Dept, Form, InvalidForm};
pub use forms::FormRules;
pub use idempotency::{Fingerprint, IdempotencyClaim, IdempotencyKey, InvalidIdempotencyKey};
pub use notification::{Delivery, InvalidRetention, LeaseId, Retention};
pub use pepper::{Pepper, PepperTooShort};
pub use random::jitter;
pub use redaction::Redaction;
pub use request_id::{InvalidRequestId, RequestId};
pub use submission::{Invalid, Submission};
pub use time::saturating_add;
pub use violation::{Violation, ViolationCode, Violations};
pub use window::{Counted, Window};
