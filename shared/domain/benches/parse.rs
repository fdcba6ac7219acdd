//! How long it takes to parse submissions: `cargo bench --package domain`. The redaction of hostile texts has a bench of
//! its own: `cargo bench --package redaction`.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use domain::Submission;
use domain::json::Json;

const BYTES: [usize; 2] = [6_500, 13_000];
const PROSE: &str = "I was told on the phone that my plan would start in July. ";

fn submission(text: &str, bytes: usize) -> Vec<u8> {
    let message: String = text.chars().cycle().take(bytes).collect();
    let message = serde_json::Value::from(message).to_string();
    let fits = |message: &str| format!(r#"{{"form":"contact-us","fields":{{"message":{message},"consent":"yes"}}}}"#);
    fits(&message).into_bytes()
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for bytes in BYTES {
        let body = submission(PROSE, bytes);
        group.bench_with_input(BenchmarkId::new("prose", bytes), &body, |bencher, body| {
            bencher.iter(|| Submission::parse(&Json::parse(black_box(body)).unwrap()).unwrap());
        });
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
