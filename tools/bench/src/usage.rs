//! What a server has used, as the system tells of it and all its children (proc(5)).

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;

/// Ticks of the system's CPU accounting in a second, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a server and its children have used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Processor time since they started.
    pub cpu_seconds: f64,
    /// Memory that is resident now, in bytes.
    pub resident: u64,
    /// Most memory that was resident since [`forget_peak`], in bytes.
    pub peak: u64,
}

impl Usage {
    /// That of the process `id`, and of those that it has started.
    ///
    /// # Errors
    /// When it is gone.
    pub fn of(id: u32) -> anyhow::Result<Self> {
        let mut usage = Self::default();
        for process in family(id) {
            let Some((ticks, status)) = read(process) else {
                anyhow::ensure!(process != id, "the process {id} is gone");
                continue;
            };
            #[expect(clippy::cast_precision_loss, reason = "ticks of days fit")]
            let seconds = ticks as f64 / TICKS_PER_SECOND;
            usage.cpu_seconds += seconds;
            usage.resident += kilobytes(&status, "VmRSS:") * 1024;
            usage.peak += kilobytes(&status, "VmHWM:") * 1024;
        }
        Ok(usage)
    }
}

/// Lets the peak of a server's memory be what is resident now.
///
/// # Errors
/// When the system does not allow it.
pub fn forget_peak(id: u32) -> anyhow::Result<()> {
    for process in family(id) {
        let file = format!("/proc/{process}/clear_refs");
        fs::write(&file, "5").with_context(|| file)?;
    }
    Ok(())
}

/// A process and its descendants.
fn family(id: u32) -> Vec<u32> {
    let parents: BTreeMap<u32, u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process: u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            Some((process, fields(&stat).nth(1)?.parse().ok()?))
        })
        .collect();
    let mut family = vec![id];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(
            parents
                .iter()
                .filter(|(_, of)| **of == parent)
                .map(|(child, _)| child),
        );
        next += 1;
    }
    family
}

/// Its ticks, with those of children that have ended, and its `status`.
fn read(process: u32) -> Option<(u64, String)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some((ticks(&stat), status))
}

/// `utime`, `stime`, `cutime` and `cstime`, fields 14 to 17 of `/proc/PID/stat`.
fn ticks(stat: &str) -> u64 {
    fields(stat)
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// The fields from the third on: the second is a name, which may contain anything.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace()
}

fn kilobytes(status: &str, field: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_a_name_with_spaces_and_parentheses() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 0 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";

        assert_eq!(ticks(stat), 127);
    }

    #[test]
    fn memory_is_told_in_kilobytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";

        assert_eq!(kilobytes(status, "VmHWM:"), 2048);
        assert_eq!(kilobytes(status, "VmRSS:"), 1024);
        assert_eq!(kilobytes(status, "VmSwap:"), 0);
    }

    #[test]
    fn a_process_is_measured_with_its_children() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();

        let family = family(std::process::id());
        let usage = Usage::of(std::process::id()).unwrap();

        assert!(family.contains(&child.id()));
        assert!(usage.resident > 0 && usage.peak >= usage.resident);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
