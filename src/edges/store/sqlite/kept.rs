//! What was found where a row may be.

use super::is_outage;
use crate::edges::store::failure::NotReadable;
use wx_courier_core::state::Unreadable;

/// What is kept.
pub(super) enum Kept<T> {
    Nothing,
    Row(T),
    /// Something that cannot be read, and may be replaced.
    Junk,
}

/// What came of reading a row, or of working on it. What cannot be read is junk if it may be replaced, and stays an error if not.
pub(super) fn kept<T>(
    unreadable: Unreadable,
    found: anyhow::Result<Option<T>>,
) -> anyhow::Result<Kept<T>> {
    match found {
        Ok(Some(row)) => Ok(Kept::Row(row)),
        Ok(None) => Ok(Kept::Nothing),
        Err(error) => {
            let is_junk = error.is::<NotReadable>() && !is_outage(&error);
            match unreadable {
                Unreadable::Replace if is_junk => Ok(Kept::Junk),
                Unreadable::Replace | Unreadable::Tell => Err(error),
            }
        }
    }
}
