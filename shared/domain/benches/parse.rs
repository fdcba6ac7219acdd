//! How long it takes to parse the largest submissions and redact their credentials: `cargo bench --package domain`.
//!
//! Each text fills the 16 KiB of `fields` with something that redaction checks closely, so the figures show whether
//! anybody can make it slow. Half of each text is measured too: twice the time means that it is linear.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use domain::Submission;
use domain::json::Json;

const BYTES: [usize; 2] = [6_500, 13_000];

/// Names, and the text that each repeats.
const TEXTS: [(&str, &str); 38] = [
    ("prose", "I was told on the phone that my plan would start in July. "),
    ("keys", "sk_live_abc "),
    ("one key", "sk_live_"),
    ("keys within words", "ask_live_"),
    ("bearers without a token", "bearer "),
    ("bearers joined", "bearer+"),
    ("bearers in front of what is public", "bearer=pk_"),
    ("headers of tokens", "eyJhbGciOiJIUzI1NiJ9."),
    ("headers of tokens, joined", "-eyJ"),
    ("tokens of the wrong kind", "eyJhbGciOiJIUzI1NiJ9.x-"),
    ("names", "client_secret"),
    ("names with a placeholder", "client_secret=$"),
    ("names with code", "client_secret=a."),
    ("names in quotes", "client_secret:\"a "),
    ("names and colons", "client-secret:"),
    ("words of a name", "secret access "),
    ("ids of access keys", "AKIAIOSFODNN7EXAMPLE "),
    ("an id and what follows", "AKIAIOSFODNN7EXAMPLE/aB1+"),
    ("beginnings of private keys", "-----BEGIN PRIVATE KEY-----"),
    ("beginnings and ends", "BEGIN PRIVATE KEY-END "),
    ("beginnings of private keys in values", "client_secret:\"BEGIN PRIVATE KEY-"),
    ("beginnings of private keys in a value", "BEGIN PRIVATE KEY-client_secret:“"),
    ("dashes", "-"),
    ("prefixes with a dash", "sk_live_-"),
    ("prefixes of another alphabet with a dash", "whsec_-"),
    ("prefixes with dashes", "sk_live_a--"),
    ("colours", "[1;1;1;1;1m"),
    (
        "headers of tokens in broken lines",
        "eyJhbGciOiJIUzI1NiJ9aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
    ),
    ("arguments", "('client_secret','a "),
    ("headers without a token", "authorization: bearer "),
    ("numbers of tokens", "bearer 1|"),
    ("names with a mark that nothing closes", "accesstoken=“"),
    ("names with an apostrophe that nothing closes", "client_secret:‘"),
    ("names with a mark and spaces", "access_token: “ "),
    ("options in quotes", "-accesstoken “"),
    ("options", "accesstoken*-----"),
    ("public keys by name", "accesstoken=pk_"),
    ("values in two lines", "client_secret:\n\"a\n"),
];

fn submission(text: &str, bytes: usize) -> Vec<u8> {
    let message: String = text.chars().cycle().take(bytes).collect();
    let message = serde_json::Value::from(message).to_string();
    let fits = |message: &str| format!(r#"{{"form":"contact-us","fields":{{"message":{message},"consent":"yes"}}}}"#);
    fits(&message).into_bytes()
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, text) in TEXTS {
        for bytes in BYTES {
            let body = submission(text, bytes);
            let id = BenchmarkId::new(name, bytes);
            group.bench_with_input(id, &body, |bencher, body| {
                bencher.iter(|| Submission::parse(&Json::parse(black_box(body)).unwrap()).unwrap());
            });
        }
    }
    group.finish();
}

/// A ticket. An environment compiles its patterns on the first one.
fn ticket(criterion: &mut Criterion) {
    let body = br#"{"form":"developer-support","fields":{"request_id":"req_8Hn2Lp0Wd4Xc","environment":"live","endpoint":"POST /partner/v1/applications","timestamp":"2026-06-29T13:42:07Z","severity":"sev2","consent":"yes"}}"#;
    criterion.bench_function("parse/a ticket", |bencher| {
        bencher.iter(|| Submission::parse(&Json::parse(black_box(body)).unwrap()).unwrap());
    });
}

criterion_group!(benches, parse, ticket);
criterion_main!(benches);
