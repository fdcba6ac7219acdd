//! One life of an environment, measured.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Bench;
use crate::aws::Call;
use crate::environment::{Environment, Init};
use crate::events::Events;
use crate::subject::{Subject, Work};

/// Under which circumstances a function lives, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// How many events it is given after the first.
    pub(crate) warm: usize,
    /// Whether the enquiries have keys.
    pub(crate) with_key: bool,
    /// Whether it opens its connections in init.
    pub(crate) warms_up: bool,
    /// The memory whose share of a core it has after init; none is the whole core.
    pub(crate) memory_mb: Option<u32>,
    /// How long AWS takes for each call.
    pub(crate) delay: Duration,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Lived {
    pub(crate) init: Init,
    pub(crate) first: Invoked,
    pub(crate) warm: Vec<Invoked>,
    pub(crate) peak_rss_kib: u64,
    /// To AWS, over the whole life.
    pub(crate) connections: usize,
}

/// What an invocation took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invoked {
    /// From the event to the answer: what a caller waits for.
    pub(crate) wall: Duration,
    /// From the event to the wish for the next one: what is paid for.
    pub(crate) busy: Duration,
    pub(crate) cpu: Duration,
    /// How many calls to AWS had been answered when the caller was.
    pub(crate) calls_waited_for: usize,
}

impl Default for Life {
    fn default() -> Self {
        Self { warm: 0, with_key: false, warms_up: true, memory_mb: None, delay: Duration::ZERO }
    }
}

/// Has `subject` live one life, and checks each of its answers and calls.
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
    let mut invoked = async || {
        let invocation = environment.invoke(events.make()).await?;
        let seen = aws.seen();
        connections += seen.connections;
        checks.check(&work, &invocation.answer, &seen.calls)?;
        Ok::<_, anyhow::Error>(Invoked {
            wall: invocation.answered - invocation.began,
            busy: invocation.asked - invocation.began,
            cpu: invocation.cpu,
            calls_waited_for: seen.calls.iter().filter(|call| call.ended <= invocation.answered).count(),
        })
    };
    let first = invoked().await?;
    let mut warm = Vec::with_capacity(life.warm);
    for _ in 0..life.warm {
        warm.push(invoked().await?);
    }
    let peak_rss_kib = environment.peak_rss_kib()?;
    environment.end().await?;
    Ok(Lived { init, first, warm, peak_rss_kib, connections })
}

/// Whatever is fast and wrong is not measured.
#[derive(Default)]
pub(crate) struct Checks {
    ids: HashSet<String>,
}

impl Checks {
    /// An answer is right, its id was not given before, and the calls are those of the work.
    pub(crate) fn check(&mut self, work: &Work, answer: &Value, calls: &[Call]) -> Result<()> {
        let made: Vec<_> = calls.iter().filter(|call| !call.refused).map(|call| call.operation.as_str()).collect();
        ensure!(made == work.calls, "it called {made:?}");
        if work.calls.contains(&"SendMessage") {
            ensure!(answer["statusCode"] == 201, "it answered {answer}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
            let id = body["id"].as_str().context("no id")?;
            ensure!(self.ids.insert(id.to_owned()), "it gave the id {id} twice");
        }
        Ok(())
    }
}
