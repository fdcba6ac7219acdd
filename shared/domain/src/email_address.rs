//! Email addresses that SES can send to.

use std::borrow::Cow;
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::limits::MAX_EMAIL_ADDRESS_BYTES;

/// An address that SES can send to (contract, Email). It has an unquoted ASCII local part, and a domain of at least two
/// labels. The domain may be internationalised.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// An address is personal data, so `Debug` never shows it.
#[debug("EmailAddress(…)")]
pub struct EmailAddress {
    ascii: String,
}

/// SES cannot send to this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an email address that mail can be sent to")]
pub struct InvalidEmailAddress;

impl EmailAddress {
    /// Parses an address as sent, without trimming it.
    ///
    /// # Errors
    /// When SES cannot send to it.
    pub fn parse(sent: &str) -> Result<Self, InvalidEmailAddress> {
        // Check the length first: IDNA processing takes too long on longer domains.
        if sent.len() > MAX_EMAIL_ADDRESS_BYTES {
            return Err(InvalidEmailAddress);
        }
        let (local, domain) = sent.split_once('@').ok_or(InvalidEmailAddress)?;
        let domain = ascii_domain(domain).ok_or(InvalidEmailAddress)?;
        let ascii = format!("{local}@{domain}");
        // The parser accepts quoted and non-ASCII local parts, and does not check the total length. SES is stricter.
        let valid = ascii.len() <= MAX_EMAIL_ADDRESS_BYTES
            && local.is_ascii()
            && !local.starts_with('"')
            && email_address::EmailAddress::is_valid(&ascii);
        if valid { Ok(Self { ascii }) } else { Err(InvalidEmailAddress) }
    }

    /// The address with its domain in ASCII (RFC 5891), as SES requires.
    #[must_use]
    pub fn as_ascii(&self) -> &str {
        &self.ascii
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The domain after IDNA processing: labels of 1 to 63 letters, digits and inner hyphens, and no trailing dot.
fn ascii_domain(domain: &str) -> Option<Cow<'_, str>> {
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    let (_, last_label) = ascii.rsplit_once('.')?;
    let all_digits = last_label.bytes().all(|byte| byte.is_ascii_digit());
    (!all_digits).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_valid(sent: &str, ascii: &str) {
        assert_eq!(EmailAddress::parse(sent).map(|address| address.ascii), Ok(ascii.to_owned()));
    }

    #[track_caller]
    fn check_invalid(sent: &str) {
        assert_eq!(EmailAddress::parse(sent), Err(InvalidEmailAddress), "{sent}");
    }

    #[test]
    fn what_ses_can_send_to_is_valid() {
        check_valid("jordan@example.com", "jordan@example.com");
        check_valid("j.o'r+d_a-n=1@a-b.example.co.uk", "j.o'r+d_a-n=1@a-b.example.co.uk");
        check_valid("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com");
        check_valid("Jordan@EXAMPLE.Com", "Jordan@example.com");
        check_valid("jordan@münchen.de", "jordan@xn--mnchen-3ya.de");
        check_valid("jordan@例え.テスト", "jordan@xn--r8jz45g.xn--zckzah");
        check_valid("a@1.c0", "a@1.c0");
        check_valid("a@ab--cd.com", "a@ab--cd.com");
    }

    #[test]
    fn what_ses_cannot_send_to_is_invalid() {
        for sent in [
            "",
            "@",
            "a",
            "a@",
            "@example.com",
            "a@b",
            "a@localhost",
            "a@example.com.",
            "a@.example.com",
            "a@example..com",
            "a b@example.com",
            " a@example.com",
            "a@example.com ",
            "a@example.com\n",
            "a@@example.com",
            "a@b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "\"a\"@example.com",
            "\"a b\"@example.com",
            "é@example.com",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "email@123.123.123.123",
            "a@dom_ain.com",
            "a@-example.com",
            "a@example-.com",
            "a@example.123",
            "Jordan <a@example.com>",
            "<a@example.com>",
            "a@exam ple.com",
            "a@example.com,b@example.com",
            "a@example.com\0",
            "a\r\nBcc: b@example.com",
            "a@xn--a.com",
            "a@exa\u{202e}mple.com",
            "a(c)@example.com",
        ] {
            check_invalid(sent);
        }
    }

    #[test]
    fn lengths_are_those_of_rfc_5321() {
        let local = |bytes| format!("{}@example.com", "a".repeat(bytes));
        check_valid(&local(64), &local(64));
        check_invalid(&local(65));
        let label = |bytes| format!("a@{}.com", "b".repeat(bytes));
        check_valid(&label(63), &label(63));
        check_invalid(&label(64));
        let total = |bytes: usize| {
            let labels = format!("{0}.{0}.{0}", "b".repeat(49));
            let tail = "c".repeat(bytes - 64 - 1 - labels.len() - 1);
            format!("{}@{labels}.{tail}", "a".repeat(64))
        };
        assert_eq!(total(254).len(), 254);
        check_valid(&total(254)[..], &total(254));
        // Short enough as sent, but SES gets the domain in ASCII.
        let international = |labels| format!("{}@{}com", "a".repeat(64), "é.".repeat(labels));
        assert!(EmailAddress::parse(&international(23)).is_ok_and(|address| address.ascii.len() <= 254));
        check_invalid(&international(24));
        // The reverse: a full-width letter takes three bytes as sent and one in ASCII.
        check_invalid(&format!("a@{}.com", ["ｂ"; 4].map(|letter| letter.repeat(30)).join(".")));
        check_invalid(&total(255));
    }
}
