//! Tokens: where one ends, and what one looks like.

use super::normal::{SOFT, is_line_break};
use super::scan::{Evidence, Scan};
use super::tables::{Alphabet, Find, Token};

pub(super) const DIGITS: Alphabet = Alphabet::of("0123456789");
pub(super) const BASE64: Alphabet = Alphabet::of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
pub(super) const BASE64_URL: Alphabet =
    Alphabet::of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
pub(super) const BASE64_URL_DOT: Alphabet = Alphabet(BASE64_URL.0 | 1 << b'.');
pub(super) const BASE64_ANY: Alphabet = Alphabet(BASE64.0 | BASE64_URL.0 | 1 << b'=');
pub(super) const BEARER: Alphabet = Alphabet(BASE64_ANY.0 | 1 << b'.' | 1 << b'~' | 1 << b'|');

/// A token within a word, or one whose pattern is in unusual case, is at least this long and random.
const DOUBTFUL_CHARACTERS: usize = 16;
/// How many bytes of words must lie ahead to know that a token is words too.
const WORDS_AHEAD: usize = 24;
/// How far a token may begin before its pattern, in bytes.
const RUN_BYTES: usize = 128;
/// The longest reference at the start of a sentence, in characters: `8FAB2C is my reference`.
const LONGEST_REFERENCE: usize = 10;
/// A line's first run is no longer a possible word from this length on, in bytes.
const WORD_BYTES: usize = 40;
/// A token of at least this length that is cut by the end of a line surely continues.
const LONG_CHARACTERS: u32 = 16;
/// The length of an AWS secret access key, and the furthest that it may be from its id or name, in characters.
const AWS_SECRET_CHARACTERS: usize = 40;
const AWS_SECRET_WITHIN: usize = 120;

/// The end of a token and how many of its characters follow the start.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) end: usize,
    pub(super) characters: u32,
}

impl Scan<'_> {
    /// The token whose pattern ends at `end` and has this many characters.
    pub(super) fn token(&mut self, pattern_end: usize, characters: usize, token: Token) -> Option<(usize, usize)> {
        let pattern_start = self.start_of_pattern(pattern_end, characters);
        if pattern_start < self.tokens_end {
            return None;
        }
        // Words stay words from a later one on. Close to their end, something else may follow.
        let (words_end, alphabet) = self.words_end;
        if token.is_random && alphabet == token.alphabet && pattern_end + WORDS_AHEAD < words_end {
            return None;
        }
        let belongs = |byte| token.alphabet.has(byte);
        let start =
            if token.starts_with_run { self.start_of(pattern_start, RUN_BYTES, belongs) } else { pattern_start };
        let is_in_word = self.is_in_word(start);
        if is_in_word && token.is_alone || self.bytes.get(pattern_end) == Some(&b'-') && !token.is_random {
            return None;
        }
        let extent = self.extent(pattern_end, token.alphabet, token.least, token.most);
        let end = self.without_trailing(pattern_end, extent.end, b".");
        let counted =
            if token.starts_with_run { extent.characters + self.count(start, pattern_end) } else { extent.characters };
        let is_whole = (token.least..=token.most).contains(&counted);
        let is_followed = token.least == token.most
            && self.bytes.get(end).is_some_and(|&byte| byte.is_ascii_alphanumeric() || token.alphabet.has(byte));
        if !is_whole || is_followed {
            return None;
        }
        let body = self.plain(if token.starts_with_run { start } else { pattern_end }, end);
        let is_lower = !self.bytes[pattern_start..pattern_end].iter().any(u8::is_ascii_uppercase);
        let in_doubt = token.is_doubtful && (is_in_word || !is_lower);
        let first_run = &body[..body.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(body.len())];
        let is_enough = match () {
            () if body.iter().all(|byte| matches!(byte, b'x' | b'X' | b'*' | b'.')) => false,
            () if in_doubt => first_run.len() >= DOUBTFUL_CHARACTERS && has_letter_and_digit(first_run),
            () if token.is_random => !is_words(&body) && !is_masked(&self.bytes[pattern_end..end]),
            () => body.iter().any(u8::is_ascii_alphanumeric),
        };
        if !is_enough {
            if token.is_random && is_words(&body) {
                self.words_end = (end, token.alphabet);
            }
            return None;
        }
        self.tokens_end = end;
        let lead =
            token.lead.iter().filter(|lead| self.bytes[..start].ends_with(lead.as_bytes())).map(|lead| lead.len());
        let start = start - lead.max().unwrap_or(0);
        Some((start, end))
    }

    /// An AWS secret access key within reach of `named`, the end of its id or name. Anywhere else it looks like a
    /// digest, and is kept.
    pub(super) fn aws_secret(&mut self, named: usize, kind: u8) {
        let limit = self.bytes.len().min(named + AWS_SECRET_WITHIN);
        let mut at = named;
        while at < limit {
            let start = (at..limit).find(|&at| BASE64.has(self.bytes[at]));
            let Some(start) = start else { return };
            let longest = self.bytes.len().min(start + AWS_SECRET_CHARACTERS + 2);
            let run = self.bytes[start..longest].iter().take_while(|&&byte| BASE64.has(byte)).count();
            let run_end = start + run;
            // A slash may separate it from its id.
            let start = if run_end - start == AWS_SECRET_CHARACTERS + 1 { start + 1 } else { start };
            let length = count_of(AWS_SECRET_CHARACTERS);
            if run > AWS_SECRET_CHARACTERS + 1 {
                at = start + self.bytes[start..limit].iter().take_while(|&&byte| BASE64.has(byte)).count();
                continue;
            }
            let extent = self.extent(start, BASE64, length, length);
            let body = self.plain(start, extent.end);
            if body.len() == AWS_SECRET_CHARACTERS
                && has_both_cases(&body)
                && body.iter().any(|byte| !byte.is_ascii_alphabetic())
            {
                self.found.push(super::Found { start, end: extent.end, kind, evidence: Evidence::OwnShape });
                return;
            }
            at = run_end + 1;
        }
    }

    /// The end of a token that continues at `from`. It goes on over the end of a line if the next line's first run can
    /// only be its rest.
    pub(super) fn extent(&self, from: usize, alphabet: Alphabet, least: u32, most: u32) -> Extent {
        let belongs = |byte| alphabet.has(byte);
        let mut end = self.end_of_run(from, alphabet);
        let mut characters = count_of(end - from);
        while let Some(&line_break) = self.bytes.get(end).filter(|&&byte| is_line_break(byte)) {
            let next = end + 1;
            let next_end = self.end_of_run(next, alphabet);
            let run = count_of(next_end - next);
            let is_cut = least >= LONG_CHARACTERS && characters < least && (least..=most).contains(&(characters + run));
            let is_full = characters >= most;
            let is_soft = line_break == SOFT;
            if run == 0 || is_full || !self.continues(next, next_end, belongs, is_soft, is_cut) {
                break;
            }
            (end, characters) = (next_end, characters + run);
        }
        Extent { end, characters }
    }

    /// Two dashes may be a dash of a sentence, and five may begin a private key.
    fn end_of_run(&self, from: usize, alphabet: Alphabet) -> usize {
        let end = self.end_of(from, |byte| alphabet.has(byte));
        let dashes = self.bytes[from..end].windows(3).position(|window| window == b"---");
        dashes.map_or(end, |dashes| from + dashes)
    }

    /// Whether the first run of a line is the rest of a token of the line before.
    pub(super) fn continues(
        &self,
        start: usize,
        end: usize,
        belongs: impl Fn(u8) -> bool,
        is_soft: bool,
        is_cut: bool,
    ) -> bool {
        let run = &self.bytes[start..end];
        let after = self.end_of(end, |byte| byte == b' ');
        let mark = run.iter().position(|byte| matches!(byte, b'=' | b':'));
        let is_name = matches!(self.bytes.get(after), Some(b':' | b'@'))
            || self.bytes.get(after) == Some(&b'=') && !belongs(b'=')
            || mark.is_some_and(|mark| run[mark..].iter().any(|byte| *byte != b'='));
        let is_option = run.starts_with(b"--") || run.len() == 2 && run[0] == b'-';
        if is_name || is_option || self.is_public(start) || is_uuid(run) || self.begins_token(start, end) {
            return false;
        }
        // What stands for characters that were left out is not the rest of a token.
        if is_masked(run) || has_stars(run) || run.windows(2).any(|dots| dots == b"..") {
            return false;
        }
        // The words of a sentence, and not the end of a line.
        let is_sentence = after > end && self.bytes.get(after).is_some_and(u8::is_ascii_lowercase) && is_words(run);
        let is_code = run.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let is_reference =
            is_code && run.len() <= LONGEST_REFERENCE && self.bytes.get(after).is_some_and(u8::is_ascii_lowercase);
        if !is_soft && !is_cut && (is_reference || is_public_number(run)) {
            return false;
        }
        is_soft || is_cut && !is_sentence || run.len() >= WORD_BYTES || !is_words(run)
    }

    /// Whether a run begins with the pattern of another token, or a marker.
    fn begins_token(&self, start: usize, end: usize) -> bool {
        const MARKERS: [&str; 4] = ["sk_", "rk_", "whsec_", "---"];
        const LONGEST_PATTERN: usize = 24;
        const SHORTEST_PATTERN: usize = 4;
        let places = &self.tables.places;
        let mut state = places.automaton.start;
        let is_token = |(length, pattern): (usize, &u16)| {
            let needle = places.meanings[usize::from(*pattern)];
            let is_token = matches!(self.tables.rules[usize::from(needle.rule)].find, Find::Token(_));
            is_token && length >= SHORTEST_PATTERN && usize::from(needle.characters) == length
        };
        MARKERS.iter().any(|marker| self.starts(start, marker))
            || self.bytes[start..end].iter().take(LONGEST_PATTERN).enumerate().any(|(length, &byte)| {
                state = places.automaton.after(state, byte);
                places.automaton.matched(state).iter().any(|pattern| is_token((length, pattern)))
            })
    }

    /// The characters of a range without line breaks.
    pub(super) fn plain(&self, start: usize, end: usize) -> Vec<u8> {
        self.bytes[start..end].iter().copied().filter(|&byte| !is_line_break(byte)).collect()
    }

    fn count(&self, start: usize, end: usize) -> u32 {
        count_of(self.bytes[start..end].iter().filter(|&&byte| !is_line_break(byte)).count())
    }

    pub(super) fn start_of_pattern(&self, end: usize, characters: usize) -> usize {
        let mut left = characters;
        let mut start = end;
        while left > 0 && start > 0 {
            start -= 1;
            left -= usize::from(!is_line_break(self.bytes[start]));
        }
        start
    }

    pub(super) fn without_trailing(&self, from: usize, end: usize, trailing: &[u8]) -> usize {
        let last = self.bytes[from..end].iter().rposition(|byte| !trailing.contains(byte));
        last.map_or(from, |last| from + last + 1)
    }

    /// Whether a colour code that lost its escape character ends at `at`: `[1;32m`.
    pub(super) fn ends_with_colour(&self, at: usize) -> bool {
        let Some(before) = self.bytes[..at].strip_suffix(b"m") else { return false };
        let numbers = self.start_of(before.len(), 12, |byte| byte.is_ascii_digit() || byte == b';');
        numbers < before.len() && self.bytes[..numbers].ends_with(b"[")
    }
}

pub(super) fn has_letter_and_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_alphabetic) && text.iter().any(u8::is_ascii_digit)
}

pub(super) fn has_both_cases(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase)
}

/// Whether a run looks random, unlike words: at least `characters` long with letters and digits, or `letters` long with
/// letters of both cases.
pub(super) fn is_random(text: &[u8], characters: usize, letters: usize) -> bool {
    text.len() >= characters && has_letter_and_digit(text) || text.len() >= letters && has_both_cases(text)
}

/// Whether each part of a run could be a word, a number or a short reference: `self-employed`, `2026-06-29`, `SW1A`,
/// `JavaScript`.
pub(super) fn is_words(run: &[u8]) -> bool {
    run.split(|byte| !byte.is_ascii_alphanumeric()).all(is_word)
}

fn is_word(part: &[u8]) -> bool {
    let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (letters, rest) = part.split_at(letters);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at(digits);
    match (letters.len(), digits.len(), rest.len()) {
        (_, 0, 0) => is_spelled_like_a_word(letters),
        // A number and its unit: `29T`, `24h`, `3rd`.
        (0, 1.., 0..=3) => rest.iter().all(u8::is_ascii_alphabetic) && digits.len() <= 4 || rest.is_empty(),
        // `Q3`, `sev2`, `covid19`, and references with few letters: `INV2041`.
        (_, 1..=2, 0) => is_spelled_like_a_word(letters) && !has_joined_words(letters),
        (count, 3..=6, 0) => {
            let is_year = digits.len() == 4 && (digits.starts_with(b"20") || digits.starts_with(b"19"));
            count <= 4 && letters.iter().all(u8::is_ascii_uppercase)
                || count >= 4 && is_year && is_spelled_like_a_word(letters)
        }
        // Postcodes: `SW1A`, `EC2V8AB`.
        (1..=2, 1..=2, 1) => rest[0].is_ascii_uppercase() && letters.iter().all(u8::is_ascii_uppercase),
        _ => false,
    }
}

/// Whether a capital follows a small letter, other than in `iPhone`.
fn has_joined_words(letters: &[u8]) -> bool {
    letters.windows(2).skip(1).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// Whether the cases and vowels of letters are those of a word, a name, an abbreviation or several joined words.
fn is_spelled_like_a_word(letters: &[u8]) -> bool {
    const MOST_JOINED: usize = 5;
    const MOST_CONSONANTS: usize = 6;
    const LONGEST: usize = 28;
    let has_small = letters.iter().any(u8::is_ascii_lowercase);
    let mut parts = 0;
    let mut rest = letters;
    while has_small && !rest.is_empty() {
        let capitals = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let small = rest[capitals..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let is_part = match (capitals, small) {
            (0 | 1, 2..) | (..=4, 0) => true,
            // `iPhone`, `OAuth`, `PDFs`
            (0, 1) => parts == 0 && (rest.len() == 1 || rest.len() >= 4),
            (1..=4, _) => parts == 0,
            _ => false,
        };
        if !is_part {
            return false;
        }
        parts += 1;
        rest = &rest[capitals + small..];
    }
    let is_vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let longest_without_vowel = letters.split(is_vowel).map(<[u8]>::len).max().unwrap_or(0);
    letters.len() <= LONGEST
        && parts <= MOST_JOINED
        && (longest_without_vowel <= MOST_CONSONANTS || !has_small && letters.len() <= 8)
}

pub(super) fn is_uuid(run: &[u8]) -> bool {
    let dashes = [8, 13, 18, 23];
    run.len() == 36
        && run.iter().enumerate().all(
            |(at, byte)| {
                if dashes.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
            },
        )
}

/// Whether characters stand for others: `sk-…xxxxxxxx`, `ghp_****`.
pub(super) fn is_masked(text: &[u8]) -> bool {
    const MASKED: usize = 6;
    let is_mask = |window: &[u8]| {
        matches!(window[0], b'x' | b'X' | b'*' | b'0' | b'.') && window.iter().all(|byte| *byte == window[0])
    };
    text.windows(MASKED).any(is_mask) || has_stars(text)
}

/// Whether this is a postcode, a National Insurance number or an IBAN.
fn is_public_number(run: &[u8]) -> bool {
    let shape: Vec<u8> = run
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' => b'A',
            b'0'..=b'9' => b'9',
            _ => b'?',
        })
        .collect();
    let is_iban = run.len() >= 15 && run.len() <= 34 && shape.starts_with(b"AA99") && !shape.contains(&b'?');
    let is_postcode = matches!(&shape[..], b"A99AA" | b"A999AA" | b"A9A9AA" | b"AA99AA" | b"AA999AA" | b"AA9A9AA");
    is_iban || is_postcode || shape == b"AA999999A"
}

/// Whether a program replaced characters by stars.
pub(super) fn has_stars(text: &[u8]) -> bool {
    const STARS: &[u8] = b"****";
    text.windows(STARS.len()).any(|window| window == STARS)
}

fn count_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
