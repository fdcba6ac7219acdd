//! Messages that arrive more than once, or that should never have been sent.

use std::time::Duration;

use end_to_end::{AwsCall, Failure, Fault, Instance, Outcome, Proxy, Stack, Table, event_of_delivery, unique_text};
use futures_util::future::join_all;
use serde_json::json;

use crate::{MAILED_WITHIN, mailed, unannounced};

/// A message to be retried is hidden for three minutes.
const CONSUMED_WITHIN: Duration = Duration::from_mins(4);

fn notification(id: &str) -> String {
    json!({ "enquiry_id": id }).to_string()
}

/// Waits until the queue has no message about this enquiry, not even one in progress.
async fn consumed(stack: &Stack, id: &str) {
    let look = async || {
        let left = stack.notifications().await.iter().filter(|body| body.contains(id)).count();
        if left == 0 { Ok(()) } else { Err(format!("{left} messages about {id} are still on the queue")) }
    };
    stack.wait_for(CONSUMED_WITHIN, look).await;
}

#[tokio::test]
async fn ten_deliveries_of_one_message_at_once_make_one_mail() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let (mailer, proxy) = (stack.function("send-notification").await, Proxy::start(&stack).await);
    let mut mailers = join_all((0..10).map(|_| Instance::start(&mailer, &proxy))).await;
    let event = event_of_delivery(&id);
    let outcomes = join_all(mailers.iter_mut().map(|mailer| mailer.invoke(&event))).await;

    outcomes.iter().for_each(Outcome::assert_responded);
    assert_eq!(proxy.bodies(AwsCall::Claim).len(), 10);
    assert_eq!(proxy.bodies(AwsCall::Send).len(), 1);
    assert_eq!(stack.mails_about(&id).await.len(), 1);
    let record = stack.enquiry(&id).await;
    assert_eq!((record.text("mail_state"), record.number("mail_attempts")), (Some("sent"), Some("1")));
}

#[tokio::test]
async fn ten_copies_of_one_message_on_the_queue_make_one_mail() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let copies: Vec<_> = (0..10).map(|_| notification(&id)).collect();
    for copy in copies.chunks(1) {
        stack.enqueue(copy).await;
    }
    mailed(&stack, &id).await;
    consumed(&stack, &id).await;
    assert_eq!(stack.enquiry(&id).await.number("mail_attempts"), Some("1"));
    assert_eq!(stack.mails_about(&id).await.len(), 1);
}

#[tokio::test]
async fn an_unparsable_message_goes_to_the_dead_letter_queue_as_it_was_and_its_neighbours_are_mailed() {
    let stack = Stack::from_environment();
    let ids = join_all((0..3).map(|_| unannounced(&stack))).await;
    let bad = [unique_text(), json!({ "enquiry": unique_text() }).to_string()];
    let [first, second, third] = [0, 1, 2].map(|index: usize| notification(&ids[index]));
    stack.enqueue(&[first, bad[0].clone(), second, bad[1].clone(), third]).await;

    for id in &ids {
        mailed(&stack, id).await;
        assert_eq!(stack.mails_about(id).await.len(), 1);
    }
    let look = async || {
        let mut dead = stack.dead_letters().await;
        dead.retain(|body| bad.contains(body));
        dead.sort_by_key(|body| *body != bad[0]);
        if dead == bad { Ok(()) } else { Err(format!("of the two, there are on the dead-letter queue: {dead:?}")) }
    };
    stack.wait_for(MAILED_WITHIN, look).await;
}

#[tokio::test]
async fn a_message_about_no_enquiry_is_consumed_and_nothing_is_mailed_or_recorded() {
    let stack = Stack::from_environment();
    let id = "enq_000000";
    stack.enqueue(&[notification(id)]).await;
    consumed(&stack, id).await;
    assert_eq!(stack.mails_about(id).await.len(), 0);
    assert_eq!(stack.count_mentions(Table::Enquiries, id).await, 0);
    assert!(!stack.dead_letters().await.iter().any(|body| body.contains(id)));
}

#[tokio::test]
async fn an_enquiry_that_is_deleted_while_it_is_mailed_does_not_come_back() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    // SES hangs, but not for ever.
    let proxy = Proxy::with_fault(&stack, Fault::at(AwsCall::Send, Failure::Hangs)).await;
    let event = event_of_delivery(&id);
    let deletion = async {
        proxy.struck().await;
        stack.delete_enquiry(&id).await;
        proxy.lift();
    };
    let (outcome, ()) = tokio::join!(stack.drive("send-notification", &proxy, &event), deletion);

    assert_eq!(outcome, Outcome::Responded(json!({ "batchItemFailures": [] })));
    assert_eq!(proxy.bodies(AwsCall::Mark).len(), 1);
    assert_eq!(stack.mails_about(&id).await.len(), 1);
    assert_eq!(stack.count_mentions(Table::Enquiries, &id).await, 0);
}
