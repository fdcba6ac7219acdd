//! The events that are handed out: the repository's samples, each from a client of its own and of now.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::environment::since_epoch;

/// Where the samples lie.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");

/// Makes events of one sample.
pub(crate) struct Events {
    sample: Value,
    made: u32,
}

impl Events {
    /// Events like the sample of this name.
    pub(crate) fn like(name: &str) -> Result<Self> {
        Ok(Self { sample: sample(name)?, made: 0 })
    }

    /// The next event. If it is a gateway's: from another client than all before, and with another key if it has one.
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

    /// The next event with this body, encoded as the deployed gateway encodes every body.
    pub(crate) fn make_with(&mut self, body: &str) -> Value {
        let mut event = self.make();
        event["body"] = json!(STANDARD.encode(body));
        event["isBase64Encoded"] = json!(true);
        event
    }
}

/// The sample of this name.
pub(crate) fn sample(name: &str) -> Result<Value> {
    let file = Path::new(SAMPLES).join(name).with_extension("json");
    let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}
