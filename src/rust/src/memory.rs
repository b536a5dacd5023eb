//! How much memory a fit may take.

/// Where the system does not say, a request that it refuses is the first sign of a lack.
const UNKNOWN: f64 = f64::INFINITY;

/// No model that takes less than this needs a look at the system's files.
const ALWAYS_THERE: f64 = 1e8;

/// Bytes available to a model with so many `numbers` in its data and so many random effects: what
/// the kernel says is free, within the limit of the control group.
pub fn available_bytes(numbers: usize, effects: usize) -> f64 {
    // Data are copied a few times, and there are a few dense matrices of all effects at the most.
    let at_most = 8.0 * (10.0 * numbers as f64 + 4.0 * (effects as f64).powi(2));
    if at_most < ALWAYS_THERE {
        return UNKNOWN;
    }
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
    free.unwrap_or(UNKNOWN).min(limit.unwrap_or(f64::INFINITY))
}
