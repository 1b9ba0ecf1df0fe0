//! Where something lies in JSON.

use std::borrow::Cow;
use std::fmt;

/// A JSON Pointer (RFC 6901).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(String);

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pointer {
    /// A pointer is empty or begins with `/`.
    pub fn new(path: &str) -> Option<Self> {
        (path.is_empty() || path.starts_with('/')).then(|| Self(path.to_owned()))
    }

    /// The names and indices that lead there.
    pub fn steps(&self) -> impl Iterator<Item = Cow<'_, str>> {
        // What stands before the first slash is empty.
        self.0.split('/').skip(1).map(|step| {
            if step.contains('~') {
                Cow::Owned(step.replace("~1", "/").replace("~0", "~"))
            } else {
                Cow::Borrowed(step)
            }
        })
    }
}
