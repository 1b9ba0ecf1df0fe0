//! What the internet may reach: `WeChat`'s callbacks and the mini program. It has a listener of its own, so that health, metrics and status
//! stay inside.

mod callbacks;
