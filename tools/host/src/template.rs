//! Templates: text with application variables in double braces, `https://{{ host }}/`.

use std::collections::BTreeMap;

/// Why a template cannot be expanded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An opening `{{` has no `}}`.
    #[error("`{{{{` is never closed by `}}}}`")]
    Unclosed,
    /// The manifest does not declare the variable.
    #[error("`{0}` is not declared under [variables]")]
    Undeclared(String),
}

/// Puts the values of `variables` in the place of their names in `template`.
///
/// # Errors
/// When a brace is left open, or a variable is not among `variables`.
pub fn expand(template: &str, variables: &BTreeMap<String, String>) -> Result<String, Error> {
    let mut expanded = String::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(Error::Unclosed)?;
        let name = name.trim();
        let value = variables
            .get(name)
            .ok_or_else(|| Error::Undeclared(name.to_owned()))?;
        expanded.push_str(literal);
        expanded.push_str(value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_expand_to_text_with_the_values_in_place() {
        let variables = BTreeMap::from([
            ("host".to_owned(), "example.org".to_owned()),
            ("braces".to_owned(), "{{ host }}".to_owned()),
        ]);

        for (template, expected) in [
            ("", Ok("")),
            ("plain }} text", Ok("plain }} text")),
            ("{{ host }}", Ok("example.org")),
            (
                "https://{{host}}/{{ host }}!",
                Ok("https://example.org/example.org!"),
            ),
            // A value is text, never a template again.
            ("{{ braces }}", Ok("{{ host }}")),
            ("{{ host", Err(Error::Unclosed)),
            ("{{ port }}", Err(Error::Undeclared("port".to_owned()))),
        ] {
            assert_eq!(
                expand(template, &variables),
                expected.map(str::to_owned),
                "{template:?}"
            );
        }
    }
}
