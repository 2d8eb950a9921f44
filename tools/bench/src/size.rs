//! Sizes of images, as they are named.

/// `bytes` as one says it: 10 KB, 1 MB.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
