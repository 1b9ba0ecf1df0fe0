//! The words of audit records on the wire: closed for what we write, open for what we read.

use serde::{Serialize, Serializer};

use super::{Ended, Unlisted, Via, What};

impl What {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Reload => "reload",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Replay => "replay",
            Self::GrantsSet => "grants_set",
            Self::GrantsImport => "grants_import",
            Self::QuotaClear => "quota_clear",
            Self::StateResume => "state_resume",
            Self::Unlisted(word) => word.as_str(),
        }
    }
}

impl Via {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Command => "command",
            Self::Console => "console",
            Self::Request => "request",
            Self::Signal => "signal",
            Self::SavedFile => "saved_file",
            Self::Unlisted(word) => word.as_str(),
        }
    }
}

impl Ended {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Unchanged => "unchanged",
            Self::NotKnown => "not_known",
            Self::Unlisted(word) => word.as_str(),
        }
    }
}

impl From<Unlisted> for What {
    fn from(word: Unlisted) -> Self {
        Self::Unlisted(word)
    }
}

impl From<Unlisted> for Via {
    fn from(word: Unlisted) -> Self {
        Self::Unlisted(word)
    }
}

impl From<Unlisted> for Ended {
    fn from(word: Unlisted) -> Self {
        Self::Unlisted(word)
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Via {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Ended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
