//! What pages bring along: a style, a script and an icon, all of them ours. Their addresses name what is in them, so browsers may keep them for ever.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file that pages name.
pub struct Asset {
    name: &'static str,
    /// The type for browsers.
    pub media_type: &'static str,
    /// What is in it.
    pub text: &'static str,
    digest: LazyLock<String>,
}

/// How pages look.
pub static STYLE: Asset = Asset {
    name: "console.css",
    media_type: "text/css; charset=utf-8",
    text: include_str!("assets/console.css"),
    digest: LazyLock::new(|| digest(include_str!("assets/console.css"))),
};

/// What moves on pages.
pub static SCRIPT: Asset = Asset {
    name: "console.js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("assets/console.js"),
    digest: LazyLock::new(|| digest(include_str!("assets/console.js"))),
};

/// The sign of the console in a browser's tab.
pub static ICON: Asset = Asset {
    name: "icon.svg",
    media_type: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
    digest: LazyLock::new(|| digest(include_str!("assets/icon.svg"))),
};

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

impl Asset {
    /// Where browsers find it.
    pub fn address(&self) -> String {
        format!("/assets/{}-{}", *self.digest, self.name)
    }

    /// The asset of this address, by what stands behind `/assets/`.
    pub fn find(path: &str) -> Option<&'static Self> {
        let all = [&STYLE, &SCRIPT, &ICON];
        let mut all = all.into_iter();
        all.find(|asset| asset.address().strip_prefix("/assets/") == Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_address_alone() {
        let address = STYLE.address();
        let path = address.strip_prefix("/assets/").unwrap();
        assert!(std::ptr::eq(Asset::find(path).unwrap(), &raw const STYLE));
        assert!(Asset::find("console.css").is_none());
        assert!(Asset::find("").is_none());
    }

    #[test]
    fn no_asset_names_another_host() {
        for asset in [&STYLE, &SCRIPT, &ICON] {
            let text = asset.text.replace("http://www.w3.org/", "");
            assert!(
                !text.contains("http:") && !text.contains("https:"),
                "{}",
                asset.name
            );
            assert!(!text.contains("@import"), "{}", asset.name);
        }
    }
}
