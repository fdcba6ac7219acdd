//! The normal form of a text: the plain text behind escapes, invisible characters, typographic marks and line prefixes,
//! with a map back to the original bytes.
//!
//! All patterns are written for the normal form. It holds one byte for each ASCII character, and [`LETTER`] or
//! [`OTHER`] for any other. White space at the ends of lines, blank lines and line prefixes such as `> ` are left out.

use super::tables::{Meaning, Tables};

/// Any other letter, which can be part of a password.
pub(super) const LETTER: u8 = 0x80;
/// Any other character.
pub(super) const OTHER: u8 = 0x81;
/// A line break that surely continues the text before it: after a backslash, or in quoted-printable.
pub(super) const SOFT: u8 = 0x0B;

/// Whether a line of the normal form ends with this byte.
pub(super) fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | SOFT)
}

const ESCAPE: u8 = 0x1B;
/// Escapes can be escaped: `%255F`, `&amp;quot;`, `\\u0022`. Each round undoes one level.
const MOST_ROUNDS: usize = 4;
/// The longest tag or entity to recognise, in bytes.
const TAG_BYTES: usize = 64;

/// A text in its normal form.
#[derive(Debug)]
pub(super) struct Normal {
    pub(super) bytes: Vec<u8>,
    /// One map for each round, the first round first.
    maps: Vec<Map>,
}

/// The offsets of the copied parts, in order.
#[derive(Debug, Default)]
struct Map(Vec<Part>);

/// A part of the output and where it came from.
#[derive(Clone, Copy, Debug)]
struct Part {
    to: u32,
    from: u32,
    from_end: u32,
    origin: Origin,
}

/// How a part of the output came from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Byte by byte.
    Copy,
    /// All of it from all of the source.
    Fold,
    /// From an escape.
    Escape,
}

/// Whether quoted-printable escapes (`=3D`, and `=` at the end of a line) are undone. They are ambiguous: a value may
/// follow the `=` of an assignment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Plain,
    QuotedPrintable,
}

/// What one step reads.
enum Step {
    /// One character, from an escape or not.
    Character {
        character: char,
        bytes: usize,
        is_escape: bool,
    },
    LineBreak {
        bytes: usize,
        byte: u8,
    },
    Nothing {
        bytes: usize,
    },
}

impl Normal {
    pub(super) fn of(text: &str, quoting: Quoting, tables: &Tables) -> Self {
        let (mut bytes, map, mut has_escapes) = Round::of(text.as_bytes(), quoting, tables);
        let mut maps = vec![map];
        while has_escapes && maps.len() < MOST_ROUNDS {
            let map;
            (bytes, map, has_escapes) = Round::of(&bytes, quoting, tables);
            maps.push(map);
        }
        Self { bytes, maps }
    }

    /// Whether the byte was escaped in the original text.
    pub(super) fn is_escaped(&self, at: usize) -> bool {
        let mut at = at;
        self.maps.iter().rev().any(|map| {
            let part = map.part(at);
            at = map.start(at);
            part.origin == Origin::Escape
        })
    }

    /// The bytes of the original text behind a range of the normal form that is not empty.
    pub(super) fn source(&self, start: usize, end: usize) -> (usize, usize) {
        let back = |(start, end): (usize, usize), map: &Map| (map.start(start), map.end(end - 1));
        self.maps.iter().rev().fold((start, end), back)
    }
}

/// Whether the text may be quoted-printable: it has a soft line break, or an escape that is no number.
pub(super) fn may_be_quoted_printable(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'=', bytes).any(|at| {
        matches!(
            &bytes[at + 1..],
            [b'\n', ..]
                | [b'\r', b'\n', ..]
                | [b'2'..=b'7', b'A'..=b'F', ..]
                | [b'C'..=b'F', b'0'..=b'9' | b'A'..=b'F', b'=', ..]
        )
    })
}

impl Map {
    fn part(&self, at: usize) -> Part {
        let index = self.0.partition_point(|part| part.to as usize <= at);
        self.0[index - 1]
    }

    fn start(&self, at: usize) -> usize {
        let part = self.part(at);
        if part.origin == Origin::Copy { part.from as usize + at - part.to as usize } else { part.from as usize }
    }

    /// The end of the source of the byte at `at`.
    fn end(&self, at: usize) -> usize {
        let part = self.part(at);
        if part.origin == Origin::Copy {
            part.from as usize + at - part.to as usize + 1
        } else {
            part.from_end as usize
        }
    }
}

/// One pass over a text.
struct Round<'a> {
    source: &'a [u8],
    quoting: Quoting,
    tables: &'a Tables,
    bytes: Vec<u8>,
    map: Map,
    has_escapes: bool,
    /// Of the character that is read.
    origin: Origin,
}

/// The bytes that are copied as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'\\' | b'%' | b'&' | b'=' | b'<');
        byte += 1;
    }
    plain[LETTER as usize] = true;
    plain[OTHER as usize] = true;
    plain
};

impl<'a> Round<'a> {
    /// The output, its map, and whether there were escapes.
    fn of(source: &'a [u8], quoting: Quoting, tables: &'a Tables) -> (Vec<u8>, Map, bool) {
        let mut round = Self {
            source,
            quoting,
            tables,
            bytes: Vec::with_capacity(source.len()),
            map: Map::default(),
            has_escapes: false,
            origin: Origin::Fold,
        };
        let mut at = round.after_prefix(0);
        while at < source.len() {
            let plain = source[at..].iter().position(|&byte| !PLAIN[usize::from(byte)]).unwrap_or(source.len() - at);
            round.copy(at, plain);
            at += plain;
            if at < source.len() {
                at = round.step(at);
            }
        }
        (round.bytes, round.map, round.has_escapes)
    }

    fn copy(&mut self, at: usize, count: usize) {
        if count > 0 {
            self.part(at, at + count, Origin::Copy);
            self.bytes.extend_from_slice(&self.source[at..at + count]);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a text is far shorter than 4 GiB")]
    fn part(&mut self, from: usize, from_end: usize, origin: Origin) {
        let part = Part { to: self.bytes.len() as u32, from: from as u32, from_end: from_end as u32, origin };
        self.map.0.push(part);
    }

    /// Reads what is not plain, and returns the offset after it.
    fn step(&mut self, at: usize) -> usize {
        match self.read(at) {
            Step::Nothing { bytes } => {
                self.leave_out(at, at + bytes);
                at + bytes
            }
            Step::LineBreak { bytes, byte } => {
                let after = self.after_prefix(at + bytes);
                self.break_line(at, after, byte);
                after
            }
            Step::Character { character, bytes, is_escape } => {
                self.has_escapes |= is_escape;
                self.origin = if is_escape { Origin::Escape } else { Origin::Fold };
                self.push(character, at, at + bytes);
                self.origin = Origin::Fold;
                at + bytes
            }
        }
    }

    fn read(&self, at: usize) -> Step {
        let rest = &self.source[at..];
        match rest[0] {
            b'\r' if rest.get(1) == Some(&b'\n') => Step::LineBreak { bytes: 2, byte: b'\n' },
            b'\n' | b'\r' | 0x0C => Step::LineBreak { bytes: 1, byte: b'\n' },
            SOFT => Step::LineBreak { bytes: 1, byte: SOFT },
            b'\t' => Step::Character { character: ' ', bytes: 1, is_escape: false },
            ESCAPE => match end_of_colour(rest) {
                // Colours change between words, not within them.
                Some(bytes) => Step::Character { character: ' ', bytes, is_escape: false },
                None => Step::Character { character: '\u{1b}', bytes: 1, is_escape: false },
            },
            b'\\' => backslash(rest),
            b'%' => percent(rest, b'%').unwrap_or(Step::Character { character: '%', bytes: 1, is_escape: false }),
            b'=' if self.quoting == Quoting::QuotedPrintable => quoted_printable(rest),
            b'&' => entity(rest),
            b'<' => tag(rest),
            byte if byte.is_ascii_control() => Step::Nothing { bytes: 1 },
            byte if byte < 0x80 => Step::Character { character: byte.into(), bytes: 1, is_escape: false },
            _ => {
                let (character, bytes) = first_character(rest);
                Step::Character { character, bytes, is_escape: false }
            }
        }
    }

    fn push(&mut self, character: char, from: usize, from_end: usize) {
        if character.is_ascii() {
            match character {
                '\n' | '\r' | '\u{b}' | '\u{c}' => self.break_line(from, from_end, b'\n'),
                '\t' => self.push_text(" ", from, from_end),
                '\u{1b}' | ' '..='~' => self.push_text(character.encode_utf8(&mut [0; 4]), from, from_end),
                _ => {}
            }
            return;
        }
        match meaning(character, self.tables) {
            Some(Meaning::Nothing) => self.leave_out(from, from_end),
            Some(Meaning::Text("\n")) => self.break_line(from, from_end, b'\n'),
            Some(Meaning::Text(text)) => self.push_text(text, from, from_end),
            Some(Meaning::Ascii(byte)) => self.push_byte(byte, from, from_end),
            Some(Meaning::Letter) => self.push_byte(LETTER, from, from_end),
            None => self.push_byte(OTHER, from, from_end),
        }
    }

    /// Leaves out what is invisible. After a backslash something stays, or the next character would seem to be escaped.
    fn leave_out(&mut self, from: usize, from_end: usize) {
        if self.bytes.last() == Some(&b'\\') {
            self.push_byte(OTHER, from, from_end);
        }
    }

    fn push_text(&mut self, text: &str, from: usize, from_end: usize) {
        self.part(from, from_end, self.origin);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn push_byte(&mut self, byte: u8, from: usize, from_end: usize) {
        self.part(from, from_end, self.origin);
        self.bytes.push(byte);
    }

    /// Ends the line without the white space before its end. Blank lines are left out.
    fn break_line(&mut self, from: usize, from_end: usize, byte: u8) {
        // After a space, nothing goes on.
        let byte = if self.bytes.last() == Some(&b' ') { b'\n' } else { byte };
        while self.bytes.last() == Some(&b' ') {
            self.bytes.pop();
        }
        while self.map.0.last().is_some_and(|part| part.to as usize >= self.bytes.len()) {
            self.map.0.pop();
        }
        if !self.bytes.last().is_some_and(|&last| is_line_break(last)) {
            self.push_byte(byte, from, from_end);
        }
    }

    /// The offset after a line's indentation and the prefixes of quoted mail.
    fn after_prefix(&self, at: usize) -> usize {
        let rest = &self.source[at..];
        let is_prefix = |byte: &u8| matches!(byte, b' ' | b'\t' | b'>');
        at + rest.iter().position(|byte| !is_prefix(byte)).unwrap_or(rest.len())
    }
}

fn meaning(character: char, tables: &Tables) -> Option<Meaning> {
    let code = u32::from(character);
    let index = tables.folds.partition_point(|fold| fold.from <= code).checked_sub(1)?;
    let fold = tables.folds[index];
    match fold.meaning {
        _ if code > fold.to => None,
        Meaning::Ascii(first) => u8::try_from(code - fold.from).ok().map(|offset| Meaning::Ascii(first + offset)),
        other => Some(other),
    }
}

/// The first character of the bytes of a text.
fn first_character(rest: &[u8]) -> (char, usize) {
    let bytes = match rest[0] {
        0xF0.. => 4,
        0xE0.. => 3,
        _ => 2,
    };
    let text = rest.get(..bytes).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.and_then(|text| text.chars().next()).map_or(('\u{fffd}', 1), |character| (character, bytes))
}

/// `\n`, `\"`, `\u0022`, `\x22`, a Markdown escape such as `\_`, or a backslash at the end of a line. Any number of
/// backslashes.
fn backslash(rest: &[u8]) -> Step {
    let escaped = |character, bytes| Step::Character { character, bytes, is_escape: true };
    match rest {
        [_, b'\n' | b'\r', ..] => {
            Step::LineBreak { bytes: if rest[1..].starts_with(b"\r\n") { 3 } else { 2 }, byte: SOFT }
        }
        [_, b'n' | b'r', ..] => escaped('\n', 2),
        [_, b't', ..] => escaped(' ', 2),
        [_, b'u', b'{', digits @ ..] => {
            let count = digits.iter().take(6).take_while(|digit| digit.is_ascii_hexdigit()).count();
            let code = (digits.get(count) == Some(&b'}')).then(|| hex(&digits[..count])).flatten();
            code.map_or(escaped('\\', 1), |code| escaped(character(code), count + 4))
        }
        [_, b'u', a, b, c, d, ..] if hex(&[*a, *b, *c, *d]).is_some() => {
            escaped(character(hex(&[*a, *b, *c, *d]).unwrap_or_default()), 6)
        }
        [_, b'x', high, low, ..] if hex(&[*high, *low]).is_some() => {
            escaped(character(hex(&[*high, *low]).unwrap_or_default()), 4)
        }
        [_, next, ..] if next.is_ascii_punctuation() && *next != b'\\' => escaped((*next).into(), 2),
        [_, b'\\', ..] => escaped('\\', 2),
        _ => Step::Character { character: '\\', bytes: 1, is_escape: false },
    }
}

/// `%5F`, `%u005F` or several escapes that encode one character in UTF-8. `sign` is `%`, or `=` in quoted-printable.
fn percent(rest: &[u8], sign: u8) -> Option<Step> {
    if let [_, b'u', a, b, c, d, ..] = rest
        && sign == b'%'
    {
        let code = hex(&[*a, *b, *c, *d])?;
        return Some(Step::Character { character: character(code), bytes: 6, is_escape: true });
    }
    let byte_at = |index: usize| {
        let escape = rest.get(index * 3..index * 3 + 3).filter(|escape| escape[0] == sign)?;
        let is_hex = sign == b'%' || !escape[1..].iter().any(u8::is_ascii_lowercase);
        hex(&escape[1..]).filter(|_| is_hex).and_then(|code| u8::try_from(code).ok())
    };
    let first = byte_at(0)?;
    let count = match first {
        0..0x80 => 1,
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => return None,
    };
    let bytes: Vec<u8> = (0..count).map_while(byte_at).collect();
    let character = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some(Step::Character { character, bytes: count * 3, is_escape: true })
}

fn quoted_printable(rest: &[u8]) -> Step {
    match rest {
        [_, b'\n', ..] => Step::LineBreak { bytes: 2, byte: SOFT },
        [_, b'\r', b'\n', ..] => Step::LineBreak { bytes: 3, byte: SOFT },
        _ => percent(rest, b'=').unwrap_or(Step::Character { character: '=', bytes: 1, is_escape: false }),
    }
}

/// Entities of HTML, with the ASCII that they stand for.
const ENTITIES: [(&str, char); 45] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("NoBreak", '\u{2060}'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("period", '.'),
    ("equals", '='),
    ("colon", ':'),
    ("semi", ';'),
    ("comma", ','),
    ("sol", '/'),
    ("bsol", '\\'),
    ("plus", '+'),
    ("num", '#'),
    ("excl", '!'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("ast", '*'),
    ("commat", '@'),
    ("grave", '`'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ldquo", '"'),
    ("rdquo", '"'),
    ("lsquo", '\''),
    ("rsquo", '\''),
    ("laquo", '"'),
    ("raquo", '"'),
    ("bdquo", '"'),
    ("NewLine", '\n'),
    ("Tab", ' '),
];

/// `&quot;`, `&#34;`, `&#x22;`
fn entity(rest: &[u8]) -> Step {
    let name = &rest[1..rest.len().min(TAG_BYTES)];
    let end = name.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'#').unwrap_or(name.len());
    let is_closed = name.get(end) == Some(&b';');
    let name = &name[..end];
    let found = match name {
        [b'#', b'x' | b'X', digits @ ..] => hex(digits).map(character),
        [b'#', digits @ ..] => decimal(digits).map(character),
        name if is_closed => {
            ENTITIES.iter().find(|(entity, _)| entity.as_bytes() == name).map(|(_, character)| *character)
        }
        _ => None,
    };
    match found {
        Some(character) => Step::Character { character, bytes: 1 + end + usize::from(is_closed), is_escape: true },
        None => Step::Character { character: '&', bytes: 1, is_escape: false },
    }
}

/// Tags that only change how the text looks. They can stand inside a token.
const INLINE_TAGS: [&str; 22] = [
    "a", "b", "big", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "s", "samp", "small", "span", "strong",
    "sub", "sup", "tt", "u", "wbr", "q",
];
/// Tags that start or end a line.
const BLOCK_TAGS: [&str; 22] = [
    "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "table", "td",
    "th", "tr", "ul", "tbody",
];
/// Attributes that hold no text.
const STYLES: [&[u8]; 4] = [b"style=", b"class=", b"color=", b"dir="];

fn tag(rest: &[u8]) -> Step {
    let none = Step::Character { character: '<', bytes: 1, is_escape: false };
    let Some(end) = rest[..rest.len().min(TAG_BYTES)].iter().position(|byte| matches!(byte, b'>' | b'\n')) else {
        return none;
    };
    let inside = rest[1..end].strip_prefix(b"/").unwrap_or(&rest[1..end]);
    let inside = inside.strip_suffix(b"/").unwrap_or(inside).trim_ascii();
    let name_end = inside.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(inside.len());
    let attributes = inside[name_end..].trim_ascii_start();
    let is_styled = attributes.is_empty() || STYLES.iter().any(|style| attributes.starts_with(style));
    let is = |tags: &[&str]| tags.iter().any(|tag| inside[..name_end].eq_ignore_ascii_case(tag.as_bytes()));
    match () {
        () if rest[end] != b'>' || !is_styled => none,
        () if is(&INLINE_TAGS) => Step::Nothing { bytes: end + 1 },
        () if is(&BLOCK_TAGS) => Step::LineBreak { bytes: end + 1, byte: b'\n' },
        () => none,
    }
}

/// The length of a terminal's colour code (ECMA-48, select graphic rendition).
fn end_of_colour(rest: &[u8]) -> Option<usize> {
    let numbers = rest.strip_prefix(b"\x1b[")?;
    let end = numbers.iter().take(16).position(|byte| !byte.is_ascii_digit() && *byte != b';')?;
    numbers[end].is_ascii_alphabetic().then_some(end + 3)
}

fn hex(digits: &[u8]) -> Option<u32> {
    let is_number = (1..=6).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    is_number.then(|| std::str::from_utf8(digits).ok().and_then(|text| u32::from_str_radix(text, 16).ok())).flatten()
}

fn decimal(digits: &[u8]) -> Option<u32> {
    let is_number = (1..=7).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

fn character(code: u32) -> char {
    char::from_u32(code).unwrap_or('\u{fffd}')
}
