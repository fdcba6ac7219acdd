//! Compiles in the forms registry and the bank holidays. Start-up then costs nothing, and an error fails the build.
#![expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

mod bank_holidays;
mod build_error;
#[path = "../src/limits.rs"]
#[expect(dead_code, reason = "the registry needs only some of the limits")]
mod limits;
mod registry;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::exit;

use build_error::BuildError;

#[expect(clippy::disallowed_methods, reason = "this is how cargo speaks to a build script")]
fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let compiled = [
        ("forms.toml", "forms.rs", registry::compile as fn(&str) -> Result<String, Vec<BuildError>>),
        ("bank-holidays.toml", "bank_holidays.rs", bank_holidays::compile),
    ];
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/limits.rs");
    for (source, target, compile) in compiled {
        println!("cargo::rerun-if-changed={source}");
        match compile(&fs::read_to_string(source)?) {
            Ok(rust) => fs::write(Path::new(&out).join(target), rust)?,
            Err(errors) => {
                for error in errors {
                    println!("cargo::error=shared/domain/{source}:{error}");
                }
                exit(1);
            }
        }
    }
    Ok(())
}
