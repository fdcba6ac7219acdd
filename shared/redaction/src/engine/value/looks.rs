//! What a secret looks like, and what looks like none: placeholders, code, and words.

use super::{Certainty, DECIDING_BYTES, Value};
use crate::engine::normal::{LETTER, OTHER, SOFT};
use crate::engine::scan::Scan;
use crate::engine::tables::{Looks, Name};
use crate::engine::token::{has_stars, is_masked, is_random, is_uuid, is_words};

/// The fewest letters and digits of an assigned value, `client_secret=x7`.
const VALUE_CHARACTERS: usize = 2;
/// The fewest characters of a value in prose, `client secret: abc12345`, and the fewest letters if it has no digits.
const DOUBTFUL_CHARACTERS: usize = 8;
const DOUBTFUL_LETTERS: usize = 20;
/// The fewest characters of a password.
const PASSWORD_CHARACTERS: usize = 3;
/// The fewest characters of a password in prose.
const PASSWORD_IN_PROSE: usize = 4;
/// The fewest characters of a random value that needs no assignment.
const LONG_CHARACTERS: usize = 20;
/// The longest expression of code that is recognised in place of a value, in bytes.
const EXPRESSION_BYTES: usize = 128;
/// What programs write for no value.
const NOTHINGS: [&str; 7] = ["null", "none", "nil", "undefined", "true", "false", "redacted"];

impl Scan<'_> {
    /// Whether a value is a secret, and no placeholder, code, word for no value, or prose.
    pub(super) fn is_secret(&self, value: Value, name: Name) -> bool {
        let text = &self.bytes[value.start..value.end];
        let head = &text[..text.len().min(DECIDING_BYTES)];
        if self.is_public(value.start) || is_placeholder(head) || is_nothing(head) || self.is_before_placeholder(value)
        {
            return false;
        }
        if is_object(head) || value.certainty < Certainty::Marked && value.quote.is_none() && is_uuid(head) {
            return false;
        }
        if name.is_assigned && is_words(head) {
            return false;
        }
        if name.is_assigned && value.certainty < Certainty::Assigned {
            let is_of_token = head.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.~+/=%".contains(byte));
            let is_long = is_of_token && is_random(head, LONG_CHARACTERS, LONG_CHARACTERS) && !is_uuid(head);
            if name.is_parameter || name.is_strict || !is_long {
                return false;
            }
        }
        let characters = text.len();
        if name.looks != Looks::Card && name.looks != Looks::Digits && characters < name.least as usize {
            return false;
        }
        match name.looks {
            Looks::Token | Looks::Header => self.is_token_value(value, name.looks),
            Looks::Password => self.is_password(value, name.is_word),
            Looks::Digits => self.digits(value, name).is_some(),
            Looks::Card => true,
            Looks::Cookie | Looks::SetCookie => is_cookie(head),
        }
    }

    /// Whether a placeholder follows: `sk_live_<your key>`.
    fn is_before_placeholder(&self, Value { start, end, .. }: Value) -> bool {
        let is_joint = |byte: u8| matches!(byte, b'_' | b'-' | b'.');
        let after = self.end_of(end, is_joint);
        let is_prefix = self.bytes[start..end].iter().all(|&byte| byte.is_ascii_alphabetic() || is_joint(byte));
        is_prefix && self.bytes.get(after) == Some(&b'<') && is_joint(self.bytes[after - 1])
    }

    fn is_token_value(&self, value: Value, looks: Looks) -> bool {
        let text = &self.bytes[value.start..value.end.min(value.start + DECIDING_BYTES)];
        let has_scheme = [&b"bearer"[..], b"basic", b"aws4", b"digest"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        if looks == Looks::Header && has_scheme {
            return false;
        }
        let is_something = text.iter().filter(|byte| byte.is_ascii_alphanumeric()).nth(VALUE_CHARACTERS - 1).is_some();
        if !is_something
            || text.contains(&b' ')
            || value.quote.is_none() && is_code(text)
            || has_stars(text)
            || is_masked(text) && !is_random(text, 16, 99)
        {
            return false;
        }
        let is_in_doubt = value.certainty < Certainty::Assigned || looks == Looks::Header;
        let is_in_prose = value.certainty < Certainty::Marked || looks == Looks::Header;
        !is_in_doubt
            || is_random(text, DOUBTFUL_CHARACTERS, DOUBTFUL_LETTERS)
                && (!is_in_prose || !is_words(text) && !is_assignment(text))
    }

    /// `is_short` is whether the name is a short one, such as "pass", which has other meanings.
    fn is_password(&self, value: Value, is_short: bool) -> bool {
        let text = &self.bytes[value.start..value.end.min(value.start + DECIDING_BYTES)];
        let counted = text.iter().filter(|byte| **byte != b' ').count();
        if counted < PASSWORD_CHARACTERS
            || is_masked_password(text)
            || is_path(text)
            || value.quote.is_none() && is_code(text)
        {
            return false;
        }
        let is_vague = is_short && value.certainty < Certainty::Assigned;
        let is_url = memchr::memmem::find(text, b"://").is_some();
        if is_ordinal(text) || is_vague && (is_url || !text.iter().any(u8::is_ascii_lowercase)) {
            return false;
        }
        if text.contains(&b' ') {
            return value.quote.is_some() && value.certainty >= Certainty::Marked && !self.is_prose(text);
        }
        let first = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let is_rule = matches!(text.get(first), Some(b'|' | b':')) && self.is_known_word(&text[..first]);
        let is_word = is_rule || self.is_known_word(text);
        match value.certainty {
            _ if is_rule => false,
            Certainty::Assigned => !is_word,
            Certainty::Marked => !is_word && (looks_like_a_password(text) || self.ends_alone(value)),
            Certainty::Prose => {
                let is_assignment = is_assignment(text) && value.quote.is_none();
                text.len() >= PASSWORD_IN_PROSE && looks_like_a_password(text) && !is_assignment
                    || !is_word && value.quote.is_some()
            }
            Certainty::Loose => {
                !is_word && value.quote.is_some()
                    || text.len() >= PASSWORD_IN_PROSE
                        && looks_like_a_password(text)
                        && (!is_words(text) || has_digit_and_symbol(text))
                        && !is_code(text)
            }
        }
    }

    /// Whether nothing that reads like a sentence follows the value.
    fn ends_alone(&self, value: Value) -> bool {
        let after = self.end_of(value.end, |byte| b".,;!?)\"'`*_ ".contains(&byte));
        let has_punctuation = after > value.end && self.bytes[value.end] != b' ';
        let next_end = self.end_of(after, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match self.bytes.get(after) {
            None | Some(b'\n' | &SOFT | b'|' | b'<' | b'/' | b'&') => true,
            _ => has_punctuation || matches!(self.bytes.get(next_end), Some(b':' | b'=')),
        }
    }

    fn is_known_word(&self, text: &[u8]) -> bool {
        let lower = text.to_ascii_lowercase();
        let word = lower.trim_ascii_end();
        self.tables.words.binary_search_by(|known| known.as_bytes().cmp(word)).is_ok()
    }

    /// Whether a quoted text of several words is a sentence or a label.
    fn is_prose(&self, text: &[u8]) -> bool {
        let words = text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let (known, all) =
            words.fold((0, 0), |(known, all), word| (known + usize::from(self.is_known_word(word)), all + 1));
        known * 3 > all
    }
}

fn is_nothing(text: &[u8]) -> bool {
    NOTHINGS.iter().any(|nothing| text.eq_ignore_ascii_case(nothing.as_bytes()))
}

/// A digit, or a symbol that words do not have.
fn looks_like_a_password(text: &[u8]) -> bool {
    let is_of_words = |byte: &u8| {
        byte.is_ascii_alphabetic()
            || matches!(byte, b'-' | b'\'' | b'.' | b'/' | b'_' | &LETTER | b',' | b'(' | b')' | b':')
    };
    let inner = text.strip_suffix(b"!").filter(|inner| inner.iter().all(u8::is_ascii_alphabetic)).unwrap_or(text);
    !inner.iter().all(is_of_words)
}

/// `2nd`
fn is_ordinal(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && matches!(&text[digits..], b"st" | b"nd" | b"rd" | b"th")
}

/// A digit and a symbol that prose does not have within a word.
fn has_digit_and_symbol(text: &[u8]) -> bool {
    text.iter().any(|byte| b"!@#$%^&*+=~".contains(byte)) && text.iter().any(u8::is_ascii_digit)
}

/// Whether this assigns a value to a name, and is not just padded with `=`.
fn is_assignment(text: &[u8]) -> bool {
    text.iter().skip(1).skip_while(|byte| **byte != b'=').any(|byte| *byte != b'=')
}

fn is_masked_password(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'#' | b'-' | b'_' | &OTHER))
}

/// Whether this is a placeholder for a secret: `$SECRET`, `${secret}`, `<secret>`, `{{secret}}`, `[secret]`,
/// `%(secret)s`.
pub(in crate::engine) fn is_placeholder(text: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let is_of_a_variable = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        let is_of_a_word = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        name.iter().all(is_of_a_variable) || name.iter().all(is_of_a_word)
    };
    match text {
        [b'$', b'{' | b'(' | b'_', ..]
        | [b'#' | b'@' | b'{', b'{', ..]
        | [b'%', b'(', ..]
        | [b'<', .., b'>']
        | [b'[', .., b']']
        | [b'(', .., b')']
        | [b'%', .., b'%'] => true,
        [b'$', name @ ..] => is_name(name) || name.starts_with(b"env:") || name.starts_with(b"this"),
        [b'{', name @ .., b'}'] => name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.- ".contains(byte)),
        [b'!', b'R' | b'S' | b'G' | b'I', rest @ ..] => rest.iter().all(u8::is_ascii_alphabetic),
        _ => is_instruction(text),
    }
}

/// Whether this tells the reader what to put here: `YOUR_API_KEY_HERE`, `insert-key`.
fn is_instruction(text: &[u8]) -> bool {
    const VERBS: [&str; 7] = ["your", "insert", "replace", "enter", "put", "paste", "changeme"];
    let word = &text[..text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len())];
    let is_verb = VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb.as_bytes()));
    is_verb && text.iter().all(|byte| byte.is_ascii_alphabetic() || b"_- ".contains(byte))
}

/// Whether this is the path of a file, such as the working directory in `PWD`.
fn is_path(text: &[u8]) -> bool {
    text.starts_with(b"/") && text[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

/// Whether this begins like a cookie: `name=value`.
fn is_cookie(text: &[u8]) -> bool {
    let Some(equals) = text.iter().position(|byte| *byte == b'=') else { return false };
    let (name, value) = (&text[..equals], &text[equals + 1..]);
    !name.is_empty()
        && name.iter().all(u8::is_ascii_graphic)
        && value.first().is_some_and(|first| !b" <$".contains(first))
}

/// Whether this is an object or a list of JSON.
fn is_object(text: &[u8]) -> bool {
    matches!(text, [b'{', b'"' | b'\'', ..]) || text.starts_with(b"[") && text.contains(&b':')
}

/// Whether this is code in place of a value: `process.env.SECRET`, `getenv(`, `os.environ[`.
fn is_code(text: &[u8]) -> bool {
    let is_expression = || text.iter().any(|byte| b".([".contains(byte)) && !text.iter().any(u8::is_ascii_digit);
    let has_only_code =
        || text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._([)]'\"{}:->$!|&?+,".contains(byte));
    let is_call = || {
        let name = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte)).count();
        name >= 3 && text.get(name) == Some(&b'(')
    };
    text.len() <= EXPRESSION_BYTES && (is_expression() && has_only_code() || is_call())
}
