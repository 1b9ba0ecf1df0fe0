//! What is said of a command line that cannot be read: usage that is whole, and only proposals that lead somewhere.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use clap::{Command, Error};
use wx_courier_core::document::nearest;

/// What was said, and where clap keeps what it proposes in its place.
const PROPOSALS: [(ContextKind, ContextKind); 3] = [
    (ContextKind::InvalidArg, ContextKind::SuggestedArg),
    (
        ContextKind::InvalidSubcommand,
        ContextKind::SuggestedSubcommand,
    ),
    (ContextKind::InvalidValue, ContextKind::SuggestedValue),
];

/// Takes out of the error what would mislead, and shows the usage line that `--help` shows.
pub(super) fn explain(mut error: Error, mut known: Command, words: &[OsString]) -> Error {
    for (said, proposed) in PROPOSALS {
        let near = near_ones(error.get(said), error.get(proposed));
        match near.as_slice() {
            [] => error.remove(proposed),
            [_, ..] => error.insert(proposed, ContextValue::Strings(near)),
        };
    }
    // No command takes a value that begins with a dash, so `-- --flag` is no help.
    if let Some(ContextValue::StyledStrs(tips)) = error.remove(ContextKind::Suggested) {
        let leads = |tip: &StyledStr| !tip.to_string().starts_with("to pass ");
        let tips: Vec<StyledStr> = tips.into_iter().filter(leads).collect();
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    // clap's own is of the arguments that were said, and of the one that it proposes.
    if error.get(ContextKind::Usage).is_some() {
        known.build();
        let usage = called(&known, words).clone().render_usage();
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    }
    error
}

/// Those proposals that are a slip of the finger away. clap proposes what has a few letters in common.
fn near_ones(said: Option<&ContextValue>, proposed: Option<&ContextValue>) -> Vec<String> {
    let Some(ContextValue::String(said)) = said else {
        return Vec::new();
    };
    let proposed = match proposed {
        Some(ContextValue::String(one)) => std::slice::from_ref(one),
        Some(ContextValue::Strings(several)) => several,
        _ => return Vec::new(),
    };
    let name = said.split(['=', ' ']).next().unwrap_or_default();
    let is_near = |proposal: &&String| nearest(name, &[proposal.as_str()]).is_some();
    proposed.iter().filter(is_near).cloned().collect()
}

/// The command that these words call, as far as they name one.
fn called<'a>(root: &'a Command, words: &[OsString]) -> &'a Command {
    let words = words.iter().filter_map(|word| word.to_str());
    words.fold(root, |found, word| {
        found.find_subcommand(word).unwrap_or(found)
    })
}
