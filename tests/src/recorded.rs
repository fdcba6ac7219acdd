//! The functions' calls to AWS, as IAM sees them: the caller, the operation and the resource. They are read from the
//! requests on the wire, and resources have the template's names.
//!
//! `infra/recorded-calls.json` lists them all, and `infra/test_grants.py` compares it with the functions' roles. So no
//! function that a test drives may make a call that is not listed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::{env, fs};

use reqwest::Method;
use serde_json::Value;

use crate::deployed::{Deployed, FUNCTION, PARAMETER};
use crate::http::Request;

/// The calls of each function, by its logical id: `operation resource`. For an email also `from` and the sender.
pub type Calls = BTreeMap<String, BTreeSet<String>>;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/recorded-calls.json");
const AGAIN: &str = "RECORD_CALLS";
/// SES API v2 Reference, `SendEmail`. The other two services name the operation in a header.
const SEND_EMAIL: &str = "/v2/email/outbound-emails";
/// Replaces what cannot be read from a request. No role can allow it, so the check fails.
const UNREADABLE: &str = "?";

const TABLE: &str = "AWS::DynamoDB::Table";
const QUEUE: &str = "AWS::SQS::Queue";
const IDENTITY: &str = "AWS::SES::EmailIdentity";
const CONFIGURATION_SET: &str = "AWS::SES::ConfigurationSet";

static RECORDED: LazyLock<Calls> = LazyLock::new(|| {
    let file = fs::read(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    serde_json::from_slice(&file).unwrap_or_else(|error| panic!("{FILE}: {error}"))
});

/// Compares the recorded calls with the file, or writes the file if asked to.
///
/// # Panics
/// When they differ.
#[track_caller]
pub fn assert_recorded(calls: &Calls) {
    if !is_to_be_recorded() {
        let [recorded, made] = [&*RECORDED, calls].map(lines);
        let [stale, new] = [(&recorded, &made), (&made, &recorded)].map(|(one, other)| one - other);
        assert!(
            stale.is_empty() && new.is_empty(),
            "infra/recorded-calls.json is out of date.\nNo longer called: {stale:#?}\nNew: {new:#?}\n\
             If that is meant, run this test again with {AGAIN}=1, then `make check`."
        );
        return;
    }
    let text = serde_json::to_string_pretty(calls).expect("text can be written");
    fs::write(FILE, text + "\n").unwrap_or_else(|error| panic!("{FILE}: {error}"));
}

/// Expects all these calls in the file.
#[track_caller]
pub(crate) fn assert_among_recorded(calls: &Calls) {
    if !is_to_be_recorded() {
        let new = &lines(calls) - &lines(&RECORDED);
        assert!(
            new.is_empty(),
            "New calls, which infra/recorded-calls.json does not have: {new:#?}\nIf they are meant, have \
             tests/tests/notifications/recorded_calls.rs make them too and run it with {AGAIN}=1, then `make check`."
        );
    }
}

fn lines(calls: &Calls) -> BTreeSet<String> {
    calls.iter().flat_map(|(function, calls)| calls.iter().map(move |call| format!("{function}: {call}"))).collect()
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says whether to record")]
fn is_to_be_recorded() -> bool {
    env::var(AGAIN).is_ok_and(|value| value == "1")
}

impl Deployed {
    /// Adds a request's calls. The credentials identify the caller, as for IAM: a driven function's access key id is
    /// its name.
    pub(crate) fn note(&self, request: &Request, calls: &mut Calls) {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scope: Vec<_> = header("authorization").split(['=', '/', ',']).collect();
        let ["AWS4-HMAC-SHA256 Credential", function, _, _, service, ..] = scope[..] else {
            panic!("a request without a signature: {} {}", request.method(), request.uri());
        };
        let asked = calls.entry(self.name(FUNCTION, function)).or_default();
        asked.extend(self.asked(service, header("x-amz-target"), request));
    }

    fn asked(&self, service: &str, target: &str, request: &Request) -> Vec<String> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        match (service, operation) {
            // IAM checks the action of each item.
            ("dynamodb", "TransactWriteItems") => {
                let items =
                    body["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
                items.map(|(kind, item)| format!("dynamodb:{operation}.{kind} {}", self.table(item))).collect()
            }
            ("dynamodb", _) => vec![format!("dynamodb:{operation} {}", self.table(&body))],
            ("sqs", _) => vec![format!("sqs:{operation} {}", self.name(QUEUE, text(&body["QueueUrl"])))],
            ("ses", "") if (request.method(), request.uri().path()) == (&Method::POST, SEND_EMAIL) => self.mail(&body),
            ("ses", "") => vec![format!("ses:{}{} {UNREADABLE}", request.method(), request.uri().path())],
            _ => vec![format!("{service}:{operation} {UNREADABLE}")],
        }
    }

    /// The table, or index, of a call to DynamoDB.
    fn table(&self, call: &Value) -> String {
        let table = self.name(TABLE, text(&call["TableName"]));
        call["IndexName"].as_str().map_or(table.clone(), |index| format!("{table}/index/{index}"))
    }

    /// SES uses the most specific verified identity of the sender (SES Developer Guide, "Verified identities").
    fn mail(&self, mail: &Value) -> Vec<String> {
        let sender = text(&mail["FromEmailAddress"]);
        let sender = sender.split_once('<').map_or(sender, |(_, address)| address.trim_end_matches('>'));
        let domain = sender.rsplit('@').next().unwrap_or_default();
        let identity = [sender, domain].into_iter().find(|identity| self.find(IDENTITY, identity).is_some());
        let set = text(&mail["ConfigurationSetName"]);
        let resources = [self.name(IDENTITY, identity.unwrap_or(sender)), self.name(CONFIGURATION_SET, set)];
        let kinds: Vec<_> = mail["Content"].as_object().into_iter().flat_map(|content| content.keys()).collect();
        let from = self.name(PARAMETER, sender);
        let calls = resources.iter().flat_map(|resource| kinds.iter().map(move |kind| (resource, kind)));
        calls.map(|(resource, kind)| format!("ses:SendEmail.{kind} {resource} from {from}")).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or(UNREADABLE)
}
