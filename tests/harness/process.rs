//! What the operating system tells of an app's process and its children (Linux, proc(5)).

use std::collections::HashSet;

/// Resident set in bytes.
pub fn resident_bytes(process_id: u32) -> u64 {
    with_children(process_id)
        .into_iter()
        .map(|id| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
            kibibytes * 1024
        })
        .sum()
}

/// How many sockets of the network are open. Those within the machine (Unix domain) are a runtime's
/// own, and it makes them when it likes.
pub fn sockets(process_id: u32) -> usize {
    let of_process = |id| {
        let local = std::fs::read_to_string(format!("/proc/{id}/net/unix")).unwrap();
        let local: HashSet<_> = local
            .lines()
            .filter_map(|line| line.split_whitespace().nth(6))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        std::fs::read_dir(format!("/proc/{id}/fd"))
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .filter_map(|target| target.into_os_string().into_string().ok())
            .filter(|target| target.starts_with("socket:") && !local.contains(target))
            .count()
    };
    with_children(process_id).into_iter().map(of_process).sum()
}

fn with_children(process_id: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process_id}/task")).unwrap();
    let children = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let children: String = children.collect();
    let mut processes = vec![process_id];
    for child in children.split_whitespace() {
        processes.extend(with_children(child.parse().unwrap()));
    }
    processes
}
