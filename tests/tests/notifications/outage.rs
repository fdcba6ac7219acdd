//! A long outage of SES.

use std::collections::HashMap;

use end_to_end::{AwsCall, Failure, Fault, Proxy, Stack, unique_text};
use futures_util::{StreamExt, stream};

use crate::{MAILED_WITHIN, submission};

const ENQUIRIES: usize = 1_000;
/// Below a caller's quota of 60 requests per minute.
const OF_ONE_CALLER: usize = 50;
/// How many requests to send at once.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn a_thousand_enquiries_posted_while_ses_is_down_are_all_mailed_each_once() {
    let stack = Stack::from_environment();
    let form = unique_text();
    let ses_is_down = Fault::at(AwsCall::Send, Failure::Refused).mentioning(&form);
    let proxy = Proxy::with_fault(&stack, ses_is_down).await;
    let mailer = stack.function("send-notification").await;
    let ids = stack.with_messages_behind(&mailer, &proxy, async {
        let ids = post_them(&stack, &form).await;
        each_is_tried_in_vain(&stack, &form).await;
        proxy.lift();
        all_are_mailed(&stack, &form).await;
        ids
    });
    let ids = ids.await;

    assert!(proxy.strikes() >= ENQUIRIES, "SES was down for {} mails", proxy.strikes());
    let mut mails: HashMap<&str, usize> = ids.iter().map(|id| (&**id, 0)).collect();
    assert_eq!(mails.len(), ENQUIRIES, "each has an id of its own");
    for mail in &stack.mails().await {
        let id = mail.subject().split(' ').find(|word| word.starts_with("enq_"));
        if let Some(count) = id.and_then(|id| mails.get_mut(id)) {
            *count += 1;
        }
    }
    mails.retain(|_, count| *count != 1);
    assert!(mails.is_empty(), "mailed never or more than once: {mails:?}");
}

async fn post_them(stack: &Stack, form: &str) -> Vec<String> {
    let callers: Vec<_> = (0..ENQUIRIES / OF_ONE_CALLER).map(|_| stack.caller()).collect();
    let posts = (0..ENQUIRIES).map(|index| {
        let caller = &callers[index % callers.len()];
        async { caller.post(submission(form, &unique_text())).send().await.assert_accepted() }
    });
    stream::iter(posts).buffer_unordered(AT_ONCE).collect().await
}

async fn each_is_tried_in_vain(stack: &Stack, form: &str) {
    let look = async || {
        let waiting = stack.not_yet_mailed(form).await;
        assert_eq!(waiting.len(), ENQUIRIES, "some are mailed, or not recorded");
        let untried = waiting.iter().filter(|record| record.number("mail_attempts") == Some("0")).count();
        if untried == 0 { Ok(()) } else { Err(format!("{untried} are not tried yet")) }
    };
    stack.wait_for(MAILED_WITHIN, look).await;
}

/// Only the deployed schedule sends the emails. The test just shortens the wait until they are due.
async fn all_are_mailed(stack: &Stack, form: &str) {
    let look = async || {
        let waiting = stack.not_yet_mailed(form).await;
        let passing = waiting.iter().map(|record| stack.let_time_pass(record, |_| false));
        stream::iter(passing).buffer_unordered(AT_ONCE).collect::<()>().await;
        if waiting.is_empty() {
            Ok(())
        } else {
            Err(format!("{} are not mailed, such as {:?}", waiting.len(), waiting[0]))
        }
    };
    stack.wait_for(MAILED_WITHIN, look).await;
}
