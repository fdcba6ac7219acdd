//! What the functions' own tests share: a scripted AWS at the SDK's connector, so that all of our code and the SDK's
//! code runs, and a reader for logs.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod aws;
mod lines;

pub use aws::{Aws, AwsResponse, Request, default_response, dynamodb_error, ses_error};
pub use lines::Lines;
