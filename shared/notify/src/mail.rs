//! The mail that a department reads.
//!
//! Whatever people write is shown and does nothing: nothing of theirs stands in the subject or in a header but the address
//! to reply to, HTML of theirs is text, and what would hide or reorder is written as its code. In the text part each line
//! of theirs bears a mark, and in the HTML part each field stands in a box and has a direction of its own.

mod quoted;
#[cfg(test)]
mod tests;
mod visible;

use std::fmt;

use askama::Template;
use domain::{
    CredentialKind, Dept, EmailAddress, EnquiryId, Environment, LONDON, RecordedEnquiry, Redaction, Severity,
};
use jiff::Timestamp;

use quoted::quoted;
use visible::visible;

const TIME_FORMAT: &str = "%A %-d %B %Y, %H:%M:%S %Z";
/// For a subject, where there is little room.
const SHORT_TIME_FORMAT: &str = "%a %-d %b %H:%M";

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
    id: &'a EnquiryId,
    department: &'static str,
    form: String,
    request_id: &'a str,
    received: String,
    first_response: Option<Due>,
    environment: &'static str,
    is_sandbox: bool,
    can_be_answered: bool,
    fields: Vec<Field>,
}

/// By when somebody must have answered.
struct Due {
    severity: Severity,
    by: String,
}

/// A field with all of it made visible.
struct Field {
    name: String,
    lines: Vec<String>,
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
    pub fn of(RecordedEnquiry { id, enquiry }: &RecordedEnquiry) -> Result<Self, askama::Error> {
        let submission = &enquiry.submission;
        let department = department(submission.dept);
        let urgency = enquiry.first_response.map_or_else(String::new, |response| {
            format!("[{}] first response by {}: ", response.severity, in_london(response.due, SHORT_TIME_FORMAT))
        });
        let form = submission.form.registered_key();
        let subject = format!("{urgency}{department} enquiry {id} (form {form})");
        let reply_to = submission.fields.email();
        let rules = submission.form.rules();
        let label = |name: &str| rules.and_then(|rules| rules.label(name));
        let content = Content {
            subject: &subject,
            id,
            department,
            form: rules
                .map_or_else(|| submission.form.as_str().to_owned(), |rules| format!("{} ({form})", rules.title)),
            request_id: enquiry.request_id.as_str(),
            received: in_london(enquiry.created_at, TIME_FORMAT),
            first_response: enquiry
                .first_response
                .map(|response| Due { severity: response.severity, by: in_london(response.due, TIME_FORMAT) }),
            environment: enquiry.environment.as_str(),
            is_sandbox: enquiry.environment == Environment::Sandbox,
            can_be_answered: reply_to.is_some(),
            fields: submission
                .fields
                .entries()
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

impl Field {
    fn of(name: &str, label: Option<&str>, value: &str, redactions: &[Redaction]) -> Self {
        let is_of_this_field = |redaction: &&Redaction| redaction.param.strip_prefix("fields.") == Some(name);
        let removed: Vec<_> = redactions.iter().filter(is_of_this_field).map(in_words).collect();
        Self {
            name: label.map_or_else(|| visible(name), str::to_owned),
            lines: value.replace("\r\n", "\n").split('\n').map(visible).collect(),
            removed: removed.join(", "),
        }
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
    let what = match redaction.kind {
        CredentialKind::SecretKey => "secret API key",
        CredentialKind::RestrictedKey => "restricted API key",
        CredentialKind::WebhookSecret => "webhook signing secret",
        CredentialKind::BearerToken => "bearer token",
        CredentialKind::Jwt => "JSON web token",
        CredentialKind::AwsAccessKey => "AWS access key",
        CredentialKind::PrivateKey => "private key",
        CredentialKind::ClientSecret => "OAuth client secret",
        CredentialKind::AccessToken => "access token",
    };
    if redaction.count == 1 { what.to_owned() } else { format!("{what} ({} times)", redaction.count) }
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
