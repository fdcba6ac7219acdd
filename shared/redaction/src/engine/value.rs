//! Values that a name introduces: `client_secret=…`, `"password": "…"`, `my PIN is …`.

use super::normal::{LETTER, OTHER, SOFT, is_line_break};
use super::scan::{Evidence, Found, NamesSecret, Scan};
use super::shapes::luhn;
use super::tables::{Connector, Find, Looks, Name, Needle};
use super::token::{has_stars, is_masked, is_random, is_uuid, is_words};

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
/// How many bytes of a value decide whether it is a secret.
const DECIDING_BYTES: usize = 128;
/// How much of a value to look at first, in bytes.
const VALUE_AHEAD_BYTES: usize = 72;
/// The furthest that a value may stand before its name, in bytes: `{"value":"…","key":"client_secret"}`.
const VALUE_BEFORE_WITHIN: usize = 200;
/// The longest expression of code that is recognised in place of a value, in bytes.
const EXPRESSION_BYTES: usize = 128;

/// What programs write for no value.
const NOTHINGS: [&str; 7] = ["null", "none", "nil", "undefined", "true", "false", "redacted"];

/// A range that could be a secret because of its context.
#[derive(Clone, Copy)]
struct Value {
    start: usize,
    end: usize,
    quote: Option<u8>,
    certainty: Certainty,
}

/// How surely a value follows a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    /// A space.
    Loose,
    /// ` is `, the end of a line: only a value that looks like a secret counts.
    Prose,
    /// `:`, or an assignment with spaces around it.
    Marked,
    /// `=`, or quotation marks.
    Assigned,
}

impl Scan<'_> {
    /// The value of a name that ends at `name_end`.
    pub(super) fn named(&mut self, name_end: usize, name: Name) -> Option<(usize, usize)> {
        if name_end <= self.values_end || name.looks == Looks::Card || self.is_in_mark(name_end) {
            return None;
        }
        let connector = self.connector(name_end).filter(|_| !name.is_parameter || self.is_parameter_name(name_end));
        let after = connector.and_then(|(end, connector)| {
            self.near(end, VALUE_AHEAD_BYTES, |scan| {
                let value = scan.value_behind(name_end, end, connector, name.looks)?;
                scan.is_secret(value, name).then(|| scan.secret_part(value, name)).flatten()
            })
        });
        let (start, end) = after.or_else(|| {
            let value = self.value_before(name_end, name).or_else(|| self.value_in_column(name_end, name))?;
            self.secret_part(value, name)
        })?;
        if !name.beside.is_empty() && !self.has_before(name.beside, self.bytes.len()) {
            return None;
        }
        self.values_end = self.values_end.max(end);
        Some((start, end))
    }

    /// Whether the needle that ends at `name_end` stands for a name, and is not the end of another word.
    pub(super) fn is_named(&self, name_end: usize, needle: Needle) -> bool {
        let Find::Name(Name { is_word: true, .. }) = self.tables.rules[usize::from(needle.rule)].find else {
            return true;
        };
        let mut left = needle.characters;
        let mut start = name_end;
        while left > 0 && start > 0 {
            start -= 1;
            left -= u8::from(!b"_-. \n\x0B".contains(&self.bytes[start]));
        }
        match self.bytes[..start].last() {
            Some(b'a'..=b'z') => self.bytes[start].is_ascii_uppercase(),
            Some(before) => !before.is_ascii_alphabetic(),
            None => true,
        }
    }

    /// The secret in a text that a name introduces.
    pub(super) fn value_of(&mut self, introduced: NamesSecret) {
        let NamesSecret { kind, name, is_identifier } = introduced;
        let trimmed = self.end_of(0, |byte| matches!(byte, b' ' | b'\n' | b'"' | b'\'' | b'`'));
        let end = self.without_trailing(trimmed, self.bytes.len(), b" \n\"'`");
        let is_one_word = !self.bytes[trimmed..end].iter().any(|byte| matches!(byte, b' ' | b'\n'));
        let certainty = if is_one_word && is_identifier { Certainty::Assigned } else { Certainty::Marked };
        let mut at = trimmed;
        while at < end {
            let word_end = if name.looks == Looks::Card {
                end
            } else {
                self.end_of(at, |byte| !matches!(byte, b' ' | b'\n')).min(end)
            };
            let start = self.end_of(at, |byte| b"([<{\"'`".contains(&byte)).min(word_end);
            let stop = if is_one_word { word_end } else { self.without_trailing(start, word_end, b")]>}.,;:!?\"'`") };
            let quote = Some(b'"').filter(|_| name.looks != Looks::Password || is_one_word);
            let value = Value { start, end: stop, quote, certainty };
            if self.is_secret(value, name)
                && let Some((start, end)) = self.secret_part(value, name)
            {
                self.found.push(Found { start, end, kind, evidence: Evidence::Name });
            }
            at = self.end_of(word_end, |byte| matches!(byte, b' ' | b'\n'));
        }
    }

    /// Whether this is the mark of an earlier redaction, whose kind names no value.
    fn is_in_mark(&self, name_end: usize) -> bool {
        let start = self.start_of(name_end, 40, |byte| byte.is_ascii_lowercase() || byte == b'_');
        self.bytes[..start].ends_with(b"[REDACTED:")
    }

    /// Whether the name that ends here is that of a parameter of a URL.
    fn is_parameter_name(&self, name_end: usize) -> bool {
        let start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        matches!(self.bytes[..start].last(), Some(b'&' | b'?'))
    }

    fn value_behind(&self, name_end: usize, from: usize, connector: Connector, looks: Looks) -> Option<Value> {
        let between = &self.bytes[name_end..from];
        let name_start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let before = self.bytes[..name_start].last().copied();
        let is_cookie = matches!(looks, Looks::Cookie | Looks::SetCookie);
        let is_quoted_name = before.is_some_and(is_quote);
        let is_header = matches!(connector, Connector::Colon | Connector::Argument | Connector::Element)
            || connector == Connector::Assignment && is_quoted_name;
        if connector == Connector::Element && !self.is_element(name_end) || is_cookie && !is_header {
            return None;
        }
        let is_option = connector == Connector::Space && self.bytes[name_start..name_end].starts_with(b"-");
        let last = between.last().copied().filter(|byte| is_quote(*byte) && connector != Connector::Element);
        let next = self.bytes.get(from).copied().filter(|byte| is_quote(*byte));
        let (start, quote) = match (last, next) {
            (Some(quote), _) => (from, Some(quote)),
            // In `"Password: "`, the mark closes the prompt.
            (None, Some(quote)) if Some(quote) == before && !between.contains(&quote) => return None,
            (None, Some(quote)) => (from + 1, Some(quote)),
            (None, None) => (from, None),
        };
        let start = if quote.is_some() { self.end_of(start, |byte| byte == b' ') } else { start };
        let is_tight = !between.contains(&b' ') || quote.is_some();
        let has_mark = between.iter().any(|byte| matches!(byte, b':' | b'=')) || quote.is_some();
        let certainty = match connector {
            Connector::Assignment | Connector::Element if is_tight => Certainty::Assigned,
            Connector::Assignment | Connector::Colon | Connector::Element if quote.is_some() => Certainty::Assigned,
            Connector::Space if is_option => Certainty::Assigned,
            Connector::Argument if quote.is_some() && memchr::memmem::find(between, b"value").is_some() => {
                Certainty::Assigned
            }
            Connector::Assignment | Connector::Colon | Connector::Element | Connector::Argument => Certainty::Marked,
            Connector::Prose if has_mark => Certainty::Marked,
            Connector::Prose | Connector::Heading => Certainty::Prose,
            Connector::Space => Certainty::Loose,
        };
        let end = match quote {
            _ if is_cookie => {
                let quote = quote.or(before.filter(|byte| is_quote(*byte)));
                let ends = |byte: u8| {
                    is_line_break(byte)
                        || byte == b'<'
                        || Some(byte) == quote
                        || looks == Looks::SetCookie && byte == b';'
                };
                self.end_of(start, |byte| !ends(byte))
            }
            Some(quote) => self.end_of_quoted(start, quote),
            None if connector == Connector::Element => self.end_of(start, |byte| !matches!(byte, b'<' | b'\n')),
            None => self.end_of_unquoted(start, certainty),
        };
        let end = self.without_trailing(start.min(end), end, b" ");
        let is_next_key = self.is_key(end, quote);
        let is_cut = end == self.bytes.len() && end < self.normal.bytes.len();
        let is_element = connector != Connector::Element || is_cut || self.starts(end, "</");
        let may_be_name = connector >= Connector::Prose || between.contains(&b'\n');
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let is_empty_assignment =
            self.bytes[start..end].strip_suffix(b"=").is_some_and(|name| name.iter().all(is_of_name));
        let is_name = may_be_name && (matches!(self.bytes.get(end), Some(b':' | b'=')) || is_empty_assignment);
        (start < end && !is_next_key && is_element && !is_name).then_some(Value { start, end, quote, certainty })
    }

    /// Whether a quoted text that ends here is the key of another value.
    fn is_key(&self, end: usize, quote: Option<u8>) -> bool {
        let marks = self.end_of(end, |byte| byte == b' ' || Some(byte) == quote);
        quote.is_some() && self.bytes.get(marks) == Some(&b':')
    }

    /// Whether an element's name, or its attribute `name` or `key`, ends here.
    fn is_element(&self, name_end: usize) -> bool {
        let start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
        let before = self.bytes[start.saturating_sub(8)..start].to_ascii_lowercase();
        let is_quoted = self.bytes.get(name_end).is_some_and(|byte| is_quote(*byte));
        if is_quoted {
            ["name=\"", "name='", "key=\"", "key='"].iter().any(|attribute| before.ends_with(attribute.as_bytes()))
        } else {
            before.ends_with(b"<")
        }
    }

    /// The end of a quoted text: before the closing mark. A mail program may have broken the line.
    fn end_of_quoted(&self, from: usize, quote: u8) -> usize {
        let ends = |byte: u8| byte == quote || is_line_break(byte);
        let mut end = self.end_of(from, |byte| !ends(byte));
        // YAML and CSV double a mark within a value.
        while end > from
            && self.bytes[end..].starts_with(&[quote, quote])
            && self.bytes.get(end + 2).is_some_and(u8::is_ascii_alphanumeric)
        {
            end = self.end_of(end + 2, |byte| !ends(byte));
        }
        // An escaped mark belongs to the value if the opening mark is not escaped.
        if !self.normal.is_escaped(from - 1) {
            let mut at = end;
            while self.bytes.get(at) == Some(&quote) && self.normal.is_escaped(at) {
                at = self.end_of(at + 1, |byte| !ends(byte));
            }
            if self.bytes.get(at) == Some(&quote) {
                end = at;
            }
        }
        while self.bytes.get(end).is_some_and(|&byte| is_line_break(byte)) {
            let next_end = self.end_of(end + 1, |byte| !ends(byte) && byte != b' ');
            let is_closed = self.bytes.get(next_end) == Some(&quote);
            let before = self.start_of(end, DECIDING_BYTES, |byte| byte != b' ' && byte != quote);
            let is_rest = is_closed && before <= from && !self.is_key(next_end, Some(quote))
                || self.goes_on(end, end + 1, next_end);
            if !is_rest || next_end == end + 1 {
                break;
            }
            end = next_end;
        }
        end
    }

    /// The end of an unquoted value, without the punctuation of a sentence.
    fn end_of_unquoted(&self, from: usize, certainty: Certainty) -> usize {
        let run_end = |from: usize| {
            // Connection strings put values with a semicolon into braces.
            let braces = self
                .starts(from, "{")
                .then(|| self.end_of(from, |byte| byte != b'}' && byte != b' ' && !is_line_break(byte)));
            let mut end = braces.filter(|end| self.bytes.get(*end) == Some(&b'}')).unwrap_or(from);
            while let Some(&byte) = self.bytes.get(end) {
                let next = self.bytes.get(end + 1).copied().unwrap_or(b' ');
                let ends = match byte {
                    b' ' | b'\n' | SOFT | b'"' | b'`' | OTHER | b'<' | b';' => true,
                    b'>' => matches!(next, b' ' | b'\n'),
                    b'\'' => !next.is_ascii_alphanumeric(),
                    b'&' | b'?' => self.is_parameter(end + 1),
                    b'#' => next == b'/',
                    b',' => {
                        !next.is_ascii_alphanumeric() || certainty < Certainty::Marked || self.is_parameter(end + 1)
                    }
                    b'|' => certainty < Certainty::Assigned || next == b' ',
                    _ => false,
                };
                if ends {
                    break;
                }
                end += 1;
            }
            end
        };
        let mut end = run_end(from);
        while self.bytes.get(end).is_some_and(|&byte| is_line_break(byte)) {
            let next_end = run_end(end + 1);
            if next_end == end + 1 || end == from || !self.goes_on(end, end + 1, next_end) {
                break;
            }
            end = next_end;
        }
        let unbalanced = |close: u8, open: u8| {
            let count = |wanted| memchr::memchr_iter(wanted, &self.bytes[from..end]).count();
            count(close) > count(open)
        };
        let trailing: &[u8] = if certainty == Certainty::Assigned { b".,:?'" } else { b".,:?*_'" };
        let mut trimmed = self.without_trailing(from, end, trailing);
        while trimmed > from
            && match self.bytes[trimmed - 1] {
                b')' => unbalanced(b')', b'('),
                b']' => unbalanced(b']', b'['),
                b'}' => unbalanced(b'}', b'{'),
                _ => false,
            }
        {
            trimmed = self.without_trailing(from, trimmed - 1, trailing);
        }
        trimmed
    }

    fn goes_on(&self, line_break: usize, start: usize, end: usize) -> bool {
        let is_soft = self.bytes[line_break] == SOFT;
        let end = self.without_trailing(start, end, b".,:;?!)");
        self.continues(start, end.max(start), |_| false, is_soft, false)
    }

    /// Whether another parameter starts here: `name=`.
    fn is_parameter(&self, at: usize) -> bool {
        const NAME_BYTES: usize = 40;
        let limit = self.bytes.len().min(at + NAME_BYTES);
        let name =
            self.bytes[at..limit].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte));
        let end = at + name.count();
        end > at && matches!(self.bytes.get(end), Some(b'=' | b':'))
    }

    /// The value in `{"value":"…","key":"client_secret"}` or `<input value="…" name="client_secret">`.
    fn value_before(&self, name_end: usize, name: Name) -> Option<Value> {
        const KEYS: [&str; 5] = ["key", "name", "field", "id", "label"];
        let name_start = self.start_of(name_end, 64, |byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte));
        let marks = self.start_of(name_start, 8, |byte| matches!(byte, b'"' | b'\'' | b':' | b'=' | b' '));
        let key = self.start_of(marks, 8, |byte| byte.is_ascii_alphabetic());
        let is_key = KEYS.iter().any(|word| self.bytes[key..marks].eq_ignore_ascii_case(word.as_bytes()));
        if !is_key || !self.bytes[marks..name_start].iter().any(|byte| matches!(byte, b':' | b'=')) {
            return None;
        }
        let from = self.start_of(key, VALUE_BEFORE_WITHIN, |byte| !matches!(byte, b'{' | b'}' | b'<'));
        let before = &self.bytes[from..key];
        let word = memchr::memmem::rfind(before, b"value")? + b"value".len();
        let start =
            from + word + before[word..].iter().position(|byte| !matches!(byte, b'"' | b'\'' | b':' | b'=' | b' '))?;
        let between = &self.bytes[from + word..start];
        if !between.iter().any(|byte| matches!(byte, b':' | b'=')) {
            return None;
        }
        let quote = between.last().copied().filter(|byte| is_quote(*byte));
        let end = match quote {
            Some(quote) => self.end_of_quoted(start, quote),
            None => self.end_of_unquoted(start, Certainty::Assigned),
        };
        let value = Value { start, end, quote, certainty: Certainty::Assigned };
        (end < key && start < end && start >= self.values_end && self.is_secret(value, name)).then_some(value)
    }

    /// The value below a name that heads the column of a table: in CSV, Markdown or `INSERT INTO`.
    fn value_in_column(&mut self, name_end: usize, name: Name) -> Option<Value> {
        const LINE_BYTES: usize = 256;
        const MOST_ROWS: usize = 3;
        const MOST_MARKS: usize = 4;
        let is_mark = |byte: u8| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'*');
        let after = self.bytes[name_end..].iter().take(MOST_MARKS).copied().find(|&byte| !is_mark(byte));
        if self.columns_end >= name_end || !matches!(after, None | Some(b',' | b';' | b'|' | b'\n' | b')')) {
            return None;
        }
        let line = self.start_of(name_end, LINE_BYTES, |byte| !is_line_break(byte) && byte != b'(');
        let name_start =
            self.start_of(name_end, LINE_BYTES, |byte| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte));
        let before = self.bytes[line..name_start.max(line)].iter().rev().copied().find(|&byte| !is_mark(byte));
        let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b'|');
        let separator = after.filter(is_separator).or(before.filter(is_separator))?;
        let ends = matches!(after, None | Some(b'\n' | b')')) || after == Some(separator);
        let starts = before.is_none() || before == Some(separator);
        if !ends || !starts {
            return None;
        }
        let limit = self.bytes.len().min(name_end + LINE_BYTES);
        self.columns_end = limit;
        let line_end =
            name_end + self.bytes[name_end..limit].iter().position(|&byte| is_line_break(byte) || byte == b')')?;
        let count = |text: &[u8]| memchr::memchr_iter(separator, text).count();
        let (column, columns) = (count(&self.bytes[line..name_start.max(line)]), count(&self.bytes[line..line_end]));
        let mut row = line_end + 1;
        if self.bytes[line_end] == b')' {
            let open = self.bytes[row..self.bytes.len().min(row + 16)].iter().position(|byte| *byte == b'(')?;
            row += open + 1;
        }
        self.columns_end = line_end;
        for _ in 0..MOST_ROWS {
            let limit = self.bytes.len().min(row + LINE_BYTES);
            let cells = self.bytes.get(row..limit)?;
            let row_end =
                row + cells.iter().position(|&byte| is_line_break(byte) || byte == b')').unwrap_or(cells.len());
            if count(&self.bytes[row..row_end]) != columns || columns == 0 {
                return None;
            }
            let mut separators = (row..row_end).filter(|&at| self.bytes[at] == separator);
            let start = if column == 0 { row } else { separators.nth(column - 1)? + 1 };
            let end = separators.next().unwrap_or(row_end);
            let start = self.end_of(start, is_mark).min(end);
            let end = self.without_trailing(start, end, b" \"'`*");
            let value = Value { start, end, quote: Some(b'"'), certainty: Certainty::Marked };
            if start < end && self.is_secret(value, name) && self.secret_part(value, name).is_some() {
                return Some(value);
            }
            row = row_end + 1;
        }
        None
    }

    /// Whether a value is a secret, and no placeholder, code, word for no value, or prose.
    fn is_secret(&self, value: Value, name: Name) -> bool {
        let text = &self.bytes[value.start..value.end];
        let head = &text[..text.len().min(DECIDING_BYTES)];
        if self.is_public(value.start) || is_placeholder(head) || is_nothing(head) || self.is_before_placeholder(value)
        {
            return false;
        }
        if is_object(head) || value.certainty < Certainty::Marked && value.quote.is_none() && is_uuid(head) {
            return false;
        }
        if name.is_assigned && value.certainty < Certainty::Assigned {
            let is_long = is_random(head, LONG_CHARACTERS, LONG_CHARACTERS) && !is_words(head) && !is_uuid(head);
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
            Looks::Password => self.is_password(value),
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

    fn is_password(&self, value: Value) -> bool {
        let text = &self.bytes[value.start..value.end.min(value.start + DECIDING_BYTES)];
        let counted = text.iter().filter(|byte| **byte != b' ').count();
        if counted < PASSWORD_CHARACTERS
            || is_masked_password(text)
            || is_path(text)
            || value.quote.is_none() && is_code(text)
        {
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
            Certainty::Marked => looks_like_a_password(text) || !is_word && self.ends_alone(value),
            Certainty::Prose => {
                let is_assignment = is_assignment(text) && value.quote.is_none();
                text.len() >= PASSWORD_IN_PROSE && looks_like_a_password(text) && !is_assignment
                    || !is_word && value.quote.is_some()
            }
            Certainty::Loose => {
                !is_word && value.quote.is_some()
                    || text.len() >= PASSWORD_IN_PROSE
                        && looks_like_a_password(text)
                        && (!is_words(text) || has_symbol_inside(text))
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

    /// The part of a value that is the secret.
    fn secret_part(&self, value: Value, name: Name) -> Option<(usize, usize)> {
        match name.looks {
            Looks::Digits => self.digits(value, name),
            Looks::Card => self.digits_of_card(value),
            _ => Some((value.start, value.end)),
        }
    }

    /// As many digits as the name asks for, and no more.
    fn digits(&self, value: Value, name: Name) -> Option<(usize, usize)> {
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let end = self.extent(value.start, super::token::DIGITS, 0, name.most).end;
        let count = self.plain(value.start, end).len();
        let after = &self.bytes[end..];
        let goes_on = match after {
            [b'.' | b',' | b'/' | b'-' | b':' | b'%', next, ..] => is_digit(*next) || after[0] == b'%',
            [next, ..] => next.is_ascii_alphanumeric() || *next == b'%' || *next == LETTER,
            [] => false,
        };
        let is_year =
            value.certainty <= Certainty::Prose && count == 4 && self.starts(value.start, "20") && name.most > 4;
        ((name.least as usize..=name.most as usize).contains(&count) && !goes_on && !is_year)
            .then_some((value.start, end))
    }

    /// The digits of a field for card numbers, even with a wrong check digit.
    fn digits_of_card(&self, value: Value) -> Option<(usize, usize)> {
        let end = self.end_of(value.start, |byte| byte.is_ascii_digit() || b" .-\n".contains(&byte));
        let end = self.without_trailing(value.start, end, b" .-\n");
        let digits = self.bytes[value.start..end].iter().filter(|byte| byte.is_ascii_digit()).count();
        let is_number = (luhn::FEWEST_DIGITS..=luhn::MOST_DIGITS).contains(&digits);
        is_number.then_some((value.start, end))
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
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

/// A symbol that prose does not have within a word.
fn has_symbol_inside(text: &[u8]) -> bool {
    let inner = &text[..text.len() - 1];
    inner.iter().any(|byte| b"!@#$%^&*+=~".contains(byte)) && text.iter().any(u8::is_ascii_digit)
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
pub(super) fn is_placeholder(text: &[u8]) -> bool {
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
