//! The pages: values in, HTML out. They ask nothing and change nothing.

pub mod changes;
pub mod errors;
pub mod figures;
pub mod grants;
pub mod layout;
pub mod letters;
pub mod look;
pub mod message;
pub mod outcomes;
pub mod overview;
pub mod rules;
pub mod templates;
pub mod time_line;
