//! The system's user as whom this process runs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

/// Its name: as the list of users has it, not as a variable says.
pub(super) fn user_name() -> Arc<str> {
    // A process owns what the system shows of it.
    let Ok(process) = fs::metadata("/proc/self") else {
        return Arc::from("user of this machine");
    };
    let id = process.uid();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, id).map_or_else(|| Arc::from(format!("uid {id}")), Arc::from)
}

/// `name:password:id:…`, a line each.
fn name_in(users: &str, id: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let is_it = fields.nth(1)?.parse() == Ok(id);
        is_it.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_id() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:\nli:x:1000:1000::/home/li:/bin/sh\n";
        assert_eq!(name_in(users, 0), Some("root"));
        assert_eq!(name_in(users, 1000), Some("li"));
        assert_eq!(name_in(users, 7), None);
        assert_eq!(name_in("", 0), None);
        assert!(!user_name().is_empty());
    }
}
