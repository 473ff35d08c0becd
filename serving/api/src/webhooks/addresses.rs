//! Which addresses webhooks may go to: none of private networks, so that nobody reaches through us what stands behind.
//!
//! What a name stands for is looked at when a connection is made, and the connection goes to what was looked at: a name that
//! answers otherwise the second time gains nothing.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Why an address is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It is of a private network.
    #[error("the address is of a private network, which the setting `webhooks_private` allows")]
    Private,
    /// The name stands for nothing.
    #[error("the name is not known")]
    Unknown,
}

/// Finds the addresses of names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    /// Whether private ones may be used.
    pub(super) private: bool,
}

impl tower::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| Refused::Unknown)?;
            let all: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
            // One private address among others is enough to refuse a name: it would be a matter of luck otherwise.
            if !private && all.iter().any(|address| !is_public(address.ip())) {
                return Err(Refused::Private);
            }
            if all.is_empty() { Err(Refused::Unknown) } else { Ok(all.into_iter()) }
        })
    }
}

/// Whether an address is of the public internet (IANA's special-purpose registries, RFC 6890 and its successors).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_4(address),
        IpAddr::V6(address) => is_public_6(address),
    }
}

fn is_public_4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!((a, b, c), (0 | 10 | 127 | 224.., ..))
        || matches!((a, b, c), (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _))
        || matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113));
    !special
}

fn is_public_6(address: Ipv6Addr) -> bool {
    // Addresses that hold one of version 4 are as public as that.
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_4(inner);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| is_public_4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b) {
        (0x64, 0xff9b) => (c, d, e, f) == (0, 0, 0, 0) && inner(g, h),
        (0x2002, high) => inner(high, c),
        // Teredo, benchmarks, ORCHID, documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // Only 2000::/3 is given out: the rest is loopback, local, multicast or nobody's.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_is_not_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for known in ["93.184.216.34", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "2002:808:808::1"]
        {
            assert!(public(known), "{known}");
        }
        for behind in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "::127.0.0.1",
            "fec0::1",
        ] {
            assert!(!public(behind), "{behind}");
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_refused() {
        use std::str::FromStr as _;

        use tower::Service as _;
        let name = || Name::from_str("localhost").unwrap();
        assert_eq!(Resolver { private: false }.call(name()).await.unwrap_err(), Refused::Private);
        assert!(Resolver { private: true }.call(name()).await.is_ok());
    }
}
