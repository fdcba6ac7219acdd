//! The measured functions: ours, the peers and the floors.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::aws::{Aws, ENQUIRIES_TABLE, IDEMPOTENCY_TABLE, QUEUE_URL, RATE_COUNTERS_TABLE};
use crate::certificates::Certificates;

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A function that Lambda could run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// The name in results and ceilings.
    pub(crate) name: &'static str,
    /// The title for people.
    pub(crate) title: &'static str,
    pub(crate) work: Work,
    /// The work for an enquiry with a key.
    pub(crate) with_key: Option<Work>,
    program: Program,
}

/// A function's event, and what the function must do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// The name of the sample event.
    pub(crate) event: &'static str,
    /// The calls to AWS for the event, in order. A call to SES has an empty name.
    pub(crate) calls: &'static [&'static str],
    pub(crate) expected: Expected,
}

/// The response that a function has to give.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A 201 with an enquiry's id.
    Enquiry,
    /// Any 201.
    Created,
    /// This JSON.
    Json(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Program {
    /// A released binary of this workspace.
    Binary(&'static str),
    Python,
    /// A script in the Node peers' folder.
    Node(&'static str),
    /// The Rust peer's binary. It is no member of this workspace.
    Rust(&'static str),
}

/// The Node peer, bundled into one file.
const BUNDLE: &str = "dist/runtime.cjs";
const RECORDS: Work =
    Work { event: "rest-v1-contact-us", calls: &["UpdateItem", "PutItem", "SendMessage"], expected: Expected::Enquiry };
const WITH_KEY: &str = "rest-v1-hardship-idempotency-key";
const TRANSACTS: Work =
    Work { event: WITH_KEY, calls: &["UpdateItem", "TransactWriteItems", "SendMessage"], expected: Expected::Enquiry };
/// Powertools claims the key, then marks it as done.
const CLAIMS: Work = Work {
    event: WITH_KEY,
    calls: &["UpdateItem", "PutItem", "PutItem", "UpdateItem", "SendMessage"],
    expected: Expected::Enquiry,
};
const SENDS: Work = Work {
    event: "sqs-notification",
    calls: &["UpdateItem", "", "UpdateItem"],
    expected: Expected::Json(r#"{"batchItemFailures":[]}"#),
};
/// Sixteen shards and one due enquiry.
#[rustfmt::skip]
const SWEEPS: Work = Work { event: "schedule-every-minute", calls: &[
    "Query", "Query", "Query", "Query", "Query", "Query", "Query", "Query",
    "Query", "Query", "Query", "Query", "Query", "Query", "Query", "Query",
    "UpdateItem", "SendMessageBatch",
], expected: Expected::Json("null") };
const NOTES: Work =
    Work { event: "ses-delivery-as-the-rule-hands-it-over", calls: &["UpdateItem"], expected: Expected::Json("null") };
const NOTHING: Work = Work { event: RECORDS.event, calls: &[], expected: Expected::Created };

pub(crate) const CREATE_ENQUIRY: Subject = Subject {
    name: "create-enquiry",
    title: "this project (Rust)",
    work: RECORDS,
    with_key: Some(TRANSACTS),
    program: Program::Binary("create-enquiry"),
};

/// The same function for enquiries with a key.
pub(crate) const CREATE_ENQUIRY_WITH_KEY: Subject =
    Subject { name: "create-enquiry-with-key", work: TRANSACTS, with_key: None, ..CREATE_ENQUIRY };

/// The other released functions. They have no peers.
pub(crate) const OTHER_FUNCTIONS: [Subject; 3] = [
    alone("send-notification", "send-notification", SENDS),
    alone("requeue-notifications", "requeue-notifications", SWEEPS),
    alone("record-mail-event", "record-mail-event", NOTES),
];

/// The same endpoint, written as other people would write it.
pub(crate) const PEERS: [Subject; 4] = [
    Subject { name: "python", title: "Python, boto3", work: RECORDS, with_key: Some(CLAIMS), program: Program::Python },
    Subject {
        name: "node",
        title: "Node, SDK v3",
        work: RECORDS,
        with_key: Some(TRANSACTS),
        program: Program::Node("runtime.mjs"),
    },
    Subject {
        name: "node-bundled",
        title: "Node, SDK v3, bundled",
        work: RECORDS,
        with_key: Some(TRANSACTS),
        program: Program::Node(BUNDLE),
    },
    Subject {
        name: "rust-defaults",
        title: "Rust, all defaults",
        work: RECORDS,
        with_key: Some(TRANSACTS),
        program: Program::Rust("rust-defaults"),
    },
];

/// Functions that do less than any endpoint, as a lower limit.
pub(crate) const FLOORS: [Subject; 2] =
    [alone("lambda-http-floor", "bare lambda_http", NOTHING), alone("poller-floor", "no library at all", NOTHING)];

const fn alone(name: &'static str, title: &'static str, work: Work) -> Subject {
    Subject { name, title, work, with_key: None, program: Program::Binary(name) }
}

/// A subject's title by its name.
pub(crate) fn title_of(name: &str) -> &str {
    let mut all = [CREATE_ENQUIRY].iter().chain(&OTHER_FUNCTIONS).chain(&PEERS).chain(&FLOORS);
    all.find(|subject| subject.name == name).map_or(name, |subject| subject.title)
}

impl Subject {
    /// The command that starts it, with the environment variables of Lambda and the template.
    pub(crate) fn command(&self, aws: &Aws, certificates: &Certificates) -> Command {
        let mut command = match self.program {
            Program::Binary(name) => Command::new(binary(name)),
            Program::Python => {
                let mut python = Command::new("python3");
                python.args(["-m", "awslambdaric", "app.handler"]).current_dir(peer("python"));
                python
            }
            Program::Node(script) => {
                let mut node = Command::new("node");
                node.arg(script).current_dir(peer("node"));
                node
            }
            Program::Rust(name) => Command::new(rust_peer(name)),
        };
        command.env_clear().envs(aws.variables());
        // Needed to find the interpreters.
        #[expect(clippy::disallowed_methods, reason = "the driver is no function")]
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([
            ("SSL_CERT_FILE", &certificates.roots),
            ("AWS_CA_BUNDLE", &certificates.roots),
            ("NODE_EXTRA_CA_CERTS", &certificates.own_root),
        ]);
        command.envs(LAMBDAS).envs(TEMPLATES).env("AWS_SESSION_TOKEN", "t".repeat(900));
        command
    }

    /// The size of this machine's zip, which `make` builds next to the peers' zips.
    pub(crate) fn zip_bytes(&self) -> Result<u64> {
        bytes(&peer(self.name).with_extension("zip"))
    }

    /// The size of the deployed zip, for arm64.
    pub(crate) fn deployed_bytes(&self) -> Result<u64> {
        let Program::Binary(name) = self.program else { bail!("{} is not deployed", self.name) };
        bytes(&Path::new(ROOT).join("target/lambda").join(name).join("bootstrap.zip"))
    }

    /// The size of the deployed zip's content.
    pub(crate) fn unpacked_bytes(&self) -> Result<u64> {
        match self.program {
            Program::Binary(name) => bytes(&binary(name)),
            Program::Python => bytes(&peer("python")),
            Program::Rust(name) => bytes(&rust_peer(name)),
            Program::Node(BUNDLE) => bytes(&peer("node").join(BUNDLE)),
            Program::Node(script) => {
                Ok(bytes(&peer("node").join(script))? + bytes(&peer("node").join("node_modules"))?)
            }
        }
    }
}

fn binary(name: &str) -> PathBuf {
    Path::new(ROOT).join("target/release").join(name)
}

fn rust_peer(name: &str) -> PathBuf {
    Path::new(ROOT).join("target/peers/release").join(name)
}

/// The size of a file, or of all files in a folder.
fn bytes(path: &Path) -> Result<u64> {
    let found = fs::metadata(path).with_context(|| format!("{} is missing; make builds it", path.display()))?;
    if found.is_file() {
        return Ok(found.len());
    }
    fs::read_dir(path)?.map(|entry| bytes(&entry?.path())).sum()
}

/// Where `make` puts a peer with its dependencies.
fn peer(name: &str) -> PathBuf {
    Path::new(ROOT).join(".local/bench").join(name)
}

/// Lambda's environment variables (Lambda Developer Guide, "Defined runtime environment variables").
const LAMBDAS: [(&str, &str); 11] = [
    ("AWS_REGION", "eu-west-2"),
    ("AWS_DEFAULT_REGION", "eu-west-2"),
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/06/30/[$LATEST]bench"),
    ("LANG", "en_US.UTF-8"),
    // Otherwise Node's SDK warns at each start that it will need a newer Node.
    ("NODE_NO_WARNINGS", "1"),
];

/// The template's environment variables.
const TEMPLATES: [(&str, &str); 21] = [
    ("ENVIRONMENT", "sandbox"),
    ("VERSION", "bench"),
    ("ENQUIRIES_TABLE", ENQUIRIES_TABLE),
    ("IDEMPOTENCY_TABLE", IDEMPOTENCY_TABLE),
    ("RATE_COUNTERS_TABLE", RATE_COUNTERS_TABLE),
    ("NOTIFICATIONS_QUEUE_URL", QUEUE_URL),
    ("DEAD_LETTER_QUEUE_URL", QUEUE_URL),
    ("PEPPER", "a pepper for the bench that is longer than 32 bytes"),
    ("ALLOWED_ORIGINS", "*"),
    ("RATE_LIMIT", "60"),
    ("RETENTION_DAYS", "0"),
    ("DOC_URL_BASE", "https://dev.credicorp.co.uk/api-reference/errors.html"),
    ("MAIL_SENDER", "enquiries@example.com"),
    ("MAIL_CONFIGURATION_SET", "bench"),
    ("INBOX_GENERAL", "general@example.com"),
    ("INBOX_SUPPORT", "support@example.com"),
    ("INBOX_PAYMENTS", "payments@example.com"),
    ("INBOX_HARDSHIP", "hardship@example.com"),
    ("INBOX_COMPLAINTS", "complaints@example.com"),
    ("INBOX_ON_CALL", "on-call@example.com"),
    ("WARM_UP_TIMEOUT_MS", "1000"),
];
