//! Lambda's loop: an event comes, an answer goes.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Polls Lambda for events and handles each, for as long as the environment lives. `handle` is told by when it must have
/// answered; its error is what Lambda is told, so its text holds no data. A panic is an error too, and its message, which may
/// quote a field, is not passed on. What is no such event is refused by Lambda's runtime, with what serde says of it.
///
/// # Errors
/// When Lambda's Runtime API cannot be reached.
pub async fn serve<Event, Answer, Handle, Handling>(handle: Handle) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned,
    Answer: Serialize,
    Handle: Fn(Event, Timestamp) -> Handling,
    Handling: Future<Output = Result<Answer, String>>,
{
    let service = service_fn(|invocation: LambdaEvent<Event>| {
        let milliseconds = i64::try_from(invocation.context.deadline).unwrap_or(i64::MAX);
        let deadline = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        let handling = AssertUnwindSafe(handle(invocation.payload, deadline)).catch_unwind();
        Box::pin(handling.map(|result| result.unwrap_or_else(|_panic| Err("the handler panicked".to_owned()))))
    });
    Runtime::new(service).run().await
}
