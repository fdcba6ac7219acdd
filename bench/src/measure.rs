//! Measures one life of an environment.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::aws::Call;
use crate::bench::Bench;
use crate::environment::{Environment, Invocation};
use crate::events::Events;
use crate::subject::{Expected, Subject, Work};

/// The conditions of a life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// How many events follow the first.
    pub(crate) warm: usize,
    /// Whether the enquiries have idempotency keys.
    pub(crate) with_key: bool,
    /// Whether it opens connections during init.
    pub(crate) warms_up: bool,
    /// The memory that sets its share of a core after init. `None` is a whole core.
    pub(crate) memory_mb: Option<u32>,
    /// The delay of each call to AWS.
    pub(crate) delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Lived {
    /// From `exec` to the first request for an event.
    pub(crate) init: Duration,
    pub(crate) init_cpu: Duration,
    pub(crate) first: Invoked,
    pub(crate) first_cpu: Duration,
    pub(crate) warm: Vec<Invoked>,
    /// Of all warm invocations.
    pub(crate) warm_cpu: Duration,
    pub(crate) peak_rss_kib: u64,
    /// The connections to AWS over the whole life.
    pub(crate) connections: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Invoked {
    /// From the event to the response: how long a caller waits.
    pub(crate) wall: Duration,
    /// From the event to the request for the next one: the time that AWS bills.
    pub(crate) busy: Duration,
    pub(crate) calls: usize,
    /// How many calls to AWS ended before the response.
    pub(crate) calls_waited_for: usize,
    /// The most calls in progress at once.
    pub(crate) calls_at_once: usize,
}

impl Default for Life {
    fn default() -> Self {
        Self { warm: 0, with_key: false, warms_up: true, memory_mb: None, delay: Duration::ZERO }
    }
}

/// Runs one life of `subject`, and checks its responses and calls.
pub(crate) async fn live(bench: &Bench, subject: &Subject, life: Life) -> Result<Lived> {
    let named = || format!("{} as {life:?}", subject.name);
    lived(bench, subject, life).await.with_context(named)
}

async fn lived(bench: &Bench, subject: &Subject, life: Life) -> Result<Lived> {
    let aws = &bench.aws;
    aws.delay(life.delay);
    aws.hold(bench.enquiry.as_ref());
    aws.seen();
    let mut command = subject.command(aws, &bench.certificates);
    if !life.warms_up {
        command.env("WARM_UP_TIMEOUT_MS", "0");
    }
    let (mut environment, init) = Environment::start(command, life.memory_mb).await?;
    let mut connections = aws.seen().connections;
    let work = if life.with_key { subject.with_key.context("it knows no keys")? } else { subject.work };
    let mut events = Events::like(work.event)?;
    let mut checks = Checks::default();
    let mut invoked = async |environment: &mut Environment| {
        let invocation = environment.invoke(events.make()).await?;
        let seen = aws.seen();
        connections += seen.connections;
        checks.check(&work, &invocation.response, &seen.calls)?;
        Ok::<_, anyhow::Error>(Invoked::of(&invocation, &seen.calls))
    };
    let started = environment.cpu().await?;
    let first = invoked(&mut environment).await?;
    let after_first = environment.cpu().await?;
    let mut warm = Vec::with_capacity(life.warm);
    for _ in 0..life.warm {
        warm.push(invoked(&mut environment).await?);
    }
    let (first_cpu, warm_cpu) =
        (after_first.saturating_sub(started), environment.cpu().await?.saturating_sub(after_first));
    let peak_rss_kib = environment.peak_rss_kib()?;
    environment.end().await?;
    Ok(Lived { init, init_cpu: started, first, first_cpu, warm, warm_cpu, peak_rss_kib, connections })
}

impl Invoked {
    fn of(invocation: &Invocation, calls: &[Call]) -> Self {
        let under_way = |at: Instant| calls.iter().filter(move |call| call.began <= at && at < call.ended);
        Self {
            wall: invocation.responded - invocation.began,
            busy: invocation.asked - invocation.began,
            calls: calls.len(),
            calls_waited_for: calls.iter().filter(|call| call.ended <= invocation.responded).count(),
            calls_at_once: calls.iter().map(|call| under_way(call.began).count()).max().unwrap_or_default(),
        }
    }
}

/// The enquiry's id, if the response is a 201 with one.
pub(crate) fn accepted_id(response: &Value) -> Option<String> {
    let body: Value = serde_json::from_str(response["body"].as_str()?).ok()?;
    let id = body["id"].as_str()?.to_owned();
    (response["statusCode"] == 201).then_some(id)
}

/// Checks the results, so that fast but wrong functions are not measured.
#[derive(Default)]
pub(crate) struct Checks {
    ids: HashSet<String>,
}

impl Checks {
    /// Checks that response and calls match the work. An enquiry's id must be new and the same as in the message.
    pub(crate) fn check(&mut self, work: &Work, response: &Value, calls: &[Call]) -> Result<()> {
        let made: Vec<_> = calls.iter().filter(|call| !call.id_taken).map(|call| call.operation.as_str()).collect();
        ensure!(made == work.calls, "it called {made:?}");
        match work.expected {
            Expected::Enquiry => {
                let id = accepted_id(response).with_context(|| format!("it responded {response}"))?;
                let announced = calls.iter().find_map(|call| call.announced.as_deref());
                ensure!(announced == Some(&id), "it announced {announced:?} and not {id}");
                ensure!(self.ids.insert(id.clone()), "it gave the id {id} twice");
            }
            Expected::Created => ensure!(response["statusCode"] == 201, "it responded {response}"),
            Expected::Json(text) => {
                let expected: Value = serde_json::from_str(text)?;
                ensure!(*response == expected, "it responded {response}");
            }
        }
        Ok(())
    }
}
