//! The memory of a system, watched beside whatever else happens to it.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::machine;
use crate::report::Resident;

/// Between two samples.
const SAMPLE: Duration = Duration::from_secs(1);

/// Takes a sample each second until it is ended.
pub(crate) struct Sampler {
    stop: Sender<()>,
    samples: JoinHandle<Vec<f64>>,
}

impl Sampler {
    pub(crate) fn start(process: u32) -> Self {
        let (stop, stopped) = channel();
        let samples = thread::spawn(move || {
            let mut samples = Vec::new();
            while stopped.recv_timeout(SAMPLE) == Err(RecvTimeoutError::Timeout) {
                samples.push(machine::family_resident_mib(process));
            }
            samples
        });
        Self { stop, samples }
    }

    /// `None` if it lasted less than a second.
    pub(crate) fn end(self) -> Option<Resident> {
        drop(self.stop);
        Resident::of(self.samples.join().expect("the thread of the samples"))
    }
}
