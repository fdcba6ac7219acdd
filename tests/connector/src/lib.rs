//! What the functions' own tests share: a scripted AWS at the SDK's connector, so that all of our code and of the SDK runs; and
//! a look at what was logged.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod aws;
mod lines;

pub use aws::{Aws, AwsResponse, Request, default_response, dynamodb_error, ses_error};
pub use lines::Lines;
