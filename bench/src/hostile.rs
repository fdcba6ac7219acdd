//! How much work a stranger can cause: with a body of 64 KiB, which is rejected, and with a value of 16 KiB, which is
//! accepted. Compares each request with an ordinary one of the same size.

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::instructions::{of_body, until_first};

/// The largest body that the function reads, in bytes.
const BODY_BYTES: usize = 64 * 1024;
/// The longest field name that the function checks, in bytes.
const NAME_BYTES: usize = 128;
/// How many times the instructions of an ordinary request a hostile one may take.
const TIMES: u64 = 4;

/// Opening quotation marks in all notations, escaped for JSON.
const OPENING_MARKS: [&str; 9] = [r#"\""#, "'", "`", "&quot;", "&#34;", "%22", r"\\u0022", "“", "‘"];

const SENTENCE: &str = "I was told on the phone that my plan would start in July. ";

struct Case {
    title: String,
    body: String,
}

/// Compares each hostile body with the ordinary one, prints the result, and returns the bodies that take too much.
pub(crate) async fn check(bench: &Bench) -> Result<Vec<String>> {
    let mut over = Vec::new();
    let first = until_first(bench).await?;
    for (ordinary, hostile) in
        [(plain_name(), hostile_names()), (prose(), hostile_fields()), (value("prose", SENTENCE), hostile_values())]
    {
        let least = of_body(bench, first, &ordinary.body).await?;
        println!("{:50}{least:>12}", ordinary.title);
        for case in hostile {
            ensure!(case.body.len() <= BODY_BYTES, "{} is too long", case.title);
            let taken = of_body(bench, first, &case.body).await?;
            let percent = taken * 100 / least;
            println!("{:50}{taken:>12} {:>6}.{:02} times", case.title, percent / 100, percent % 100);
            if taken > least * TIMES {
                over.push(format!("{}: over {TIMES} times the instructions of {}", case.title, ordinary.title));
            }
        }
    }
    Ok(over)
}

fn plain_name() -> Case {
    of_fields("a plain name", |room| member(&filled("name ", room)))
}

fn prose() -> Case {
    of_fields("prose", |room| format!(r#""message":"{}""#, filled(SENTENCE, room)))
}

fn hostile_names() -> Vec<Case> {
    let mut cases: Vec<_> = OPENING_MARKS
        .iter()
        .map(|mark| {
            let text = format!("accesstoken={mark}");
            of_fields(&format!("a name full of {mark}"), |room| member(&filled(&text, room)))
        })
        .collect();
    for mark in ["“", "‘", r#"\""#] {
        let text = format!("accesstoken={mark}");
        cases.push(of_fields(&format!("60 names full of {mark}"), |_| names(60, &text)));
        cases.push(of_fields(&format!("hundreds of names full of {mark}"), |room| names(room / 145, &text)));
    }
    cases.push(of_fields("a name of escaped letters", |room| member(&filled(r"\u0061", room))));
    cases.push(of_fields("a name of escaped marks", |room| member(&filled(r"accesstoken=\u201c", room))));
    cases.push(of_fields("a name of control characters", |room| member(&filled(r"\u0000", room))));
    cases.push(of_fields("60 names of control characters", |_| names(60, r"\u0000")));
    cases.push(of_keys("top-level names full of “", |room| names(room / 145, "accesstoken=“")));
    cases.push(of_keys("a top-level name full of “", |room| member(&filled("accesstoken=“", room))));
    cases
}

fn hostile_fields() -> Vec<Case> {
    let nested = |depth: usize, text: &str| format!("{}{text}{}", "[".repeat(depth), "]".repeat(depth));
    vec![
        of_fields("many tiny fields", |room| tiny(room, "null")),
        of_fields("many tiny numbers", |room| tiny(room, "1")),
        of_fields("60 tiny fields and one of 60 KiB", |room| {
            format!(r#"{},"m":"{}""#, tiny(600, "null"), filled(SENTENCE, room - 700))
        }),
        of_keys("many tiny keys", |room| tiny(room, "null")),
        of_keys("many tiny texts", |room| tiny(room, r#""""#)),
        of_fields("prose nested 30 deep", |room| {
            format!(r#""m":{}"#, nested(30, &format!(r#""{}""#, filled(SENTENCE, room - 100))))
        }),
        of_fields("arrays nested 29 deep, again and again", |room| {
            format!(r#""m":[{}]"#, list(&nested(29, ""), room - 10))
        }),
        of_fields("objects nested 28 deep, again and again", |room| {
            let object = format!("{}1{}", r#"{"":"#.repeat(28), "}".repeat(28));
            format!(r#""m":[{}]"#, list(&object, room - 10))
        }),
        of_fields("many tiny arrays", |room| format!(r#""m":[{}]"#, list("[]", room - 10))),
        of_fields("nested too deep", |room| format!(r#""m":{}"#, nested(room / 2 - 4, ""))),
        of_fields("an email of 60 KiB", |room| format!(r#""email":"a@{}.com""#, filled("bücher.", room - 20))),
        of_fields("an email of one long label", |room| format!(r#""email":"a@{}.com""#, filled("éèêë", room - 20))),
        of_fields("escapes", |room| format!(r#""m":"{}""#, filled(r"\u00e9", room - 10))),
    ]
}

/// Texts that the redaction looks at closely, again and again.
fn hostile_values() -> Vec<Case> {
    const TEXTS: [(&str, &str); 28] = [
        ("passwords in prose", "password for "),
        ("pins", "pin 1 "),
        ("prefixes within words", "ask_live_"),
        ("ids of access keys", "AKIAIOSFODNN7EXAMPLE "),
        ("an id and what follows", "AKIAIOSFODNN7EXAMPLE/aB1+"),
        ("names and colons", "client-secret:"),
        ("names with a mark that nothing closes", "accesstoken=“"),
        ("keys and values", "\"key\":\"client_secret\","),
        ("names of columns", "a,pwd\n"),
        ("elements", "<password>"),
        ("options of a program", "curl -u a:b"),
        ("headers of tokens", "eyJhbGciOiJIUzI1NiJ9."),
        ("torn tokens", "sk_live_aB1\n"),
        ("bearers without a token", "bearer "),
        ("beginnings of private keys", "-----BEGIN PRIVATE KEY-----"),
        ("short names", "k="),
        ("short names in quoted-printable", "=3D"),
        ("bots", "1:AA"),
        ("prefixes of issuers", "sk-"),
        ("cards", "4111 1111 1111 1112 "),
        ("single digits", "4 "),
        ("quoted-printable", "=5F"),
        ("escapes of escapes", "%252541"),
        ("entities", "&amp;"),
        ("invisible characters", "a\u{200b}"),
        ("fullwidth letters", "\u{ff41}"),
        ("short lines", "a\n"),
        ("indented lines", "    > a\n"),
    ];
    TEXTS.iter().map(|(title, text)| value(title, text)).collect()
}

/// An enquiry that is accepted, with a value that repeats the text.
fn value(title: &str, text: &str) -> Case {
    const VALUE_BYTES: usize = 16_000;
    let escaped = serde_json::Value::from(text).to_string();
    let text = escaped.trim_matches('"').replace("\\\"", "'");
    let text = text.repeat(VALUE_BYTES / text.len());
    let body = format!(r#"{{"form":"bench","fields":{{"message":"{text}","consent":"yes"}}}}"#);
    Case { title: format!("a value of {title}"), body }
}

/// A submission of a form that only has its own fields. `members` makes the fields to fill the body.
fn of_fields(title: &str, members: impl FnOnce(usize) -> String) -> Case {
    let frame = r#"{"form":"smoke-test","fields":{}}"#.len();
    let body = format!(r#"{{"form":"smoke-test","fields":{{{}}}}}"#, members(BODY_BYTES - frame));
    Case { title: title.to_owned(), body }
}

/// The same, with the members next to `fields`.
fn of_keys(title: &str, members: impl FnOnce(usize) -> String) -> Case {
    let frame = r#"{"form":"smoke-test","fields":{},}"#.len();
    let body = format!(r#"{{"form":"smoke-test","fields":{{}},{}}}"#, members(BODY_BYTES - frame));
    Case { title: title.to_owned(), body }
}

/// One member with this name.
fn member(name: &str) -> String {
    format!(r#""{name}":null"#)
}

/// This many members with names of the maximum length. Each name starts with its number.
fn names(count: usize, text: &str) -> String {
    let escape_bytes = text.len();
    let characters: usize = serde_json::from_str::<String>(&format!("\"{text}\"")).map_or(0, |text| text.len());
    let times = (NAME_BYTES - 4) / characters.max(1);
    let name =
        |index: usize| format!(r#""{index:03}{}":null"#, filled(text, times * escape_bytes + "\":null".len() + 2));
    (0..count).map(name).collect::<Vec<_>>().join(",")
}

/// As many members with short names as fit.
fn tiny(room: usize, value: &str) -> String {
    let mut members = String::with_capacity(room);
    for index in 0_u32.. {
        let next = format!(r#""{index:x}":{value},"#);
        if members.len() + next.len() > room {
            break;
        }
        members.push_str(&next);
    }
    members.pop();
    members
}

/// As many copies of the item as fit.
fn list(item: &str, room: usize) -> String {
    vec![item; room / (item.len() + 1)].join(",")
}

/// Repeats the text to fill the room inside a member.
fn filled(text: &str, room: usize) -> String {
    text.repeat(room.saturating_sub(r#""":null"#.len() + 10) / text.len())
}
