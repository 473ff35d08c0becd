//! Values of settings: how each type is read from a text, and shown without its secrets.

use std::net::SocketAddr;
use std::path::PathBuf;

use api::edge::client::{ForwardingHeader, Proxies};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Value for Secret {
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
    fn shape() -> String {
        "text".into()
    }
    fn show(&self) -> String {
        if self.0.is_empty() { String::new() } else { "(set, not shown)".into() }
    }
}

/// A type that a setting can have.
pub(crate) trait Value: Sized {
    /// Reads a text; the error is read after the key's name.
    fn read(text: &str) -> Result<Self, String>;
    /// What values look like, for people.
    fn shape() -> String;
    /// The value without its secrets.
    fn show(&self) -> String;
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within<const LOW: u32, const HIGH: u32>(pub(crate) u32);

/// Which ClickHouse rows land in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WarehouseChoice {
    /// Our own child process.
    Embedded,
    /// None: live views only.
    None,
    /// A server at this address.
    Server(String),
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The proxies whose word is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedProxies(pub(crate) Proxies, String);

/// Which header they write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProxyHeader(pub(crate) ForwardingHeader);

impl Value for TrustedProxies {
    fn read(text: &str) -> Result<Self, String> {
        let proxies =
            text.parse().map_err(|wrong| format!("must be addresses and blocks parted by commas; {wrong}"))?;
        Ok(Self(proxies, text.to_owned()))
    }
    fn shape() -> String {
        "addresses, blocks".into()
    }
    fn show(&self) -> String {
        self.1.clone()
    }
}

impl Value for ProxyHeader {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "x-forwarded-for" => Ok(Self(ForwardingHeader::XForwarded)),
            "forwarded" => Ok(Self(ForwardingHeader::Forwarded)),
            _ => Err("must be `x-forwarded-for` or `forwarded`".into()),
        }
    }
    fn shape() -> String {
        "`x-forwarded-for`, `forwarded`".into()
    }
    fn show(&self) -> String {
        match self.0 {
            ForwardingHeader::XForwarded => "x-forwarded-for",
            ForwardingHeader::Forwarded => "forwarded",
        }
        .into()
    }
}

impl<const LOW: u32, const HIGH: u32> Value for Within<LOW, HIGH> {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("must be a whole number in {LOW}..={HIGH}");
        let number = text.parse().map_err(|_| wrong())?;
        if (LOW..=HIGH).contains(&number) { Ok(Self(number)) } else { Err(wrong()) }
    }
    fn shape() -> String {
        format!("{LOW}..={HIGH}")
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
    fn shape() -> String {
        "path".into()
    }
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "must be an address and port such as 127.0.0.1:7171".into())
    }
    fn shape() -> String {
        "address:port".into()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Option<SocketAddr> {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { SocketAddr::read(text).map(Some) }
    }
    fn shape() -> String {
        "address:port, or nothing".into()
    }
    fn show(&self) -> String {
        self.map(|address| address.to_string()).unwrap_or_default()
    }
}

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "must be `true` or `false`".into())
    }
    fn shape() -> String {
        "`true`, `false`".into()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
    fn shape() -> String {
        "text".into()
    }
    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for WarehouseChoice {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "none" => Ok(Self::None),
            address if address.starts_with("http://") || address.starts_with("https://") => {
                Ok(Self::Server(address.to_owned()))
            }
            _ => Err("must be `embedded`, `none` or the http address of a ClickHouse server".into()),
        }
    }
    fn shape() -> String {
        "`embedded`, `none`, URL".into()
    }
    fn show(&self) -> String {
        match self {
            Self::Embedded => "embedded".into(),
            Self::None => "none".into(),
            Self::Server(address) => without_password(address),
        }
    }
}

/// An address with its password blotted out.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let Some((account, host)) = rest.rsplit_once('@') else { return address.to_owned() };
    let user = account.split(':').next().unwrap_or("");
    format!("{scheme}://{user}:***@{host}")
}

impl Value for LogFormat {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be `auto`, `text` or `json`".into()),
        }
    }
    fn shape() -> String {
        "`auto`, `text`, `json`".into()
    }
    fn show(&self) -> String {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let choice = WarehouseChoice::read("http://me:p@ss@host:8123/db").unwrap();
        assert_eq!(choice.show(), "http://me:***@host:8123/db");
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        assert!(Within::<1, 8>::read("0").is_err());
        assert_eq!(Within::<1, 8>::read("8"), Ok(Within(8)));
        assert!(Within::<1, 8>::read("eight").is_err());
    }
}
