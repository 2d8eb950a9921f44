//! Processes that a test has started: what is told to them, what they say, and what the operating
//! system tells of them and their children (Linux, proc(5)).

use std::collections::HashSet;
use std::io::Read;
use std::process::{Command, Output};
use std::thread::JoinHandle;

/// Sends a signal by its name: `INT` as Ctrl-C does.
#[track_caller]
pub fn signal(process_id: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &process_id.to_string()])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "the process is gone"
    );
}

/// All that is said, read all the while, so that nobody who says something waits for its reader.
pub fn text_of(mut source: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = source.read_to_string(&mut text);
        text
    })
}

/// Resident set in bytes.
pub fn resident_bytes(process_id: u32) -> u64 {
    memory(process_id, "VmRSS:")
}

/// The largest that the resident set has been, in bytes.
pub fn peak_resident_bytes(process_id: u32) -> u64 {
    memory(process_id, "VmHWM:")
}

fn memory(process_id: u32, field: &str) -> u64 {
    with_children(process_id)
        .into_iter()
        .map(|id| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(field)).unwrap();
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
        files_of(id)
            .iter()
            .filter(|target| target.starts_with("socket:") && !local.contains(*target))
            .count()
    };
    with_children(process_id).into_iter().map(of_process).sum()
}

/// How many connections to or from a port are watched by TCP keep-alive: nothing is under way on them.
pub fn watched_connections(process_id: u32, port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    const KEEP_ALIVE_TIMER: &str = "02:";
    let port = format!(":{port:04X}");
    let connections = std::fs::read_to_string(format!("/proc/{process_id}/net/tcp")).unwrap();
    let files = files_of(process_id);
    let is_watched = |line: &&str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let inode = columns.get(9).map(|inode| format!("socket:[{inode}]"));
        columns.len() > 9
            && columns[1..3].iter().any(|address| address.ends_with(&port))
            && columns[3] == ESTABLISHED
            && columns[5].starts_with(KEEP_ALIVE_TIMER)
            && inode.is_some_and(|inode| files.contains(&inode))
    };
    connections.lines().filter(is_watched).count()
}

/// What its open files are.
fn files_of(process_id: u32) -> Vec<String> {
    std::fs::read_dir(format!("/proc/{process_id}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target| target.into_os_string().into_string().ok())
        .collect()
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

/// All that a program wrote, its standard output first.
pub fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}
