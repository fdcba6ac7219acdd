//! The build script's errors for bad entries. The tests run its modules directly, because a failing build cannot be a
//! test.

#[path = "../build/bank_holidays.rs"]
mod bank_holidays;
#[path = "../build/build_error.rs"]
mod build_error;
#[path = "../src/limits.rs"]
#[expect(dead_code, reason = "the registry needs only some of the limits")]
mod limits;
#[path = "../build/registry.rs"]
mod registry;

use build_error::BuildError;

fn all(errors: Result<String, Vec<BuildError>>) -> Vec<String> {
    errors.err().unwrap_or_default().iter().map(BuildError::to_string).collect()
}

#[track_caller]
fn check_forms(text: &str, expected: &[&str]) {
    assert_eq!(all(registry::compile(text)), expected, "{text}");
}

/// Expects these errors when this key, on line 8, is added to a valid field.
#[track_caller]
fn check_field(key: &str, expected: &[&str]) {
    check_forms(
        &format!("[[form]]\nkey = \"f\"\ntitle = \"A form\"\n\n[[form.field]]\nname = \"x\"\nlabel = \"X\"\n{key}\n"),
        expected,
    );
}

#[track_caller]
fn check_days(text: &str, expected: &[&str]) {
    let text = format!("source = \"https://example.com\"\nretrieved = 2026-02-25\ndays = [\n{text}\n]\n");
    assert_eq!(all(bank_holidays::compile(&text)), expected, "{text}");
}

#[test]
fn the_files_that_are_compiled_in_are_good() {
    assert_eq!(all(registry::compile(include_str!("../forms.toml"))), [""; 0]);
    assert_eq!(all(bank_holidays::compile(include_str!("../bank-holidays.toml"))), [""; 0]);
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    check_forms("[[form]]\nkey = \n", &["2: string values must be quoted, expected literal string"]);
    check_forms("[[form]]\nkey = 1\ntitle = \"A form\"\n", &["2: invalid type: integer `1`, expected a string"]);
    check_forms("[[form]]\nkey = \"f\"\n", &["1: missing field `title`"]);
}

#[test]
fn a_key_that_nobody_knows_is_refused() {
    let unknown = "unknown field `optional`, expected one of `name`, `label`, `required`, `choices`, `pattern`, `max_length`, `help`";
    check_field("optional = true", &[&format!("8: {unknown}")]);
}

#[test]
fn a_forms_key_is_one_that_the_contract_takes_and_there_once() {
    check_forms(
        "[[form]]\nkey = \"A form\"\ntitle = \"A form\"\n",
        &["2: the key \"A form\" must be 1 to 64 of a-z, 0-9, _ and -"],
    );
    check_forms(
        "[[form]]\nkey = \"f\"\ntitle = \"A form\"\n[[form]]\nkey = \"f\"\ntitle = \"Another\"\n",
        &["5: the form \"f\" is there already"],
    );
}

#[test]
fn what_people_read_is_plain_text() {
    check_forms(
        "[[form]]\nkey = \"f\"\ntitle = \"\"\n",
        &["3: the title must be text, without white space around it or control characters"],
    );
    check_field("help = \" x\"", &["8: the help must be text, without white space around it or control characters"]);
    check_forms(
        "[[form]]\nkey = \"f\"\ntitle = \"A form\"\nfield = [\n{ name = \"x\", label = \"a\\nb\" },\n]\n",
        &["5: the label must be text, without white space around it or control characters"],
    );
}

#[test]
fn a_fields_name_is_one_that_the_contract_takes_and_there_once() {
    check_forms(
        "[[form]]\nkey = \"f\"\ntitle = \"A form\"\nfield = [\n{ name = \"\", label = \"X\" },\n{ name = \"x\", label = \"X\" },\n{ name = \"x\", label = \"X\" },\n]\n",
        &["7: the field \"x\" is there already", "5: the name \"\" must be 1 to 128 bytes without control characters"],
    );
}

#[test]
fn a_pattern_that_does_not_compile_is_refused_with_the_reason() {
    check_field(
        "pattern = '(a'\nmax_length = 9\nhelp = \"Send a.\"",
        &["8: the pattern does not compile: found open group without closing ')'"],
    );
    // A pattern that compiles alone but not inside our parentheses, and the reverse.
    check_field(
        "pattern = '(?x) a # b'\nmax_length = 9\nhelp = \"Send a.\"",
        &["8: the pattern does not compile: found open group without closing ')'"],
    );
    check_field(
        "pattern = 'a)(b'\nmax_length = 9\nhelp = \"Send a.\"",
        &["8: the pattern does not compile: found closing ')' without matching '('"],
    );
}

#[test]
fn a_pattern_needs_a_length_and_words() {
    check_field(
        "pattern = 'a'",
        &[
            "8: a field with a pattern needs a max_length: matching takes time for each character",
            "8: a field with a pattern needs help: nobody reads what is asked out of a pattern",
        ],
    );
}

#[test]
fn a_required_field_needs_words() {
    check_field("required = true\nhelp = \"Send x.\"", &[]);
    check_field("required = true", &["6: a required field needs help: say what it is for"]);
}

#[test]
fn choices_are_a_few_different_texts_and_need_no_other_rule() {
    let texts = "8: choices must be one or more texts without white space around them";
    check_field("choices = []", &[texts]);
    check_field("choices = [\"\"]", &[texts]);
    check_field("choices = [\"a \"]", &[texts]);
    check_field("choices = [\"a\", \"a\"]", &["8: a choice stands there twice"]);
    check_field("choices = [\"a\"]\nmax_length = 9", &["8: a field with choices needs neither pattern nor max_length"]);
}

#[test]
fn a_length_is_one_that_fields_can_have() {
    check_field("max_length = 0", &["8: max_length must be from 1 to 16384"]);
    check_field("max_length = 16384", &[]);
    check_field("max_length = 16385", &["8: max_length must be from 1 to 16384"]);
}

#[test]
fn consent_has_the_contracts_rule_alone() {
    check_forms(
        "[[form]]\nkey = \"f\"\ntitle = \"A form\"\nfield = [\n{ name = \"consent\", label = \"X\", max_length = 3 },\n]\n",
        &["5: the contract itself has the rule for \"consent\": give it a label alone"],
    );
}

#[test]
fn a_first_response_is_by_a_field_of_the_three_severities() {
    let form = |first_response: &str, field: &str| {
        format!("[[form]]\nkey = \"f\"\ntitle = \"A form\"\nfirst_response = {first_response}\nfield = [{field}]\n")
    };
    let severity = r#"{ name = "severity", label = "Severity", choices = ["sev1", "sev2", "sev3"] }"#;
    check_forms(&form(r#"{ field = "severity", default = "sev3" }"#, severity), &[]);
    check_forms(
        &form(r#"{ field = "urgency", default = "sev4" }"#, severity),
        &["4: the form has no field \"urgency\"", "4: the default must be one of [\"sev1\", \"sev2\", \"sev3\"]"],
    );
    check_forms(
        &form(r#"{ field = "x", default = "sev3" }"#, r#"{ name = "x", label = "X", choices = ["sev1"] }"#),
        &["4: the choices of \"x\" must be [\"sev1\", \"sev2\", \"sev3\"]"],
    );
}

#[test]
fn bank_holidays_are_dates_in_order() {
    check_days("2026-12-25,\n2026-12-26,", &[]);
    check_days("2026-12-26,\n2026-12-25,", &["5: the days must be in order, each once"]);
    check_days("2026-12-25,\n2026-12-25,", &["5: the days must be in order, each once"]);
    check_days("2026-12-25T00:00:00Z,", &["4: a day must be a date"]);
    check_days("", &["1: there are no bank holidays"]);
}
