//! A Lambda execution environment: the Runtime API on loopback, and the function as a child process.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

use crate::server::{Handler, Request, Response, Server, response};
use crate::throttle::Throttle;

/// How long a function may take to request an event or to respond. This is far more than any takes, even throttled or
/// under valgrind.
const PATIENCE: Duration = Duration::from_mins(2);
/// The time given to an invocation. It is enough for the mailer, which starts nothing that could outlast it.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often to check whether a function is idle, and how long to wait in between. Some threads are never idle.
const LOOKS: usize = 25;
const LOOKS_AGAIN_AFTER: Duration = Duration::from_millis(2);

pub(crate) struct Environment {
    child: Child,
    pid: Pid,
    events: mpsc::UnboundedSender<Value>,
    moments: mpsc::UnboundedReceiver<Moment>,
    throttle: Option<Throttle>,
    _api: Server,
}

/// The times of an invocation, and its response.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// When the event was sent.
    pub(crate) began: Instant,
    /// When the response arrived.
    pub(crate) responded: Instant,
    /// When the function requested the next event.
    pub(crate) asked: Instant,
    pub(crate) response: Value,
}

enum Moment {
    Asked(Instant),
    Responded(Instant, Value),
    Failed(Value),
}

#[derive(Clone)]
struct RuntimeApi {
    events: Arc<Mutex<mpsc::UnboundedReceiver<Value>>>,
    moments: mpsc::UnboundedSender<Moment>,
}

impl Environment {
    /// Starts a function, and waits until it requests its first event. Returns the time from `exec` to `/next`. If
    /// `memory_mb` is given, the function is throttled from then on: Lambda gives a whole core during init.
    pub(crate) async fn start(mut command: Command, memory_mb: Option<u32>) -> Result<(Self, Duration)> {
        let (events, queued) = mpsc::unbounded_channel();
        let (moment, moments) = mpsc::unbounded_channel();
        let api = RuntimeApi { events: Arc::new(Mutex::new(queued)), moments: moment };
        let api = Server::start(None, api).await?;
        command.env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{}", api.port));
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{:?} cannot be started", command.as_std()))?;
        let pid = Pid::from_raw(child.id().context("it ended at once")?.try_into()?);
        let mut environment = Self { child, pid, events, moments, throttle: None, _api: api };
        let asked = environment.asked().await?;
        environment.throttle = memory_mb.map(|memory_mb| Throttle::start(pid, memory_mb));
        Ok((environment, asked - started))
    }

    /// Sends an event, and waits for the response and the request for the next event.
    pub(crate) async fn invoke(&mut self, event: Value) -> Result<Invocation> {
        let began = Instant::now();
        self.events.send(event).context("the Runtime API has gone")?;
        let (responded, response) = match self.moment().await? {
            Moment::Responded(at, response) => (at, response),
            Moment::Failed(error) => bail!("the function failed: {error}"),
            Moment::Asked(_) => bail!("the function asked for an event before it responded to the last one"),
        };
        let asked = self.asked().await?;
        Ok(Invocation { began, responded, asked, response })
    }

    /// The peak memory of the process, in KiB.
    pub(crate) fn peak_rss_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(peak.trim().trim_end_matches(" kB").parse()?)
    }

    /// Ends the function as Lambda does, and waits until it has exited.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.throttle = None;
        kill(self.pid, Signal::SIGTERM)?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        Ok(())
    }

    /// The CPU time of all threads, once they are idle. The kernel updates it when a thread leaves its core, and
    /// otherwise only now and then.
    pub(crate) async fn cpu(&self) -> Result<Duration> {
        let clock = ClockId::pid_cpu_clock_id(self.pid)?;
        let mut before = None;
        for _ in 0..LOOKS {
            let now = clock_gettime(clock)?;
            if before.replace(now) == Some(now) {
                break;
            }
            tokio::time::sleep(LOOKS_AGAIN_AFTER).await;
        }
        Ok(before.map(Duration::from).unwrap_or_default())
    }

    async fn asked(&mut self) -> Result<Instant> {
        match self.moment().await? {
            Moment::Asked(at) => Ok(at),
            Moment::Responded(..) => bail!("the function responded twice"),
            Moment::Failed(error) => bail!("the function failed: {error}"),
        }
    }

    async fn moment(&mut self) -> Result<Moment> {
        let came = tokio::select! {
            moment = self.moments.recv() => moment,
            ended = self.child.wait() => bail!("the function has ended: {}", ended?),
            () = tokio::time::sleep(PATIENCE) => None,
        };
        came.context("the function does not respond")
    }
}

impl Handler for RuntimeApi {
    async fn handle(&self, request: Request) -> Response {
        let at = Instant::now();
        let body = || serde_json::from_slice(request.body()).unwrap_or_default();
        let moment = match request.uri().path().rsplit('/').next() {
            Some("next") => Moment::Asked(at),
            Some("response") => Moment::Responded(at, body()),
            _ => Moment::Failed(body()),
        };
        let asked = matches!(moment, Moment::Asked(_));
        let _ = self.moments.send(moment);
        if !asked {
            return response(202, &[("content-type", "application/json")], r#"{"status":"OK"}"#);
        }
        match self.events.lock().await.recv().await {
            Some(event) => handed_out(&event),
            None => response(410, &[], ""),
        }
    }
}

fn handed_out(event: &Value) -> Response {
    let deadline = (since_epoch() + TIMEOUT).as_millis().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-2:000000000000:function:bench"),
        ("lambda-runtime-trace-id", "Root=1-6862a1ff-000000000000000000000001;Sampled=0"),
    ];
    response(200, &headers, event.to_string())
}

#[expect(clippy::disallowed_methods, reason = "events bear the time at which they are made")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
