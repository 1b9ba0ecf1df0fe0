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

/// Reads a secret: without the byte order mark that some editors write, and without the space and line ends behind it.
pub(crate) fn read_secret(path: &Path) -> Result<String> {
    let text = read_text(path)?;
    Ok(text.trim_start_matches('\u{feff}').trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn a_secret_is_what_stands_between_a_mark_and_the_line_end() {
        let secret = |bytes: &[u8]| read_secret(file(bytes).path()).unwrap();
        assert_eq!(secret(b"s3cret\r\n"), "s3cret");
        assert_eq!(secret(b"\xef\xbb\xbfs3cret"), "s3cret");
        assert_eq!(secret(b"\xef\xbb\xbf \n"), "");
    }

    #[test]
    fn another_encoding_is_named_and_nothing_is_repeated() {
        // As PowerShell writes with `>`.
        let wide: Vec<u8> = "s3cret".bytes().flat_map(|byte| [byte, 0]).collect();
        let wide = file(&[&b"\xff\xfe"[..], &wide].concat());
        let said = read_secret(wide.path()).unwrap_err().to_string();
        assert!(
            said.contains("looks like UTF-16") && !said.contains("s3"),
            "{said}"
        );
        let said = read_text(file(b"\xb6\xa9").path()).unwrap_err().to_string();
        assert_eq!(
            said,
            "it is not text in UTF-8, and looks like GBK: save it as UTF-8"
        );
        let said = read_text(file(b"\xff").path()).unwrap_err().to_string();
        assert_eq!(said, "it is not text in UTF-8: save it as UTF-8");
    }
}
