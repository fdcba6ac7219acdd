//! The limits on requests and responses, and the one reserved form key. The build script checks the forms registry
//! against the same limits.

/// The deepest nesting that we read. The outermost object or array is level 1 (contract, `malformed_json`).
pub(crate) const MAX_NESTING_LEVELS: usize = 32;
/// The longest idempotency key, in characters (contract, `invalid_idempotency_key`).
pub(crate) const MAX_IDEMPOTENCY_KEY_CHARACTERS: usize = 255;
/// The longest form key, in bytes (contract, `invalid_form`).
pub(crate) const MAX_FORM_BYTES: usize = 64;
/// The most keys that `fields` may have (contract, `too_many_fields`).
pub(crate) const MAX_FIELDS: usize = 60;
/// The largest `fields` as compact UTF-8 JSON, in bytes (contract, `fields_too_large`).
pub(crate) const MAX_FIELDS_BYTES: usize = 16_384;
/// The longest name of a field, in bytes of UTF-8 (contract, `invalid_field_name`).
pub(crate) const MAX_FIELD_NAME_BYTES: usize = 128;
/// The longest email address, in bytes: RFC 5321 section 4.5.3.1.3, minus the angle brackets.
pub(crate) const MAX_EMAIL_ADDRESS_BYTES: usize = 254;
/// The most violations that a response lists (contract, Every response). Further ones are only counted.
pub(crate) const MAX_LISTED_VIOLATIONS: usize = 100;
/// The longest `param`, in bytes of UTF-8 (contract, Every response).
pub(crate) const MAX_PARAM_BYTES: usize = 128;
/// Replaces an unregistered form's key in logs, metrics, subjects and tags.
pub(crate) const UNREGISTERED: &str = "unregistered";
