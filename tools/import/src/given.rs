//! What somebody has given, among options and variables.

/// A value that is there; white space around it is not part of it, as in the application.
pub fn given(value: Option<&String>) -> Option<String> {
    let value = value?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
