//! Connections that die while Lambda freezes the environment.

use std::time::Duration;

use end_to_end::{Instance, Outcome, Proxy, Stack, event_of_delivery, event_of_post, event_of_schedule, unique_text};
use serde_json::Value;

use crate::mail_events::event_of_send;
use crate::{mailed, submission, unannounced};

/// Longer than an idle connection is trusted.
const FROZEN_FOR: Duration = Duration::from_secs(4);

/// The requests left, from the `ratelimit` header. A response without it was not counted.
fn requests_left(outcome: &Outcome) -> Option<u64> {
    let Outcome::Responded(response) = outcome else { return None };
    assert_eq!(response["statusCode"], 201, "{response}");
    response["multiValueHeaders"]["ratelimit"][0]
        .as_str()?
        .strip_prefix("\"public\";r=")?
        .split(';')
        .next()?
        .parse()
        .ok()
}

/// One environment of each function, each behind its own proxy.
struct Environments {
    proxies: Vec<Proxy>,
    instances: Vec<Instance>,
}

impl Environments {
    async fn start(stack: &Stack, functions: &[&str]) -> Self {
        let (mut proxies, mut instances) = (Vec::new(), Vec::new());
        for function in functions {
            let proxy = Proxy::start(stack).await;
            instances.push(Instance::start(&stack.function(function).await, &proxy).await);
            proxies.push(proxy);
        }
        Self { proxies, instances }
    }

    async fn invoke(&mut self, events: &[Value]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (instance, event) in self.instances.iter_mut().zip(events) {
            let outcome = instance.invoke(event).await;
            outcome.assert_responded();
            outcomes.push(outcome);
        }
        outcomes
    }

    async fn freeze_for(&self, time: Duration) {
        self.instances.iter().for_each(Instance::freeze);
        self.proxies.iter().for_each(Proxy::let_connections_die);
        tokio::time::sleep(time).await;
        self.instances.iter().for_each(Instance::thaw);
    }
}

#[tokio::test]
async fn connections_that_die_while_lambda_is_frozen_let_no_limiter_fail_open_and_leave_no_mail_unconfirmed() {
    let stack = Stack::from_environment();
    let functions =
        ["create-enquiry", "create-enquiry", "send-notification", "requeue-notifications", "record-mail-event"];
    let mut environments = Environments::start(&stack, &functions).await;
    let with_key = unique_text();
    let post = |key| event_of_post(&submission("contact-us", &unique_text()), key);
    let (one, other) = (post(None), post(Some(&with_key)));
    let (first, second) = (unannounced(&stack).await, unannounced(&stack).await);
    let reported = stack.caller().post(submission("contact-us", &unique_text())).send().await.assert_accepted();
    mailed(&stack, &reported).await;
    let about = |mail: &str| [one.clone(), other.clone(), event_of_delivery(mail), event_of_schedule()];

    let mail_event = event_of_send(&stack, &reported).await;
    let outcomes = environments.invoke(&[&about(&first)[..], std::slice::from_ref(&mail_event)].concat()).await;
    assert_eq!([requests_left(&outcomes[0]), requests_left(&outcomes[1])], [Some(59), Some(59)]);

    environments.freeze_for(FROZEN_FOR).await;
    let outcomes = environments.invoke(&[&about(&second)[..], &[mail_event]].concat()).await;
    assert_eq!(
        [requests_left(&outcomes[0]), requests_left(&outcomes[1])],
        [Some(58), Some(58)],
        "counted, and counted once"
    );
    for id in [&first, &second] {
        let events = stack.enquiry(id).await.events();
        assert!(!events.contains(&"unconfirmed".to_owned()) && events.contains(&"sent".to_owned()), "{events:?}");
        assert_eq!(stack.mails_about(id).await.len(), 1);
    }
    for (function, proxy) in functions.iter().zip(&environments.proxies) {
        assert_eq!(proxy.lost_calls(), 0, "{function} used a dead connection");
    }
}

/// Shows that these tests' connections do die. Without a wait the function still trusts them, uses a dead one, and
/// retries.
#[tokio::test]
async fn a_connection_that_dies_in_between_costs_an_attempt_and_no_enquiry() {
    let stack = Stack::from_environment();
    let mut environments = Environments::start(&stack, &["create-enquiry"]).await;
    let event = event_of_post(&submission("contact-us", &unique_text()), None);
    environments.invoke(std::slice::from_ref(&event)).await;
    environments.proxies[0].let_connections_die();
    let outcomes = environments.invoke(&[event]).await;
    assert!(outcomes[0].accepted_id().is_some(), "{outcomes:?}");
    assert!(environments.proxies[0].lost_calls() > 0);
}
