//! What the end-to-end tests share: the deployed local stack, callers with addresses of their own, the released functions
//! behind a proxy that lets calls fail, and a look at what was stored and mailed. It knows the wire and the tables' shapes,
//! and deliberately none of the code behind them, so that a mistake over there cannot hide itself here.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that cannot go on fails by panicking")]

use std::net::{Ipv4Addr, Ipv6Addr};

mod caller;
mod deployed;
mod environment;
mod events;
mod http;
mod lambda;
mod notifications;
mod proxy;
mod recorded;
mod response;
mod stack;
mod stored;

pub use caller::{Call, Caller, ENQUIRIES};
pub use events::{event_of_delivery, event_of_post, event_of_schedule};
pub use lambda::{Function, Instance, Outcome};
pub use notifications::Mail;
pub use proxy::{AwsCall, Failure, Fault, Proxy};
pub use recorded::{Calls, assert_recorded};
pub use response::{Response, codes};
pub use stack::Stack;
pub use stored::{Item, Table};

/// A text that no other test, and no earlier run, has used.
#[must_use]
pub fn unique_text() -> String {
    format!("unique-{:016x}", random_bits())
}

/// The first address of a /64 that no other test uses, in `2001:db8::/32`, which is set aside for examples.
#[must_use]
pub fn unique_ipv6_network() -> Ipv6Addr {
    const EXAMPLES: u64 = 0x2001_0db8 << 32;
    Ipv6Addr::from_bits(u128::from(EXAMPLES | random_bits() >> 32) << 64)
}

/// An address that no other test uses, in `10.0.0.0/8`: the networks that are set aside for examples are too small.
#[must_use]
pub fn unique_ipv4_address() -> Ipv4Addr {
    let [first, second, third, ..] = random_bits().to_be_bytes();
    Ipv4Addr::new(10, first, second, third)
}

fn random_bits() -> u64 {
    getrandom::u64().expect("the system has a random source")
}
