//! What a VM's annotations and profiles ask for.

use std::fmt;
use std::net::IpAddr;

use crate::names;
use crate::pages::PageSize;

/// Pages behind a guest's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// Ordinary memory.
    None,
    /// Huge pages of this size.
    Of(PageSize),
}

/// Virtual functions of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VfWish {
    /// `namespace/name` or `name` of a NetworkAttachmentDefinition; `None` means that of the first pool.
    pub network: Option<String>,
    /// How many there shall be.
    pub count: u8,
}

/// A static address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressWish {
    /// Name of the interface.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Length of its network's prefix.
    pub prefix: u8,
}

/// Why a text is no wish; says what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NotAWish(pub &'static str);

/// More VFs than this do not fit behind the PCI ports of a guest.
pub const MAX_VFS: u8 = 32;

impl Pages {
    /// What the annotation may hold.
    pub const EXPECTED: &'static str = "2Mi, 1Gi or none";

    /// Reads the annotation's value.
    ///
    /// # Errors
    /// With what was expected.
    pub fn parse(text: &str) -> Result<Self, NotAWish> {
        match text.trim() {
            "none" => Ok(Self::None),
            size => size
                .parse()
                .map(Self::Of)
                .map_err(|_| NotAWish(Self::EXPECTED)),
        }
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Of(size) => size.fmt(f),
        }
    }
}

impl VfWish {
    /// What the annotation may hold.
    pub const EXPECTED: &'static str =
        "a number from 0 to 32, or networks like namespace/name=2,name=1";

    /// Reads the annotation's value: a number, or a list of networks with a number each.
    ///
    /// # Errors
    /// With what was expected.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, NotAWish> {
        let text = text.trim();
        if let Some(count) = count(text) {
            let network = None;
            return Ok(vec![Self { network, count }]);
        }
        let mut wishes: Vec<Self> = Vec::new();
        for part in text.split(',') {
            let (network, number) = part.split_once('=').ok_or(NotAWish(Self::EXPECTED))?;
            let (network, number) = (network.trim(), number.trim());
            let count = count(number).ok_or(NotAWish(Self::EXPECTED))?;
            let twice = wishes
                .iter()
                .any(|wish| wish.network.as_deref() == Some(network));
            if !is_network(network) || twice {
                return Err(NotAWish(Self::EXPECTED));
            }
            let network = Some(network.to_owned());
            wishes.push(Self { network, count });
        }
        let sum: u32 = wishes.iter().map(|wish| u32::from(wish.count)).sum();
        if sum > u32::from(MAX_VFS) {
            return Err(NotAWish(Self::EXPECTED));
        }
        Ok(wishes)
    }
}

fn count(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= MAX_VFS)
}

/// `name` or `namespace/name` of a Kubernetes object.
#[must_use]
pub fn is_network(text: &str) -> bool {
    match text.split_once('/') {
        Some((namespace, name)) => names::is_dns_label(namespace) && names::is_dns_subdomain(name),
        None => names::is_dns_subdomain(text),
    }
}

impl AddressWish {
    /// What the annotation may hold.
    pub const EXPECTED: &'static str =
        "interfaces with an address and its prefix each, like vf0=192.168.20.5/24,vf1=fd00::5/64";

    /// Reads the annotation's value.
    ///
    /// # Errors
    /// With what was expected.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, NotAWish> {
        let one = |part: &str| {
            let (interface, address) = part.split_once('=')?;
            let (address, prefix) = address.trim().split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            let prefix: u8 = prefix.parse().ok()?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let interface = interface.trim().to_owned();
            let host =
                !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
            (prefix > 0 && prefix <= longest && host && !interface.is_empty()).then_some(Self {
                interface,
                address,
                prefix,
            })
        };
        let wishes: Option<Vec<Self>> = text.split(',').map(one).collect();
        let wishes = wishes.ok_or(NotAWish(Self::EXPECTED))?;
        let twice = |(at, wish): (usize, &Self)| {
            wishes
                .iter()
                .take(at)
                .any(|other| other.address == wish.address)
        };
        if wishes.iter().enumerate().any(twice) {
            return Err(NotAWish(Self::EXPECTED));
        }
        Ok(wishes)
    }
}

impl fmt::Display for AddressWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::two_mebibytes("2Mi", Some(Pages::Of(PageSize::Mi2)))]
    #[case::one_gibibyte(" 1Gi ", Some(Pages::Of(PageSize::Gi1)))]
    #[case::none("none", Some(Pages::None))]
    #[case::other_size("4Mi", None)]
    #[case::empty("", None)]
    fn pages(#[case] text: &str, #[case] expected: Option<Pages>) {
        assert_eq!(Pages::parse(text).ok(), expected);
    }

    #[rstest]
    #[case::number("2", Some("2"))]
    #[case::nothing("0", Some("0"))]
    #[case::one_network("edge/fast=2", Some("edge/fast=2"))]
    #[case::two_networks("edge/fast=2, slow=1", Some("edge/fast=2,slow=1"))]
    #[case::empty("", None)]
    #[case::negative("-1", None)]
    #[case::signed("+1", None)]
    #[case::too_many("33", None)]
    #[case::too_many_together("a=20,b=20", None)]
    #[case::twice("a=1,a=1", None)]
    #[case::no_number("a=", None)]
    #[case::no_network("=1", None)]
    #[case::trailing_comma("a=1,", None)]
    #[case::bad_name("A_b=1", None)]
    #[case::two_slashes("a/b/c=1", None)]
    fn vfs(#[case] text: &str, #[case] expected: Option<&str>) {
        let write = |wish: &VfWish| match &wish.network {
            Some(network) => format!("{network}={}", wish.count),
            None => wish.count.to_string(),
        };
        let read = VfWish::parse_list(text).ok();
        let read = read.map(|wishes| wishes.iter().map(write).collect::<Vec<_>>().join(","));
        assert_eq!(read.as_deref(), expected);
    }

    #[rstest]
    #[case::one("vf0=192.168.20.5/24", true)]
    #[case::two("vf0=192.168.20.5/24, vf1=fd00::5/64", true)]
    #[case::two_of_one_interface("vf0=192.168.20.5/24,vf0=fd00::5/64", true)]
    #[case::same_address_twice("vf0=10.0.0.1/8,vf1=10.0.0.1/8", false)]
    #[case::no_prefix("vf0=10.0.0.1", false)]
    #[case::prefix_too_long("vf0=10.0.0.1/33", false)]
    #[case::no_address("vf0=/24", false)]
    #[case::no_interface("=10.0.0.1/8", false)]
    #[case::no_host("vf0=0.0.0.0/8", false)]
    #[case::group("vf0=224.0.0.1/8", false)]
    #[case::empty("", false)]
    fn addresses(#[case] text: &str, #[case] fits: bool) {
        assert_eq!(AddressWish::parse_list(text).is_ok(), fits);
    }
}
