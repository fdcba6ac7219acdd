//! Reads the local stack's environment variables, and makes authorization headers for the local AWS.

use std::env;

#[expect(clippy::disallowed_methods, reason = "the stack under test is known from the environment alone")]
pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests need the local stack, so run `make test`"))
}

/// A placeholder for a signature. The local AWS does not check signatures, but reads service and region from them.
pub(crate) fn scope(service: &str) -> String {
    let credential = format!("test/20260101/eu-west-2/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none")
}
