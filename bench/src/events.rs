//! The events to send: the repository's samples, each with its own client and the current time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::environment::since_epoch;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");

/// Makes events from one sample.
pub(crate) struct Events {
    sample: Value,
    made: u32,
}

impl Events {
    /// Events from the sample of this name.
    pub(crate) fn like(name: &str) -> Result<Self> {
        Ok(Self { sample: sample(name)?, made: 0 })
    }

    /// The next event. A gateway event gets a new client, and a new key if it has one.
    pub(crate) fn make(&mut self) -> Value {
        self.made += 1;
        let mut event = self.sample.clone();
        if event["requestContext"].is_object() {
            let [_, high, middle, low] = self.made.to_be_bytes();
            event["requestContext"]["identity"]["sourceIp"] = json!(format!("10.{high}.{middle}.{low}"));
            event["requestContext"]["requestTimeEpoch"] = json!(since_epoch().as_millis());
            let key = "Idempotency-Key";
            if event["headers"][key].is_string() {
                let another = format!("bench-{:08}", self.made);
                event["multiValueHeaders"][key] = json!([another]);
                event["headers"][key] = json!(another);
            }
        }
        event
    }

    /// The next event with this body, encoded as by the deployed gateway.
    pub(crate) fn make_with(&mut self, body: &str) -> Value {
        let mut event = self.make();
        event["body"] = json!(STANDARD.encode(body));
        event["isBase64Encoded"] = json!(true);
        event
    }
}

pub(crate) fn sample(name: &str) -> Result<Value> {
    let file = Path::new(SAMPLES).join(name).with_extension("json");
    let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}
