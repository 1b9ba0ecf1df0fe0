//! Relative paths of the settings lead to the same file wherever a command is started, and nothing begins anew in silence.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::commands::{Said, command};
use crate::support::embedded;
use crate::support::folder::{Rules, copy_sample, replace_in, sample_folder};
use crate::support::kafka::free_port;

/// A folder of settings, and another one in which commands are started.
struct Place {
    root: TempDir,
}

impl Place {
    /// With this line of `[state]`, or none.
    fn new(state: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let place = Self { root };
        for folder in [place.config(), place.work()] {
            fs::create_dir_all(folder).unwrap();
        }
        copy_sample(&place.config(), Rules::Sample);
        let settings = place.config().join("courier.toml");
        fs::copy(sample_folder().join("courier.toml"), &settings).unwrap();
        let listen = format!("[http]\nlisten = \"127.0.0.1:{}\"", free_port().unwrap());
        replace_in(
            &settings,
            "# [http]\n# listen = \"127.0.0.1:8080\"",
            &listen,
        );
        embedded::name_in(&place.config(), embedded::shared());
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, format!("[state]\n{state}\n{text}")).unwrap();
        place
    }

    fn config(&self) -> PathBuf {
        self.root.path().join("etc/config")
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = command(&self.config(), arguments);
        command.current_dir(self.work());
        command.envs(variables.iter().copied());
        command.output().unwrap().into()
    }

    /// Opens the state file, and makes it if there is none.
    fn import_grants(&self, variables: &[(&str, &str)]) -> Said {
        let rows =
            "app,openid,template,left\nshop,oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,order_completed,1\n";
        fs::write(self.work().join("grants.csv"), rows).unwrap();
        self.run(&["grants", "import", "grants.csv"], variables)
    }
}

/// Where a state file is before the update, and where it belongs after it, below the root.
const MOVES: [(&str, &str, &str); 2] = [
    ("", "work/data/state.db", "etc/data/state.db"),
    (
        "url = \"sqlite:data/x.db\"",
        "work/data/x.db",
        "etc/config/data/x.db",
    ),
];

#[test]
fn a_state_that_was_left_behind_is_named_and_none_is_begun_beside_it() {
    for (state, former, new) in MOVES {
        let place = Place::new(state);
        let former = place.root.path().join(former);
        let new = place.root.path().join(new);
        fs::create_dir_all(former.parent().unwrap()).unwrap();
        fs::write(&former, "").unwrap();
        let former = fs::canonicalize(former).unwrap();
        let (from, to) = (former.display().to_string(), new.display().to_string());
        for said in [place.run(&["run"], &[]), place.import_grants(&[])] {
            assert_eq!(said.code, Some(64), "{}", said.err);
            said.must_have(&[&from, &to, "write the whole path"]);
        }
        assert!(!new.exists());
        // Who only looks at the rules is warned.
        let said = place.run(&["check"], &[]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.must_have(&[&from, &to, "`run` does not"]);

        // The file where it belongs is the one that is used.
        fs::create_dir_all(new.parent().unwrap()).unwrap();
        fs::rename(&former, &new).unwrap();
        let said = place.import_grants(&[]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(fs::metadata(&new).unwrap().len() > 0 && !former.exists());
    }
}

#[test]
fn a_variable_is_relative_to_where_the_command_is_started() {
    let place = Place::new("");
    let variable = [("WX_COURIER__STATE__URL", "sqlite:here/x.db")];
    let said = place.import_grants(&variable);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(place.work().join("here/x.db").exists());
}

#[test]
fn secrets_and_certificates_lie_beside_the_settings() {
    let place = Place::new("");
    let settings = place.config().join("courier.toml");
    let secret = "secret = \"sandbox-secret\"";
    replace_in(&settings, secret, "secret_file = \"secrets/shop\"");
    let text = fs::read_to_string(&settings).unwrap();
    let options = "[kafka.options]\n\"ssl.ca.location\" = \"certs/ca.pem\"\n";
    fs::write(&settings, format!("{options}{text}")).unwrap();
    for file in ["secrets/shop", "certs/ca.pem"] {
        let former = place.work().join(file);
        fs::create_dir_all(former.parent().unwrap()).unwrap();
        fs::write(&former, "x").unwrap();
        let (from, to) = (former, place.config().join(file));
        let said = place.run(&["run"], &[]);
        assert_eq!(said.code, Some(64), "{}", said.err);
        said.must_have(&[&from.display().to_string(), &to.display().to_string()]);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(from, to).unwrap();
    }
    let said = place.run(&["check", "--settings"], &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let whole = place.config().join("certs/ca.pem");
    said.must_have(&[&whole.display().to_string()]);
    assert!(!said.err.contains("secrets/shop"), "{}", said.err);
}
