//! `fit`, which cuts a text to what its param takes, and the same for people who look: where it leaves a suffix alone, and what it has cut.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands named arguments over by value"
)]

use minijinja::value::Kwargs;
use minijinja::{Error, State, Value};

use super::refuse;
use crate::rules::template::text_of;
use crate::wechat::params::{ParamKind, cut, normalise};

/// `fit(limit?, suffix='')`: cuts to the limit of the param that the template is for, or to the one given.
pub(super) fn fit(
    state: &State<'_, '_>,
    value: &Value,
    limit: Option<usize>,
    named: Kwargs,
) -> Result<String, Error> {
    let limit = match limit {
        Some(limit) => Some(limit),
        None => named.get::<Option<usize>>("limit")?,
    };
    let suffix = named.get::<Option<String>>("suffix")?.unwrap_or_default();
    named.assert_all_used()?;
    let text = normalise(&text_of(value)?);
    if let Some(limit) = limit {
        return Ok(cut(&text, &suffix, limit));
    }
    match ParamKind::of(state.name()) {
        Some(kind) if kind.can_trim() => Ok(kind.trim(&text, &suffix)),
        Some(_) => Err(refuse(
            "`fit` would change the meaning of this param: a value of this type cannot be cut",
        )),
        None => Err(refuse("`fit` needs a limit outside of params: `fit(20)`")),
    }
}

/// The same, but that nothing is cut.
pub(in crate::rules) fn leave_whole(
    value: &Value,
    _limit: Option<usize>,
    named: Kwargs,
) -> Result<String, Error> {
    let _limit = named.get::<Option<usize>>("limit")?;
    let suffix = named.get::<Option<String>>("suffix")?.unwrap_or_default();
    named.assert_all_used()?;
    Ok(normalise(&text_of(value)?) + &suffix)
}

/// What is told instead of a suffix that stands alone.
const LONE_SUFFIX: &str = "the suffix of `fit` stands alone";

/// The same, but that a suffix with nothing before it is an error: see [`is_lone_suffix`].
pub(in crate::rules) fn fit_or_tell(
    state: &State<'_, '_>,
    value: &Value,
    limit: Option<usize>,
    named: Kwargs,
) -> Result<String, Error> {
    let suffix = named.get::<Option<String>>("suffix")?.unwrap_or_default();
    let is_empty = value
        .as_str()
        .is_some_and(|text| normalise(text).is_empty());
    if is_empty && !suffix.trim().is_empty() {
        return Err(refuse(LONE_SUFFIX));
    }
    fit(state, value, limit, named)
}

/// Whether [`fit_or_tell`] has told of a suffix.
pub(in crate::rules) fn is_lone_suffix(error: &Error) -> bool {
    error.detail() == Some(LONE_SUFFIX)
}
