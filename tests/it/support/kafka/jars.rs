//! What the test broker is run with: a Java, and Kafka's jars fetched once by Maven into the target folder.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::BOOTSTRAP_VARIABLE;
use super::process::{log_tail, run_logged};

const POM: &str = include_str!("pom.xml");
const POM_PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/support/kafka/pom.xml"
);

/// The Java program and the folder of the jars.
#[derive(Clone)]
pub(crate) struct Jars {
    pub(crate) java: PathBuf,
    pub(crate) libs: PathBuf,
}

impl Jars {
    /// Finds Java and the jars, fetching these if need be; an error says what to install.
    pub(crate) fn find() -> Result<Self, String> {
        Ok(Self {
            java: find_java()?,
            libs: fetch_jars()?,
        })
    }
}

/// `JAVA_HOME` first, as Java's own tools do.
fn find_java() -> Result<PathBuf, String> {
    let of_home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    of_home
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join("java"))
        .find(|java| java.is_file())
        .ok_or_else(|| what_to_install("no java was found in JAVA_HOME or on the PATH"))
}

/// Returns the folder with the broker's jars, and fills it by Maven if this pom has not been fetched yet.
fn fetch_jars() -> Result<PathBuf, String> {
    let version = POM
        .split_once("<kafka.version>")
        .and_then(|(_, rest)| rest.split_once("</kafka.version>"))
        .map(|(version, _)| version)
        .ok_or("the pom of the test broker names no kafka.version")?;
    let folder = target_folder().join("kafka").join(version);
    let libs = folder.join("libs");
    let log = folder.join("maven.log");
    let marker = folder.join("fetched.pom.xml");
    let in_folder = |error: io::Error| format!("{}: {error}", folder.display());

    fs::create_dir_all(&folder).map_err(in_folder)?;
    // Other test processes wait here until the jars are complete; the lock ends with its holder, however that ends.
    let lock = File::create(folder.join("lock")).map_err(in_folder)?;
    lock.lock().map_err(in_folder)?;
    if fs::read_to_string(&marker).is_ok_and(|fetched| fetched == POM) {
        return Ok(libs);
    }
    if libs.exists() {
        fs::remove_dir_all(&libs).map_err(in_folder)?;
    }
    let status = run_logged(
        Command::new("mvn")
            .args(["-q", "-B", "-f", POM_PATH])
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", libs.display())),
        &log,
    );
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            let tail = log_tail(&log);
            return Err(what_to_install(&format!(
                "Maven could not fetch Kafka {version} and ended with {status}\n{tail}"
            )));
        }
        Err(error) => return Err(what_to_install(&format!("mvn could not be run: {error}"))),
    }
    fs::write(&marker, POM).map_err(in_folder)?;
    Ok(libs)
}

/// Cargo tells integration tests its target folder, but not examples.
fn target_folder() -> PathBuf {
    let of_tests = option_env!("CARGO_TARGET_TMPDIR").and_then(|folder| Path::new(folder).parent());
    match (of_tests, env::var_os("CARGO_TARGET_DIR")) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(folder)) => PathBuf::from(folder),
        (None, None) => Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
    }
}

fn what_to_install(reason: &str) -> String {
    format!(
        "These tests need a Kafka broker. Install a JDK (17 or newer) and Maven, so that one can be started here, \
         or set {BOOTSTRAP_VARIABLE} to the host:port of one that runs: {reason}"
    )
}
