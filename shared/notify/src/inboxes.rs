//! Which department reads what where.

use domain::{Dept, EmailAddress};

/// The inbox of each department, and the general one for enquiries that ask for none.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the departments' names say it")]
pub struct Inboxes {
    pub general: EmailAddress,
    pub support: EmailAddress,
    pub payments: EmailAddress,
    pub hardship: EmailAddress,
    pub complaints: EmailAddress,
}

impl Inboxes {
    /// The inbox of a department.
    #[must_use]
    pub fn of(&self, dept: Option<Dept>) -> &EmailAddress {
        match dept {
            None => &self.general,
            Some(Dept::Support) => &self.support,
            Some(Dept::Payments) => &self.payments,
            Some(Dept::Hardship) => &self.hardship,
            Some(Dept::Complaints) => &self.complaints,
        }
    }
}
