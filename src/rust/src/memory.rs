//! How much memory a fit may take.

/// Used where the system does not say.
const FALLBACK: f64 = 4e9;

/// Bytes available: what the kernel says is free, within the limit of the control group.
pub fn available_bytes() -> f64 {
    let free = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
            line.split_whitespace()
                .nth(1)?
                .parse::<f64>()
                .ok()
                .map(|kb| 1024.0 * kb)
        });
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<f64>().ok());
    free.unwrap_or(FALLBACK).min(limit.unwrap_or(f64::INFINITY))
}
