//! How much memory the process has used.

/// The most bytes that were resident at once, where the system tells (Linux: `VmHWM`).
pub(crate) fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_process_uses_some_memory() {
        assert!(super::peak_bytes().is_some_and(|bytes| bytes > 100_000));
    }
}
