//! How long it takes to remove secrets from the largest texts: `cargo bench --package redaction`.
//!
//! Each text repeats something that the rules check closely, so the figures show whether anybody can make it slow. Half
//! of each text is measured too: twice the time means that it is linear.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BYTES: [usize; 2] = [8_192, 16_384];

/// Names, and the text that each repeats.
const TEXTS: [(&str, &str); 66] = [
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
    ("lines", "I was told.\n"),
    ("short lines", "a\n"),
    ("indented lines", "    > a\n"),
    ("escapes", "%41"),
    ("escapes of escapes", "%252541"),
    ("backslashes", "\\"),
    ("entities", "&amp;"),
    ("tags", "<b>"),
    ("invisible characters", "a\u{200b}"),
    ("fullwidth letters", "\u{ff41}"),
    ("quoted-printable", "=5F"),
    ("cards", "4111 1111 1111 1112 "),
    ("digits", "4"),
    ("digits apart", "4 "),
    ("passwords in prose", "password for "),
    ("names of columns", "a,pwd\n"),
    ("columns", "password,"),
    ("elements", "<password>"),
    ("authorities", "://a:b"),
    ("options", " -u a:b"),
    ("cookies", "cookie: a="),
    ("keys and values", "\"key\":\"client_secret\","),
    ("pins", "pin 1 "),
    ("torn tokens", "sk_live_aB1\n"),
    ("short names", "k="),
    ("short names in quoted-printable", "=3D"),
    ("bots", "1:AA"),
    ("prefixes of issuers", "sk-"),
];

fn redact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redact");
    for (name, repeated) in TEXTS {
        for bytes in BYTES {
            let text = repeated.repeat(bytes / repeated.len());
            group.throughput(Throughput::Bytes(text.len() as u64));
            let id = BenchmarkId::new(name, bytes);
            group.bench_with_input(id, &text, |bencher, text| bencher.iter(|| redaction::redact(black_box(text))));
        }
    }
    group.finish();
}

criterion_group!(benches, redact);
criterion_main!(benches);
