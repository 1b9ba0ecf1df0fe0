//! Messages that need a grant, and events that tell of users' answers.
