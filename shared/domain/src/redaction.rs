//! What redaction removed from a submission.

use ::redaction::{Kind, Removed};

/// The secrets of one kind that were removed from a field.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// A param may hold personal data, so `Debug` never shows it.
#[debug("Redaction({count} × {kind})")]
pub struct Redaction {
    /// The path of the field, such as `fields.message`, without secrets. It may contain the sender's text: never log
    /// it.
    pub param: String,
    /// The kind of secret.
    pub kind: Kind,
    /// How many were removed.
    pub count: u32,
}

impl Redaction {
    /// One redaction for each kind that a field contained.
    pub(crate) fn of_field(name: &str, removed: impl IntoIterator<Item = Removed>) -> Vec<Self> {
        let mut redactions: Vec<Self> = Vec::new();
        for Removed { kind, .. } in removed {
            match redactions.iter_mut().find(|redaction| redaction.kind == kind) {
                Some(redaction) => redaction.count += 1,
                None => redactions.push(Self { param: format!("fields.{name}"), kind, count: 1 }),
            }
        }
        redactions
    }
}
