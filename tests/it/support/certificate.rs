//! A certificate authority of a test's own, and a certificate by it for servers on this machine; `openssl` makes both.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// For every name by which a client may come to a server here.
const NAMES: &str = "subjectAltName = IP:127.0.0.1, DNS:localhost\n";

/// Where the parts of it are, each in PEM.
pub(crate) struct Certificate {
    /// The authority's own certificate, for clients.
    pub(crate) authority: PathBuf,
    /// The server's certificate.
    pub(crate) server: PathBuf,
    /// The key of the server's certificate.
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Makes a new authority and a certificate by it in this folder. An error says what to install.
    pub(crate) fn make(folder: &Path) -> io::Result<Self> {
        fs::write(
            folder.join("ca.cnf"),
            "[req]\ndistinguished_name = name\nx509_extensions = use\nprompt = no\n[name]\nCN = test authority\n\
             [use]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\nsubjectKeyIdentifier = hash\n",
        )?;
        fs::write(
            folder.join("server.cnf"),
            "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = test server\n",
        )?;
        fs::write(
            folder.join("server.ext"),
            format!("basicConstraints = critical, CA:FALSE\n{NAMES}"),
        )?;
        let new_key = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
        for words in [
            &format!("req -x509 -days 2 -config ca.cnf {new_key} -keyout ca.key -out ca.pem"),
            &format!("req -config server.cnf {new_key} -keyout server.key -out server.csr"),
            "x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -set_serial 1 -extfile server.ext -out server.pem",
        ] {
            openssl(folder, words)?;
        }
        Ok(Self {
            authority: folder.join("ca.pem"),
            server: folder.join("server.pem"),
            key: folder.join("server.key"),
        })
    }
}

fn openssl(folder: &Path, words: &str) -> io::Result<()> {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(words.split(' '))
        .output()
        .map_err(|error| {
            io::Error::other(format!("openssl cannot be run ({error}): install openssl"))
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("openssl {words}: {said}")))
}
