//! Strict JSON that forgets nothing: key order, number text, and duplicate keys are all seen.
//!
//! `serde_json::Value` cannot serve: it drops the digits of numbers and the earlier of two equal keys, and with
//! `arbitrary_precision` an object with a magic key turns into a number. So `serde_json` scans the document once for its
//! grammar, and this module walks the raw values below it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The deepest nesting that is read, the outermost object or array being level 1 (contract, `malformed_json`).
const MAX_NESTING_LEVELS: usize = 32;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A parsed JSON value that borrows from the text it was read from.
#[derive(Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its text: `1.10` stays `1.10`.
    Number(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object: its members in the order sent, no key twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a body is no JSON that we take (contract, `malformed_json`). Never quotes the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is no text, or white space alone.
    #[error("there is nothing in it")]
    Empty,
    /// The text starts with U+FEFF, which RFC 8259 section 8.1 forbids senders to add.
    #[error("it starts with a byte order mark")]
    ByteOrderMark,
    /// The bytes are not UTF-8.
    #[error("it is not UTF-8 from byte {offset} on")]
    NotUtf8 {
        /// The first byte that is wrong, from 0.
        offset: usize,
    },
    /// The grammar of RFC 8259 is broken.
    #[error("the syntax is wrong at {0}")]
    Syntax(Position),
    /// A `\u` escape names half a surrogate pair.
    #[error("a \\u escape is half a surrogate pair, in the value that starts at {0}")]
    UnpairedSurrogate(Position),
    /// An object has the same key twice, after unescaping.
    #[error("the object that starts at {0} has a key twice")]
    DuplicateKey(Position),
    /// The nesting is deeper than 32 levels.
    #[error("it is nested deeper than {MAX_NESTING_LEVELS} levels at {0}")]
    TooDeep(Position),
}

/// A place in the body, both numbers from 1, the column in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    line: usize,
    column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

impl<'a> Json<'a> {
    /// Reads one JSON text (RFC 8259) that is the whole of `body`.
    ///
    /// # Errors
    /// Says what is malformed and where.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        if body.starts_with(BYTE_ORDER_MARK) {
            return Err(Malformed::ByteOrderMark);
        }
        let text = std::str::from_utf8(body).map_err(|error| Malformed::NotUtf8 { offset: error.valid_up_to() })?;
        if text.trim_ascii().is_empty() {
            return Err(Malformed::Empty);
        }
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| Malformed::Syntax(Position { line: error.line(), column: error.column().max(1) }))?;
        Document { text }.value(raw, 1)
    }

    /// The member of an object with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The shortest JSON text of this value: no white space, and only the escapes that JSON demands.
    #[must_use]
    pub fn to_compact(&self) -> String {
        let mut text = String::new();
        self.write_compact(&mut text);
        text
    }

    fn write_compact(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => text.push_str(digits),
            Self::String(value) => push_string(text, value),
            Self::Array(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    item.write_compact(text);
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    push_string(text, key);
                    text.push(':');
                    value.write_compact(text);
                }
                text.push('}');
            }
        }
    }
}

/// It may be all that somebody wrote: it is never shown by accident.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Json(…)")
    }
}

/// Appends `value` as a JSON string.
#[expect(clippy::expect_used, reason = "a text always serializes")]
fn push_string(text: &mut String, value: &str) {
    text.push_str(&serde_json::to_string(value).expect("a text is JSON"));
}

/// The whole text, kept so that a raw value below it knows its position.
struct Document<'a> {
    text: &'a str,
}

impl<'a> Document<'a> {
    fn value(&self, raw: &'a RawValue, level: usize) -> Result<Json<'a>, Malformed> {
        let text = raw.get();
        match text.as_bytes()[0] {
            b'n' => Ok(Json::Null),
            b't' => Ok(Json::Bool(true)),
            b'f' => Ok(Json::Bool(false)),
            b'"' => self.string(text).map(Json::String),
            b'[' | b'{' if level > MAX_NESTING_LEVELS => Err(Malformed::TooDeep(self.position(text))),
            b'[' => {
                let items = raw.deserialize_seq(RawItems).map_err(|_| Malformed::Syntax(self.position(text)))?;
                items.into_iter().map(|item| self.value(item, level + 1)).collect::<Result<_, _>>().map(Json::Array)
            }
            b'{' => self.object(raw, level),
            _ => Ok(Json::Number(text)),
        }
    }

    fn string(&self, quoted: &'a str) -> Result<Cow<'a, str>, Malformed> {
        match serde_json::from_str::<Text<'a>>(quoted) {
            Ok(Text(text)) => Ok(text),
            // The grammar holds already, so half a surrogate pair is all that can be wrong.
            Err(_) => Err(Malformed::UnpairedSurrogate(self.position(quoted))),
        }
    }

    fn object(&self, raw: &'a RawValue, level: usize) -> Result<Json<'a>, Malformed> {
        let here = || self.position(raw.get());
        let members = raw.deserialize_map(RawMembers).map_err(|_| Malformed::UnpairedSurrogate(here()))?;
        let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Malformed::DuplicateKey(here()));
        }
        members
            .into_iter()
            .map(|(key, value)| Ok((key, self.value(value, level + 1)?)))
            .collect::<Result<_, _>>()
            .map(Json::Object)
    }

    fn position(&self, part: &str) -> Position {
        let offset = part.as_ptr() as usize - self.text.as_ptr() as usize;
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: offset - line_start + 1 }
    }
}

/// A string that borrows where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct RawItems;

impl<'de> Visitor<'de> for RawItems {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            found.push(item);
        }
        Ok(found)
    }
}

struct RawMembers;

impl<'de> Visitor<'de> for RawMembers {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some((Text(key), value)) = members.next_entry()? {
            found.push((key, value));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_compact(sent: &str, expected: &str) {
        assert_eq!(Json::parse(sent.as_bytes()).unwrap().to_compact(), expected);
    }

    #[track_caller]
    fn check_malformed(sent: impl AsRef<[u8]>, expected: &str) {
        assert_eq!(Json::parse(sent.as_ref()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn numbers_keep_their_digits_and_keys_their_order() {
        check_compact(
            r#" { "b" : 1.10, "a" : [1e300, -0, 1E+2, 123456789012345678901234567890] } "#,
            r#"{"b":1.10,"a":[1e300,-0,1E+2,123456789012345678901234567890]}"#,
        );
    }

    #[test]
    fn only_the_escapes_that_json_demands_are_written() {
        check_compact(r#""\u00e9\/\ud83d\ude00\u0007\n\"""#, "\"é/😀\\u0007\\n\\\"\"");
    }

    #[test]
    fn magic_keys_of_the_json_library_are_ordinary_keys() {
        for key in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
            let sent = format!(r#"{{"{key}":"1"}}"#);
            check_compact(&sent, &sent);
        }
    }

    #[test]
    fn what_is_not_strict_json_is_malformed() {
        check_malformed("", "there is nothing in it");
        check_malformed(" \n", "there is nothing in it");
        check_malformed("\u{feff}{}", "it starts with a byte order mark");
        check_malformed(b"{\"a\":\"\xff\"}", "it is not UTF-8 from byte 6 on");
        check_malformed("{'a':1}", "the syntax is wrong at line 1, column 2");
        check_malformed("{\"a\":1}\n x", "the syntax is wrong at line 2, column 2");
        check_malformed("{\n", "the syntax is wrong at line 2, column 1");
        for wrong in ["{", "{\"a\":01}", "NaN", "[1,]", "+1", ".5", "1.", "\"a\nb\"", "{}{}", "nul", "\"\\x\""] {
            assert!(matches!(Json::parse(wrong.as_bytes()), Err(Malformed::Syntax(_))), "{wrong}");
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_seen_wherever_it_is() {
        let message = "a \\u escape is half a surrogate pair, in the value that starts at line 1, column";
        check_malformed(r#"{"a":"\ud800"}"#, &format!("{message} 6"));
        check_malformed(r#"{"ignored":["\udc00"]}"#, &format!("{message} 13"));
        check_malformed(r#"{"\ud800x":1}"#, &format!("{message} 1"));
    }

    #[test]
    fn a_duplicate_key_is_seen_at_any_depth_and_after_unescaping() {
        check_malformed(r#"{"a":1,"a":1}"#, "the object that starts at line 1, column 1 has a key twice");
        check_malformed(
            "{\"x\":\n[{\"é\":1,\"\\u00e9\":2}]}",
            "the object that starts at line 2, column 2 has a key twice",
        );
    }

    #[test]
    fn nesting_of_32_levels_is_read_and_33_is_not() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        check_compact(&nested(32), &nested(32));
        check_malformed(nested(33), "it is nested deeper than 32 levels at line 1, column 33");
        check_malformed(nested(32_000), "it is nested deeper than 32 levels at line 1, column 33");
    }
}
