//! What `[console]` says: where the console is, what it keeps, and who may use it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Reach;
use wx_courier_core::model::hex;

/// `[console]`
#[derive(Clone, Debug)]
pub struct Console {
    /// Where the pages are served.
    pub listen: SocketAddr,
    /// Names by which this listener is known, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// The file of the history.
    pub history: PathBuf,
    /// How long outcomes are kept.
    pub keep: Duration,
    /// How large the file may become.
    pub max_bytes: usize,
    /// Instances that are asked, beside those that the store knows: `host:port`.
    pub instances: Vec<String>,
    /// `[console.users.*]`, by their names.
    pub users: BTreeMap<Arc<str>, ConsoleUser>,
    /// `[console.proxy]`
    pub proxy: Option<ConsoleProxy>,
}

impl Console {
    /// Which machines can connect.
    pub fn reach(&self) -> Reach {
        Reach::of(self.listen)
    }

    /// Whether everything that connects may do everything: nothing is said that tells people apart.
    pub fn is_open(&self) -> bool {
        self.users.is_empty() && self.user_header().is_none()
    }

    /// The header in which a proxy names the user.
    pub fn user_header(&self) -> Option<&str> {
        self.proxy.as_ref()?.header.as_deref()
    }
}

/// What a visitor of the console may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsoleRole {
    /// Look.
    View,
    /// Change something, too.
    Edit,
}

impl ConsoleRole {
    /// The words of the settings.
    pub const WORDS: [(&str, Self); 2] = [("view", Self::View), ("edit", Self::Edit)];

    /// The word of the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
        }
    }
}

/// `[console.users.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleUser {
    /// What is known of the token.
    pub token_hash: TokenHash,
    /// What the user may do.
    pub role: ConsoleRole,
}

/// `[console.proxy]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleProxy {
    /// The header in which it names the user, in lower case. `None` where it names none.
    pub header: Option<String>,
    /// Where it connects from.
    pub from: Vec<Network>,
    /// The users that may change something.
    pub edit: Vec<String>,
}

impl ConsoleProxy {
    /// Whether this is the address of a proxy.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.from.iter().any(|network| network.holds(address))
    }
}

/// All that is known of a token: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

/// How the hash begins where it is written.
const HASH_PREFIX: &str = "sha256:";

impl TokenHash {
    /// Of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Reads `sha256:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(HASH_PREFIX)?.as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let digit = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(digit).ok()?;
            }
        }
        Some(Self(hash))
    }

    /// Whether both are the same, in a time that tells nothing of where they differ.
    pub fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", hex(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(hidden)")
    }
}

/// An address, or all whose first bits are the same: `10.1.2.3`, `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads an address, perhaps with the number of bits that count. None is read that holds every address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(all);
        (1..=all).contains(&bits).then_some(Self { address, bits })
    }

    /// Whether the address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(address)) => {
                let differing = ours.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(ours), IpAddr::V6(address)) => {
                let differing = ours.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// More is no name of a person.
const LONGEST_NAME: usize = 64;

/// Whether this can be the name of a user of the console: people read it in records of who has changed what, so it must not look like another one.
pub fn is_user_name(name: &str) -> bool {
    let is_seen = |letter: char| {
        let is_mark = matches!(letter, '\u{ad}' | '\u{61c}' | '\u{feff}')
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
        !letter.is_control() && !is_mark && !matches!(letter, '"' | '\\')
    };
    !name.is_empty()
        && name.trim() == name
        && name.chars().count() <= LONGEST_NAME
        && name.chars().all(is_seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = TokenHash::of("abc");
        // FIPS 180-4, the example of one block.
        let written = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), written);
        assert_eq!(TokenHash::parse(written), Some(hash));
        assert_eq!(
            TokenHash::parse(&written.replace("ba78", "BA78")),
            Some(hash)
        );
        assert!(bool::from(hash.is(&TokenHash::of("abc"))));
        assert!(!bool::from(hash.is(&TokenHash::of("abd"))));
        let short = written.trim_end_matches('d');
        let longer = format!("{written}0");
        let other = written.replace("ba78", "ga78");
        let umlaut = written.replace("ba78", "ä78");
        for wrong in ["", "abc", "sha256:", short, &longer, &other, &umlaut] {
            assert_eq!(TokenHash::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{hash:?}").contains("7816"));
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_as_it_does() {
        for (network, address, holds) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3", "::ffff:10.1.2.3", true),
            ("10.1.0.0/16", "10.1.255.9", true),
            ("10.1.7.7/16", "10.1.0.0", true),
            ("10.1.0.0/16", "10.2.0.1", false),
            ("10.1.2.2/31", "10.1.2.3", true),
            ("10.1.2.2/31", "10.1.2.4", false),
            ("2001:db8::/32", "2001:db8:1::9", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "127.0.0.1", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.holds(address.parse().unwrap()),
                holds,
                "{network} {address}"
            );
        }
        for wrong in [
            "",
            "proxy",
            "10.1.2",
            "10.1.2.3/33",
            "10.1.2.3/0",
            "::/0",
            "10.0.0.0/x",
            "10.1.2.3:80",
        ] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_what_people_can_tell_apart() {
        for name in ["li", "li.wei@example.com", "王芳", "Li Wei"] {
            assert!(is_user_name(name), "{name}");
        }
        let long = "x".repeat(LONGEST_NAME + 1);
        for name in [
            "",
            " li",
            "li\n",
            "li\u{202e}",
            "l\u{200b}i",
            "li\"",
            "a\\b",
            &long,
        ] {
            assert!(!is_user_name(name), "{name:?}");
        }
    }
}
