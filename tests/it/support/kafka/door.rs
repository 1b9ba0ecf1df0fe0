//! How clients come to a broker: by its own port, through a proxy, or with a login and access rules.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::certificate::Certificate;
use super::node::Ports;
use super::process::{log_tail, run_logged};
use super::{Kafka, free_port};

/// The password of every user, until a test changes it.
pub(crate) const PASSWORD: &str = "correct-horse";

/// How clients come in.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    /// By the broker's own port; everybody may do everything.
    Open,
    /// Through a proxy at this port, which the broker names to everybody who asks.
    Proxy(u16),
    /// With a login.
    Login(Login),
}

/// A port where users log in, who may do nothing before a rule says so. The broker's own port is for administrators.
#[derive(Clone, Copy)]
pub(crate) struct Login {
    port: u16,
    way: Way,
    users: &'static [&'static str],
}

/// How users log in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `SASL_PLAINTEXT`, and no other mechanism than PLAIN.
    Plaintext,
    /// `SASL_SSL` with the certificate of an authority that no system trusts, as on rented clusters; SCRAM-SHA-256 or PLAIN.
    Tls,
}

impl Door {
    /// Lines for the settings file of a broker with this folder; of two that say the same, the later one counts.
    pub(super) fn settings(self, ports: Ports, folder: &Path) -> io::Result<String> {
        match self {
            Self::Open => Ok(String::new()),
            Self::Proxy(port) => Ok(format!(
                "advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n"
            )),
            Self::Login(login) => login.settings(ports, folder),
        }
    }

    /// What the storage is told of users when it is formatted.
    pub(super) fn users_in_storage(self) -> Vec<String> {
        let users = match self {
            Self::Login(Login {
                way: Way::Tls,
                users,
                ..
            }) => users,
            Self::Open | Self::Proxy(_) | Self::Login(_) => &[],
        };
        let scram = |user| format!("SCRAM-SHA-256=[name={user},password={PASSWORD}]");
        users
            .iter()
            .flat_map(|user| ["--add-scram".to_owned(), scram(user)])
            .collect()
    }
}

impl Login {
    fn settings(self, ports: Ports, folder: &Path) -> io::Result<String> {
        let Self { port, way, users } = self;
        let Ports { client, controller } = ports;
        let users: Vec<String> = users
            .iter()
            .map(|user| format!("user_{user}=\"{PASSWORD}\""))
            .collect();
        let users = users.join(" ");
        let (protocol, mechanisms) = match way {
            Way::Plaintext => ("SASL_PLAINTEXT", "PLAIN"),
            Way::Tls => ("SASL_SSL", "PLAIN,SCRAM-SHA-256"),
        };
        let of_way = match way {
            Way::Plaintext => String::new(),
            Way::Tls => tls_settings(folder)?,
        };
        Ok(format!(
            "\
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller},LOGIN://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{client},LOGIN://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LOGIN:{protocol}
sasl.enabled.mechanisms={mechanisms}
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
{of_way}"
        ))
    }
}

fn tls_settings(folder: &Path) -> io::Result<String> {
    let keystore = write_keystore(folder)?;
    let keystore = keystore.display();
    Ok(format!(
        "\
listener.name.login.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.ssl.keystore.type=PEM
listener.name.login.ssl.keystore.location={keystore}
"
    ))
}

/// The broker's key and certificate in one file, as Kafka wants them.
fn write_keystore(folder: &Path) -> io::Result<PathBuf> {
    let made = Certificate::make(folder)?;
    let keystore = folder.join("keystore.pem");
    let parts = fs::read_to_string(made.key)? + &fs::read_to_string(made.server)?;
    fs::write(&keystore, parts)?;
    Ok(keystore)
}

/// An access rule: permission, user, operation, type of the resource, its name.
pub(crate) type Rule<'a> = [&'a str; 5];

impl Kafka {
    /// Starts a broker with a login beside its open port. Gives where users log in.
    pub(crate) fn with_logins(way: Way, users: &'static [&'static str]) -> (Self, String) {
        let port = free_port().expect("a port is free");
        let kafka = Self::start_behind(Door::Login(Login { port, way, users }));
        (kafka, format!("127.0.0.1:{port}"))
    }

    /// The certificate of the authority that a client must trust where users log in by TLS.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Makes access rules. Takes a JVM's time, so all of them at once.
    pub(crate) fn rule(&self, rules: &[Rule<'_>]) {
        self.change_rules("MAKE", rules);
    }

    /// Takes access rules away again, those that say exactly this. Panics if one of them is not there.
    pub(crate) fn unrule(&self, rules: &[Rule<'_>]) {
        self.change_rules("TAKE", rules);
    }

    fn change_rules(&self, change: &str, rules: &[Rule<'_>]) {
        let words = std::iter::once(change).chain(rules.iter().copied().flatten());
        self.administer("Acls.java", &words.collect::<Vec<_>>());
    }

    /// Gives a user another password for SCRAM. Who has logged in already stays.
    pub(crate) fn set_password(&self, user: &str, password: &str) {
        self.administer("Password.java", &[user, password]);
    }

    /// Runs one of the programs beside this file against the open port.
    fn administer(&self, program: &str, words: &[&str]) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/kafka");
        let mut command = Command::new(&self.jars.java);
        command
            .arg("-cp")
            .arg(format!("{}/*", self.jars.libs.display()))
            .arg(folder.join(program))
            .arg(&self.bootstrap)
            .args(words);
        let log = self.folder.path().join("administration.log");
        let status = run_logged(&mut command, &log).expect("java can be run");
        assert!(status.success(), "{program} {words:?}: {}", log_tail(&log));
    }
}
