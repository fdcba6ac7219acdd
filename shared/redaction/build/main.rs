//! Compiles `rules.toml` into tables. A rule that does not do what its examples say fails the build.
#![expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

mod automata;
#[path = "../src/engine/mod.rs"]
mod engine;
mod folds;
mod rules;
mod source;

use std::path::Path;
use std::{env, fs, process};

const RULES: &str = "rules.toml";

fn main() {
    println!("cargo::rerun-if-changed={RULES}");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/engine");
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write")]
    let written = fs::read_to_string(RULES).map_err(|error| format!("{RULES}: {error}")).and_then(|text| {
        let compiled = rules::compile(&text)?;
        let folder = env::var("OUT_DIR").map_err(|error| error.to_string())?;
        let write = |name: &str, source: String| {
            fs::write(Path::new(&folder).join(name), source).map_err(|error| format!("{name}: {error}"))
        };
        write("tables.rs", source::of_tables(compiled.tables))?;
        write("kinds.rs", source::of_kinds(&compiled.kinds))
    });
    if let Err(error) = written {
        for line in error.lines() {
            println!("cargo::error={line}");
        }
        process::exit(1);
    }
}
