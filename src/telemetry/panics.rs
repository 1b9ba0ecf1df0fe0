//! What is logged of a panic.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::panic::{PanicHookInfo, UnwindSafe, catch_unwind};

thread_local! {
    /// Whether this thread does something whose panic is an answer.
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Asks a library that panics where it should fail. `None` if it has panicked, which is no bug of ours and not logged.
pub fn catch_quietly<T>(ask: impl FnOnce() -> T + UnwindSafe) -> Option<T> {
    let before = IS_EXPECTED.replace(true);
    let answer = catch_unwind(ask).ok();
    IS_EXPECTED.set(before);
    answer
}

/// Sends panics to the log from now on. The standard hook would write to standard error itself, and wait there for a reader that does not read.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    if IS_EXPECTED.get() {
        return;
    }
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    // With RUST_BACKTRACE. It names functions, and holds no values.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        thread = thread.name().unwrap_or("unnamed"),
        place = place.as_deref().unwrap_or("unknown"),
        why = why(panic.payload()),
        backtrace = backtrace.map(tracing::field::display),
        "a panic: this is a bug in wx-courier"
    );
}

/// Beginnings of the standard library's own messages in which nothing but numbers follows.
const WITHOUT_VALUES: [&str; 5] = [
    "index out of bounds: ",
    "range start index ",
    "range end index ",
    "slice index starts at ",
    "mid > len",
];

/// The message. One that was put together while the program ran may hold text of an event or a secret, so only its place is told.
fn why(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return text;
    }
    match payload.downcast_ref::<String>() {
        Some(text) if WITHOUT_VALUES.iter().any(|known| text.starts_with(known)) => text,
        _ => "not shown: it may hold values",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why_of(panics: impl FnOnce() + UnwindSafe) -> String {
        why(catch_unwind(panics).unwrap_err().as_ref()).to_owned()
    }

    #[test]
    fn a_panic_may_be_an_answer() {
        assert_eq!(catch_quietly(|| 1), Some(1));
        assert_eq!(catch_quietly(|| panic!("no")), None::<()>);
        assert!(!IS_EXPECTED.get());
    }

    #[test]
    fn a_message_is_logged_only_if_it_cannot_hold_a_value() {
        let secret = std::hint::black_box("a-secret");
        assert_eq!(why_of(|| panic!("a fixed text")), "a fixed text");
        let list = std::hint::black_box(vec![1]);
        let said = why_of(|| assert_eq!(list[3], 1));
        assert!(said.starts_with("index out of bounds"), "{said}");
        let said = why_of(|| panic!("found {secret}"));
        assert!(!said.contains("secret"), "{said}");
    }
}
