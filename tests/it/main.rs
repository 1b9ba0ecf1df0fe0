//! Everything that is tested from outside: one binary, a module a journey.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a journey that cannot go on has failed, and says so at once"
)]

mod cases;
mod commands;
mod happy_path;
mod schema;
mod support;
