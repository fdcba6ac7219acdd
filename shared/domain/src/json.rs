//! A strict JSON parser that keeps key order and number text, and detects duplicate keys.
//!
//! `serde_json::Value` does none of this: it drops digits of numbers and all but the last of duplicate keys. With
//! `arbitrary_precision`, it turns an object with a magic key into a number. So `serde_json` checks the grammar of the
//! document. This module then reads it once from start to end, at any depth.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use memchr::memchr2;
use serde::de::IgnoredAny;

use crate::limits::MAX_NESTING_LEVELS;

/// The deepest level whose members are kept. The document is level 1, and its `fields` level 2.
const KEPT_LEVELS: usize = 2;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A parsed JSON value that borrows from its text.
#[derive(Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's text: `1.10` stays `1.10`.
    Number(&'a str),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An object's members in the order sent, without duplicate keys.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    /// An array, or an object inside a field. Neither is a valid answer, so its content is checked but not kept.
    Nested {
        /// The length of its shortest JSON text.
        compact_bytes: usize,
    },
}

/// Why a body is not valid JSON (contract, `malformed_json`). It never quotes the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is empty or has only white space.
    #[error("the body is empty")]
    Empty,
    /// The text starts with U+FEFF, which RFC 8259 section 8.1 forbids senders to add.
    #[error("the body starts with a byte order mark")]
    ByteOrderMark,
    /// The bytes are not UTF-8.
    #[error("byte {offset} is not UTF-8, counted from 0")]
    NotUtf8 {
        /// The offset of the first invalid byte, from 0.
        offset: usize,
    },
    /// The text breaks the grammar of RFC 8259.
    #[error("syntax error at {0}")]
    Syntax(Position),
    /// A `\u` escape is half of a surrogate pair.
    #[error("half of a surrogate pair as a \\u escape in the value at {0}")]
    UnpairedSurrogate(Position),
    /// An object has a duplicate key, after unescaping.
    #[error("duplicate key in the object at {0}")]
    DuplicateKey(Position),
    /// The nesting is deeper than 32 levels.
    #[error("nested more than {MAX_NESTING_LEVELS} levels deep at {0}")]
    TooDeep(Position),
}

/// A position in the body. Both numbers count from 1, and the column counts bytes.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
#[display("line {line}, column {column}")]
pub struct Position {
    line: usize,
    column: usize,
}

impl<'a> Json<'a> {
    /// Parses a body that is one JSON text (RFC 8259).
    ///
    /// # Errors
    /// What is malformed, and where.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        if body.starts_with(BYTE_ORDER_MARK) {
            return Err(Malformed::ByteOrderMark);
        }
        let text = std::str::from_utf8(body).map_err(|error| Malformed::NotUtf8 { offset: error.valid_up_to() })?;
        if text.trim_ascii().is_empty() {
            return Err(Malformed::Empty);
        }
        serde_json::from_str::<IgnoredAny>(text)
            .map_err(|error| Malformed::Syntax(Position { line: error.line(), column: error.column().max(1) }))?;
        Reader { text, at: 0, keys: Vec::new() }.value(1)
    }

    /// The object's member with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Parses a string's text, or returns `None` if this is not a string or the text is invalid.
    pub(crate) fn parse_string<T: FromStr>(&self) -> Option<T> {
        if let Self::String(text) = self { text.parse().ok() } else { None }
    }

    /// The length in bytes of this value's shortest JSON text: no white space, and only the escapes that JSON requires.
    pub(crate) fn compact_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(true) => "null".len(),
            Self::Bool(false) => "false".len(),
            Self::Number(digits) => digits.len(),
            Self::String(value) => string_bytes(value),
            Self::Nested { compact_bytes } => *compact_bytes,
            Self::Object(members) => {
                let bytes = members.iter().map(|(key, value)| string_bytes(key) + ":".len() + value.compact_bytes());
                container_bytes(members.len(), bytes.sum())
            }
        }
    }
}

/// The value may hold personal data, so `Debug` never shows it.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Json(…)")
    }
}

/// The shortest JSON text of an object with these members. `write` appends a member's value.
pub(crate) fn object_of<'m, Value: 'm>(
    members: impl IntoIterator<Item = (&'m str, Value)>,
    write: impl Fn(&mut String, Value),
) -> String {
    let mut text = "{".to_owned();
    for (index, (key, value)) in members.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_string(&mut text, key);
        text.push(':');
        write(&mut text, value);
    }
    text.push('}');
    text
}

/// Appends `value` as a JSON string.
#[expect(clippy::expect_used, reason = "a text always serializes")]
pub(crate) fn push_string(text: &mut String, value: &str) {
    if value.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        text.push_str(&serde_json::to_string(value).expect("a text is JSON"));
    } else {
        text.push('"');
        text.push_str(value);
        text.push('"');
    }
}

/// How many bytes [`push_string`] appends.
fn string_bytes(value: &str) -> usize {
    let escape_bytes = |byte: u8| match byte {
        b'"' | b'\\' | b'\x08' | b'\x0c' | b'\n' | b'\r' | b'\t' => 1,
        byte if byte < b' ' => 5,
        _ => 0,
    };
    "\"\"".len() + value.len() + value.bytes().map(escape_bytes).sum::<usize>()
}

/// The length in bytes of an array or object with this many items of this total length.
fn container_bytes(items: usize, bytes: usize) -> usize {
    "[]".len() + bytes + items.saturating_sub(1)
}

/// Whether any two keys are equal. Compares a few keys pairwise, and many by their hashes.
fn has_duplicate<Key: AsRef<str>>(keys: &[Key]) -> bool {
    const FEW: usize = 12;
    if keys.len() <= FEW {
        let is_among = |index: usize, key: &str| keys[..index].iter().any(|other| other.as_ref() == key);
        return keys.iter().enumerate().any(|(index, key)| is_among(index, key.as_ref()));
    }
    let mut seen = HashSet::with_capacity(keys.len());
    !keys.iter().all(|key| seen.insert(key.as_ref()))
}

/// Reads a text whose grammar is already checked.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The keys of the open objects whose members are not kept. The innermost object's keys are last.
    keys: Vec<Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, level: usize) -> Result<Json<'a>, Malformed> {
        self.skip_white_space();
        match self.text.as_bytes()[self.at] {
            b'n' => Ok(self.literal("null", Json::Null)),
            b't' => Ok(self.literal("true", Json::Bool(true))),
            b'f' => Ok(self.literal("false", Json::Bool(false))),
            b'"' => {
                let start = self.at;
                self.string(start).map(Json::String)
            }
            b'{' if level <= KEPT_LEVELS => self.object(level),
            b'[' | b'{' => self.nested(level).map(|compact_bytes| Json::Nested { compact_bytes }),
            _ => Ok(Json::Number(self.number())),
        }
    }

    fn object(&mut self, level: usize) -> Result<Json<'a>, Malformed> {
        let start = self.at;
        let mut members: Vec<(Cow<'_, str>, Json<'_>)> = Vec::new();
        self.at += 1;
        while self.goes_on(b'}') {
            let key = self.key(start)?;
            members.push((key, self.value(level + 1)?));
        }
        let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
        if has_duplicate(&keys) {
            Err(Malformed::DuplicateKey(self.position(start)))
        } else {
            Ok(Json::Object(members))
        }
    }

    /// Checks an array or object that is not kept, and returns the length of its shortest text.
    fn nested(&mut self, level: usize) -> Result<usize, Malformed> {
        if level > MAX_NESTING_LEVELS {
            return Err(Malformed::TooDeep(self.position(self.at)));
        }
        let (start, first_key) = (self.at, self.keys.len());
        let is_object = self.text.as_bytes()[start] == b'{';
        let closing = if is_object { b'}' } else { b']' };
        let (mut items, mut bytes) = (0, 0);
        self.at += 1;
        while self.goes_on(closing) {
            if is_object {
                let key = self.key(start)?;
                bytes += string_bytes(&key) + ":".len();
                self.keys.push(key);
            }
            bytes += self.value(level + 1)?.compact_bytes();
            items += 1;
        }
        if is_object {
            if has_duplicate(&self.keys[first_key..]) {
                return Err(Malformed::DuplicateKey(self.position(start)));
            }
            self.keys.truncate(first_key);
        }
        Ok(container_bytes(items, bytes))
    }

    /// Reads a member's key and the colon after it.
    fn key(&mut self, object_start: usize) -> Result<Cow<'a, str>, Malformed> {
        let key = self.string(object_start)?;
        self.skip_white_space();
        self.at += ":".len();
        Ok(key)
    }

    /// Skips a comma or the closing bracket, and returns whether another item follows.
    fn goes_on(&mut self, closing: u8) -> bool {
        self.skip_white_space();
        let next = self.text.as_bytes()[self.at];
        if next == b',' || next == closing {
            self.at += 1;
            self.skip_white_space();
        }
        next != closing
    }

    /// Reads and unescapes a string. An error gives the position `value_start`, where the value starts.
    fn string(&mut self, value_start: usize) -> Result<Cow<'a, str>, Malformed> {
        let (text, start) = (self.text, self.at);
        self.at += 1;
        let mut is_escaped = false;
        while let Some(found) = memchr2(b'"', b'\\', &text.as_bytes()[self.at..]) {
            self.at += found;
            if text.as_bytes()[self.at] == b'"' {
                break;
            }
            // Skip the escape's second character too: it may be a quotation mark.
            self.at += 2;
            is_escaped = true;
        }
        self.at += 1;
        if !is_escaped {
            return Ok(Cow::Borrowed(&text[start + 1..self.at - 1]));
        }
        // The grammar is already checked, so the only possible error is half a surrogate pair.
        let unescaped = serde_json::from_str(&text[start..self.at]).map(Cow::Owned);
        unescaped.map_err(|_| Malformed::UnpairedSurrogate(self.position(value_start)))
    }

    fn number(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.bytes().position(|byte| !belongs(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn literal(&mut self, text: &str, value: Json<'a>) -> Json<'a> {
        self.at += text.len();
        value
    }

    fn skip_white_space(&mut self) {
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn position(&self, offset: usize) -> Position {
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: offset - line_start + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_compact(sent: &str, expected: &str) {
        assert_eq!(Json::parse(sent.as_bytes()).unwrap().compact_bytes(), expected.len(), "{sent}");
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
    fn the_shortest_text_is_measured_as_it_would_be_written() {
        for text in ["", "é😀", "a\"b\\c/", "\u{8}\u{c}\n\r\t", "\0\u{1}\u{1f}\u{7f}", "\u{2028}\u{ffff}"] {
            let mut written = String::new();
            push_string(&mut written, text);
            assert_eq!(string_bytes(text), written.len(), "{text:?}");
            assert_eq!(written, serde_json::to_string(text).unwrap());
            let nested = format!("[[],{{}},{{{written}:[{written},null,-1.50e+3,true,false]}}]");
            check_compact(&nested, &nested);
            check_compact(
                &format!(r#"{{"f":{{"m":{nested}}},{written}:0}}"#),
                &format!(r#"{{"f":{{"m":{nested}}},{written}:0}}"#),
            );
        }
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
        check_malformed("", "the body is empty");
        check_malformed(" \n", "the body is empty");
        check_malformed("\u{feff}{}", "the body starts with a byte order mark");
        check_malformed(b"{\"a\":\"\xff\"}", "byte 6 is not UTF-8, counted from 0");
        check_malformed("{'a':1}", "syntax error at line 1, column 2");
        check_malformed("{\"a\":1}\n x", "syntax error at line 2, column 2");
        check_malformed("{\n", "syntax error at line 2, column 1");
        for wrong in ["{", "{\"a\":01}", "NaN", "[1,]", "+1", ".5", "1.", "\"a\nb\"", "{}{}", "nul", "\"\\x\""] {
            assert!(matches!(Json::parse(wrong.as_bytes()), Err(Malformed::Syntax(_))), "{wrong}");
        }
    }

    #[test]
    fn an_unpaired_surrogate_is_seen_wherever_it_is() {
        let message = "half of a surrogate pair as a \\u escape in the value at line 1, column";
        check_malformed(r#"{"a":"\ud800"}"#, &format!("{message} 6"));
        check_malformed(r#"{"ignored":["\udc00"]}"#, &format!("{message} 13"));
        check_malformed(r#"{"\ud800x":1}"#, &format!("{message} 1"));
    }

    #[test]
    fn a_duplicate_key_is_seen_at_any_depth_and_after_unescaping() {
        check_malformed(r#"{"a":1,"a":1}"#, "duplicate key in the object at line 1, column 1");
        check_malformed("{\"x\":\n[{\"é\":1,\"\\u00e9\":2}]}", "duplicate key in the object at line 2, column 2");
    }

    #[test]
    fn nesting_of_32_levels_is_read_and_33_is_not() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        check_compact(&nested(32), &nested(32));
        check_malformed(nested(33), "nested more than 32 levels deep at line 1, column 33");
        check_malformed(nested(32_000), "nested more than 32 levels deep at line 1, column 33");
    }
}
