//! What has become of messages: every outcome that was read from its topic, for as long as the bounds allow.

pub mod told;
