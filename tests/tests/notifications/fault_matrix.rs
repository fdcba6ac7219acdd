//! Every call between a submission and its email, with every way in which it can fail.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use end_to_end::{
    AwsCall, Failure, Fault, Instance, Outcome, Proxy, Stack, Table, event_of_delivery, event_of_post,
    event_of_schedule, unique_text,
};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{MAILED_WITHIN, submission};

/// How many cells to run at once. Two cores can handle this many.
const AT_ONCE: usize = 4;
/// How often to try a cell. The deployed sweeper may find an enquiry first, and then the fault has no call to hit.
const TRIES: usize = 4;
/// How long a function waits for a hanging call. For other failures it waits as long as it needs.
const PATIENCE_WITH_HANGING: Duration = Duration::from_millis(1_500);

/// A call and the way in which it fails.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    call: AwsCall,
    failure: Failure,
}

/// An enquiry that was hit by a cell's fault.
struct Struck {
    cell: Cell,
    id: String,
    proxy: Proxy,
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the matrix is worth reading")]
async fn every_cell_of_the_fault_matrix_ends_with_the_enquiry_mailed_once() {
    let stack = Stack::from_environment();
    let form = unique_text();
    let permits = Semaphore::new(AT_ONCE);
    let struck = join_all(Cell::all().map(async |cell| {
        let _permit = permits.acquire().await;
        cell.strike(&stack, &form).await
    }));
    let struck = struck.await;
    everything_is_mailed(&stack, &form, &struck).await;
    every_message_comes_once_more(&stack, &struck).await;

    let mails = stack.mails().await;
    let mut wrong = Vec::new();
    for Struck { cell, id, proxy } in &struck {
        let record = stack.enquiry(id).await;
        let mailed = mails.iter().filter(|mail| mail.subject().contains(id)).count();
        let line = format!("{cell}: struck {}x, mailed {mailed}x, {}", proxy.strikes(), record.events().join(" "));
        let right = (1..=cell.mails_at_most()).contains(&mailed);
        let at_rest =
            record.text("mail_state") == Some("sent") && !record.has("mail_due_at") && !record.has("mail_due_shard");
        println!("{line}");
        if !(right && at_rest) {
            wrong.push(format!("{line}\n{record:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let ran: BTreeSet<_> = struck.iter().filter(|one| one.proxy.strikes() > 0).map(|one| one.cell).collect();
    assert_eq!(ran.len(), 8 * 5, "each of 8 calls fails in 5 ways");
    assert!(Cell::all().all(|cell| ran.contains(&cell)));
}

/// Waits until all enquiries are emailed. Only the deployed schedule sends them. The test just shortens the wait until
/// they are due.
async fn everything_is_mailed(stack: &Stack, form: &str, struck: &[Struck]) {
    let cell_of = |id: Option<&str>| struck.iter().find(|one| Some(&*one.id) == id).map(|one| one.cell.to_string());
    let look = async || {
        let waiting = stack.not_yet_mailed(form).await;
        for record in &waiting {
            stack.let_time_pass(record, |lease| struck.iter().any(|one| one.proxy.saw(lease))).await;
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let waiting = waiting.iter().map(|record| format!("{:?} {record:?}", cell_of(record.text("id"))));
        Err(format!("not mailed:\n{}", waiting.collect::<Vec<_>>().join("\n")))
    };
    stack.wait_for(MAILED_WITHIN, look).await;
}

/// Delivers each message again, as if it had been hidden while another mailer was working.
async fn every_message_comes_once_more(stack: &Stack, struck: &[Struck]) {
    let mut mailer = Instance::start(&stack.function("send-notification").await, &Proxy::start(stack).await).await;
    for one in struck {
        mailer.invoke(&event_of_delivery(&one.id)).await.assert_responded();
    }
}

impl Cell {
    fn all() -> impl Iterator<Item = Self> {
        AwsCall::ALL.into_iter().flat_map(|call| Failure::ALL.map(|failure| Self { call, failure }))
    }

    /// If SES accepted the email but our mark was not written, nobody can know that it was sent. Then a second email is
    /// correct.
    fn mails_at_most(self) -> usize {
        match (self.call, self.failure) {
            (AwsCall::Send, Failure::ResponseLost | Failure::ResponseLostOnce | Failure::Killed)
            | (AwsCall::Mark, Failure::Refused | Failure::Hangs) => 2,
            _ => 1,
        }
    }

    /// Lets the fault hit an enquiry.
    async fn strike(self, stack: &Stack, form: &str) -> Struck {
        for _ in 0..TRIES {
            let struck = match self.call {
                AwsCall::Record | AwsCall::Enqueue => self.strike_posting(stack, form).await,
                AwsCall::Claim | AwsCall::Send | AwsCall::Mark => self.strike_mailing(stack, form).await,
                AwsCall::Sweep | AwsCall::Move | AwsCall::Reenqueue => self.strike_sweeping(stack, form).await,
            };
            if struck.proxy.strikes() > 0 && !struck.came_too_late(stack).await {
                return struck;
            }
        }
        panic!("{self}: in {TRIES} tries the fault never struck");
    }

    /// Hits while the enquiry is posted. The caller retries with the same key, as callers do, and it is recorded once.
    async fn strike_posting(self, stack: &Stack, form: &str) -> Struck {
        let (text, key) = (unique_text(), unique_text());
        let body = submission(form, &text);
        let (proxy, outcome) = self.drive(stack, "create-enquiry", "", &event_of_post(&body, Some(&key))).await;
        let id = stack.caller().post(body).header("idempotency-key", &key).send().await.assert_accepted();
        assert!(outcome.accepted_id().is_none_or(|accepted| accepted == id), "{self}: {outcome:?}, then {id}");
        assert_eq!(stack.count_mentions(Table::Enquiries, &text).await, 1, "{self}");
        Struck { cell: self, id, proxy }
    }

    /// Hits while the mailer has the message.
    async fn strike_mailing(self, stack: &Stack, form: &str) -> Struck {
        let id = stack.record_unannounced(&submission(form, &unique_text())).await;
        let (proxy, _) = self.drive(stack, "send-notification", &id, &event_of_delivery(&id)).await;
        Struck { cell: self, id, proxy }
    }

    /// Hits while the sweeper finds the enquiry due.
    async fn strike_sweeping(self, stack: &Stack, form: &str) -> Struck {
        let id = stack.record_unannounced(&submission(form, &unique_text())).await;
        let record = stack.enquiry(&id).await;
        stack.let_time_pass(&record, |_| false).await;
        let shard = format!(r#"{{"S":"{}"}}"#, record.text("mail_due_shard").unwrap_or_default());
        let mentioning = if self.call == AwsCall::Sweep { &shard } else { &id };
        let (proxy, _) = self.drive(stack, "requeue-notifications", mentioning, &event_of_schedule()).await;
        Struck { cell: self, id, proxy }
    }

    async fn drive(self, stack: &Stack, function: &str, mentioning: &str, event: &Value) -> (Proxy, Outcome) {
        let mut function = stack.function(function).await;
        if self.failure == Failure::Hangs {
            function = function.with_patience(PATIENCE_WITH_HANGING);
        }
        let proxy = Proxy::with_fault(stack, Fault::at(self.call, self.failure).mentioning(mentioning)).await;
        let outcome = Instance::start(&function, &proxy).await.invoke(event).await;
        // The notification is queued after the caller has the response.
        let no_response = self.failure == Failure::Killed && self.call != AwsCall::Enqueue && proxy.strikes() > 0;
        assert_eq!(outcome == Outcome::Died, no_response, "{self}: {outcome:?}");
        (proxy, outcome)
    }
}

impl Struck {
    /// Whether the deployed sweeper handled the enquiry before the driven one looked. The fault hits a query of the
    /// shard, even if the enquiry is no longer in it.
    async fn came_too_late(&self, stack: &Stack) -> bool {
        self.cell.call == AwsCall::Sweep
            && !self.proxy.saw(&self.id)
            && stack.enquiry(&self.id).await.text("mail_state") == Some("sent")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} × {:?}", self.call, self.failure)
    }
}
