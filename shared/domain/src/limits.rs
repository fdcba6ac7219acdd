//! What the contract takes at most, and the word that no form can have for its key. The build script holds the forms registry
//! against the same.

/// The longest form key, in bytes (contract, `invalid_form`).
pub(crate) const MAX_FORM_BYTES: usize = 64;
/// The largest `fields` as compact UTF-8 JSON, in bytes (contract, `fields_too_large`).
pub(crate) const MAX_FIELDS_BYTES: usize = 16_384;
/// The longest name of a field, in bytes of UTF-8 (contract, `invalid_field_name`).
pub(crate) const MAX_FIELD_NAME_BYTES: usize = 128;
/// What logs, metrics, subjects and tags say instead of the key of a form that the registry does not know.
pub(crate) const UNREGISTERED: &str = "unregistered";
