//! Top-level keys that are not in the contract. They are violations: otherwise their content would be lost despite a
//! 201.

use crate::json::Json;
use crate::violation::{Violation, ViolationCode};

/// Names that people use instead of the contract's three keys, in lower case and without separators.
const MEANT: [(&str, &[&str]); 3] = [
    ("form", &["form", "forms", "formid", "formkey", "formname", "formslug", "formtype"]),
    (
        "dept",
        &[
            "dept",
            "depts",
            "deptid",
            "deptname",
            "department",
            "departments",
            "departmentid",
            "departmentname",
            "inbox",
            "team",
        ],
    ),
    (
        "fields",
        &[
            "fields",
            "field",
            "formfields",
            "fielddata",
            "fieldvalues",
            "formdata",
            "formvalues",
            "answers",
            "data",
            "inputs",
            "values",
        ],
    ),
];

/// The violation. Its message suggests the key that the sender probably meant. `has_fields` is whether the key `fields`
/// was sent.
pub(crate) fn unknown_key(key: &str, value: &Json<'_>, has_fields: bool) -> Violation {
    let violation = Violation::of_key(ViolationCode::UnknownKey, "", key);
    let hint = match meant_by(&violation.param) {
        // Only an object can be `fields`, and only one.
        Some("fields") if has_fields || !matches!(value, Json::Object(_)) => None,
        meant => meant,
    };
    let detail = match hint {
        Some(meant) => format!("Did you mean \"{meant}\"?"),
        None if is_idempotency_key(&violation.param) => {
            format!(
                "Send it as the header Idempotency-Key. If it is an answer in the form, send it as \"fields.{}\".",
                violation.param
            )
        }
        // Do not suggest a name that was cut or redacted.
        None if key.is_empty() || key != violation.param => "Send answers inside \"fields\".".to_owned(),
        None => format!("Send answers inside \"fields\", as \"fields.{}\".", violation.param),
    };
    violation.with_detail(&detail)
}

fn meant_by(key: &str) -> Option<&'static str> {
    let plain = plain(key);
    MEANT.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(meant, _)| *meant)
}

fn is_idempotency_key(key: &str) -> bool {
    plain(key) == "idempotencykey"
}

/// Lower case without separators: `Form-Id`, `formId` and `form_id` become the same text.
fn plain(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, value: &str, has_fields: bool, expected: &str) {
        let violation = unknown_key(key, &Json::parse(value.as_bytes()).unwrap(), has_fields);
        assert_eq!(violation.message, format!("Unknown key. {expected}"), "{key}");
    }

    #[test]
    fn another_name_of_a_key_is_recognised() {
        for (key, meant) in [
            ("department", "dept"),
            ("Department", "dept"),
            ("DEPT", "dept"),
            ("dept_id", "dept"),
            ("formId", "form"),
            ("form-name", "form"),
            ("Form", "form"),
        ] {
            check(key, "\"x\"", true, &format!("Did you mean \"{meant}\"?"));
        }
        for key in ["field", "Fields", "formData", "answers", "data"] {
            check(key, "{}", false, "Did you mean \"fields\"?");
        }
    }

    #[test]
    fn whatever_else_it_is_may_be_an_answer() {
        for key in ["email", "message", "consent", "x", "données"] {
            check(key, "\"x\"", true, &format!("Send answers inside \"fields\", as \"fields.{key}\"."));
        }
        check("data", "\"x\"", false, "Send answers inside \"fields\", as \"fields.data\".");
        check("data", "{}", true, "Send answers inside \"fields\", as \"fields.data\".");
        check(
            "idempotencyKey",
            "\"x\"",
            true,
            "Send it as the header Idempotency-Key. If it is an answer in the form, send it as \"fields.idempotencyKey\".",
        );
    }

    #[test]
    fn neither_param_nor_message_repeats_a_credential_or_more_than_128_bytes() {
        let violation = unknown_key("sk_live_abcdef", &Json::Null, true);
        assert_eq!(violation.param, "[REDACTED:secret_key]");
        assert!(!violation.message.contains("abcdef"), "{}", violation.message);
        let violation = unknown_key(&"é".repeat(5_000), &Json::Null, true);
        assert_eq!(violation.param, "é".repeat(64));
        assert!(violation.message.len() < 300, "{}", violation.message);
    }
}
