//! The processors that a thread may use. Linux only; elsewhere nothing is known and nothing bound.

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::{size_of_val, zeroed};

    /// The processors that this thread may use, or none if the system does not say.
    pub(crate) fn allowed() -> Vec<usize> {
        // SAFETY: an all-zero set is valid, and the call writes no more than its size.
        unsafe {
            let mut set: libc::cpu_set_t = zeroed();
            if libc::sched_getaffinity(0, size_of_val(&set), &mut set) != 0 {
                return Vec::new();
            }
            let all = 0..libc::CPU_SETSIZE as usize;
            all.filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect()
        }
    }

    /// The processor that this thread is on.
    pub(crate) fn current() -> Option<usize> {
        // SAFETY: no arguments, no preconditions.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok()
    }

    /// Binds this thread to a processor of `allowed`. A refusal leaves it unbound, which is no harm.
    pub(crate) fn bind(cpu: usize) {
        // SAFETY: an all-zero set is valid, `allowed` gives numbers within it, and the call only
        // reads it.
        unsafe {
            let mut set: libc::cpu_set_t = zeroed();
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(0, size_of_val(&set), &set);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unknown {
    /// Nothing is known.
    pub(crate) fn allowed() -> Vec<usize> {
        Vec::new()
    }

    /// Nothing is known.
    pub(crate) fn current() -> Option<usize> {
        None
    }

    /// Does nothing.
    pub(crate) fn bind(_cpu: usize) {}
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{allowed, bind, current};
#[cfg(not(target_os = "linux"))]
pub(crate) use unknown::{allowed, bind, current};
