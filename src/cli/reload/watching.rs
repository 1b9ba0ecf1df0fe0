//! When what lies on disk is to be read: after it has changed, as soon as it stays as it is.
//!
//! The files are looked at again and again. A file that is being written, and a folder that is being copied, look otherwise each time; only what
//! looked the same twice is read. Looks work wherever files can be read: on the folders of containers and of other machines as well, where the
//! system tells nothing of changes.

use std::time::Duration;

use crate::config::Fingerprint;

/// How often one looks. What was saved is in force after two or three looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After so many looks something is read again that was refused: what was wrong with it may lie elsewhere.
const LOOKS_UNTIL_AGAIN: u32 = 30;

/// After so many looks that were all different it is told.
const LOOKS_UNTIL_TOLD: u32 = 60;

/// What a look means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// There is nothing to do.
    Nothing,
    /// What lies there is to be read.
    Read,
    /// What lies there does not come to rest.
    Restless,
}

/// How the last reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// What lies there is in force.
    InForce,
    /// It is refused.
    Refused,
}

/// What was seen, and what was read.
pub(super) struct Watching {
    seen: Fingerprint,
    read: Fingerprint,
    standing: Standing,
    /// Since the last reading of what is refused.
    looks: u32,
    /// How many looks in a row were different.
    different: u32,
}

impl Watching {
    /// What looked like this was read, and is in force.
    pub(super) fn new(read: Fingerprint) -> Self {
        Self {
            seen: read,
            read,
            standing: Standing::InForce,
            looks: 0,
            different: 0,
        }
    }

    /// It looks like this now.
    pub(super) fn look(&mut self, now: Fingerprint) -> Look {
        self.looks += 1;
        if now != self.seen {
            self.seen = now;
            self.different += 1;
            return if self.different == LOOKS_UNTIL_TOLD {
                Look::Restless
            } else {
                Look::Nothing
            };
        }
        self.different = 0;
        let again = self.standing == Standing::Refused && self.looks >= LOOKS_UNTIL_AGAIN;
        if now != self.read || again {
            Look::Read
        } else {
            Look::Nothing
        }
    }

    /// It looked like this before it was read and after, and this came of it.
    pub(super) fn was_read(&mut self, as_it_was: Fingerprint, standing: Standing) {
        self.seen = as_it_was;
        self.read = as_it_was;
        self.standing = standing;
        self.looks = 0;
    }

    /// What lies there could not be read, by a fault of ours.
    pub(super) fn failed(&mut self) {
        self.was_read(self.seen, Standing::Refused);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::fingerprint;

    /// A folder that looks different each time it is asked to.
    struct Folder(tempfile::TempDir, usize);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap(), 0)
        }

        fn look(&self) -> Fingerprint {
            fingerprint(self.0.path(), &[])
        }

        fn change(&mut self) -> Fingerprint {
            self.1 += 1;
            fs::write(self.0.path().join("courier.toml"), "#".repeat(self.1)).unwrap();
            self.look()
        }
    }

    #[test]
    fn what_changes_is_read_once_it_rests() {
        let mut folder = Folder::new();
        let mut watching = Watching::new(folder.look());
        assert_eq!(watching.look(folder.look()), Look::Nothing);
        for _half in 0..3 {
            assert_eq!(watching.look(folder.change()), Look::Nothing);
        }
        let rests = folder.look();
        assert_eq!(watching.look(rests), Look::Read);
        // Until it was read, each look says so.
        assert_eq!(watching.look(rests), Look::Read);
        watching.was_read(rests, Standing::InForce);
        for _look in 0..100 {
            assert_eq!(watching.look(rests), Look::Nothing);
        }
    }

    #[test]
    fn what_was_refused_is_read_again_after_a_while() {
        let mut folder = Folder::new();
        let mut watching = Watching::new(folder.look());
        let bad = folder.change();
        watching.was_read(bad, Standing::Refused);
        let looks = (1..=60).filter(|_| {
            let look = watching.look(bad);
            if look == Look::Read {
                watching.was_read(bad, Standing::Refused);
            }
            look == Look::Read
        });
        assert_eq!(looks.collect::<Vec<_>>(), [30, 60]);
    }

    #[test]
    fn what_never_rests_is_told_once() {
        let mut folder = Folder::new();
        let mut watching = Watching::new(folder.look());
        let told = (1..=200).filter(|_| watching.look(folder.change()) == Look::Restless);
        assert_eq!(told.collect::<Vec<_>>(), [60]);
    }
}
