//! The client that the rate limit counts.

use std::net::{IpAddr, Ipv6Addr};

/// A client of the rate limit: an IPv4 address, or the /64 network of an IPv6 address. One subscriber gets a whole /64
/// (contract, Rate limit).
#[derive(Clone, derive_more::Debug, PartialEq, Eq, Hash)]
// An address is personal data, so `Debug` never shows it.
#[debug("Client(…)")]
pub struct Client(Option<IpAddr>);

impl Client {
    /// The client for a source address from the gateway. All texts that are not addresses share one quota.
    #[must_use]
    pub fn from_source_ip(text: &str) -> Self {
        Self(text.parse().ok().map(|address: IpAddr| match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        }))
    }

    /// The network as text. Only for hashing: it is personal data.
    pub(crate) fn to_network(&self) -> String {
        self.0.map_or_else(|| "unknown".into(), |network| network.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn client(address: impl Into<IpAddr>) -> Client {
        Client::from_source_ip(&address.into().to_string())
    }

    proptest! {
        #[test]
        fn an_ipv6_client_is_its_64(network: u64, one: u64, other: u64) {
            let at = |host| Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(host));
            prop_assume!(at(one).to_ipv4_mapped().is_none() && at(other).to_ipv4_mapped().is_none());
            prop_assert_eq!(client(at(one)), client(at(other)));
            let neighbour = Ipv6Addr::from_bits(at(one).to_bits() ^ 1 << 64);
            prop_assert_ne!(client(at(one)), client(neighbour));
        }

        #[test]
        fn an_ipv4_mapped_client_is_its_ipv4_address(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(client(address), client(address.to_ipv6_mapped()));
            prop_assert_ne!(client(address), client(Ipv4Addr::from_bits(bits ^ 1)));
        }

        #[test]
        fn any_text_is_a_client_and_none_is_shown(text: String) {
            prop_assert_eq!(format!("{:?}", Client::from_source_ip(&text)), "Client(…)");
        }
    }

    #[test]
    fn what_is_no_address_shares_one_quota() {
        for text in ["", "unknown", "test-invoke-source-ip", "192.0.2.1:80", "192.0.2", "2001:db8::1%eth0"] {
            assert_eq!(Client::from_source_ip(text), Client(None), "{text}");
        }
    }
}
