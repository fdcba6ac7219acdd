//! What a function runs in: environment variables as typed configuration, the AWS SDK's configuration, logs, and
//! Lambda's event loop.
//!
//! Only this crate reads environment variables and uses Lambda's runtime. It knows nothing about enquiries: each
//! variable's type parses its own value.

mod http_client;
mod logs;
mod sdk;
mod serve;
mod variables;

pub use logs::{json_lines, write_logs_as_json};
pub use sdk::{SdkSetupError, sdk_config};
pub use serve::{serve, serve_then};
pub use variables::{VariableError, Variables};
