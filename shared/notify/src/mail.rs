//! The mail that a department reads.
//!
//! What the enquirer wrote comes first, and the facts about it after.
//!
//! It is shown and does nothing, except that a phone number in a field for one can be tapped. Nothing of it is in the
//! subject or in a header except the address to reply to, its HTML is text, and characters that hide or reorder are shown as
//! codes. In the text part each line of it has a mark, and in the HTML part each value has a box and a direction of its own.

mod phone;
mod quoted;
#[cfg(test)]
mod tests;
mod visible;

use std::cmp::Reverse;
use std::fmt;

use askama::Template;
use domain::{Dept, EmailAddress, EnquiryId, Environment, Fields, LONDON, RecordedEnquiry, Redaction, Severity};
use jiff::Timestamp;

use phone::{is_phone_field, tel_link};
use quoted::quoted;
use visible::visible;

const TIME_FORMAT: &str = "%A %-d %B %Y, %H:%M:%S %Z";
/// For a subject, where there is little room.
const SHORT_TIME_FORMAT: &str = "%a %-d %b %H:%M";
/// The title of a form that is not in the registry. Its key is a stranger's text.
const UNREGISTERED_TITLE: &str = "Enquiry from an unregistered form";
/// The name of the field for free text in the registered forms.
const MESSAGE: &str = "message";
/// A value with more characters is free text in any field: names, addresses and references are shorter.
const FREE_TEXT_CHARACTERS: usize = 120;
/// What breaks a line, besides CR LF: LF, CR, VT, and Unicode's separators of lines and paragraphs.
const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{b}', '\u{2028}', '\u{2029}'];

/// A notification as mail, made from the record alone.
pub struct Mail {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) reply_to: Option<EmailAddress>,
}

/// What both parts say.
struct Content<'a> {
    subject: &'a str,
    title: &'static str,
    id: &'a EnquiryId,
    department: &'static str,
    form: String,
    request_id: &'a str,
    received: String,
    first_response: Option<Due>,
    environment: &'static str,
    is_sandbox: bool,
    reply: Reply,
    /// Free text first, then the other fields, each in the order sent.
    fields: Vec<Field>,
}

/// Whether the department can reply to the mail, and if not, why.
enum Reply {
    ReachesEnquirer,
    NoEmail,
    EmptyEmail,
    UnusableEmail,
}

/// By when the first response is due.
struct Due {
    severity: Severity,
    by: String,
}

/// A field with all of it made visible.
struct Field {
    name: String,
    lines: Vec<String>,
    /// A link that calls the value, if the field is for a phone number and the value is one.
    tel_link: Option<String>,
    /// What was removed from name and value, in words; empty if nothing was.
    removed: String,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct TextPart<'a> {
    mail: &'a Content<'a>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlPart<'a> {
    mail: &'a Content<'a>,
}

impl Mail {
    /// The mail that tells a department of an enquiry.
    ///
    /// # Errors
    /// When a template cannot be rendered, which no enquiry is known to bring about. The error holds no data.
    pub fn of(record: &RecordedEnquiry) -> Result<Self, askama::Error> {
        Self::with_reply_to(record.enquiry.submission.fields.email(), record)
    }

    /// The same email for when SES does not accept the enquirer's address as one to reply to.
    pub(crate) fn without_reply_to(record: &RecordedEnquiry) -> Result<Self, askama::Error> {
        Self::with_reply_to(None, record)
    }

    fn with_reply_to(
        reply_to: Option<EmailAddress>,
        RecordedEnquiry { id, enquiry }: &RecordedEnquiry,
    ) -> Result<Self, askama::Error> {
        let submission = &enquiry.submission;
        let urgency = enquiry.first_response.map_or_else(String::new, |response| {
            format!("[{}] first response by {}: ", response.severity, in_london(response.due, SHORT_TIME_FORMAT))
        });
        let form = submission.form.as_str();
        let rules = submission.form.rules();
        let title = rules.map_or(UNREGISTERED_TITLE, |rules| rules.title);
        let subject = format!("{urgency}{title} {id}");
        let label = |name: &str| rules.and_then(|rules| rules.label(name));
        let mut fields: Vec<_> = submission.fields.entries().collect();
        fields.sort_by_cached_key(|(name, value)| Reverse(prominence(name, value)));
        let content = Content {
            subject: &subject,
            title,
            id,
            department: department(submission.dept),
            form: rules.map_or_else(|| form.to_owned(), |rules| format!("{} ({form})", rules.title)),
            request_id: enquiry.request_id.as_str(),
            received: in_london(enquiry.created_at, TIME_FORMAT),
            first_response: enquiry
                .first_response
                .map(|response| Due { severity: response.severity, by: in_london(response.due, TIME_FORMAT) }),
            environment: enquiry.environment.as_str(),
            is_sandbox: enquiry.environment == Environment::Sandbox,
            reply: Reply::to(reply_to.as_ref(), &submission.fields),
            fields: fields
                .into_iter()
                .map(|(name, value)| Field::of(name, label(name), value, &submission.redactions))
                .collect(),
        };
        let text = TextPart { mail: &content }.render()?;
        let html = HtmlPart { mail: &content }.render()?;
        Ok(Self { subject, text, html, reply_to })
    }
}

impl Content<'_> {
    fn lacks_credentials(&self) -> bool {
        self.fields.iter().any(|field| !field.removed.is_empty())
    }
}

impl Reply {
    fn to(address: Option<&EmailAddress>, fields: &Fields) -> Self {
        let sent = fields.entries().find_map(|(name, value)| (name == "email").then_some(value));
        match (address, sent) {
            (Some(_), _) => Self::ReachesEnquirer,
            (None, None) => Self::NoEmail,
            (None, Some(value)) if value.trim().is_empty() => Self::EmptyEmail,
            (None, Some(_)) => Self::UnusableEmail,
        }
    }

    /// What to tell the department, in two sentences that are each short enough for a line.
    const fn sentences(&self) -> [&'static str; 2] {
        const NO_REPLY: &str = "A reply to this email will not reach the enquirer.";
        match self {
            Self::ReachesEnquirer => [
                "Reply to this email to answer the enquirer.",
                "We have not checked that the email address belongs to them.",
            ],
            Self::NoEmail => ["No field called \"email\" was sent.", NO_REPLY],
            Self::EmptyEmail => ["The field \"email\" is empty.", NO_REPLY],
            Self::UnusableEmail => ["Email cannot be sent to the address in the field \"email\".", NO_REPLY],
        }
    }
}

impl Field {
    fn of(name: &str, label: Option<&str>, value: &str, redactions: &[Redaction]) -> Self {
        let is_of_this_field = |redaction: &&Redaction| redaction.param.strip_prefix("fields.") == Some(name);
        let removed: Vec<_> = redactions.iter().filter(is_of_this_field).map(in_words).collect();
        let lines: Vec<_> = value.replace("\r\n", "\n").split(LINE_ENDS).map(visible).collect();
        let tel_link = match lines.as_slice() {
            [line] if is_phone_field(name) => tel_link(line),
            _ => None,
        };
        Self { name: label.map_or_else(|| visible(name), str::to_owned), lines, tel_link, removed: removed.join(", ") }
    }

    fn is_empty(&self) -> bool {
        matches!(self.lines.as_slice(), [line] if line.is_empty())
    }

    /// The name with its place among the fields, for the text part.
    fn quoted_name(&self, place: impl fmt::Display) -> String {
        quoted(&format!("[{place}] "), &self.name)
    }

    /// The value for the text part.
    fn quoted_value(&self) -> String {
        if self.is_empty() {
            return "(empty)".to_owned();
        }
        self.lines.iter().map(|line| quoted("| ", line)).collect::<Vec<_>>().join("\n")
    }
}

/// What people wrote is never shown by accident.
impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

fn in_london(time: Timestamp, format: &str) -> String {
    time.to_zoned(LONDON.clone()).strftime(format).to_string()
}

/// What was removed, as people call it who have never seen one.
fn in_words(redaction: &Redaction) -> String {
    let what = redaction.kind.in_words();
    if redaction.count == 1 { what.to_owned() } else { format!("{what} ({} times)", redaction.count) }
}

/// The fields with the highest number come first: the message, then other free text, then the rest.
fn prominence(name: &str, value: &str) -> u8 {
    match value.chars().nth(FREE_TEXT_CHARACTERS) {
        _ if value.trim().is_empty() => 0,
        _ if name == MESSAGE => 2,
        Some(_) => 1,
        None => 0,
    }
}

/// The department as its own people call it.
fn department(dept: Option<Dept>) -> &'static str {
    match dept {
        None => "General",
        Some(Dept::Support) => "Support",
        Some(Dept::Payments) => "Payments",
        Some(Dept::Hardship) => "Hardship",
        Some(Dept::Complaints) => "Complaints",
    }
}
