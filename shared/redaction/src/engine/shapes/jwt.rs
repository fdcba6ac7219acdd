//! JSON web tokens.

use crate::engine::normal::is_line_break;
use crate::engine::scan::Scan;
use crate::engine::token::BASE64_URL_DOT;

/// The shortest header of a JSON web token: `{"alg":"A"}` is 15 characters in base64url.
const HEADER_CHARACTERS: usize = 15;
const MOST_PARTS: usize = 5;
/// How often the lines after one that is no token are looked at again. More would take quadratic time.
const MOST_FAILURES: u8 = 16;

impl Scan<'_> {
    /// Three base64url parts between dots: the first two are JSON objects, and the last may be empty (RFC 7515 section
    /// 7.1). Or five parts, of which the second may be empty (RFC 7516 section 7.1). `end` is the end of the first
    /// three characters.
    pub(in crate::engine) fn jwt(&mut self, end: usize) -> Option<(usize, usize)> {
        const CHARACTERS: usize = 3;
        let start = self.start_of_pattern(end, CHARACTERS);
        if start < self.jwt_end {
            return None;
        }
        let first_dot = self.end_of(end, |byte| byte != b'.' && BASE64_URL_DOT.has(byte));
        if self.bytes.get(first_dot) == Some(&b'.') && first_dot - start < HEADER_CHARACTERS {
            self.jwt_end = first_dot;
            return None;
        }
        // Of a list of tokens, only the first is looked at.
        let whole = self.bytes;
        let limit = memchr::memchr_iter(b'.', &whole[end..]).nth(MOST_PARTS - 1).map_or(whole.len(), |dot| end + dot);
        self.bytes = &whole[..limit];
        let extent = self.extent(end, BASE64_URL_DOT, 0, u32::MAX);
        self.bytes = whole;
        self.jwt_end = extent.end;
        let mut dots = (start..extent.end).filter(|&at| self.bytes[at] == b'.');
        let dots: [Option<usize>; 5] = std::array::from_fn(|_| dots.next());
        let (header_end, payload_end) = (dots[0]?, dots[1]?);
        let part_end = |index: usize| dots[index].unwrap_or(extent.end);
        let payload = self.plain(header_end + 1, payload_end);
        let is_encrypted = match (dots[2], dots[3]) {
            (Some(third), Some(fourth)) => payload_end + 1 < third && third + 1 < fourth && fourth + 1 < part_end(4),
            _ => false,
        };
        let last = if is_encrypted { 3 } else { 1 };
        let token_end = self.before_next(dots[last]? + 1, part_end(last + 1));
        // More parts belong to a token that began in the middle.
        let token_end = match self.bytes[token_end..] {
            [b'.', next, ..] if BASE64_URL_DOT.has(next) => self.end_of(token_end, |byte| BASE64_URL_DOT.has(byte)),
            _ => token_end,
        };
        let is_token =
            self.plain(start, header_end).len() >= HEADER_CHARACTERS && (is_encrypted || payload.starts_with(b"e"));
        if is_token {
            self.jwt_end = token_end;
        } else if self.jwt_failures < MOST_FAILURES {
            // A token may begin on the next line.
            self.jwt_failures += 1;
            self.jwt_end = (start..extent.end).find(|&at| is_line_break(self.bytes[at])).unwrap_or(extent.end);
        }
        is_token.then_some((start, token_end))
    }

    /// The end of the last part, before another token on the next line.
    fn before_next(&self, from: usize, to: usize) -> usize {
        (from..to).find(|&at| is_line_break(self.bytes[at]) && self.starts(at + 1, "ey")).unwrap_or(to)
    }
}
