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

/// The names of our crates, or their beginnings. Nobody else's say anything: an SDK that traces shows requests, and a JSON
/// library's error quotes the value, and with them what people wrote. For the same reason no variable can turn them up.
const OURS: [&str; 5] =
    ["create_enquiry", "credicorp_", "record_mail_event", "requeue_notifications", "send_notification"];

/// Writes logs to stdout from here on, and panics with them.
pub fn write_logs_as_json() {
    json_lines(io::stdout).init();
    log_panics();
}

/// Logs where a panic happens, and not its message, which may quote a field.
fn log_panics() {
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
    let ours = Targets::new().with_targets(levels);
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    tracing_subscriber::registry().with(lines.with_writer(writer).with_filter(ours))
}

#[cfg(test)]
mod tests {
    use connector::Lines;

    use super::*;

    /// What is logged while `act` runs.
    fn logged(act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(json_lines(move || writer.clone()), act);
        lines.text()
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_its_message() {
        log_panics();
        let lines = logged(|| {
            let field = "Jordan Ellis";
            let _ = panic::catch_unwind(|| panic!("byte index 1 is inside of {field}"));
        });
        assert!(lines.contains(r#""event":"panic""#) && lines.contains("logs.rs:"), "{lines}");
        assert!(!lines.contains("Jordan") && !lines.contains("byte index"), "{lines}");
    }

    #[test]
    fn only_our_own_crates_are_logged_and_none_of_their_details() {
        let lines = logged(|| {
            tracing::error!(target: "lambda_runtime::layers", "theirs");
            tracing::error!(target: "aws_smithy_runtime", "theirs");
            tracing::debug!("a detail");
            tracing::info!(target: "create_enquiry", "ours");
        });
        assert_eq!((lines.lines().count(), lines.contains("ours")), (1, true), "{lines}");
    }
}
