//! Everything that is tested from outside: one binary, a module a journey.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a journey that cannot go on has failed, and says so at once"
)]

mod access;
mod api_trouble;
mod article;
mod broker_restart;
mod brokers;
mod calendar;
mod callbacks;
mod cases;
mod chaos;
mod claims;
mod commands;
mod console_feed;
mod crash;
mod crowd;
mod customer;
mod deploy;
mod drift;
mod examples;
mod explaining;
mod fairness;
mod first_steps;
mod fleet;
mod fuzz;
mod grants;
mod grants_command;
mod happy_path;
mod help;
mod hostile;
mod links;
mod live;
mod log_trouble;
mod login_codes;
mod membership;
mod miniapp;
mod open_lists;
mod oracle;
mod pauses;
mod planted;
mod poison;
mod preview;
mod publishing;
mod rebalance;
mod recipients;
mod recreated;
mod relative_paths;
mod reload;
mod replay;
mod rules_diff;
mod schema;
mod settings_page;
mod shutdown;
mod simulation;
mod stopping;
mod store;
mod stress;
mod support;
mod templates;
mod tidy;
mod token_expiry;
mod tokens;
mod unreadable;
