//! Who runs this process: what is written down before something is changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use reqwest::RequestBuilder;

use super::environment;
use crate::edges::http::actor::{ACTOR_HEADER, WHY_HEADER, actor_value, why_value};
use wx_courier_core::model::audit::{Via, Who, name_of, why_of};

/// Why something is done, for the record of it.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Why {
    /// Why, for those who look at the audit later
    #[arg(long, value_name = "TEXT", value_parser = one_line)]
    why: Option<String>,
}

fn one_line(text: &str) -> Result<String, String> {
    Ok(why_of(text)?.unwrap_or_default().to_owned())
}

impl Why {
    /// The words, if there are any.
    pub(super) fn words(&self) -> Option<String> {
        self.why.clone().filter(|why| !why.is_empty())
    }
}

/// Tells a service who asks, and why.
pub(super) fn with_actor(request: RequestBuilder, why: &Why) -> RequestBuilder {
    let request = request.header(ACTOR_HEADER, actor_value(&myself()));
    match why.words() {
        Some(why) => request.header(WHY_HEADER, why_value(&why)),
        None => request,
    }
}

/// The system's user who runs this process, and the machine.
pub(super) fn myself() -> Who {
    let read = |file: &str| fs::read_to_string(file).ok();
    who(
        &environment(),
        // The kernel says whose process it is; a variable says what its caller likes.
        Path::new("/proc/self").metadata().ok().map(|own| own.uid()),
        &read("/etc/passwd").unwrap_or_default(),
        read("/proc/sys/kernel/hostname").as_deref(),
    )
}

const ROOT: u32 = 0;

fn who(
    environment: &BTreeMap<String, String>,
    uid: Option<u32>,
    users: &str,
    host: Option<&str>,
) -> Who {
    let variable = |name: &str| {
        let value = environment.get(name)?;
        name_of(value).map(str::to_owned)
    };
    let said = || variable("USER").or_else(|| variable("LOGNAME"));
    let name = match uid {
        Some(ROOT) => match variable("SUDO_USER") {
            Some(person) if person != "root" => format!("{person} as root"),
            Some(_) | None => "root".to_owned(),
        },
        // A user of a directory service is in no file.
        Some(uid) => user(users, uid)
            .or_else(said)
            .unwrap_or_else(|| format!("uid {uid}")),
        None => said().unwrap_or_else(|| "unknown".to_owned()),
    };
    let host = host.and_then(name_of).map(str::to_owned);
    let host = host.or_else(|| variable("HOSTNAME"));
    Who {
        name,
        host: host.unwrap_or_else(|| "unknown".to_owned()),
        via: Via::Command,
    }
}

/// The name of a user in `/etc/passwd`.
fn user(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, of) = (fields.next()?, fields.next()?, fields.next()?);
        (of.parse() == Ok(uid)).then(|| name_of(name).map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";

    fn named(variables: &[(&str, &str)], uid: Option<u32>) -> String {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let who = who(&variables.collect(), uid, USERS, Some("laptop\n"));
        assert_eq!(who.host, "laptop");
        who.name
    }

    #[test]
    fn the_kernel_knows_whose_process_it_is() {
        assert_eq!(named(&[("USER", "eve")], Some(1000)), "alice");
        assert_eq!(named(&[], Some(0)), "root");
        assert_eq!(named(&[("SUDO_USER", "alice")], Some(0)), "alice as root");
        assert_eq!(named(&[("SUDO_USER", "alice")], Some(1000)), "alice");
        assert_eq!(named(&[("USER", "bob")], Some(2000)), "bob");
        assert_eq!(named(&[], Some(10001)), "uid 10001");
        assert_eq!(named(&[("LOGNAME", "carol")], None), "carol");
        assert_eq!(named(&[("USER", "a\nb")], None), "unknown");
        let nowhere = who(&BTreeMap::new(), None, "", None);
        assert_eq!(
            (nowhere.name.as_str(), nowhere.host.as_str()),
            ("unknown", "unknown")
        );
    }

    #[test]
    fn the_process_of_this_test_has_a_user_and_a_host() {
        let myself = myself();
        assert!(name_of(&myself.name).is_some() && name_of(&myself.host).is_some());
    }
}
