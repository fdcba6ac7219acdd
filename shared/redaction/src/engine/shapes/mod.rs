//! What no pattern can say, a function each.

mod authorization;
mod card;
mod jwt;
pub(super) mod luhn;
mod options;
mod pem;
mod putty;
mod user_info;
