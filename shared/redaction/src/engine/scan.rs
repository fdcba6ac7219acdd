//! The search: the needles' automaton walks the normal form once, and the rule of each needle looks at its place.
//!
//! The time is linear. A rule looks at a bounded number of bytes before it decides. What it then takes is not looked at
//! again by rules of the same sort, and searches whose result may be needed again are remembered.

use super::normal::{Normal, Quoting, may_be_quoted_printable};
use super::tables::{Alphabet, Check, Connector, Find, Looks, Name, Needle, Needles, Tables, Token};

/// The furthest that a value may be from its name, in bytes.
const CONNECTOR_BYTES: usize = 112;

/// How much of a token to look at first, in bytes. The longest one of a fixed length fits.
const TOKEN_AHEAD_BYTES: usize = 112;

/// A secret, from its first byte to just after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Index of the kind.
    pub(crate) kind: u8,
    pub(crate) evidence: Evidence,
}

/// What a kind was recognised by. Where secrets overlap, the kind with the best evidence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evidence {
    /// A shape that many kinds have.
    CommonShape,
    Name,
    OwnShape,
}

/// A name that makes a whole text a secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamesSecret {
    pub(crate) kind: u8,
    pub(crate) name: Name,
    /// Whether the name is an identifier and not a sentence.
    pub(crate) is_identifier: bool,
}

/// The secrets in a text, in order. They do not overlap.
pub(crate) fn find(text: &str, tables: &'static Tables) -> Vec<Found> {
    find_with(text, None, tables)
}

/// The secrets in a text that a name introduces.
pub(crate) fn find_in_value(text: &str, name: NamesSecret, tables: &'static Tables) -> Vec<Found> {
    find_with(text, Some(name), tables)
}

/// The rule of a name, such as the name of a field, that ends like the name of a secret.
pub(crate) fn names_secret(name: &str, tables: &'static Tables) -> Option<NamesSecret> {
    let mut normal = Normal::of(name, Quoting::Plain, tables);
    let is_identifier = !normal.bytes.contains(&b' ');
    normal.bytes.push(b'=');
    let normal = normal;
    let scan = Scan::of(&normal, tables);
    let automaton = &tables.names.automaton;
    let (mut state, mut last) = (automaton.start, None);
    for (end, &byte) in normal.bytes.iter().enumerate() {
        state = automaton.after(state, byte);
        for &pattern in automaton.matched(state) {
            let needle = tables.names.meanings[usize::from(pattern)];
            let rule = tables.rules[usize::from(needle.rule)];
            if let Find::Name(name) = rule.find
                && name.beside.is_empty()
                && !name.is_parameter
                && scan.is_named(end, needle)
                && scan.connector(end) == Some((normal.bytes.len(), Connector::Assignment))
            {
                last = Some(NamesSecret { kind: rule.kind, name, is_identifier });
                break;
            }
        }
    }
    last
}

fn find_with(text: &str, name: Option<NamesSecret>, tables: &'static Tables) -> Vec<Found> {
    let mut found = Vec::new();
    let quotings: &[_] =
        if may_be_quoted_printable(text) { &[Quoting::Plain, Quoting::QuotedPrintable] } else { &[Quoting::Plain] };
    for &quoting in quotings {
        let normal = Normal::of(text, quoting, tables);
        let mut scan = Scan::of(&normal, tables);
        scan.run();
        if let Some(name) = name {
            scan.value_of(name);
        }
        found.extend(scan.found.into_iter().map(|found| {
            let (start, end) = normal.source(found.start, found.end);
            Found { start, end, ..found }
        }));
    }
    without_overlaps(found)
}

/// Joins what overlaps.
fn without_overlaps(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| (found.start, found.end));
    let mut joined: Vec<Found> = Vec::with_capacity(found.len());
    for next in found {
        match joined.last_mut() {
            Some(last) if next.start < last.end => {
                last.end = last.end.max(next.end);
                if next.evidence > last.evidence {
                    (last.kind, last.evidence) = (next.kind, next.evidence);
                }
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// One search through the normal form of a text.
pub(super) struct Scan<'a> {
    pub(super) normal: &'a Normal,
    pub(super) bytes: &'a [u8],
    pub(super) tables: &'static Tables,
    pub(super) found: Vec<Found>,
    /// Ends of what was taken or rejected, one for each sort of rule.
    pub(super) tokens_end: usize,
    pub(super) values_end: usize,
    /// Where words of an alphabet end that were no token.
    pub(super) words_end: (usize, Alphabet),
    pub(super) schemes_end: usize,
    pub(super) columns_end: usize,
    pub(super) jwt_end: usize,
    pub(super) jwt_failures: u8,
    pub(super) digits_end: usize,
    pub(super) pem_end: usize,
    pub(super) putty_end: usize,
    pub(super) curl_end: usize,
    /// Where the first of some words stands, for each list of words that a rule needed.
    pub(super) first_words: Vec<(&'static [&'static str], Option<usize>)>,
}

impl<'a> Scan<'a> {
    pub(super) fn of(normal: &'a Normal, tables: &'static Tables) -> Self {
        Self {
            normal,
            bytes: &normal.bytes,
            tables,
            found: Vec::new(),
            tokens_end: 0,
            values_end: 0,
            words_end: (0, Alphabet(0)),
            schemes_end: 0,
            columns_end: 0,
            jwt_end: 0,
            jwt_failures: 0,
            digits_end: 0,
            pem_end: 0,
            putty_end: 0,
            curl_end: 0,
            first_words: Vec::new(),
        }
    }

    fn run(&mut self) {
        let tables = self.tables;
        self.visit(&tables.places);
        self.visit(&tables.names);
    }

    /// Looks at each place that a needle shows.
    fn visit(&mut self, needles: &'static Needles) {
        let automaton = &needles.automaton;
        let mut state = automaton.start;
        for at in 0..self.bytes.len() {
            state = automaton.after(state, self.bytes[at]);
            if state >= automaton.first_match {
                for &pattern in automaton.matched(state) {
                    self.look(at, needles.meanings[usize::from(pattern)]);
                }
            }
        }
        for &pattern in automaton.matched(automaton.at_end(state)) {
            self.look(self.bytes.len(), needles.meanings[usize::from(pattern)]);
        }
    }

    /// Applies the rule of a needle that ends at `end`.
    fn look(&mut self, end: usize, needle: Needle) {
        let rule = self.tables.rules[usize::from(needle.rule)];
        let end = end - usize::from(needle.overrun);
        let (found, evidence) = match rule.find {
            Find::Token(token) => (
                self.near(end, TOKEN_AHEAD_BYTES, |scan| scan.token(end, usize::from(needle.characters), token)),
                if token.yields { Evidence::CommonShape } else { Evidence::OwnShape },
            ),
            Find::Name(_) if !self.is_named(end, needle) => return,
            Find::Name(name) => {
                let is_header = matches!(name.looks, Looks::Cookie | Looks::SetCookie);
                (self.named(end, name), if is_header { Evidence::OwnShape } else { Evidence::Name })
            }
            Find::Shape(check) => {
                let found = match check {
                    Check::Jwt => self.jwt(end),
                    Check::Bearer => self.bearer(end),
                    Check::Basic => self.basic(end),
                    Check::UserInfo => self.user_info(end),
                    Check::Curl => self.curl(end),
                    Check::PasswordOption => self.password_option(end),
                    Check::Pem => self.pem(end),
                    Check::Putty => self.putty(end),
                    Check::Card => {
                        self.cards(end, rule.kind);
                        None
                    }
                };
                let is_by_scheme = matches!(check, Check::Bearer | Check::PasswordOption);
                (found, if is_by_scheme { Evidence::Name } else { Evidence::OwnShape })
            }
        };
        if let Some((start, end)) = found {
            self.found.push(Found { start, end, kind: rule.kind, evidence });
        }
        match rule.find {
            Find::Token(Token { names_aws_secret: true, .. }) if found.is_some() => self.aws_secret(end, rule.kind),
            Find::Name(Name { names_aws_secret: true, .. }) => self.aws_secret(end, rule.kind),
            _ => {}
        }
    }

    /// What stands between a name that ends at `end` and its value.
    pub(super) fn connector(&self, end: usize) -> Option<(usize, Connector)> {
        let limit = self.bytes.len().min(end + CONNECTOR_BYTES);
        let (end, pattern) = self.tables.connectors.longest(&self.bytes[..limit], end)?;
        Some((end, self.tables.connector_of[usize::from(pattern)]))
    }

    /// The offset after the bytes from `from` on that belong.
    pub(super) fn end_of(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[from..];
        from + rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len())
    }

    /// The start of the run of bytes before `to` that belong, at most `most` bytes.
    pub(super) fn start_of(&self, to: usize, most: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let before = &self.bytes[to.saturating_sub(most)..to];
        let start = before.iter().rposition(|&byte| !belongs(byte)).map_or(0, |last| last + 1);
        to - before.len() + start
    }

    /// Whether one of the words, in lower case, stands anywhere before `end`.
    pub(super) fn has_before(&mut self, words: &'static [&'static str], end: usize) -> bool {
        let known = self.first_words.iter().find(|(known, _)| std::ptr::eq(*known, words)).map(|(_, first)| *first);
        let first = known.unwrap_or_else(|| {
            let lower = self.normal.bytes.to_ascii_lowercase();
            let first = words.iter().filter_map(|word| memchr::memmem::find(&lower, word.as_bytes())).min();
            self.first_words.push((words, first));
            first
        });
        first.is_some_and(|first| first < end)
    }

    /// Looks only a little ahead of `from` at first, so that what is rejected costs little. What is taken may be longer.
    pub(super) fn near(
        &mut self,
        from: usize,
        bytes: usize,
        look: impl Fn(&mut Self) -> Option<(usize, usize)>,
    ) -> Option<(usize, usize)> {
        const MARGIN_BYTES: usize = 8;
        let whole = self.bytes;
        let limit = whole.len().min(from + bytes);
        let ends = (self.tokens_end, self.values_end);
        self.bytes = &whole[..limit];
        let found = look(self);
        self.bytes = whole;
        let (_, end) = found?;
        if end + MARGIN_BYTES < limit || limit == whole.len() {
            return found;
        }
        (self.tokens_end, self.values_end) = ends;
        look(self)
    }

    /// Whether a letter or digit stands directly before `at`. What the normal form leaves out separates.
    pub(super) fn is_in_word(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).filter(|&before| self.bytes[before].is_ascii_alphanumeric()) else {
            return false;
        };
        at < self.bytes.len()
            && self.normal.source(before, at).1 == self.normal.source(at, at + 1).0
            && !self.ends_with_colour(at)
    }

    pub(super) fn starts(&self, at: usize, text: &str) -> bool {
        self.bytes[at..].starts_with(text.as_bytes())
    }

    pub(super) fn is_public(&self, at: usize) -> bool {
        self.tables.public.iter().any(|public| self.starts(at, public))
    }
}
