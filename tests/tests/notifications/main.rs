//! Every accepted enquiry is emailed, soon and once, even if a step fails. These tests use the released functions, the
//! deployed queue, mapping, schedule and tables, and faults in the calls between them. This is one binary, because each
//! binary would link the AWS SDK again.

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

/// Far longer than needed: due notifications are found within a minute. The rest is for slow machines.
const MAILED_WITHIN: Duration = Duration::from_mins(4);

/// A submission that this text makes unique.
fn submission(form: &str, text: &str) -> String {
    format!(
        r#"{{"form":"{form}","dept":"support","fields":{{"email":"ada@example.com","text":"{text}","consent":"yes"}}}}"#
    )
}

/// Records an enquiry without queueing its notification.
async fn unannounced(stack: &Stack) -> String {
    stack.record_unannounced(&submission("contact-us", &unique_text())).await
}

/// Waits until the record says that the enquiry was emailed.
async fn mailed(stack: &Stack, id: &str) -> Item {
    stack.mailed(id, MAILED_WITHIN).await
}
