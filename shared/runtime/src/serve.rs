//! Lambda's event loop: get an event, send the response, then do the work that follows.

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

/// Gets events from Lambda and handles them until the environment ends. `handle` gets the deadline for its response.
/// Its error goes to Lambda, so the text must not contain data. A panic becomes an error without its message, which may
/// quote a field. Lambda's runtime rejects an event of any other type, with serde's message.
///
/// # Errors
/// When Lambda's Runtime API cannot be reached.
pub async fn serve<Event, Response, Handle, Handling>(handle: Handle) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned,
    Response: Serialize,
    Handle: Fn(Event, Timestamp) -> Handling,
    Handling: Future<Output = Result<Response, String>>,
{
    serve_then(|event, deadline| handle(event, deadline).map_ok(|response| (response, ready(())))).await
}

/// Like [`serve`], but the handler also returns work to run after the response is sent. The caller does not wait for
/// this work. It ends before Lambda freezes the environment, which happens only after the function asks for the next
/// event (Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes"). It runs even if Lambda did not
/// accept the response. It must not panic: that would end the environment.
///
/// # Errors
/// When Lambda's Runtime API cannot be reached.
pub async fn serve_then<Event, Response, FollowUp, Handle, Handling>(
    handle: Handle,
) -> Result<(), lambda_runtime::Error>
where
    Event: DeserializeOwned,
    Response: Serialize,
    FollowUp: Future<Output = ()>,
    Handle: Fn(Event, Timestamp) -> Handling,
    Handling: Future<Output = Result<(Response, FollowUp), String>>,
{
    let pending = Arc::new(Mutex::new(None));
    let take_pending = || pending.lock().unwrap_or_else(PoisonError::into_inner).take();
    let service = service_fn(|invocation: LambdaEvent<Event>| {
        let milliseconds = i64::try_from(invocation.context.deadline).unwrap_or(i64::MAX);
        let deadline = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        let handling = AssertUnwindSafe(handle(invocation.payload, deadline)).catch_unwind();
        let pending = Arc::clone(&pending);
        Box::pin(handling.map(move |result| {
            let (response, follow_up) = result.unwrap_or_else(|_panic| Err("the handler panicked".to_owned()))?;
            *pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(follow_up);
            Ok::<_, String>(response)
        }))
    });
    let respond_first = layer_fn(|service| {
        ServiceExt::then(service, async |responded| {
            if let Some(follow_up) = take_pending() {
                follow_up.await;
            }
            responded
        })
    });
    Runtime::new(service).layer(respond_first).run().await
}
