//! Logs: one JSON object a line on stdout, which Lambda ships to CloudWatch.

use std::panic;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The names of our crates, or their beginnings. Everyone else's say no more than errors: an SDK that traces shows requests, and with them what people
/// wrote. For the same reason no variable can turn them up.
const OURS: [&str; 2] = ["create_enquiry", "credicorp_"];

/// Writes logs from here on, and panics with them: where it happened, and not its message, which may quote a field.
pub fn write_logs_as_json() {
    let levels =
        Targets::new().with_default(LevelFilter::ERROR).with_targets(OURS.map(|name| (name, LevelFilter::INFO)));
    let lines =
        fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false).with_filter(levels);
    tracing_subscriber::registry().with(lines).init();
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
