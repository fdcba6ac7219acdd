//! Finds credentials in a text.
//!
//! The main loop visits each byte once. A look-ahead either finds a credential, which the loop skips, or is short, or
//! its result is remembered for later look-aheads of its kind. So the time is linear for any text, as
//! `cargo bench --package domain` shows. Each match starts and ends at an ASCII character, or at a whole quotation mark
//! or dash. So byte offsets are always character boundaries.

mod bearer;
mod jwt;
mod keys;
mod private_keys;
mod search;
mod shapes;
mod values;

use strum::VariantNames;

use crate::credential::CredentialKind;

/// Opening and closing quotation marks, in all notations. Each may have backslashes before it.
const QUOTES: [(&[u8], &[u8]); 9] = [
    (b"\"", b"\""),
    (b"'", b"'"),
    (b"`", b"`"),
    (b"&quot;", b"&quot;"),
    (b"&#34;", b"&#34;"),
    (b"%22", b"%22"),
    (b"u0022", b"u0022"),
    ("“".as_bytes(), "”".as_bytes()),
    ("‘".as_bytes(), "’".as_bytes()),
];

/// `+`, `/` and `=` escaped for URLs (RFC 3986 section 2.1), and as some JSON and HTML writers escape them without
/// need.
const ESCAPED_BASE64: [&[u8]; 13] = [
    b"%2B", b"%2b", b"%2F", b"%2f", b"%3D", b"%3d", b"\\u002B", b"\\u002b", b"\\u002F", b"\\u003D", b"\\u003d", b"\\/",
    b"&#43;",
];

/// The shortest text that may be a token cut off before its end, in characters.
const TORN_CHARACTERS: usize = 8;
/// The longest terminal colour code, in bytes.
const COLOUR_BYTES: usize = 12;

/// A credential, from its first byte to just after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: CredentialKind,
}

/// The index of a mark in [`QUOTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quote(usize);

/// A kind of character to look for in a value.
#[derive(Clone, Copy)]
enum Class {
    WhiteSpace,
    Digit,
    Lower,
    Upper,
}

/// The last result of one kind of search. A search that starts between `from` and `found` has the same result. So each
/// byte is searched once, wherever searches start.
#[derive(Clone, Copy, Default)]
struct Ahead {
    from: usize,
    found: Option<usize>,
    /// The end of the match without trailing punctuation.
    trimmed: usize,
}

/// A field whose name makes its value a secret.
#[derive(Clone, Copy)]
struct FieldOfSecret {
    kind: CredentialKind,
    /// Whether the field's name is an identifier that ends with the secret's name, and the value is one word. Then the
    /// value is almost certainly the secret.
    is_certain: bool,
}

/// Iterates over the credentials in a text, from left to right.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the last credential ended.
    last_end: usize,
    /// Set if the field's name makes the text a secret.
    field: Option<FieldOfSecret>,
    /// The end of the last AWS access key ID, or name of a secret access key. The secret may follow it.
    access_key_named_at: Option<usize>,
    /// No JSON web token starts before the first offset, and no bearer token before the second: a failed look-ahead got
    /// this far.
    no_jwt_before: usize,
    no_token_before: usize,
    /// The next end of a quoted text, for each mark. The next end of an unquoted value, in prose and in an assignment.
    quotation_ends: [Ahead; QUOTES.len()],
    value_ends: [Ahead; 2],
    /// For each mark, the last end of a quoted text, and whether that text is a name.
    quoted_names: [Option<(usize, bool)>; QUOTES.len()],
    /// The next character of each [`Class`].
    next_of_class: [Ahead; 4],
}

impl<'a> Scanner<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            last_end: 0,
            field: None,
            access_key_named_at: None,
            no_jwt_before: 0,
            no_token_before: 0,
            quotation_ends: [Ahead::default(); QUOTES.len()],
            value_ends: [Ahead::default(); 2],
            quoted_names: [None; QUOTES.len()],
            next_of_class: [Ahead::default(); 4],
        }
    }

    /// Whether a known public prefix starts here. Such a text is kept even where a secret is expected.
    fn is_public(&self, at: usize) -> bool {
        self.after_any(at, &[b"pk_", b"req_"]).is_some()
    }

    /// The end of the mark of an earlier redaction. Its kind, such as `client_secret`, does not name a value.
    fn after_mark(&self, at: usize) -> Option<usize> {
        let kind = self.after_any(at, &[b"[REDACTED:"])?;
        let kind_end = CredentialKind::VARIANTS.iter().find_map(|word| self.after_any(kind, &[word.as_bytes()]))?;
        self.after_any(kind_end, &[b"]"])
    }

    /// Whether a credential may start here: the byte before it does not join it, or ends an escape.
    fn begins(&self, at: usize, joins: impl Fn(u8) -> bool) -> bool {
        let before = &self.bytes[..at];
        before.last().is_none_or(|&byte| !joins(byte)) || ends_with_escape(before)
    }

    fn end_of(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[from..];
        from + rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len())
    }

    /// Like `end_of`, but `+`, `/` and `=` may be escaped.
    fn end_of_encoded(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let mut end = self.end_of(from, &belongs);
        while let Some(behind) = self.after_any(end, &ESCAPED_BASE64) {
            end = self.end_of(behind, &belongs);
        }
        end
    }

    /// The end of a quoted text: before the closing mark, or at the end of the line.
    fn end_of_quoted(&mut self, from: usize, quote: Quote) -> usize {
        let ahead = self.quotation_ends[quote.0].reaching(from, || {
            let closes = |at: usize| self.after_any(at, &[quote.closing()]).is_some();
            let ends = |at: &usize| matches!(self.bytes[*at], b'\n' | b'\r') || closes(*at);
            let end = (from..self.bytes.len()).find(ends).unwrap_or(self.bytes.len());
            (end, self.without_trailing(from, end, b"\\"))
        });
        self.quotation_ends[quote.0] = ahead;
        ahead.trimmed.max(from)
    }

    /// Whether the range contains a character of this class.
    fn has(&mut self, class: Class, start: usize, end: usize) -> bool {
        let ahead = self.next_of_class[class as usize].reaching(start, || {
            let next = self.end_of(start, |byte| !class.contains(byte));
            (next, next)
        });
        self.next_of_class[class as usize] = ahead;
        ahead.trimmed < end
    }

    /// [`is_random`] for a range.
    fn is_random_between(&mut self, start: usize, end: usize, characters: usize, letters: usize) -> bool {
        let (lower, upper) = (self.has(Class::Lower, start, end), self.has(Class::Upper, start, end));
        let has_letter_and_digit = (lower || upper) && self.has(Class::Digit, start, end);
        end - start >= characters && has_letter_and_digit || end - start >= letters && lower && upper
    }

    fn without_trailing(&self, from: usize, end: usize, trailing: &[u8]) -> usize {
        let last = self.bytes[from..end].iter().rposition(|byte| !trailing.contains(byte));
        last.map_or(from, |last| from + last + 1)
    }

    fn after_any(&self, at: usize, texts: &[&[u8]]) -> Option<usize> {
        let rest = &self.bytes[at..];
        texts.iter().find(|text| rest.starts_with(text)).map(|text| at + text.len())
    }

    fn after_ignoring_case(&self, at: usize, text: &[u8]) -> Option<usize> {
        let end = at + text.len();
        self.bytes.get(at..end)?.eq_ignore_ascii_case(text).then_some(end)
    }

    fn after_spaces(&self, mut at: usize) -> usize {
        while let Some(behind) = self.after_any(at, &[b" ", b"\t", b"%20", "\u{a0}".as_bytes(), b"&nbsp;"]) {
            at = behind;
        }
        at
    }

    /// The offset after a quotation mark, and which mark it is.
    fn after_quote(&self, at: usize) -> Option<(usize, Quote)> {
        let from = self.end_of(at, |byte| byte == b'\\');
        let is_escape = |quote: &[u8]| quote != b"u0022" || from > at;
        QUOTES.into_iter().enumerate().find_map(|(place, (opening, _))| {
            let behind = self.after_any(from, &[opening]).filter(|_| is_escape(opening))?;
            Some((behind, Quote(place)))
        })
    }
}

impl Quote {
    fn closing(self) -> &'static [u8] {
        QUOTES[self.0].1
    }
}

impl Class {
    fn contains(self, byte: u8) -> bool {
        match self {
            Self::WhiteSpace => byte.is_ascii_whitespace(),
            Self::Digit => byte.is_ascii_digit(),
            Self::Lower => byte.is_ascii_lowercase(),
            Self::Upper => byte.is_ascii_uppercase(),
        }
    }
}

impl Ahead {
    /// Returns the remembered result if it holds for `from`, or runs `search`. `search` returns the end of the match,
    /// and the end without trailing punctuation.
    fn reaching(self, from: usize, search: impl FnOnce() -> (usize, usize)) -> Self {
        if self.found.is_some_and(|found| (self.from..=found).contains(&from)) {
            return self;
        }
        let (found, trimmed) = search();
        Self { from, found: Some(found), trimmed }
    }
}

/// Whether the text ends with an escape that looks like letters: `\n` or `\u0022` in JSON, `%3D` in a URL, `=3D` in
/// quoted-printable email, `[32m` on a terminal.
fn ends_with_escape(before: &[u8]) -> bool {
    // Two lower-case letters could start a word: `x=desk_live_chat`.
    let is_code = |code: &[u8]| code.iter().all(u8::is_ascii_hexdigit) && !code.iter().all(u8::is_ascii_lowercase);
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'%' | b'=', high, low] | [.., b'\\', b'x', high, low] if is_code(&[*high, *low]) => true,
        [.., b'\\', b'u', a, b, c, d] if is_code(&[*a, *b, *c, *d]) => true,
        [code @ .., b'm'] => ends_with_colour(&code[code.len().saturating_sub(COLOUR_BYTES)..]),
        _ => false,
    }
}

/// Whether this ends with `[` and the numbers of a colour code (ECMA-48, select graphic rendition), without its final
/// letter.
fn ends_with_colour(code: &[u8]) -> bool {
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
    code.iter().rposition(|byte| !is_number(byte)).is_some_and(|before| code[before] == b'[')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

fn is_base64_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_any_base64(byte: u8) -> bool {
    is_base64(byte) || is_base64_url(byte) || byte == b'='
}

/// Whether a run of non-space characters could be the start of a token whose recognisable end was cut off.
pub(super) fn could_be_torn(run: &str) -> bool {
    let run = run.as_bytes();
    run.len() >= TORN_CHARACTERS && run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_digit)
}

/// Whether this looks random, unlike a word: at least `characters` long with letters and digits, or `letters` long with
/// letters of both cases.
fn is_random(text: &[u8], characters: usize, letters: usize) -> bool {
    text.len() >= characters && has_letter_and_digit(text) || text.len() >= letters && has_both_cases(text)
}

fn has_letter_and_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_alphabetic) && text.iter().any(u8::is_ascii_digit)
}

fn has_both_cases(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
