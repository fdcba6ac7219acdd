//! Why a call to a table failed.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId as _;

/// The codes of temporary faults. The SDK has already retried them, except those among a cancelled transaction's
/// reasons.
const OVERLOADED: [&str; 6] = [
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
];

/// A call to a table failed. The text has the operation, the code and AWS's request id, and never data. DynamoDB's
/// messages and the SDK's errors may quote items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// DynamoDB could not be reached, did not respond in time, or was overloaded. The same call may succeed later.
    #[error("{operation} did not respond: {cause}")]
    Unavailable {
        /// The operation of DynamoDB's API.
        operation: &'static str,
        /// What happened, without data.
        cause: String,
    },
    /// DynamoDB rejected the call, or returned an item that we never write. This is a fault in our code.
    #[error("{operation} failed: {cause}")]
    Failed {
        /// The operation of DynamoDB's API.
        operation: &'static str,
        /// What happened, without data.
        cause: String,
    },
    /// Every id tried belongs to another enquiry.
    #[error("no free enquiry id in {attempts} attempts")]
    NoFreeId {
        /// How many ids were tried.
        attempts: u32,
    },
}

impl StorageError {
    pub(crate) fn unreadable(operation: &'static str, attribute: &str) -> Self {
        Self::Failed { operation, cause: format!("the item has no readable {attribute}") }
    }

    pub(crate) fn unbuildable(operation: &'static str) -> Self {
        Self::Failed { operation, cause: "the request could not be built".to_owned() }
    }

    pub(crate) fn of<E: ProvideErrorMetadata>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let request_id = error.raw_response().and_then(|response| response.request_id()).unwrap_or("none");
        let unavailable = |cause: &str| Self::Unavailable { operation, cause: cause.to_owned() };
        match error {
            SdkError::TimeoutError(_) => unavailable("timeout"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => unavailable("timeout"),
            SdkError::DispatchFailure(_) => unavailable("no connection"),
            SdkError::ResponseError(_) => unavailable("unreadable response"),
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("no code");
                let cause = format!("{code} (AWS request id {request_id})");
                Self::with_cause(operation, cause, is_overload(code) || status.is_some_and(|status| status >= 500))
            }
            _ => Self::unbuildable(operation),
        }
    }

    /// The error for one of a cancelled transaction's reasons.
    pub(crate) fn of_reason(operation: &'static str, code: &str) -> Self {
        Self::with_cause(operation, code.to_owned(), is_overload(code))
    }

    fn with_cause(operation: &'static str, cause: String, is_temporary: bool) -> Self {
        if is_temporary { Self::Unavailable { operation, cause } } else { Self::Failed { operation, cause } }
    }
}

fn is_overload(code: &str) -> bool {
    OVERLOADED.contains(&code)
}
