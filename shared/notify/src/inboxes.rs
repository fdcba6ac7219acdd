//! The departments' inboxes.

use std::iter;

use domain::{Dept, EmailAddress, Enquiry, Severity};

/// The inbox of each department, and the general one for enquiries that ask for none.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the departments' names say it")]
pub struct Inboxes {
    pub general: EmailAddress,
    pub support: EmailAddress,
    pub payments: EmailAddress,
    pub hardship: EmailAddress,
    pub complaints: EmailAddress,
    /// Of whoever is on call around the clock: the pager's mail gateway.
    pub on_call: EmailAddress,
}

impl Inboxes {
    /// Where an enquiry goes: to its department's inbox, and at the highest severity to whoever is on call too.
    pub fn of(&self, enquiry: &Enquiry) -> impl Iterator<Item = &EmailAddress> {
        let department = self.of_department(enquiry.submission.dept);
        let is_urgent = enquiry.first_response.is_some_and(|response| response.severity == Severity::Sev1);
        let on_call = (is_urgent && self.on_call != *department).then_some(&self.on_call);
        iter::once(department).chain(on_call)
    }

    fn of_department(&self, dept: Option<Dept>) -> &EmailAddress {
        match dept {
            None => &self.general,
            Some(Dept::Support) => &self.support,
            Some(Dept::Payments) => &self.payments,
            Some(Dept::Hardship) => &self.hardship,
            Some(Dept::Complaints) => &self.complaints,
        }
    }
}
