//! How clients come to a broker: by its own port, through a proxy, or with a login and access rules.

use std::path::Path;
use std::process::Command;

use super::node::Ports;
use super::process::{log_tail, run_logged};
use super::{Kafka, free_port};

/// The password of every user.
pub(crate) const PASSWORD: &str = "correct-horse";

/// How clients come in.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    /// By the broker's own port; everybody may do everything.
    Open,
    /// Through a proxy at this port, which the broker names to everybody who asks.
    Proxy(u16),
    /// With a login at this port, as one of these users, who may do nothing before a rule says so. The broker's own port is for
    /// administrators.
    Login(u16, &'static [&'static str]),
}

impl Door {
    /// Lines for the settings file; of two that say the same, the later one counts.
    pub(super) fn settings(self, ports: Ports) -> String {
        let Ports { client, controller } = ports;
        match self {
            Self::Open => String::new(),
            Self::Proxy(port) => format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n"),
            Self::Login(port, users) => {
                let users: Vec<String> = users
                    .iter()
                    .map(|user| format!("user_{user}=\"{PASSWORD}\""))
                    .collect();
                format!(
                    "\
listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller},LOGIN://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{client},LOGIN://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
",
                    users.join(" ")
                )
            }
        }
    }
}

/// An access rule: permission, user, operation, type of the resource, its name.
pub(crate) type Rule<'a> = [&'a str; 5];

impl Kafka {
    /// Starts a broker with a login beside its open port. Gives where users log in.
    pub(crate) fn with_logins(users: &'static [&'static str]) -> (Self, String) {
        let port = free_port().expect("a port is free");
        let kafka = Self::start_behind(Door::Login(port, users));
        (kafka, format!("127.0.0.1:{port}"))
    }

    /// Makes access rules. Takes a JVM's time, so all of them at once.
    pub(crate) fn rule(&self, rules: &[Rule<'_>]) {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/kafka/Acls.java");
        let mut command = Command::new(&self.jars.java);
        command
            .arg("-cp")
            .arg(format!("{}/*", self.jars.libs.display()))
            .arg(program)
            .arg(&self.bootstrap)
            .args(rules.iter().flatten());
        let log = self.folder.path().join("acls.log");
        let status = run_logged(&mut command, &log).expect("java can be run");
        assert!(status.success(), "no access rules: {}", log_tail(&log));
    }
}
