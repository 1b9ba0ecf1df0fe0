//! A text file of an operator's. Editors on Windows save other encodings than ours, and that is told by its name.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use wx_courier_core::document::other_encoding;

/// Reads a file of text in UTF-8. The error repeats nothing of it.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let looks_like = match other_encoding(error.as_bytes()) {
            Some(encoding) => format!(", and looks like {encoding}"),
            None => String::new(),
        };
        let what = format!("it is not text in UTF-8{looks_like}: save it as UTF-8");
        Error::new(ErrorKind::InvalidData, what)
    })
}
