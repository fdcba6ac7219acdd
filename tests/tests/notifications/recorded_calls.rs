//! All the functions' calls to AWS, so that `make check` can compare them with the functions' roles.

use end_to_end::{
    AwsCall, Calls, Failure, Fault, Instance, Outcome, Proxy, Stack, assert_recorded, event_of_delivery, event_of_post,
    event_of_schedule, unique_text,
};
use serde_json::{Value, json};

use crate::given_up::let_three_days_pass;
use crate::mail_events::event_of_send;
use crate::{submission, unannounced};

/// How often to try a sweep: the deployed sweeper may find the enquiries first.
const TRIES: usize = 4;

#[tokio::test]
async fn what_the_functions_ask_of_aws_is_what_their_roles_are_compared_with() {
    let stack = Stack::from_environment();
    let mailed = unannounced(&stack).await;
    let mut asked = Calls::new();
    for proxy in [
        vec![post(&stack).await],
        mail(&stack, &mailed).await,
        vec![dead_letter(&stack).await, sweep(&stack).await, mail_event(&stack, &mailed).await],
    ]
    .concat()
    {
        for (function, calls) in proxy.asked() {
            asked.entry(function).or_default().extend(calls);
        }
    }
    assert_recorded(&asked);
}

/// Start-up, then each possible course of a submission.
async fn post(stack: &Stack) -> Proxy {
    let proxy = Proxy::start(stack).await;
    let mut function = Instance::start(&stack.function("create-enquiry").await, &proxy).await;
    let [body, other, key] = [unique_text(), unique_text(), unique_text()];
    let [body, other] = [body, other].map(|text| submission("contact-us", &text));
    for (body, key, status) in [
        (&*body, None, 201),
        (&*body, Some(&*key), 201),
        (&*body, Some(&*key), 201),
        (&*other, Some(&*key), 409),
        ("{}", None, 422),
    ] {
        let Outcome::Responded(response) = function.invoke(&event_of_post(body, key)).await else { panic!("{body}") };
        assert_eq!(response["statusCode"], status, "{response}");
    }
    proxy
}

/// Each possible course of an email. `mailed` is the enquiry whose email succeeds.
async fn mail(stack: &Stack, mailed: &str) -> Vec<Proxy> {
    let mut proxies = Vec::new();
    for (failure, event) in [
        (None, "sent"),
        (Some(Failure::Refused), "postponed"),
        (Some(Failure::ResponseLost), "unconfirmed"),
        (Some(Failure::Rejected), "refused"),
    ] {
        let id = if failure.is_none() { mailed.to_owned() } else { unannounced(stack).await };
        let proxy = Proxy::with_fault(stack, failure.map(|failure| Fault::at(AwsCall::Send, failure))).await;
        let mut function = Instance::start(&stack.function("send-notification").await, &proxy).await;
        // The second time, it finds the record as the first run left it.
        for _ in 0..2 {
            function.invoke(&event_of_delivery(&id)).await.assert_responded();
            assert_eq!(stack.enquiry(&id).await.events().last().map(String::as_str), Some(event));
        }
        proxies.push(proxy);
    }
    proxies
}

/// A message that is not a notification.
async fn dead_letter(stack: &Stack) -> Proxy {
    let proxy = Proxy::start(stack).await;
    let mut event = event_of_delivery("");
    let body = unique_text();
    event["Records"][0]["body"] = json!(body);
    stack.drive("send-notification", &proxy, &event).await.assert_responded();
    assert!(stack.dead_letters().await.contains(&body));
    proxy
}

/// A sweep with one enquiry to email and one to give up.
async fn sweep(stack: &Stack) -> Proxy {
    let proxy = Proxy::start(stack).await;
    let mut sweeper = Instance::start(&stack.function("requeue-notifications").await, &proxy).await;
    for _ in 0..TRIES {
        let (due, old) = (unannounced(stack).await, unannounced(stack).await);
        stack.let_time_pass(&stack.enquiry(&due).await, |_| false).await;
        let_three_days_pass(stack, &old).await;
        sweeper.invoke(&event_of_schedule()).await.assert_responded();
        let mentions = |calls: &[Value], id: &str| calls.iter().any(|call| call.to_string().contains(id));
        let given_up = stack.enquiry(&old).await.text("mail_state") == Some("failed");
        if mentions(&proxy.bodies(AwsCall::Reenqueue), &due) && mentions(&proxy.bodies(AwsCall::Move), &old) && given_up
        {
            return proxy;
        }
    }
    panic!("in {TRIES} tries, the deployed sweeper was always faster");
}

/// SES's event that it accepted the email.
async fn mail_event(stack: &Stack, mailed: &str) -> Proxy {
    let proxy = Proxy::start(stack).await;
    let event = event_of_send(stack, mailed).await;
    stack.drive("record-mail-event", &proxy, &event).await.assert_responded();
    assert_eq!(stack.enquiry(mailed).await.text("delivery"), Some("accepted"));
    proxy
}
