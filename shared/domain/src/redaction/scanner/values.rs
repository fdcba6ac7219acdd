//! Values that their name marks as a secret.

use super::{Class, FieldOfSecret, Found, Quote, Scanner};
use crate::credential::CredentialKind;

/// The fewest letters and digits of an assigned value, `client_secret=x7`.
const VALUE_CHARACTERS: usize = 2;
/// The fewest characters of a value in prose, `client secret: abc12345`, and the fewest letters if it has no digits.
const DOUBTFUL_CHARACTERS: usize = 8;
const DOUBTFUL_LETTERS: usize = 20;
/// The longest expression of code that is recognised in place of a value.
const EXPRESSION_CHARACTERS: usize = 128;

/// The words of a name, joined by `_`, `-`, a space or nothing.
const SECRET_NAMES: [(&[&[u8]], CredentialKind); 4] = [
    (&[b"client", b"secret"], CredentialKind::ClientSecret),
    (&[b"access", b"token"], CredentialKind::AccessToken),
    (&[b"bearer", b"token"], CredentialKind::BearerToken),
    (&[b"secret", b"access", b"key"], CredentialKind::AwsAccessKey),
];

/// A field's value is not a secret if one of these follows the secret's name in the field's name.
const NO_SECRETS: [&str; 8] = ["expire", "type", "url", "uri", "method", "basic", "post", "lost"];

/// Separators between a name and its value, longer ones first: certain ones, then doubtful ones.
const ASSIGNMENTS: [&[u8]; 8] = [b"=>", b":=", b"=", b"%3D", b"%3d", b"\\u003D", b"\\u003d", b">"];
const COLONS: [&[u8]; 4] = [b":", b"%3A", b"%3a", b"|"];

/// Escaped characters that end a value in a URL.
const ESCAPED_ENDS: [&[u8]; 11] =
    [b"%26", b"%20", b"%22", b"%27", b"%3B", b"%3b", b"%2C", b"%2c", b"%0A", b"%0a", b"%0D"];

/// What programs write for no value.
const NOTHINGS: [&[u8]; 6] = [b"null", b"none", b"nil", b"undefined", b"true", b"false"];

/// A separator between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// `client_secret=`
    Assignment,
    /// `client_secret:`, or an assignment to a name that could be prose.
    Colon,
    /// `--client-secret `
    Space,
}

/// A range that could be a secret because of its context.
struct Value {
    start: usize,
    end: usize,
    is_quoted: bool,
    is_certain: bool,
}

impl FieldOfSecret {
    fn of(name: &str, value: &str) -> Option<Self> {
        let scanner = Scanner::of(name);
        let (at, kind, end) =
            (0..name.len()).find_map(|at| scanner.secret_name(at).map(|(kind, end)| (at, kind, end)))?;
        let rest = name[end..].to_ascii_lowercase();
        if rest.starts_with(|next: char| next.is_ascii_alphanumeric()) || NO_SECRETS.iter().any(|no| rest.contains(no))
        {
            return None;
        }
        let is_name_alone = !name[..at].contains(' ') && !rest.contains(|other: char| other.is_alphanumeric());
        let is_certain = is_name_alone && value.split_whitespace().nth(1).is_none();
        Some(Self { kind, is_certain })
    }
}

impl<'a> Scanner<'a> {
    /// Scans the value of the field `name`.
    pub(in crate::redaction) fn of_value(name: &str, value: &'a str) -> Self {
        Self { field: FieldOfSecret::of(name, value), ..Self::of(value) }
    }

    /// The value after a secret's name: `client_secret=…`, `"clientSecret": "…"`, `client secret: …`.
    pub(super) fn named_value(&mut self, at: usize) -> Option<Found> {
        let (kind, name_end) = self.secret_name(at)?;
        if kind == CredentialKind::AwsAccessKey {
            self.access_key_named_at = Some(name_end);
        }
        let is_identifier = !self.bytes[at..name_end].contains(&b' ');
        let is_option = self.bytes[..at].ends_with(b"-");
        let after_name = self.after_spaces(self.after_closing_quotes(name_end));
        let value = if let Some(separator_end) = self.after_any(after_name, &ASSIGNMENTS) {
            self.value_behind(separator_end, if is_identifier { Separator::Assignment } else { Separator::Colon })
        } else if let Some(separator_end) = self.after_any(after_name, &COLONS) {
            self.value_behind(separator_end, Separator::Colon)
        } else if is_option && after_name > name_end {
            self.value_behind(after_name, Separator::Space)
        } else {
            self.value_of_argument(after_name)
        }?;
        self.secret(&value, kind)
    }

    /// One word of the value of a field whose name makes it a secret.
    pub(super) fn value_of_field(&mut self, at: usize) -> Option<Found> {
        let FieldOfSecret { kind, is_certain } = self.field?;
        let begins = self.bytes[..at].last().is_none_or(u8::is_ascii_whitespace);
        if !begins || self.bytes[at].is_ascii_whitespace() {
            return None;
        }
        let end = self.end_of(at, |byte| !byte.is_ascii_whitespace());
        let (start, end) = if let Some((start, quote)) = self.after_quote(at) {
            (start, self.end_of_quoted(start, quote))
        } else {
            let start = self.end_of(at, |byte| b"([<{".contains(&byte)).min(end);
            (start, self.without_trailing(start, end, b")]>}.,;:!?"))
        };
        let value = Value { start, end, is_quoted: true, is_certain };
        self.secret(&value, kind)
    }

    fn secret_name(&self, at: usize) -> Option<(CredentialKind, usize)> {
        SECRET_NAMES.iter().find_map(|(words, kind)| Some((*kind, self.after_words(at, words)?)))
    }

    fn after_words(&self, at: usize, words: &[&[u8]]) -> Option<usize> {
        let (first, others) = words.split_first()?;
        let first_end = self.after_ignoring_case(at, first)?;
        others.iter().try_fold(first_end, |end, word| {
            let joined = self.after_any(end, &[b"_", b"-", b" "]).unwrap_or(end);
            self.after_ignoring_case(joined, word)
        })
    }

    /// The value after a separator, quoted or not. An opening quotation mark may be on the next line.
    fn value_behind(&mut self, separator_end: usize, separator: Separator) -> Option<Value> {
        let start = self.after_spaces(separator_end);
        let next_word = self.end_of(start, |byte| byte.is_ascii_whitespace());
        let quoted = self.after_quote(start).filter(|_| separator != Separator::Space);
        if let Some((start, quote)) = quoted.or_else(|| self.after_quote_of_no_name(next_word)) {
            return Some(Value { start, end: self.end_of_quoted(start, quote), is_quoted: true, is_certain: true });
        }
        let first = *self.bytes.get(start)?;
        let may_begin = first.is_ascii_alphanumeric()
            || b"_-~+/.!@$".contains(&first)
            || self.after_any(start, &[b"%2B", b"%2b", b"%2F", b"%2f", b"%3D", b"%3d"]).is_some();
        // With spaces around the separator, it may be a sentence.
        let is_certain = separator == Separator::Assignment && start == separator_end;
        may_begin.then(|| Value { start, end: self.end_of_unquoted(start, is_certain), is_quoted: false, is_certain })
    }

    /// The value in `append('client_secret', '…')`, `clientSecret("…")`, `"name":"client_secret","value":"…"`.
    fn value_of_argument(&mut self, after_name: usize) -> Option<Value> {
        let comma_end = self.after_any(after_name, &[b",", b"("])?;
        let (word, quote) = self.after_quote(self.after_spaces(comma_end))?;
        if let Some(behind) = self.after_any(word, &[b"value"]) {
            let colon = self.after_any(self.after_spaces(self.after_closing_quotes(behind)), &COLONS)?;
            return self.value_behind(colon, Separator::Colon);
        }
        Some(Value { start: word, end: self.end_of_quoted(word, quote), is_quoted: true, is_certain: false })
    }

    /// Returns the value unless it is a placeholder, code, or a word for no value.
    fn secret(&mut self, value: &Value, kind: CredentialKind) -> Option<Found> {
        let &Value { start, end, is_quoted, is_certain } = value;
        // In a list of names, this is the next name.
        let is_name = self.secret_name(start).is_some_and(|(_, name_end)| name_end == end);
        if start >= end || is_name || self.is_public(start) {
            return None;
        }
        if let Some(found) = self.by_shape(start, end) {
            return Some(found);
        }
        // Long values may overlap. This check uses remembered searches, so that the time stays linear.
        if self.has(Class::WhiteSpace, start, end) {
            return None;
        }
        let text = &self.bytes[start..end];
        let is_something = text.iter().filter(|byte| byte.is_ascii_alphanumeric()).nth(VALUE_CHARACTERS - 1).is_some()
            && !NOTHINGS.iter().any(|nothing| text.eq_ignore_ascii_case(nothing));
        let is_secret = is_something
            && !is_placeholder(text)
            && (is_quoted || !is_code(text))
            && (is_certain || self.is_random_between(start, end, DOUBTFUL_CHARACTERS, DOUBTFUL_LETTERS));
        is_secret.then_some(Found { start, end, kind })
    }

    /// The end of an unquoted value: white space, a bracket, a separator or a non-ASCII character. In possible prose, a
    /// colon too.
    fn end_of_unquoted(&mut self, from: usize, is_certain: bool) -> usize {
        let ahead = self.value_ends[usize::from(is_certain)].reaching(from, || {
            let ends = |byte: u8| {
                let is_separator = b"\"'`&,;)]{}<>|\\%".contains(&byte) || byte == b':' && !is_certain;
                byte.is_ascii_whitespace() || !byte.is_ascii() || is_separator
            };
            let mut end = self.end_of(from, |byte| !ends(byte));
            while self.bytes.get(end) == Some(&b'%') && self.after_any(end, &ESCAPED_ENDS).is_none() {
                end = self.end_of(end + 1, |byte| !ends(byte));
            }
            (end, self.without_trailing(from, end, b".!?*_:"))
        });
        self.value_ends[usize::from(is_certain)] = ahead;
        ahead.trimmed.max(from)
    }

    /// The offset after a quotation mark, unless the quoted text is the next name.
    fn after_quote_of_no_name(&mut self, at: usize) -> Option<(usize, Quote)> {
        let (start, quote) = self.after_quote(at)?;
        let end = self.end_of_quoted(start, quote);
        let is_name = match self.quoted_names[quote.0] {
            Some((known, is_name)) if known == end => is_name,
            _ => {
                let behind = self.after_any(end, &[quote.closing()]);
                behind.is_none_or(|behind| self.after_any(self.after_spaces(behind), &COLONS).is_some())
            }
        };
        self.quoted_names[quote.0] = Some((end, is_name));
        (!is_name).then_some((start, quote))
    }

    /// The offset after the marks that close a name: `"client_secret"`, `['client_secret']`, `**client_secret**`.
    fn after_closing_quotes(&self, mut at: usize) -> usize {
        let behind = |at| self.after_quote(at).map(|(behind, _)| behind).or_else(|| self.after_any(at, &[b"]", b"*"]));
        while let Some(behind) = behind(at) {
            at = behind;
        }
        at
    }
}

/// Whether this is a placeholder for a secret: `$SECRET`, `${secret}`, `<secret>`, `{{secret}}`, `[secret]`,
/// `%(secret)s`.
fn is_placeholder(text: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let is_of_a_variable = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        let is_of_a_word = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        name.iter().all(is_of_a_variable) || name.iter().all(is_of_a_word)
    };
    match text {
        [b'$', b'{' | b'(', ..]
        | [b'#' | b'@', b'{', ..]
        | [b'%', b'(', ..]
        | [b'<', .., b'>']
        | [b'{', .., b'}']
        | [b'[', .., b']']
        | [b'(', .., b')']
        | [b'%', .., b'%'] => true,
        [b'$', name @ ..] => is_name(name),
        _ => false,
    }
}

/// Whether this is code in place of a value: `process.env.SECRET`, `getenv(`, `os.environ[`.
fn is_code(text: &[u8]) -> bool {
    let is_expression = || text.iter().any(|byte| b".([".contains(byte)) && !text.iter().any(u8::is_ascii_digit);
    text.len() <= EXPRESSION_CHARACTERS && is_expression()
}
