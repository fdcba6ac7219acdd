//! Runs the recorder of SES's events on Lambda.

use anyhow::{Context, Error};
use record_mail_event::{Config, State};
use runtime::Variables;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let variables = Variables::of_process();
    runtime::write_logs_as_json(&variables);
    let config = Config::from_variables(&variables).context("record-mail-event cannot start")?;
    let sdk = runtime::sdk_config(&variables).context("record-mail-event cannot start")?;
    let state = State::new(config, &sdk);
    runtime::serve(async |event, _| state.handle(event).await).await.map_err(Error::from_boxed)
}
