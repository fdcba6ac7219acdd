//! Lambda's loop: an event comes, an answer goes, and what is left is done.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::ready;
use futures_util::{FutureExt, TryFutureExt};
use jiff::Timestamp;
use lambda_runtime::tower::ServiceExt;
use lambda_runtime::tower::layer::layer_fn;
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
    serve_then(|event, deadline| handle(event, deadline).map_ok(|answer| (answer, ready(())))).await
}

/// The same for a handler that comes to an answer, and to what is left to do once Lambda has it. The caller does not wait for
/// that, and it is done before the environment is frozen: Lambda does so only when the next event is asked for (Lambda Developer
/// Guide, "Using the Lambda runtime API for custom runtimes"). It is done even if Lambda did not take the answer, and must not
/// panic, for nobody is left to be told.
///
/// # Errors
/// When Lambda's Runtime API cannot be reached.
pub async fn serve_then<Event, Answer, Left, Handle, Handling>(handle: Handle) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned,
    Answer: Serialize,
    Left: Future<Output = ()>,
    Handle: Fn(Event, Timestamp) -> Handling,
    Handling: Future<Output = Result<(Answer, Left), String>>,
{
    let left = Arc::new(Mutex::new(None));
    let take_left = || left.lock().unwrap_or_else(PoisonError::into_inner).take();
    let service = service_fn(|invocation: LambdaEvent<Event>| {
        let milliseconds = i64::try_from(invocation.context.deadline).unwrap_or(i64::MAX);
        let deadline = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        let handling = AssertUnwindSafe(handle(invocation.payload, deadline)).catch_unwind();
        let left = Arc::clone(&left);
        Box::pin(handling.map(move |result| {
            let (answer, after) = result.unwrap_or_else(|_panic| Err("the handler panicked".to_owned()))?;
            *left.lock().unwrap_or_else(PoisonError::into_inner) = Some(after);
            Ok::<_, String>(answer)
        }))
    });
    let answered_first = layer_fn(|service| {
        ServiceExt::then(service, async |answered| {
            if let Some(left) = take_left() {
                left.await;
            }
            answered
        })
    });
    Runtime::new(service).layer(answered_first).run().await
}
