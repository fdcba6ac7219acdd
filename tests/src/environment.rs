//! What the environment says of the local stack, and how the local AWS is called.

use std::env;

#[expect(clippy::disallowed_methods, reason = "the stack under test is known from the environment alone")]
pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: these tests need the local stack, so run `make test`"))
}

/// Stands in for a signature. The local AWS checks none, but reads service and region from its scope.
pub(crate) fn scope(service: &str) -> String {
    let credential = format!("test/20260101/eu-west-2/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none")
}
