//! `[log]`

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Reader;
use crate::config::LogFormat;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Mistake, Parsed, Words};
use wx_courier_core::document::Section;

pub(super) static LOG: Table = Table {
    path: "log",
    keys: &[&FORMAT, &LEVEL],
};

static FORMAT: Key<Words<LogFormat>> = Key {
    name: "format",
    kind: Words(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
    default: || LogFormat::Text,
    about: "on standard error",
};

static LEVEL: Key<Parsed<String>> = Key {
    name: "level",
    kind: Parsed {
        what: "levels",
        read: level,
        show: Clone::clone,
    },
    default: || "info".to_owned(),
    about: "`error`, `warn`, `info`, `debug`, or one for each module: `info,librdkafka=warn`",
};

impl Reader<'_> {
    pub(super) fn log(&mut self, top: &mut Section) -> (LogFormat, String) {
        let mut section = self.section(top, &LOG);
        let format = self.read(&mut section, &FORMAT);
        let level = self.read(&mut section, &LEVEL);
        section.finish(self.problems);
        (format, level)
    }
}

/// A bare word that is no level would be taken for the name of a module, and nothing would be logged.
fn level(text: &str) -> Result<String, Mistake> {
    let is_known = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    if text.split(',').all(is_known) && EnvFilter::try_new(text).is_ok() {
        return Ok(text.to_owned());
    }
    Err(Mistake {
        message: format!("\"{text}\" is not a log level"),
        help: "error, warn, info, debug or trace; or one per module: \"info,librdkafka=warn\""
            .to_owned(),
    })
}
