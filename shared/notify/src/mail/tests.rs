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
            "phone": "+44 (0)20 7946 0000",
            "company": "",
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
        ("phone", "\"><a href=\"https://evil.example/\">07700 900123</a>"),
        ("mobile", "\u{202d}07700 900123\u{202c}"),
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
        assert_eq!(subject, format!("{expected}: Developer support ticket enq_9F3K2P"));
    }
}

#[test]
fn what_was_removed_is_read_from_the_record_and_not_from_the_text() {
    let mail = mail_with(&[("message", "[REDACTED:secret_key]")]);
    assert!(!mail.text.contains("removed") && !mail.html.contains("emoved API keys"), "{}", mail.text);
}

#[test]
fn the_subject_holds_the_forms_title_and_the_id_and_nothing_else() {
    let longest = "f".repeat(64);
    for (form, dept, expected) in [
        ("contact-us", None, "Contact us enq_9F3K2P"),
        ("complaint", Some(Dept::Complaints), "Complaint enq_9F3K2P"),
        ("hardship", Some(Dept::Hardship), "Financial hardship enq_9F3K2P"),
        ("card_lost", Some(Dept::Support), "Enquiry from an unregistered form enq_9F3K2P"),
        ("my-password-is-hunter2", None, "Enquiry from an unregistered form enq_9F3K2P"),
        ("refund-approved-call-0", Some(Dept::Hardship), "Enquiry from an unregistered form enq_9F3K2P"),
        (&longest, Some(Dept::Payments), "Enquiry from an unregistered form enq_9F3K2P"),
    ] {
        let fields = r#"{"subject":"Refund approved","title":"Refund approved","name":"Jordan"}"#;
        let mail = mail(enquiry(Environment::Sandbox, form, dept, fields));
        assert_eq!(mail.subject, expected);
        assert!(mail.text.contains(form) && mail.html.contains(form), "the body keeps the form's key");
    }
}

/// The names of the fields in the order of the mail, which is the same in both parts.
fn order(fields: &[(&str, &str)]) -> Vec<String> {
    let mail = mail_with(fields);
    let names = taken_apart(&mail.html).0;
    let in_text = mail.text.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("] ")?.1.to_owned()));
    assert_eq!(in_text.collect::<Vec<_>>(), names);
    names
}

#[test]
fn what_the_enquirer_wrote_at_length_comes_first_and_all_of_it_before_the_facts() {
    let (long, short) = ("Word ".repeat(24) + "!", "Word ".repeat(24));
    assert_eq!(order(&[("a", "1"), ("b", &long), ("c", "2"), ("d", &long)]), ["b", "d", "a", "c"]);
    assert_eq!(order(&[("a", "1"), ("b", &short)]), ["a", "b"]);
    assert_eq!(order(&[("a", "1"), ("b", &long), ("message", "Hi")]), ["Message", "b", "a"]);
    assert_eq!(order(&[("a", "1"), ("message", " \n")]), ["a", "Message"]);
    assert_eq!(order(&[("a", "1"), ("b", &" ".repeat(200)), ("c", "2")]), ["a", "b", "c"]);

    let mail = mail(ticket("sev1", "2026-11-21T16:00:59Z"));
    for part in [mail.text, mail.html] {
        let fields_end = part.rfind("Agrees to be contacted").unwrap();
        for fact in
            ["First response due by", "SEV-1<", "SEV-1\n", "(developer-support)", "req_8Hn2Lp0Wd4Xc", "Received"]
        {
            let body = part.split_once("<body").map_or(0, |(head, _)| head.len());
            assert!(part[body..].find(fact).is_none_or(|place| body + place > fields_end), "{fact}: {part}");
        }
    }
}

#[track_caller]
fn check_reply(fields: &[(&str, &str)], sentence: &str) {
    let mail = mail_with(fields);
    assert!(mail.text.contains(&format!("\n{sentence}\n")), "{}", mail.text);
    assert!(mail.html.contains(&sentence.replace('"', "&#34;")), "{}", mail.html);
    let reaches = mail.reply_to.is_some();
    assert_eq!(mail.text.contains("Reply to this email to answer the enquirer."), reaches);
    assert_eq!(mail.text.contains("A reply to this email will not reach the enquirer."), !reaches);
}

#[test]
fn the_mail_says_whether_a_reply_reaches_the_enquirer_and_why_not() {
    check_reply(&[("email", "jordan@example.com")], "Reply to this email to answer the enquirer.");
    check_reply(&[], "No field called \"email\" was sent.");
    check_reply(&[("e-mail", "jordan@example.com")], "No field called \"email\" was sent.");
    check_reply(&[("Email", "jordan@example.com")], "No field called \"email\" was sent.");
    check_reply(&[("email", "")], "The field \"email\" is empty.");
    check_reply(&[("email", " \n")], "The field \"email\" is empty.");
    check_reply(
        &[("email", "Jordan <jordan@example.com>")],
        "Email cannot be sent to the address in the field \"email\".",
    );
}

/// The targets of all links in the HTML part.
fn links(mail: &Mail) -> Vec<&str> {
    assert_eq!(mail.html.matches("<a").count(), mail.html.matches("<a href=\"").count());
    mail.html.split("<a href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
}

#[test]
fn a_phone_number_can_be_tapped_in_a_field_for_one() {
    for name in ["phone", "telephone", "mobile", "tel", "contact_phone", "phoneNumber"] {
        let mail = mail_with(&[(name, "+44 (0)20 7946 0000")]);
        assert_eq!(links(&mail), ["tel:+442079460000"], "{name}");
        assert!(mail.html.contains(">+44 (0)20 7946 0000</a></td>"), "{}", mail.html);
        assert!(mail.text.contains("\n| +44 (0)20 7946 0000\n"), "{}", mail.text);
    }
    let mail = mail_with(&[("phone", "\u{202a}07700 900123\u{202c}"), ("mobile", "020 7946 0000")]);
    assert_eq!(links(&mail), ["tel:07700900123", "tel:02079460000"]);
    assert!(mail.html.contains(">07700 900123</a>"), "the marks that phones put around a number are not shown");
}

#[test]
fn nothing_else_can_be_tapped() {
    for (name, value) in [
        ("message", "020 7946 0000"),
        ("account", "+44 20 7946 0000"),
        ("iban", "GB29 NWBK 6016 1331 9268 19"),
        ("sort_code", "20-00-00"),
        ("account_number", "12345678"),
        ("payment_date", "2026-06-29"),
        ("reference", "02079460000"),
        ("email", "jordan@example.com"),
        ("website", "https://example.com"),
        ("phone", "https://example.com"),
        ("phone", "jordan@example.com"),
        ("phone", "GB29 NWBK 6016 1331 9268 19"),
        ("phone", "020 7946 0000\n07700 900123"),
        ("phone", "07700 900123 after six"),
        ("phone", "\u{202e}07700 900123 \u{2066}"),
        ("phone", "\"><a href=\"https://evil.example\">07700900123</a>"),
        ("tel", "javascript:alert(1234567)"),
        ("tel", "20-00-00"),
        ("phone", "999"),
        ("phone", ""),
    ] {
        let mail = mail_with(&[(name, value)]);
        assert!(links(&mail).is_empty(), "{name}: {value}");
    }
}

#[test]
fn every_kind_of_line_break_breaks_a_line() {
    let mail = mail_with(&[("a", "1\n2\r\n3\r4\u{b}5\u{2028}6\u{2029}7\n\r8"), ("b\u{2028}", "9\u{85}\u{c}10")]);
    assert_eq!(values_in_text(&mail.text), ["1\n2\n3\n4\n5\n6\n7\n\n8", "9[U+0085][U+000C]10"]);
    assert_eq!(taken_apart(&mail.html).1, values_in_text(&mail.text));
    assert_eq!(taken_apart(&mail.html).0, ["a", "b[U+2028]"]);
}

#[test]
fn a_long_url_stays_in_one_piece() {
    let url = format!("https://example.com/reset?token={}", "0123456789".repeat(30));
    let mail = mail_with(&[("message", &format!("I was sent to {url} and it did not work."))]);
    assert!(mail.text.contains(&format!("\n: {url} \n: and it did not work.\n")), "{}", mail.text);
    assert!(mail.html.contains(&url));
}

#[track_caller]
fn check_received(created_at: &str, expected: &str) {
    let mut enquiry = enquiry(Environment::Live, "contact-us", None, "{}");
    enquiry.created_at = created_at.parse().unwrap();
    let mail = mail(enquiry);
    assert!(mail.text.contains(&format!("Received:               {expected}\n")), "{}", mail.text);
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
        assert!(mail_with(&[("email", email)]).text.contains("[1] Email\n"), "{email}");
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
    assert_eq!(format!("{mail:?}"), r#"Mail { subject: "Contact us enq_9F3K2P", .. }"#);
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

/// Names, values and what is left when they are cut out of the HTML part. A link's text is the value.
fn taken_apart(html: &str) -> (Vec<String>, Vec<String>, String) {
    let (names, frame) = cut_out(html, "\n<tr><td class=\"name\"", "</td></tr>");
    let (values, frame) = cut_out(&frame, "\n<tr><td class=\"value\"", "</td></tr>");
    let name = |html: &str| unescaped(cut_out(html, "<bdi>", "</bdi>").0[0]);
    let value = |html: &str| match html.split_once('>').unwrap().1 {
        r#"<i class="empty">empty</i>"# => String::new(),
        link if link.starts_with("<a ") => unescaped(cut_out(link, "\">", "</a>").0[0]),
        text => unescaped(text),
    };
    (names.into_iter().map(name).collect(), values.into_iter().map(value).collect(), frame)
}

proptest! {
    #[test]
    fn whatever_is_sent_is_shown_and_does_nothing(
        fields in prop::collection::btree_map(sent_text(), sent_text(), 0..6),
    ) {
        let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.sort_by_key(|(name, value)| Reverse(prominence(name, value)));
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

    #[test]
    fn whatever_is_sent_as_a_phone_number_is_shown_and_calls_nothing_but_its_digits(
        value in "[0-9+ ()\u{a0}.-]{0,30}|[\u{202a}\u{202d}\u{2068}]?[+0][0-9 ]{6,14}[\u{202c}\u{2069}]?|\\PC{0,20}",
    ) {
        let mail = mail_with(&[("phone", &value)]);
        let shown = Field::of("", None, &value, &[]).lines.join("\n");
        prop_assert_eq!(taken_apart(&mail.html).1, [shown.as_str()]);
        let links = links(&mail);
        prop_assert!(links.len() <= 1);
        for link in links {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            let target = link.strip_prefix("tel:").unwrap();
            let international = target.strip_prefix('+');
            prop_assert!(international.unwrap_or(target).bytes().all(|byte| byte.is_ascii_digit()));
            let dialled = if international.is_some() { shown.replacen("(0)", "", 1) } else { shown.clone() };
            prop_assert_eq!(digits(target), digits(&dialled));
        }
    }
}
