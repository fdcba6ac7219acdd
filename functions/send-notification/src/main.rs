//! Runs the mailer on Lambda.

use anyhow::{Context, Error};
use jiff::Timestamp;
use runtime::Variables;
use send_notification::{Config, State};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "main is where the clock is read")]
async fn main() -> anyhow::Result<()> {
    let variables = Variables::of_process();
    runtime::write_logs_as_json(&variables);
    let config = Config::from_variables(&variables).context("send-notification cannot start")?;
    let sdk = runtime::sdk_config(&variables).context("send-notification cannot start")?;
    let state = State::new(config, &sdk, Timestamp::now);
    let handle = async |batch, deadline| Ok(state.handle(batch, deadline).await);
    runtime::serve(handle).await.map_err(Error::from_boxed)
}
