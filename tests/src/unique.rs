//! Values that no other test uses.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A text that no other test or earlier run has used.
#[must_use]
pub fn unique_text() -> String {
    format!("unique-{:016x}", random_bits())
}

/// The first address of a /64 network that no other test uses, in `2001:db8::/32`, which is reserved for examples.
#[must_use]
pub fn unique_ipv6_network() -> Ipv6Addr {
    const EXAMPLES: u64 = 0x2001_0db8 << 32;
    Ipv6Addr::from_bits(u128::from(EXAMPLES | random_bits() >> 32) << 64)
}

/// An address that no other test uses, in `10.0.0.0/8`. The networks reserved for examples are too small.
#[must_use]
pub fn unique_ipv4_address() -> Ipv4Addr {
    let [first, second, third, ..] = random_bits().to_be_bytes();
    Ipv4Addr::new(10, first, second, third)
}

fn random_bits() -> u64 {
    getrandom::u64().expect("the system has a random source")
}
