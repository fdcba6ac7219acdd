//! What the functions' own tests share: an AWS whose every answer a test decides, put in at the SDK's connector, so that all of
//! our code and of the SDK's runs; and a look at what was logged.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod aws;
mod lines;

pub use aws::{Answer, Aws, Request, default_answer, dynamodb_error, ses_error};
pub use lines::Lines;
