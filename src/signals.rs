//! Ctrl-C and termination: the first asks the run to save and end, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What has been asked for.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    asked: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Signals> {
        let signals = Signals { asked: Arc::default(), number: Arc::default() };
        // A file beyond the limit of the process is an error of the write, not a reason to die in the middle of it.
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
        for signal in [SIGINT, SIGTERM] {
            // Actions run in the order of registration: only a second signal finds the flag set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.asked))?;
            flag::register_usize(signal, Arc::clone(&signals.number), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(&signals.asked))?;
        }
        Ok(signals)
    }

    /// Set once the run is to end.
    pub(crate) fn asked(&self) -> &AtomicBool {
        &self.asked
    }

    /// Asks for the end from inside.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The signal that asked for it; Ctrl-C's when it was the program itself.
    pub(crate) fn number(&self) -> u8 {
        match self.number.load(Ordering::Relaxed) {
            0 => SIGINT.unsigned_abs() as u8,
            // Signals are below 128.
            number => number as u8,
        }
    }
}
