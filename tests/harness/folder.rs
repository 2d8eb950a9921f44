//! Folders of the repository, copied and then changed.

use std::fs;
use std::path::Path;

/// Copies all that is in a folder, whatever its depth.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Replaces a text of a file, which has to be there.
pub fn change(file: &Path, find: &str, replace: &str) {
    let before = fs::read_to_string(file).unwrap();
    assert!(before.contains(find), "{} has no {find}", file.display());
    fs::write(file, before.replace(find, replace)).unwrap();
}
