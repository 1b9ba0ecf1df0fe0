//! Dead letters or outcomes back onto their source topics: what a selection takes is read and judged, and what is to be published goes at a limited
//! pace, with a file that remembers how far.
//!
//! For `wx-courier replay`, and for a server: nothing is printed, no signal is heard. A [`Run`] goes on by itself, tells how far it is and can be
//! stopped; a [`Desk`] has one at a time.

mod desk;
mod journal;
mod pace;
mod publish;
mod run;
mod survey;

pub use desk::{Desk, NotBegun};
pub use journal::{Found, Journal, place_in};
pub use publish::{Published, Stopped, Work};
pub use run::{Run, RunFailed, RunState, Standing};
pub use survey::{Bounds, Pile, Search, SurveyError, survey};

#[cfg(test)]
mod tests;
