//! Reads and compiles `rules.toml`.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use regex_syntax::hir::Hir;
use serde::Deserialize;
use toml::Spanned;

use crate::RULES;
use crate::automata::{compile as automaton, length, parse, torn};
use crate::engine::{
    Alphabet, Check, Connector, Find, Looks, Name, Needle, Needles, Rule, Tables, Token, find, find_in_value,
    names_secret,
};
use crate::folds::folds;

/// The rules and the kinds, compiled.
pub(crate) struct Compiled {
    pub(crate) tables: &'static Tables,
    pub(crate) kinds: Vec<KindEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Vec<KindEntry>,
    public: Public,
    after_name: String,
    connector: Vec<ConnectorEntry>,
    token: Vec<Spanned<TokenEntry>>,
    name: Vec<Spanned<NameEntry>>,
    shape: Vec<Spanned<ShapeEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindEntry {
    pub(crate) name: String,
    pub(crate) in_words: String,
    pub(crate) what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Public {
    prefixes: Vec<String>,
    words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectorEntry {
    is: String,
    #[serde(default)]
    bare: bool,
    patterns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the rules")]
struct TokenEntry {
    kind: String,
    #[serde(rename = "issuer")]
    _issuer: String,
    patterns: Vec<String>,
    alphabet: String,
    length: Vec<u32>,
    #[serde(default)]
    exact: bool,
    start: Option<String>,
    #[serde(default)]
    lead: Vec<String>,
    #[serde(default)]
    random: bool,
    #[serde(default)]
    doubtful: bool,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    yields: bool,
    #[serde(default)]
    names_secret: bool,
    matches: Vec<String>,
    misses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the rules")]
struct NameEntry {
    kind: String,
    names: Vec<String>,
    value: String,
    #[serde(default)]
    length: Vec<u32>,
    #[serde(default)]
    word: bool,
    #[serde(default)]
    assigned: bool,
    #[serde(default)]
    parameter: bool,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    beside: Vec<String>,
    #[serde(default)]
    names_secret: bool,
    /// Names of fields, and values that they make secrets.
    #[serde(default)]
    fields: Vec<(String, String)>,
    matches: Vec<String>,
    misses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeEntry {
    kind: String,
    patterns: Vec<String>,
    check: String,
    matches: Vec<String>,
    misses: Vec<String>,
}

/// A rule's examples, for the check when all rules are compiled.
struct Examples {
    line: usize,
    kind: u8,
    fields: Vec<(String, String)>,
    matches: Vec<String>,
    misses: Vec<String>,
}

pub(crate) fn compile(text: &str) -> Result<Compiled, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        format!("{RULES}:{line}: {}", error.message())
    })?;
    let kinds: Vec<&str> = file.kind.iter().map(|kind| kind.name.as_str()).collect();
    let mut building = Building::default();
    let kind_of = |name: &str| {
        let index = kinds.iter().position(|kind| *kind == name).ok_or_else(|| format!("no kind is called {name}"))?;
        u8::try_from(index).map_err(|error| error.to_string())
    };
    for entry in file.token {
        let line = line_of(text, entry.span().start);
        building.token(line, entry.into_inner(), kind_of).map_err(|error| format!("{RULES}:{line}: {error}"))?;
    }
    for entry in file.name {
        let line = line_of(text, entry.span().start);
        building.name(line, entry.into_inner(), kind_of).map_err(|error| format!("{RULES}:{line}: {error}"))?;
    }
    for entry in file.shape {
        let line = line_of(text, entry.span().start);
        building.shape(line, entry.into_inner(), kind_of).map_err(|error| format!("{RULES}:{line}: {error}"))?;
    }
    let (mut connector_patterns, mut connector_of) = (Vec::new(), Vec::new());
    for entry in &file.connector {
        for pattern in &entry.patterns {
            let after_name = if entry.bare { "" } else { &file.after_name };
            let whole = format!("(?i){after_name}(?:{pattern})");
            connector_patterns.push(parse(&whole).map_err(|error| format!("{RULES}: {pattern}: {error}"))?);
            connector_of.push(connector(&entry.is)?);
        }
    }
    let words: BTreeSet<&str> = file.public.words.iter().map(String::as_str).collect();
    let tables = Tables {
        places: building.places.compiled("the tokens and shapes")?,
        names: building.names.compiled("the names")?,
        rules: building.rules.leak(),
        connectors: automaton(&connector_patterns, true)
            .map_err(|error| format!("{RULES}: the connectors: {error}"))?,
        connector_of: connector_of.leak(),
        words: leaked(words.into_iter()),
        public: leaked(file.public.prefixes.iter().map(String::as_str)),
        folds: folds().leak(),
    };
    let tables: &'static Tables = Box::leak(Box::new(tables));
    let wrong: Vec<String> = building.examples.iter().flat_map(|examples| examples.check(tables)).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    Ok(Compiled { tables, kinds: file.kind })
}

/// The rules compiled so far.
#[derive(Default)]
struct Building {
    places: Patterns,
    names: Patterns,
    rules: Vec<Rule>,
    examples: Vec<Examples>,
}

#[derive(Default)]
struct Patterns {
    patterns: Vec<Hir>,
    needles: Vec<Needle>,
}

impl Patterns {
    fn add(&mut self, pattern: Hir, rule: u16, characters: usize) -> Result<(), String> {
        let characters = u8::try_from(characters).map_err(|_| "the pattern is too long")?;
        self.patterns.push(pattern);
        self.needles.push(Needle { rule, characters, overrun: 0 });
        Ok(())
    }

    /// Longer patterns come first where several end at the same place.
    fn compiled(mut self, what: &str) -> Result<Needles, String> {
        let mut order: Vec<usize> = (0..self.needles.len()).collect();
        order.sort_by_key(|index| Reverse(self.needles[*index].characters));
        self.needles = order.iter().map(|index| self.needles[*index]).collect();
        self.patterns = order.iter().map(|index| self.patterns[*index].clone()).collect();
        let automaton = automaton(&self.patterns, false).map_err(|error| format!("{RULES}: {what}: {error}"))?;
        Ok(Needles { automaton, meanings: self.needles.leak() })
    }
}

impl Building {
    fn token(
        &mut self,
        line: usize,
        entry: TokenEntry,
        kind_of: impl Fn(&str) -> Result<u8, String>,
    ) -> Result<(), String> {
        let rule = self.next_rule()?;
        for pattern in &entry.patterns {
            let pattern = parse(pattern)?;
            let characters = length(&pattern).ok_or("the matches of a pattern must have one length")?;
            self.places.add(torn(&pattern), rule, characters)?;
        }
        let least = *entry.length.first().ok_or("a length is missing")?;
        let most = if entry.exact { least } else { entry.length.get(1).copied().unwrap_or(u32::MAX) };
        let token = Token {
            alphabet: alphabet(&entry.alphabet)?,
            least,
            most,
            starts_with_run: match entry.start.as_deref() {
                None => false,
                Some("run") => true,
                Some(other) => return Err(format!("a token cannot start with {other}")),
            },
            is_random: entry.random,
            is_doubtful: entry.doubtful,
            is_alone: entry.alone,
            yields: entry.yields,
            names_aws_secret: entry.names_secret,
            lead: leaked(entry.lead.iter().map(String::as_str)),
        };
        self.rule(line, kind_of(&entry.kind)?, Find::Token(token), entry.matches, entry.misses);
        Ok(())
    }

    fn name(
        &mut self,
        line: usize,
        entry: NameEntry,
        kind_of: impl Fn(&str) -> Result<u8, String>,
    ) -> Result<(), String> {
        let rule = self.next_rule()?;
        for name in &entry.names {
            let letters = name.chars().filter(|character| *character != ' ').count();
            self.names.add(parse(&pattern_of_name(name))?, rule, letters)?;
            if letters <= SHORT_NAME
                && let Some(needle) = self.names.needles.last_mut()
            {
                needle.overrun = 1;
            }
        }
        let name = Name {
            looks: looks(&entry.value)?,
            least: entry.length.first().copied().unwrap_or(0),
            most: entry.length.get(1).copied().unwrap_or(u32::MAX),
            is_word: entry.word,
            is_assigned: entry.assigned,
            is_parameter: entry.parameter,
            is_strict: entry.strict,
            beside: leaked(entry.beside.iter().map(String::as_str)),
            names_aws_secret: entry.names_secret,
        };
        self.rule(line, kind_of(&entry.kind)?, Find::Name(name), entry.matches, entry.misses);
        if let Some(examples) = self.examples.last_mut() {
            examples.fields = entry.fields;
        }
        Ok(())
    }

    fn shape(
        &mut self,
        line: usize,
        entry: ShapeEntry,
        kind_of: impl Fn(&str) -> Result<u8, String>,
    ) -> Result<(), String> {
        let rule = self.next_rule()?;
        for pattern in &entry.patterns {
            self.places.add(torn(&parse(pattern)?), rule, 0)?;
        }
        let check = check(&entry.check)?;
        self.rule(line, kind_of(&entry.kind)?, Find::Shape(check), entry.matches, entry.misses);
        Ok(())
    }

    fn next_rule(&self) -> Result<u16, String> {
        u16::try_from(self.rules.len()).map_err(|error| error.to_string())
    }

    fn rule(&mut self, line: usize, kind: u8, find: Find, matches: Vec<String>, misses: Vec<String>) {
        self.rules.push(Rule { kind, find });
        self.examples.push(Examples { line, kind, fields: Vec::new(), matches, misses });
    }
}

impl Examples {
    /// What is wrong with them.
    fn check(&self, tables: &'static Tables) -> Vec<String> {
        let kinds = |text: &str| find(text, tables).iter().map(|found| found.kind).collect::<Vec<_>>();
        let in_file = |problem: String| format!("{RULES}:{}: {problem}", self.line);
        let missed = self.matches.iter().filter(|text| !kinds(text).contains(&self.kind));
        let matched = self.misses.iter().filter(|text| kinds(text).contains(&self.kind));
        let missed = missed.map(|text| in_file(format!("the rule does not match its example {text:?}")));
        let unnamed = self.fields.iter().filter(|(name, value)| {
            let found = names_secret(name, tables).map(|name| find_in_value(value, name, tables));
            !found.is_some_and(|found| found.iter().any(|found| found.kind == self.kind))
        });
        let unnamed =
            unnamed.map(|(name, _)| in_file(format!("a field called {name:?} does not make its value a secret")));
        missed.chain(unnamed).chain(matched.map(|text| in_file(format!("the rule matches {text:?}")))).collect()
    }
}

/// The longest name that is only looked for as a word of its own, in letters.
const SHORT_NAME: usize = 2;

/// A name as people write it: any case, and its words joined by a separator or nothing.
fn pattern_of_name(name: &str) -> String {
    let letter = |character: char| match character {
        ' ' => "[_. -]?".to_owned(),
        'a'..='z' | '0'..='9' | '"' => character.to_string(),
        character if character.is_ascii() => format!("\\{character}"),
        _ => r"\x80".to_owned(),
    };
    let letters: String = name.chars().map(letter).collect();
    // Prose is full of single letters.
    if name.len() <= SHORT_NAME { format!("[^A-Za-z](?i:{letters})[^A-Za-z]") } else { format!("(?i:{letters})") }
}

fn alphabet(name: &str) -> Result<Alphabet, String> {
    const DIGITS: &str = "0123456789";
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let parts: &[&str] = match name {
        "lower hex" => &[DIGITS, "abcdef"],
        "upper base36" => &[DIGITS, UPPER],
        "base62" => &[DIGITS, LOWER, UPPER],
        "underscored" => &[DIGITS, LOWER, UPPER, "_"],
        "key" | "base64url" => &[DIGITS, LOWER, UPPER, "_-"],
        "base64url." => &[DIGITS, LOWER, UPPER, "_-."],
        "base64url:" => &[DIGITS, LOWER, UPPER, "_-:"],
        "base64 any" => &[DIGITS, LOWER, UPPER, "_-+/="],
        "path" => &[DIGITS, LOWER, UPPER, "_-/"],
        "entra" => &[DIGITS, LOWER, UPPER, "_-.~"],
        other => return Err(format!("no alphabet is called {other}")),
    };
    Ok(Alphabet::of(&parts.concat()))
}

fn looks(name: &str) -> Result<Looks, String> {
    match name {
        "token" => Ok(Looks::Token),
        "password" => Ok(Looks::Password),
        "digits" => Ok(Looks::Digits),
        "card" => Ok(Looks::Card),
        "header" => Ok(Looks::Header),
        "cookie" => Ok(Looks::Cookie),
        "set_cookie" => Ok(Looks::SetCookie),
        other => Err(format!("no value is called {other}")),
    }
}

fn check(name: &str) -> Result<Check, String> {
    match name {
        "jwt" => Ok(Check::Jwt),
        "bearer" => Ok(Check::Bearer),
        "basic" => Ok(Check::Basic),
        "user_info" => Ok(Check::UserInfo),
        "curl" => Ok(Check::Curl),
        "password_option" => Ok(Check::PasswordOption),
        "pem" => Ok(Check::Pem),
        "putty" => Ok(Check::Putty),
        "card" => Ok(Check::Card),
        other => Err(format!("no check is called {other}")),
    }
}

fn connector(name: &str) -> Result<Connector, String> {
    match name {
        "assignment" => Ok(Connector::Assignment),
        "colon" => Ok(Connector::Colon),
        "argument" => Ok(Connector::Argument),
        "element" => Ok(Connector::Element),
        "prose" => Ok(Connector::Prose),
        "heading" => Ok(Connector::Heading),
        "space" => Ok(Connector::Space),
        other => Err(format!("{RULES}: no connector is called {other}")),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

fn leaked<'a>(texts: impl Iterator<Item = &'a str>) -> &'static [&'static str] {
    texts.map(|text| -> &'static str { text.to_owned().leak() }).collect::<Vec<_>>().leak()
}
