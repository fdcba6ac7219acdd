//! What the build makes of `rules.toml`.

use super::automaton::Automaton;

/// All rules, compiled.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Where a token or a shape may be. They are apart from the names: together, they need ten times the states.
    pub(crate) places: Needles,
    pub(crate) names: Needles,
    pub(crate) rules: &'static [Rule],
    /// What may stand between a name and its value.
    pub(crate) connectors: Automaton,
    pub(crate) connector_of: &'static [Connector],
    /// Words that are no values, sorted.
    pub(crate) words: &'static [&'static str],
    /// Beginnings of public values.
    pub(crate) public: &'static [&'static str],
    /// The meaning of characters outside ASCII, sorted by range.
    pub(crate) folds: &'static [Fold],
}

/// Patterns that show where to look.
#[derive(Debug)]
pub(crate) struct Needles {
    pub(crate) automaton: Automaton,
    /// The needle of each pattern.
    pub(crate) meanings: &'static [Needle],
}

/// What a pattern stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needle {
    /// Index of the rule.
    pub(crate) rule: u16,
    /// The pattern's length in characters, or 0 if it varies. Of a name, without separators.
    pub(crate) characters: u8,
    /// How many characters after the end belong to the pattern.
    pub(crate) overrun: u8,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Index of the kind.
    pub(crate) kind: u8,
    pub(crate) find: Find,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Find {
    Token(Token),
    Name(Name),
    /// A function looks there.
    Shape(Check),
}

/// A token that begins with a pattern.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the rules")]
pub(crate) struct Token {
    pub(crate) alphabet: Alphabet,
    /// How many characters follow the pattern, at least and at most.
    pub(crate) least: u32,
    pub(crate) most: u32,
    /// The token begins before the pattern, with the run of its alphabet.
    pub(crate) starts_with_run: bool,
    /// The token must look random.
    pub(crate) is_random: bool,
    /// People also write the pattern about the tokens, so a pattern within a word or in other cases needs a random
    /// token.
    pub(crate) is_doubtful: bool,
    /// No letter or digit may stand before it.
    pub(crate) is_alone: bool,
    /// The kind by name or scheme is better.
    pub(crate) yields: bool,
    /// An AWS secret access key may follow.
    pub(crate) names_aws_secret: bool,
    /// What may stand before the pattern and belongs to the token.
    pub(crate) lead: &'static [&'static str],
}

/// A value that follows a name.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the rules")]
pub(crate) struct Name {
    pub(crate) looks: Looks,
    pub(crate) least: u32,
    pub(crate) most: u32,
    /// No letter may stand before it, unless the name starts with a capital: `cardPin`.
    pub(crate) is_word: bool,
    /// Only an assignment counts.
    pub(crate) is_assigned: bool,
    /// A long random value does not replace the assignment.
    pub(crate) is_strict: bool,
    /// The name must be that of a parameter of a URL.
    pub(crate) is_parameter: bool,
    /// One of these must stand somewhere in the text, if there are any.
    pub(crate) beside: &'static [&'static str],
    pub(crate) names_aws_secret: bool,
}

/// How a value is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looks {
    Token,
    Password,
    Digits,
    Card,
    Header,
    Cookie,
    SetCookie,
}

/// The functions for what no pattern can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Jwt,
    Bearer,
    Basic,
    UserInfo,
    Curl,
    PasswordOption,
    Pem,
    Putty,
    Card,
}

/// What stands between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Connector {
    /// `=`, `=>`, `->`
    Assignment,
    /// `:`, `|`
    Colon,
    /// A second argument or attribute: `", "`, `" value="`
    Argument,
    /// `<name>`
    Element,
    /// ` is `
    Prose,
    /// The end of the line.
    Heading,
    /// A space: `--name value`, `PIN 4821`.
    Space,
}

/// A set of characters, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alphabet(pub(crate) u128);

/// What a range of characters becomes in the normal form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Invisible.
    Nothing,
    /// The ASCII characters from this one on.
    Ascii(u8),
    Text(&'static str),
    /// A letter or a currency sign, which can be part of a password.
    Letter,
}

impl Alphabet {
    /// The set of these characters, which must be ASCII.
    pub(crate) const fn of(characters: &str) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < characters.len() {
            bits |= 1 << characters.as_bytes()[index];
            index += 1;
        }
        Self(bits)
    }

    pub(crate) const fn has(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }
}
