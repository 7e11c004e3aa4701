//! How much memory the process has used, and how much it may use.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// The most bytes that were resident at once, where the system tells (Linux: `VmHWM`).
pub(crate) fn peak_bytes() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// The bytes that were free for this process when it first asked, before it had taken them itself; see [`free_bytes`].
pub(crate) fn free_at_first() -> Option<u64> {
    static FREE: OnceLock<Option<u64>> = OnceLock::new();
    *FREE.get_or_init(free_bytes)
}

/// The bytes that are free for this process, where the system tells: what Linux calls available, and no more than the
/// control groups of the process leave.
fn free_bytes() -> Option<u64> {
    let machine = kibibytes("/proc/meminfo", "MemAvailable:");
    let groups = fs::read_to_string("/proc/self/cgroup").ok();
    let groups = groups.iter().flat_map(|groups| groups.lines().filter_map(|line| line.strip_prefix("0::")));
    let nested = groups.flat_map(|group| Path::new(group.trim_start_matches('/')).ancestors());
    let left = nested.filter_map(|group| left_in(&Path::new("/sys/fs/cgroup").join(group)));
    machine.into_iter().chain(left).min()
}

/// What a control group leaves: its bound less what is in use, of which the cache of files can be taken back.
fn left_in(group: &Path) -> Option<u64> {
    let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    let cache = fs::read_to_string(group.join("memory.stat"))
        .ok()
        .and_then(|stat| stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse::<u64>().ok());
    let used = number("memory.current")?.saturating_sub(cache.unwrap_or(0));
    Some(number("memory.max")?.saturating_sub(used))
}

/// The number behind `name` in a file of lines `name  number kB`, in bytes.
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_process_uses_some_memory_and_may_use_some() {
        assert!(super::peak_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(super::free_bytes().is_some_and(|bytes| bytes > 1_000_000));
    }
}
