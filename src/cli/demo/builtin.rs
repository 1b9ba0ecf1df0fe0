//! The configuration that the program brings along: the repository's sample, for a demo where there is no other.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Each file by its place in the folder. A test compares it with the folder.
const FILES: &[(&str, &str)] = &[
    ("courier.toml", include_str!("../../../config/courier.toml")),
    (
        "templates.toml",
        include_str!("../../../config/templates.toml"),
    ),
    ("samples.toml", include_str!("../../../config/samples.toml")),
    (
        "rules/class-starting.toml",
        include_str!("../../../config/rules/class-starting.toml"),
    ),
    (
        "rules/order-completed.toml",
        include_str!("../../../config/rules/order-completed.toml"),
    ),
    (
        "rules/shipment-arrived.toml",
        include_str!("../../../config/rules/shipment-arrived.toml"),
    ),
];

/// Whether no folder is named, and there is none where one is looked for.
pub(super) fn is_wanted(folder: &Path) -> bool {
    folder == Path::new(crate::cli::DEFAULT_FOLDER) && !folder.exists()
}

/// Writes it into a folder of its own, which goes with what is given back.
pub(super) fn unpack() -> std::io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("wx-courier-demo-")
        .tempdir()?;
    fs::create_dir(folder.path().join("rules"))?;
    for (place, text) in FILES {
        fs::write(folder.path().join(place), text)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_sample_is_in_the_program() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let names = |folder: &str| {
            let entries = fs::read_dir(sample.join(folder)).unwrap();
            let files = entries.map(|entry| entry.unwrap().path());
            let files = files.filter(|path| path.is_file());
            let place = |path: std::path::PathBuf| {
                path.strip_prefix(&sample).unwrap().display().to_string()
            };
            files.map(place).collect::<Vec<String>>()
        };
        let there: BTreeSet<String> = names("").into_iter().chain(names("rules")).collect();
        let known = FILES.iter().map(|(place, _)| (*place).to_owned());
        assert_eq!(known.collect::<BTreeSet<String>>(), there);
    }
}
