//! What surrounds a function: its environment as typed configuration, the AWS SDK's configuration, its logs, and Lambda's
//! loop.
//!
//! The only reader of environment variables, and the only user of Lambda's runtime. It knows nothing of enquiries: what a
//! variable means is for the type that it is parsed into.

mod http_client;
mod logs;
mod sdk;
mod serve;
mod variables;

pub use logs::{json_lines, write_logs_as_json};
pub use sdk::{SdkSetupError, sdk_config};
pub use serve::{serve, serve_then};
pub use variables::{VariableError, Variables};
