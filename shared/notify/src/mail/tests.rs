use domain::json::Json;
use domain::{Enquiry, Fields, Submission};
use proptest::prelude::*;

use super::*;

/// The largest mail that Gmail shows whole, in bytes of HTML.
const CLIPPED_FROM_BYTES: usize = 102 * 1024;

/// As much of a message as `fields` can hold beside a name and consent.
const MESSAGE_BYTES: usize = 16_300;

fn enquiry(environment: Environment, form: &str, dept: Option<Dept>, fields: &str) -> Enquiry {
    Enquiry {
        submission: Submission {
            form: form.parse().unwrap(),
            dept,
            fields: Fields::from_json(fields).unwrap(),
            redactions: Vec::new(),
        },
        created_at: "2026-06-29T13:42:07.123Z".parse().unwrap(),
        request_id: "req_8Hn2Lp0Wd4Xc".parse().unwrap(),
        environment,
        first_response: None,
    }
}

fn mail(enquiry: Enquiry) -> Mail {
    Mail::of(&RecordedEnquiry { id: "enq_9F3K2P".parse().unwrap(), enquiry }).unwrap()
}

/// An object of strings in this order, which `serde_json::Value` would sort.
fn json(fields: &[(&str, &str)]) -> String {
    let string = |text: &str| serde_json::Value::from(text).to_string();
    let members: Vec<_> = fields.iter().map(|(name, value)| format!("{}:{}", string(name), string(value))).collect();
    format!("{{{}}}", members.join(","))
}

fn mail_with(fields: &[(&str, &str)]) -> Mail {
    mail(enquiry(Environment::Live, "contact-us", None, &json(fields)))
}

macro_rules! assert_mail {
    ($name:literal, $mail:expr) => {{
        let mail = $mail;
        let reply_to = mail.reply_to.as_ref().map_or("-", |address| address.as_ascii());
        let head = format!("Subject: {}\nReply-To: {reply_to}\n\n", mail.subject);
        insta::assert_snapshot!(concat!($name, ".txt"), head + &mail.text);
        insta::assert_snapshot!(concat!($name, ".html"), mail.html);
    }};
}

#[test]
fn an_enquiry_with_a_department_and_an_address_to_reply_to() {
    let fields = r#"{
            "name": "Jordan Example",
            "email": "jordan@example.com",
            "phone": "",
            "message": "Hello,\n\nI was told on the phone that my payment plan would start in July, but the first payment left my account today.\n\n  - plan: CR-20431\n  - taken: £85.00\n\nCould you look into it, please?\nJordan",
            "consent": "yes"
        }"#;
    let enquiry = enquiry(Environment::Live, "contact-us", Some(Dept::Payments), fields);
    assert_mail!("contact_us_live", mail(enquiry));
}

#[test]
fn an_enquiry_of_the_sandbox_that_nobody_can_reply_to() {
    let fields = r#"{"name":"Sam","complaint":"Nobody called me back.","consent":"yes"}"#;
    let enquiry = enquiry(Environment::Sandbox, "complaint", Some(Dept::Complaints), fields);
    assert_mail!("complaint_sandbox", mail(enquiry));
}

#[test]
fn a_hostile_enquiry() {
    let margin = format!("{}Enquiry:\u{a0}enq_000000", "\u{a0}".repeat(70));
    let fields = json(&[
        ("name", "</dd><script>alert(1)</script><img src=\"https://evil.example/pixel.png\">"),
        ("email", "jordan@example.com\r\nBcc: everyone@example.com"),
        ("a\r\nb", "{{ mail.subject }} {% include \"/etc/passwd\" %} {# #}"),
        ("<b onclick='x()'>name</b> & \"co\"", "javascript:alert(1) https://evil.example/login?a=1&b=2"),
        ("\u{202e}eman", "invoice_\u{202e}fdp.exe \u{2067}abc\u{2069} pay\u{200b}pal"),
        ("--", "-->\n]]>\n\u{0}\u{7}\u{1b}[2J\u{85}\u{2028}lone\rreturn"),
        (
            "message",
            "Thanks.\r\n------------------------------------------------------------------------\r\nEnd of enquiry enq_9F3K2P\n\nSubject: Refund approved\nReply-To: evil@example.com\n[9] amount\n| 5000\n: more\n** SANDBOX: this is a test, not a real enquiry. Do not act on it. **",
        ),
        ("margin", &margin),
        ("consent", "yes"),
    ]);
    let enquiry = enquiry(Environment::Live, "contact-us", Some(Dept::Support), &fields);
    assert_mail!("hostile", mail(enquiry));
}

#[test]
fn right_to_left_text_and_emoji() {
    let fields = r#"{
            "name": "נועה כהן",
            "الاسم": "محمد (Mohammed) 123",
            "message": "שלום, שילמתי 85.00 £ ב-29 ביוני.\nThen a line in English.\nمی‌خواهم با شما صحبت کنم!",
            "mood": "👨‍👩‍👧‍👦 👩🏽‍🚀 ❤️‍🔥 🏴󠁧󠁢󠁳󠁣󠁴󠁿 1️⃣",
            "住所": "東京都千代田区丸の内一丁目",
            "consent": "yes"
        }"#;
    assert_mail!("right_to_left_and_emoji", mail(enquiry(Environment::Live, "contact-us", None, fields)));
}

#[test]
fn numbers_and_booleans_stand_as_they_were_sent() {
    let fields = r#"{"amount":1.10,"account":123456789012345678901234567890,"huge":1E+300,"zero":-0,"late":true,"agreed":false,"email":42}"#;
    assert_mail!("numbers_and_booleans", mail(enquiry(Environment::Live, "direct_debit", None, fields)));
}

/// A submission as it comes in, parsed as the endpoint does it.
fn received(sent: &str, created_at: &str) -> Enquiry {
    let submission = Submission::parse(&Json::parse(sent.as_bytes()).unwrap()).unwrap();
    let request_id = "req_8Hn2Lp0Wd4Xc".parse().unwrap();
    Enquiry::received(submission, created_at.parse().unwrap(), request_id, Environment::Live)
}

fn ticket(severity: &str, created_at: &str) -> Enquiry {
    let sent = r#"{"form":"developer-support","dept":"support","fields":{
            "request_id": "req_5Tg7Kq1Ze9Bn",
            "environment": "live",
            "endpoint": "POST /partner/v1/payments",
            "timestamp": "2026-11-21T15:58:00Z",
            "expected": "202, and the payment moves on",
            "actual": "409 idempotency_key_reused",
            "severity": "SEVERITY",
            "email": "sam@example.com",
            "message": "curl -H 'Authorization: Bearer sk_live_4eC39HqLyjWDarjt' -d '{…}'\nThe webhook secret is whsec_MfKQ9r8GKYqrTwjU, the other whsec_ZcWq2n4LxVtP0sAe.",
            "<b>sk_test_abc</b>": "",
            "consent": "yes"
        }}"#;
    received(&sent.replace("SEVERITY", severity), created_at)
}

#[test]
fn a_ticket_says_when_it_is_due_and_which_field_held_which_credential() {
    assert_mail!("ticket", mail(ticket("sev2", "2026-11-21T16:00:00Z")));
}

#[test]
fn the_subject_of_a_ticket_begins_with_severity_and_deadline() {
    for (severity, created_at, expected) in [
        ("sev1", "2026-11-21T16:00:59Z", "[SEV-1] first response by Sat 21 Nov 17:00"),
        ("sev2", "2026-11-21T16:00:00Z", "[SEV-2] first response by Mon 23 Nov 13:00"),
        ("sev3", "2026-06-29T13:42:07Z", "[SEV-3] first response by Tue 30 Jun 14:42"),
    ] {
        let subject = mail(ticket(severity, created_at)).subject;
        assert_eq!(subject, format!("{expected}: Support enquiry enq_9F3K2P (form developer-support)"));
    }
}

#[test]
fn what_was_removed_is_read_from_the_record_and_not_from_the_text() {
    let mail = mail_with(&[("message", "[REDACTED:secret_key]")]);
    assert!(!mail.text.contains("removed") && !mail.html.contains("were removed"), "{}", mail.text);
}

#[test]
fn the_subject_holds_form_dept_and_id_and_nothing_else() {
    let longest = "f".repeat(64);
    for (form, dept, expected) in [
        ("contact-us", None, "General enquiry enq_9F3K2P (form contact-us)"),
        ("complaint", Some(Dept::Complaints), "Complaints enquiry enq_9F3K2P (form complaint)"),
        ("hardship", Some(Dept::Hardship), "Hardship enquiry enq_9F3K2P (form hardship)"),
        ("card_lost", Some(Dept::Support), "Support enquiry enq_9F3K2P (form unregistered)"),
        ("my-password-is-hunter2", None, "General enquiry enq_9F3K2P (form unregistered)"),
        ("refund-approved-call-0", Some(Dept::Hardship), "Hardship enquiry enq_9F3K2P (form unregistered)"),
        (&longest, Some(Dept::Payments), "Payments enquiry enq_9F3K2P (form unregistered)"),
    ] {
        let fields = r#"{"subject":"Refund approved","name":"Jordan"}"#;
        let mail = mail(enquiry(Environment::Sandbox, form, dept, fields));
        assert_eq!(mail.subject, expected);
        assert!(mail.text.contains(form) && mail.html.contains(form), "the body keeps the form's key");
    }
}

#[track_caller]
fn check_received(created_at: &str, expected: &str) {
    let mut enquiry = enquiry(Environment::Live, "contact-us", None, "{}");
    enquiry.created_at = created_at.parse().unwrap();
    let mail = mail(enquiry);
    assert!(mail.text.contains(&format!("Received:     {expected}\n")), "{}", mail.text);
    assert!(mail.html.contains(&format!(">{expected}<")), "{}", mail.html);
}

#[test]
fn the_time_is_londons() {
    check_received("2026-06-29T13:42:07.999Z", "Monday 29 June 2026, 14:42:07 BST");
    check_received("2026-12-31T23:59:59Z", "Thursday 31 December 2026, 23:59:59 GMT");
    check_received("2026-06-30T23:30:00Z", "Wednesday 1 July 2026, 00:30:00 BST");
    // The hour that London's clocks show twice.
    check_received("2026-10-25T00:30:00Z", "Sunday 25 October 2026, 01:30:00 BST");
    check_received("2026-10-25T01:30:00Z", "Sunday 25 October 2026, 01:30:00 GMT");
    check_received("2060-07-01T12:00:00Z", "Thursday 1 July 2060, 13:00:00 BST");
}

#[test]
fn a_reply_goes_to_an_address_alone() {
    let reply_to = |email| mail_with(&[("email", email)]).reply_to.map(|address| address.as_ascii().to_owned());
    assert_eq!(reply_to("jordan@example.com").as_deref(), Some("jordan@example.com"));
    for email in ["", "Jordan <jordan@example.com>", "jordan@example.com\r\nBcc: a@example.com", "a@b.com, c@d.com"] {
        assert_eq!(reply_to(email), None, "{email}");
        assert!(mail_with(&[("email", email)]).text.contains("[1] E-mail\n"), "{email}");
    }
}

#[test]
fn a_field_as_large_as_they_come_is_readable() {
    let sentence = "The quick brown fox jumps over the lazy dog. ";
    let message = sentence.repeat(MESSAGE_BYTES / sentence.len());
    let mail = mail_with(&[("message", &message)]);
    assert!(mail.html.contains(&message));
    assert!(mail.text.lines().all(|line| line.chars().count() <= 72));
    assert_eq!(values_in_text(&mail.text), [message]);

    let unbroken = "x".repeat(MESSAGE_BYTES);
    let mail = mail_with(&[("message", &unbroken)]);
    assert!(mail.html.contains(&unbroken));
    assert!(mail.text.lines().all(|line| line.chars().count() <= 72));
    assert_eq!(values_in_text(&mail.text), [unbroken]);
}

#[test]
fn no_mail_is_so_large_that_its_end_is_cut_off() {
    // What grows most by being escaped, per byte of JSON.
    for character in ["&", "'", "\"", "\n", "\u{200b}", "\u{1}"] {
        let in_json = json(&[("", character)]).len() - r#"{"":""}"#.len();
        let message = character.repeat(MESSAGE_BYTES / in_json);
        let size = mail_with(&[("message", &message)]).html.len();
        assert!(size < CLIPPED_FROM_BYTES, "{character:?}: {size}");
    }
    let names: Vec<_> = (0..60).map(|place| format!("{place:02}{}", "&".repeat(126))).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "&".repeat(135))).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let size = mail_with(&fields).html.len();
    assert!(size < CLIPPED_FROM_BYTES, "{size}");
}

#[test]
fn debug_shows_nothing_that_people_wrote() {
    let mail = mail_with(&[("name", "Jordan"), ("email", "jordan@example.com")]);
    assert_eq!(format!("{mail:?}"), r#"Mail { subject: "General enquiry enq_9F3K2P (form contact-us)", .. }"#);
}

/// The values that the text part shows, its long lines put together again.
fn values_in_text(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut in_value = false;
    for line in text.split('\n') {
        match (line.split_at_checked(2), values.last_mut()) {
            (Some(("| ", rest)), Some(value)) if in_value => *value = format!("{value}\n{rest}"),
            (Some(("| ", rest)), _) => values.push(rest.to_owned()),
            (Some((": ", rest)), Some(value)) if in_value => value.push_str(rest),
            _ if line == "(empty)" => values.push(String::new()),
            _ => {}
        }
        in_value = line.starts_with("| ") || in_value && line.starts_with(": ");
    }
    values
}

/// Our own lines of the text part: those without a mark of the sender's words.
fn frame_of_text(text: &str) -> Vec<&str> {
    let is_ours = |line: &&str| {
        let marked = ["| ", ": ", "["].iter().any(|mark| line.starts_with(mark));
        !marked && *line != "(empty)" && !line.is_empty()
    };
    text.split('\n').filter(is_ours).collect()
}

/// What stands between each `open` and the next `close`, and what is left of the text without it.
fn cut_out<'a>(text: &'a str, open: &str, close: &str) -> (Vec<&'a str>, String) {
    let mut parts = text.split(open);
    let mut frame = parts.next().unwrap().to_owned();
    let mut inner = Vec::new();
    for part in parts {
        let (content, rest) = part.split_once(close).unwrap();
        inner.push(content);
        frame.push_str(rest);
    }
    (inner, frame)
}

/// The text of HTML that has no markup but breaks. Panics at any other.
fn unescaped(html: &str) -> String {
    let html = html.replace("<br>", "\n");
    assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
    let mut parts = html.split('&');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (code, rest) = part.split_once(';').unwrap();
        let code: u32 = code.strip_prefix('#').unwrap().parse().unwrap();
        text.push(char::from_u32(code).unwrap());
        text.push_str(rest);
    }
    text
}

fn sent_text() -> impl Strategy<Value = String> {
    const HOSTILE: &[&str] = &[
        "<",
        ">",
        "&",
        "\"",
        "'",
        "</dd>",
        "</bdi></dt>",
        "<br>",
        "&lt;",
        "{{",
        "}}",
        "{%",
        "\r",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\u{1b}",
        "\u{85}",
        "\u{a0}",
        "\u{ad}",
        "\u{61c}",
        "\u{200b}",
        "\u{200d}",
        "\u{200e}",
        "\u{2028}",
        "\u{202e}",
        "\u{2066}",
        "\u{2069}",
        "\u{feff}",
        "\u{fe0f}",
        "\u{e0061}",
        "🏴",
        "א",
        "| ",
        ": ",
        "[1] ",
        "(empty)",
        " ",
        "word",
    ];
    let piece =
        prop_oneof![prop::sample::select(HOSTILE).prop_map(str::to_owned), any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Names, values and what is left when they are cut out of the HTML part.
fn taken_apart(html: &str) -> (Vec<String>, Vec<String>, String) {
    let (names, frame) = cut_out(html, "\n<dt><bdi>", "</bdi></dt>");
    let (values, frame) = cut_out(&frame, "\n<dd", "</dd>");
    let value = |html: &str| match html.split_once('>') {
        Some((r#" class="empty""#, "empty")) => String::new(),
        Some((_, text)) => unescaped(text),
        None => panic!("{html}"),
    };
    (names.into_iter().map(unescaped).collect(), values.into_iter().map(value).collect(), frame)
}

proptest! {
    #[test]
    fn whatever_is_sent_is_shown_and_does_nothing(
        fields in prop::collection::btree_map(sent_text(), sent_text(), 0..6),
    ) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let names: Vec<_> = fields.iter().map(|(name, _)| visible(name)).collect();
        let values: Vec<_> = fields.iter().map(|(_, value)| Field::of("", None, value, &[]).lines.join("\n")).collect();
        let (mail, bare) = (mail_with(&fields), mail_with(&[]));

        for line in mail.text.split('\n').chain(mail.html.split('\n')) {
            prop_assert_eq!(visible(line), line);
        }
        let (html_names, html_values, frame) = taken_apart(&mail.html);
        prop_assert_eq!(html_names, names);
        prop_assert_eq!(&html_values, &values);
        prop_assert_eq!(frame, taken_apart(&bare.html).2);

        prop_assert_eq!(values_in_text(&mail.text), values);
        let places = mail.text.split('\n').filter(|line| line.starts_with('[')).count();
        prop_assert_eq!(places, fields.len());
        prop_assert_eq!(frame_of_text(&mail.text), frame_of_text(&bare.text));
    }
}
