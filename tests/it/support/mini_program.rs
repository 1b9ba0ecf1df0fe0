//! The example mini program in the ecosystem's own simulator, which needs Node.js: `examples/miniprogram`.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Once;

use serde_json::Value;

/// What the mini program does as one user.
pub(crate) struct Drive<'a> {
    /// Where the service is reached by mini programs.
    pub(crate) courier_url: &'a str,
    /// Where the sandbox is.
    pub(crate) sandbox_url: &'a str,
    /// The user.
    pub(crate) openid: &'a str,
    /// What the button asks for.
    pub(crate) template_id: &'a str,
    /// What is done, in this order: of `login`, `subscribe` and `send`.
    pub(crate) steps: &'a str,
    /// The type of the event that `send` publishes.
    pub(crate) event_type: &'a str,
}

impl Drive<'_> {
    /// Plays it, and gives what the page shows in the end. Every step must end well.
    pub(crate) fn play(&self) -> Value {
        let variables = [
            ("COURIER_URL", self.courier_url),
            ("SANDBOX_URL", self.sandbox_url),
            ("OPENID", self.openid),
            ("TEMPLATE_IDS", self.template_id),
            ("STEPS", self.steps),
            ("SEND_TYPE", self.event_type),
        ];
        install();
        let mut node = Command::new("node");
        let played = run(node.arg("test/drive.js").envs(variables));
        let said = String::from_utf8_lossy(&played.stdout).into_owned();
        let errors = String::from_utf8_lossy(&played.stderr).into_owned();
        assert!(played.status.success(), "{said}\n{errors}");
        serde_json::from_str(said.trim())
            .unwrap_or_else(|_| panic!("no JSON in {said:?}\n{errors}"))
    }
}

/// Fetches the simulator, once.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if folder().join("node_modules/miniprogram-simulate").is_dir() {
            return;
        }
        let installed =
            run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]));
        let errors = String::from_utf8_lossy(&installed.stderr).into_owned();
        assert!(
            installed.status.success(),
            "npm ci in examples/miniprogram: {errors}"
        );
    });
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/miniprogram")
}

fn run(command: &mut Command) -> Output {
    command
        .current_dir(folder())
        .output()
        .unwrap_or_else(|error| {
            panic!("this test needs Node.js 18 or newer with npm (node and npm in PATH): {error}")
        })
}
