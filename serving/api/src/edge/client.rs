//! Who is at the other end: the address, and whether the way is encrypted. What a proxy tells is believed only of
//! proxies that the settings name, because anybody can send such a header.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use crate::Api;

/// The most addresses of a forwarding header that are looked at: a chain of proxies has a few.
const HOPS_MAX: usize = 32;

/// The other end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether it speaks TLS, to us or to a proxy of ours.
    pub secure: bool,
}

/// Stands in the extensions of requests that came over TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverTls;

/// Which header a proxy writes. Only one: a proxy that writes the one passes on what strangers wrote into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies whose word counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    networks: Vec<Network>,
    /// What they write.
    pub header: ForwardingHeader,
}

/// A block of addresses such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: u128,
    bits: u32,
}

fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        let mask = if self.bits == 0 { 0 } else { u128::MAX << (128 - self.bits) };
        (wide(address) ^ self.address) & mask == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither an address nor a block such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u32 = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address: wide(address), bits: bits + 128 - most })
    }
}

impl FromStr for Proxies {
    type Err = String;

    /// Reads a list of addresses and blocks, parted by commas; the empty text is none.
    fn from_str(text: &str) -> Result<Self, String> {
        let blocks = text.split(',').map(str::trim).filter(|block| !block.is_empty());
        Ok(Self { networks: blocks.map(str::parse).collect::<Result<_, _>>()?, header: ForwardingHeader::default() })
    }
}

impl Proxies {
    /// The same proxies, which write this header.
    #[must_use]
    pub fn writing(self, header: ForwardingHeader) -> Self {
        Self { header, ..self }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(address))
    }

    /// The other end of a request that came from `peer`.
    ///
    /// Each proxy adds whom it heard from at the end. So the list is read from the end, as long as it names proxies of
    /// ours; the first other address is the client. What stands before it anybody may have written.
    fn client(&self, peer: IpAddr, over_tls: bool, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return Client { address: peer, secure: over_tls };
        }
        let hops = match self.header {
            ForwardingHeader::XForwarded => x_forwarded(headers),
            ForwardingHeader::Forwarded => forwarded(headers),
        };
        let mut client = Client { address: peer, secure: over_tls };
        for (address, secure) in hops.into_iter().rev().take(HOPS_MAX) {
            client.secure = secure.unwrap_or(client.secure);
            // Somebody who hides (`unknown`, `_name`) is who the last proxy is.
            let Some(address) = address else { break };
            client.address = address.to_canonical();
            if !self.trusts(client.address) {
                break;
            }
        }
        client
    }
}

type Hop = (Option<IpAddr>, Option<bool>);

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|part| part.trim().to_owned()).collect()
}

fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let mut hops: Vec<Hop> = values(headers, "x-forwarded-for").iter().map(|text| (address_of(text), None)).collect();
    // One word of the proxy that is nearest to us.
    let secure = values(headers, "x-forwarded-proto").last().map(|word| word.eq_ignore_ascii_case("https"));
    if let Some(last) = hops.last_mut() {
        last.1 = secure;
    }
    hops
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let hop = |element: &String| {
        let mut hop: Hop = (None, None);
        for (name, value) in element.split(';').filter_map(|pair| pair.trim().split_once('=')) {
            let value = value.trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                "for" => hop.0 = address_of(value),
                "proto" => hop.1 = Some(value.eq_ignore_ascii_case("https")),
                _ => {}
            }
        }
        hop
    };
    values(headers, "forwarded").iter().map(hop).collect()
}

/// Reads `10.0.0.1`, `10.0.0.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let inside = text.strip_prefix('[').and_then(|text| text.split(']').next());
    text.parse()
        .ok()
        .or_else(|| inside?.parse::<Ipv6Addr>().ok().map(IpAddr::V6))
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Finds out who is at the other end, for all that come after.
pub(crate) async fn know(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    // Without a peer the request did not come over a network at all (tests, embedding).
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let over_tls = request.extensions().get::<OverTls>().is_some();
        let client = api.edge.proxies.client(peer.ip(), over_tls, request.headers());
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn ask(proxies: &Proxies, peer: &str, list: &[(&'static str, &str)]) -> (String, bool) {
        let client = proxies.client(peer.parse().unwrap(), false, &headers(list));
        (client.address.to_string(), client.secure)
    }

    #[test]
    fn strangers_cannot_say_who_they_are() {
        let nobody = Proxies::default();
        assert_eq!(ask(&nobody, "198.51.100.7", &[("x-forwarded-for", "10.0.0.1")]), ("198.51.100.7".into(), false));
        let proxies: Proxies = "10.0.0.0/8, ::1".parse().unwrap();
        let forged = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "https")];
        assert_eq!(ask(&proxies, "198.51.100.7", &forged), ("198.51.100.7".into(), false));
    }

    #[test]
    fn the_address_nearest_to_our_proxies_counts() {
        let proxies: Proxies = "10.0.0.0/8, 2001:db8::/32".parse().unwrap();
        let chain = [
            ("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
            ("x-forwarded-for", "10.1.1.1"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(ask(&proxies, "10.9.9.9", &chain), ("198.51.100.7".into(), true));
        assert_eq!(ask(&proxies, "::ffff:10.9.9.9", &chain), ("198.51.100.7".into(), true), "v4 in v6 is the same");
        assert_eq!(ask(&proxies, "10.9.9.9", &[]), ("10.9.9.9".into(), false));
        assert_eq!(ask(&proxies, "10.9.9.9", &[("x-forwarded-for", "unknown")]).0, "10.9.9.9");
        assert_eq!(ask(&proxies, "2001:db8::5", &[("x-forwarded-for", "[2001:db9::7]:443")]).0, "2001:db9::7");
        // A proxy that writes the one header does not write the other.
        assert_eq!(ask(&proxies, "10.9.9.9", &[("forwarded", "for=203.0.113.9")]).0, "10.9.9.9");
    }

    #[test]
    fn the_standard_header_is_read() {
        let proxies = "10.0.0.1".parse::<Proxies>().unwrap().writing(ForwardingHeader::Forwarded);
        let sent = "for=192.0.2.43;proto=http, For=\"[2001:db8:cafe::17]:4711\";proto=https;by=10.0.0.1";
        assert_eq!(ask(&proxies, "10.0.0.1", &[("forwarded", sent)]), ("2001:db8:cafe::17".into(), true));
        assert_eq!(ask(&proxies, "10.0.0.2", &[("forwarded", sent)]).0, "10.0.0.2");
    }

    #[test]
    fn blocks_are_read_or_refused() {
        for wrong in ["10.0.0.0/33", "ten", "10.0.0.0/x", "::1/129"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
        assert!("0.0.0.0/0".parse::<Proxies>().unwrap().trusts("203.0.113.1".parse().unwrap()));
        assert!(!"0.0.0.0/0".parse::<Proxies>().unwrap().trusts("2001:db8::1".parse().unwrap()));
        assert_eq!("".parse::<Proxies>().unwrap(), Proxies::default());
    }
}
