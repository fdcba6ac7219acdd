//! Where in a text credentials stand.
//!
//! Every byte is looked at once by the loop. A look ahead from it is taken as a credential, and skipped; or it is short; or it
//! stops where no later look ahead of its kind begins. So the time is linear, whatever somebody sends:
//! `cargo bench --package domain` shows it. All that is cut out begins and ends at ASCII, or at a whole quotation mark or
//! dash, so a place found in the bytes is a place between characters.

mod bearer;
mod jwt;
mod keys;
mod private_keys;
mod search;
mod shapes;
mod values;

use strum::VariantNames;

use crate::credential::CredentialKind;

/// What stands for a quotation mark, as it opens and as it closes; before each there may be backslashes.
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

/// What stands for `+`, `/` and `=` in URLs (RFC 3986 section 2.1) and in JSON and HTML that is escaped more than it need be.
const ESCAPED_BASE64: [&[u8]; 13] = [
    b"%2B", b"%2b", b"%2F", b"%2f", b"%3D", b"%3d", b"\\u002B", b"\\u002b", b"\\u002F", b"\\u003D", b"\\u003d", b"\\/",
    b"&#43;",
];

/// A token without the end that would give it away has at least so many characters.
const TORN_CHARACTERS: usize = 8;
/// How long the code of a colour on a terminal may be.
const COLOUR_BYTES: usize = 12;

/// A credential, from its first byte to behind its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: CredentialKind,
}

/// One of [`QUOTES`], by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quote(usize);

/// A kind of character that a value is asked for.
#[derive(Clone, Copy)]
enum Class {
    WhiteSpace,
    Digit,
    Lower,
    Upper,
}

/// What the last search of its kind found, which each search that begins before that would find too. So every byte is searched
/// once, however many searches begin in front of it.
#[derive(Clone, Copy, Default)]
struct Ahead {
    from: usize,
    found: Option<usize>,
    /// What was found without what may trail a value.
    trimmed: usize,
}

/// A field whose name makes its value a secret.
#[derive(Clone, Copy)]
struct FieldOfSecret {
    kind: CredentialKind,
    /// Whether the name is one of ours and the value one word: then it hardly is anything but the secret.
    is_certain: bool,
}

/// The credentials of a text, from left to right.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the last credential ended.
    last_end: usize,
    /// What the text is by the name of its field.
    field: Option<FieldOfSecret>,
    /// Where the last id of an AWS access key ended, or the last name of its secret: that secret may follow.
    access_key_named_at: Option<usize>,
    /// Before these places no JSON web token and no token after `Bearer` begins: a look ahead that was in vain has come so far.
    no_jwt_before: usize,
    no_token_before: usize,
    /// The next end of a quotation, for each of the marks; and of a value without marks, in prose and in an assignment.
    quotation_ends: [Ahead; QUOTES.len()],
    value_ends: [Ahead; 2],
    /// Of the last end of a quotation, for each of the marks: whether what was quoted is a name, by what stands behind it.
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

    /// Whether what begins here is known to be no secret, and stays even where one would stand.
    fn is_public(&self, at: usize) -> bool {
        self.after_any(at, &[b"pk_", b"req_"]).is_some()
    }

    /// Behind the mark of what was removed before, whose word for the kind is no name of a value.
    fn after_mark(&self, at: usize) -> Option<usize> {
        let kind = self.after_any(at, &[b"[REDACTED:"])?;
        let kind_end = CredentialKind::VARIANTS.iter().find_map(|word| self.after_any(kind, &[word.as_bytes()]))?;
        self.after_any(kind_end, &[b"]"])
    }

    /// Whether something may begin here: what stands before does not join it, or is the end of an escape.
    fn begins(&self, at: usize, joins: impl Fn(u8) -> bool) -> bool {
        let before = &self.bytes[..at];
        before.last().is_none_or(|&byte| !joins(byte)) || ends_with_escape(before)
    }

    fn end_of(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[from..];
        from + rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len())
    }

    /// The same where `+`, `/` and `=` may be escaped.
    fn end_of_encoded(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let mut end = self.end_of(from, &belongs);
        while let Some(behind) = self.after_any(end, &ESCAPED_BASE64) {
            end = self.end_of(behind, &belongs);
        }
        end
    }

    /// Before what closes a quotation, which ends with its line at the latest.
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

    /// Whether there is a character of this class between two places.
    fn has(&mut self, class: Class, start: usize, end: usize) -> bool {
        let ahead = self.next_of_class[class as usize].reaching(start, || {
            let next = self.end_of(start, |byte| !class.contains(byte));
            (next, next)
        });
        self.next_of_class[class as usize] = ahead;
        ahead.trimmed < end
    }

    /// The same as [`is_random`] of what is between two places.
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

    /// Behind a quotation mark, and which it is.
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
    /// The same if it answers a search that begins at `from`, or else what `search` finds, as it is and trimmed.
    fn reaching(self, from: usize, search: impl FnOnce() -> (usize, usize)) -> Self {
        if self.found.is_some_and(|found| (self.from..=found).contains(&from)) {
            return self;
        }
        let (found, trimmed) = search();
        Self { from, found: Some(found), trimmed }
    }
}

/// Whether an escape ends here, which looks like letters and is none: `\n` and `\u0022` of JSON, `%3D` of a URL, `=3D` of a
/// mail's quoted-printable, `[32m` of a terminal.
fn ends_with_escape(before: &[u8]) -> bool {
    // Two small letters would be the beginning of a word: `x=desk_live_chat`.
    let is_code = |code: &[u8]| code.iter().all(u8::is_ascii_hexdigit) && !code.iter().all(u8::is_ascii_lowercase);
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'%' | b'=', high, low] | [.., b'\\', b'x', high, low] if is_code(&[*high, *low]) => true,
        [.., b'\\', b'u', a, b, c, d] if is_code(&[*a, *b, *c, *d]) => true,
        [code @ .., b'm'] => ends_with_colour(&code[code.len().saturating_sub(COLOUR_BYTES)..]),
        _ => false,
    }
}

/// Whether this is `[` and the numbers of a colour (ECMA-48, select graphic rendition), but for its last letter.
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

/// Whether a run of characters without white space could be the beginning of a token, whose end was cut off with what would have
/// given it away.
pub(super) fn could_be_torn(run: &str) -> bool {
    let run = run.as_bytes();
    run.len() >= TORN_CHARACTERS && run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_digit)
}

/// Whether this is no word: so many characters with letters and digits, or, without digits, so many letters of both cases.
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
