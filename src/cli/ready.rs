//! `wx-courier ready`: whether a running service is ready, for a health check in an image that has no other program to ask with.

use std::path::PathBuf;

use super::Exit;
use super::pages::Instance;

pub(super) fn run(folder: PathBuf, instance: &Instance) -> anyhow::Result<Exit> {
    instance.look(folder, "/readyz")
}
