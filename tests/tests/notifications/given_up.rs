//! Enquiries that are given up, either for good or until somebody fixes the cause.

use end_to_end::{AwsCall, Failure, Fault, Item, Proxy, Stack, event_of_delivery};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{MAILED_WITHIN, mailed, unannounced};

const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

/// An argument of the documented command that makes an enquiry due again.
fn argument(name: &str) -> &'static str {
    let command = ARCHITECTURE.split_once("aws dynamodb update-item").map(|(_, command)| command);
    let value = command.and_then(|command| command.split_once(name)?.1.split('\'').nth(1));
    value.unwrap_or_else(|| panic!("the command has no {name}"))
}

#[track_caller]
fn assert_given_up(record: &Item, cause: &str) {
    assert_eq!(record.text("mail_state"), Some("failed"));
    assert_eq!(record.timeline().last().and_then(|entry| entry.text("cause")), Some(cause));
    for left in ["mail_due_at", "mail_due_shard", "mail_lease_id", "mail_lease_until"] {
        assert!(!record.has(left), "{record:?}");
    }
}

/// For an enquiry that is not emailed yet.
pub(crate) async fn let_three_days_pass(stack: &Stack, id: &str) {
    let record = stack.enquiry(id).await;
    let created_at = record.text("created_at").and_then(|at| at.parse::<Timestamp>().ok());
    let created_at = created_at.unwrap_or_else(|| panic!("{id} has no time"));
    let values = json!({
        ":then": { "S": format!("{:.3}", created_at - SignedDuration::from_hours(73)) },
        ":pending": { "S": "pending" },
    });
    stack.update_enquiry(id, "SET created_at = :then", "mail_state = :pending", &values).await;
    stack.let_time_pass(&record, |_| false).await;
}

/// Waits until the sweeper has given up an enquiry that has been due for three days.
async fn given_up(stack: &Stack, id: &str) -> Item {
    let look = async || {
        let record = stack.enquiry(id).await;
        if record.text("mail_state") == Some("pending") { Err(format!("still due: {record:?}")) } else { Ok(record) }
    };
    let failed = stack.wait_for(MAILED_WITHIN, look).await;
    assert_given_up(&failed, "not sent for three days");
    failed
}

#[tokio::test]
async fn an_enquiry_whose_mail_ses_rejects_is_tried_again_and_mailed_once_ses_takes_it() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let proxy = Proxy::with_fault(&stack, Fault::at(AwsCall::Send, Failure::Rejected)).await;
    stack.drive("send-notification", &proxy, &event_of_delivery(&id)).await.assert_responded();
    let refused = stack.enquiry(&id).await;
    assert_eq!((refused.text("mail_state"), refused.has("expires_at")), (Some("pending"), false));
    assert_eq!(refused.events(), ["recorded", "queued", "claimed", "refused"]);
    assert_eq!(stack.mails_about(&id).await.len(), 0);

    stack.let_time_pass(&refused, |_| true).await;
    let record = mailed(&stack, &id).await;
    assert_eq!(record.events(), [refused.events(), ["queued", "claimed", "sent"].map(str::to_owned).to_vec()].concat());
    assert_eq!(stack.mails_about(&id).await.len(), 1);
}

#[tokio::test]
async fn an_enquiry_that_was_given_up_is_mailed_once_when_an_operator_makes_it_due_again() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let_three_days_pass(&stack, &id).await;
    let failed = given_up(&stack, &id).await;
    assert!(!failed.has("expires_at"), "{failed:?}");

    // Somebody may have set an expiry time by hand.
    let expiry = json!({ ":failed": { "S": "failed" }, ":soon": { "N": "4102444800" } });
    stack.update_enquiry(&id, "SET expires_at = :soon", "mail_state = :failed", &expiry).await;

    let mut values: Value = serde_json::from_str(argument("--expression-attribute-values")).expect("values are JSON");
    // The documented command uses the current time. A moment ago works too.
    values[":now"] = json!({ "S": failed.timeline().last().and_then(|entry| entry.text("at")) });
    let (update, condition) = (argument("--update-expression"), argument("--condition-expression"));
    stack.update_enquiry(&id, update, condition, &values).await;
    assert!(!stack.enquiry(&id).await.has("expires_at"), "what is still to be mailed does not expire");

    let record = mailed(&stack, &id).await;
    assert_eq!(record.events(), [failed.events(), ["queued", "claimed", "sent"].map(str::to_owned).to_vec()].concat());
    assert_eq!(stack.mails_about(&id).await.len(), 1);
}

#[tokio::test]
async fn an_enquiry_that_is_not_mailed_for_three_days_is_given_up_by_the_sweeper() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let_three_days_pass(&stack, &id).await;

    let failed = given_up(&stack, &id).await;
    assert_eq!(failed.events(), ["recorded", "failed"]);
    assert_eq!(stack.mails_about(&id).await.len(), 0);
}
