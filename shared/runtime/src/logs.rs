//! Logs: one JSON object per line on stdout, which Lambda sends to CloudWatch.

use std::io;
use std::panic;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::variables::Variables;

/// Our crates. Other crates' events are dropped, because they may contain personal data: an SDK's traces show requests,
/// and a JSON library's error quotes the value. For the same reason no environment variable can enable them.
const OURS: [&str; 10] = [
    "create_enquiry",
    "domain",
    "edge",
    "notify",
    "record_mail_event",
    "redaction",
    "requeue_notifications",
    "runtime",
    "send_notification",
    "storage",
];

/// Starts writing logs, including panics, to stdout. Each line has `VERSION`, the deployed commit.
pub fn write_logs_as_json(variables: &Variables) {
    let version: Option<String> = variables.optional("VERSION").ok().flatten();
    json_lines(version.as_deref().unwrap_or_default(), io::stdout).init();
    log_panics();
}

/// Logs where a panic happens, but not its message, which may quote a field.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        tracing::error!(event = "panic", place);
    }));
}

/// Formats our log events as lines of JSON: the version, timestamp, level and target, then the event's own fields. The
/// version is `unknown` unless it is 1 to 64 letters, digits, dots, dashes and underscores, which need no escapes.
pub fn json_lines<W>(version: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_valid = (1..=64).contains(&version.len()) && version.bytes().all(is_plain);
    let version = if is_valid { version } else { "unknown" }.to_owned();
    let ours = filter_fn(is_ours).with_max_level_hint(Level::INFO);
    let json = fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = fmt::layer().fmt_fields(JsonFields::new()).event_format(Versioned { version, json });
    tracing_subscriber::registry().with(lines.with_writer(writer).with_filter(ours))
}

/// Whether an event is from one of our crates, and above debug level. Compares the crate's whole name, because another
/// crate's name may start like one of ours.
fn is_ours(event: &Metadata<'_>) -> bool {
    let crate_name = event.target().split("::").next();
    *event.level() <= Level::INFO && OURS.into_iter().any(|name| crate_name == Some(name))
}

/// Formats a line of JSON. It starts with the version and ends with the fields of the current span.
struct Versioned {
    version: String,
    json: Format<Json>,
}

impl<S, N> FormatEvent<S, N> for Versioned
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = String::new();
        self.json.format_event(context, Writer::new(&mut line), event)?;
        write!(writer, r#"{{"version":"{}",{}"#, self.version, members_of(&line))?;
        if let Some(span) = context.lookup_current()
            && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && !members_of(fields).is_empty()
        {
            write!(writer, ",{}", members_of(fields))?;
        }
        writeln!(writer, "}}")
    }
}

/// The text between an object's braces.
fn members_of(object: &str) -> &str {
    object.trim_end().trim_start_matches('{').strip_suffix('}').unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use connector::Lines;
    use serde_json::Value;

    use super::*;

    fn logged(act: impl FnOnce()) -> String {
        logged_by("8f3a2c1-dirty", act)
    }

    fn logged_by(version: &str, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(json_lines(version, move || writer.clone()), act);
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
    fn every_line_says_which_version_runs() {
        let lines = logged(|| {
            tracing::info!(enquiry_id = "enq_9F3K2P", "one");
            tracing::warn!(version = "theirs", "two");
        });
        assert!(lines.lines().all(|line| line.starts_with(r#"{"version":"8f3a2c1-dirty","timestamp":"#)), "{lines}");
        assert!(lines.contains(r#""enquiry_id":"enq_9F3K2P""#), "{lines}");
    }

    #[test]
    fn a_line_has_the_fields_of_its_span_that_are_known() {
        let lines = logged(|| {
            let span = tracing::info_span!("call", form = tracing::field::Empty, dept = tracing::field::Empty);
            span.in_scope(|| tracing::info!("nothing yet"));
            span.record("form", "a \"form\"}");
            span.in_scope(|| tracing::info!("one"));
            span.record("dept", "support");
            span.in_scope(|| tracing::info!("both"));
        });
        let lines: Vec<_> = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
        let said: Vec<_> = lines.iter().map(|line| (line["form"].as_str(), line["dept"].as_str())).collect();
        let form = Some("a \"form\"}");
        assert_eq!(said, [(None, None), (form, None), (form, Some("support"))]);
    }

    #[test]
    fn a_version_needs_no_escapes() {
        let version_in_line = |version: &str| {
            let line: Value = serde_json::from_str(&logged_by(version, || tracing::info!("one"))).unwrap();
            line["version"].as_str().unwrap().to_owned()
        };
        for version in ["8f3a2c1", "1.2.3-rc_1", &"a".repeat(64)] {
            assert_eq!(version_in_line(version), version);
        }
        for version in ["", "a b", "a\"b", "é", &"a".repeat(65)] {
            assert_eq!(version_in_line(version), "unknown", "{version}");
        }
    }

    #[test]
    fn every_crate_of_ours_is_logged() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folders = ["functions", "shared"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
        let crates = folders.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(crates.map(|name| name.replace('-', "_")).collect::<BTreeSet<_>>(), OURS.map(str::to_owned).into());
    }

    #[test]
    fn only_our_own_crates_are_logged_and_none_of_their_details() {
        let lines = logged(|| {
            tracing::error!(target: "lambda_runtime::layers", "theirs");
            tracing::error!(target: "aws_smithy_runtime", "theirs");
            tracing::error!(target: "runtime_of_another", "theirs");
            tracing::debug!("a detail");
            tracing::info!(target: "create_enquiry", "ours");
            tracing::info!(target: "edge::edge", "ours");
        });
        assert_eq!((lines.lines().count(), lines.contains("theirs")), (2, false), "{lines}");
    }
}
