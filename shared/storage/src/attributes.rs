//! Reads and writes attributes of DynamoDB items.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use crate::error::StorageError;

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn time(time: Timestamp) -> AttributeValue {
    text(timestamp_text(time))
}

/// An attribute's text, or `None` if it is absent or not text.
pub(crate) fn text_of<'item>(item: &'item Item, attribute: &str) -> Option<&'item str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

/// Parses a required attribute.
pub(crate) fn parsed<T: FromStr>(item: &Item, attribute: &str, operation: &'static str) -> Result<T, StorageError> {
    text_of(item, attribute)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StorageError::unreadable(operation, attribute))
}

/// Parses an optional attribute.
pub(crate) fn parsed_if_there<T: FromStr>(
    item: &Item,
    attribute: &str,
    operation: &'static str,
) -> Result<Option<T>, StorageError> {
    item.contains_key(attribute).then(|| parsed(item, attribute, operation)).transpose()
}

/// RFC 3339 in UTC with milliseconds, so that times sort as text.
pub(crate) fn timestamp_text(time: Timestamp) -> String {
    DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_milliseconds_and_sort_as_text() {
        assert_eq!(timestamp_text(Timestamp::from_millisecond(1_782_740_527_000).unwrap()), "2026-06-29T13:42:07.000Z");
        assert_eq!(timestamp_text(Timestamp::from_millisecond(1_782_740_527_120).unwrap()), "2026-06-29T13:42:07.120Z");
    }
}
