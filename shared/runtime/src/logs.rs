//! Logs: one JSON object a line on stdout, which Lambda ships to CloudWatch.

use std::io;
use std::panic;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The names of our crates, or their beginnings. Everyone else's say no more than errors: an SDK that traces shows requests, and with them what people
/// wrote. For the same reason no variable can turn them up.
const OURS: [&str; 2] = ["create_enquiry", "credicorp_"];

/// Writes logs to stdout from here on, and panics with them: where it happened, and not its message, which may quote a
/// field.
pub fn write_logs_as_json() {
    json_lines(io::stdout).init();
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        tracing::error!(event = "panic", place);
    }));
}

/// What turns our log events into lines of JSON, their fields beside timestamp, level and target.
pub fn json_lines<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let levels = OURS.map(|name| (name, LevelFilter::INFO));
    let ours = Targets::new().with_default(LevelFilter::ERROR).with_targets(levels);
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    tracing_subscriber::registry().with(lines.with_writer(writer).with_filter(ours))
}
