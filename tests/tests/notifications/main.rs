//! That every accepted enquiry is mailed, soon and once, whatever fails on the way: the released functions, the deployed
//! queue, mapping, schedule and tables, and faults at the calls between them. One binary, because each would link the AWS
//! SDK again.

mod deliveries;
mod fault_matrix;
mod frozen;
mod given_up;
mod happy_path;
mod mail_events;
mod outage;
mod recorded_calls;

use std::time::Duration;

use end_to_end::{Item, Stack, unique_text};

/// Far more than it takes: what is due is found within a minute, and this is for a slow machine.
const MAILED_WITHIN: Duration = Duration::from_mins(4);

/// A submission that no other resembles, by its text.
fn submission(form: &str, text: &str) -> String {
    format!(
        r#"{{"form":"{form}","dept":"support","fields":{{"email":"ada@example.com","text":"{text}","consent":"yes"}}}}"#
    )
}

/// Records an enquiry of which the queue hears nothing.
async fn unannounced(stack: &Stack) -> String {
    stack.record_unannounced(&submission("contact-us", &unique_text())).await
}

/// Waits until the record says that the enquiry is mailed.
async fn mailed(stack: &Stack, id: &str) -> Item {
    stack.mailed(id, MAILED_WITHIN).await
}
