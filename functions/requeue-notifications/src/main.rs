//! Runs the sweeper on Lambda.

use anyhow::{Context, Error};
use jiff::Timestamp;
use requeue_notifications::{Config, State, requeue_notifications};
use runtime::Variables;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "main is where the clock is read")]
async fn main() -> anyhow::Result<()> {
    let variables = Variables::of_process();
    runtime::write_logs_as_json(&variables);
    let config = Config::from_variables(&variables).context("requeue-notifications cannot start")?;
    let sdk = runtime::sdk_config(&variables).context("requeue-notifications cannot start")?;
    let state = State::new(config, &sdk);
    // Ignore the schedule's event: the table knows what is due.
    let handle = async |_: serde::de::IgnoredAny, _| {
        requeue_notifications(&state, Timestamp::now()).await.cause.map_or(Ok(()), Err)
    };
    runtime::serve(handle).await.map_err(Error::from_boxed)
}
