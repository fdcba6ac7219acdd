//! How long a client waits for AWS.

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// The timeouts in `sdk`, but `attempt` for one attempt and `call` for a call with all its attempts.
pub(crate) fn timeouts_of(sdk: &SdkConfig, attempt: Duration, call: Duration) -> TimeoutConfig {
    let timeouts = sdk.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled);
    timeouts.into_builder().operation_attempt_timeout(attempt).operation_timeout(call).build()
}
