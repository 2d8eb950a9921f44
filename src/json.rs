//! JSON as far as a record needs it: the texts and whole numbers of one object.
//!
//! What is within its members is only skipped, however deep it nests, so that no content needs more
//! of the stack than another.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// A string.
    Text(String),
    /// A number without fraction and exponent, within 64 bits.
    Integer(i64),
    /// The document's own members, in their order.
    Object(Vec<(String, Value)>),
    /// Any other, whatever is in it.
    Other,
}

impl Value {
    /// Takes the member of this name out of an object; of several, the last.
    pub fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let place = members.iter().rposition(|(known, _)| known == name)?;
        Some(members.remove(place).1)
    }
}

/// Reads a document, whatever members it has.
///
/// # Errors
/// When it is not JSON.
pub fn parse(document: &[u8]) -> serde_json::Result<Value> {
    read(document, Names::Any)
}

/// Reads a document whose members may have these names alone, and each of them once.
///
/// # Errors
/// When it is not JSON, or has another member, or one twice; the error says where.
pub fn parse_strictly(
    document: &[u8],
    names: &'static [&'static str],
) -> serde_json::Result<Value> {
    read(document, Names::OnceOf(names))
}

fn read(document: &[u8], names: Names) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let value = deserializer.deserialize_any(Reader(Some(names)))?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
enum Names {
    Any,
    OnceOf(&'static [&'static str]),
}

impl Names {
    fn check<E: de::Error>(self, name: &str, before: &[(String, Value)]) -> Result<(), E> {
        let Self::OnceOf(names) = self else {
            return Ok(());
        };
        let Some(known) = names.iter().find(|known| **known == name) else {
            return Err(E::unknown_field(name, names));
        };
        if before.iter().any(|(before, _)| before == name) {
            return Err(E::duplicate_field(known));
        }
        Ok(())
    }
}

/// Reads the document, which may have members of these names, or what is within it.
struct Reader(Option<Names>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(None))
    }
}

/// Every kind of value is taken, so that there is no kind to be refused.
impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other, Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some(names) = self.0 else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Other);
        };
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            names.check(&name, &members)?;
            members.push((name, map.next_value()?));
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_whole_numbers_of_an_object_are_read_and_all_else_is_told_apart_from_them() {
        let document = br#"{"a":"b\n","c":-3,"d":null,"e":true,"f":5.0,"g":9223372036854775808,
            "h":[{"a":[1]},"x"],"i":{"a":{"b":2}},"a":"last"}"#;

        let mut object = parse(document).unwrap();

        for (name, value) in [
            ("a", Value::Text("last".into())),
            ("a", Value::Text("b\n".into())),
            ("c", Value::Integer(-3)),
            ("d", Value::Null),
            ("e", Value::Other),
            ("f", Value::Other),
            ("g", Value::Other),
            ("h", Value::Other),
            ("i", Value::Other),
        ] {
            assert_eq!(object.take(name), Some(value), "{name}");
        }
        assert_eq!(object.take("a"), None);
    }

    #[test]
    fn what_is_not_an_object_has_no_members() {
        for document in ["null", "[{\"a\":1}]", "\"a\"", "1", "true"] {
            assert_eq!(parse(document.as_bytes()).unwrap().take("a"), None);
        }
    }

    #[test]
    fn a_document_that_is_not_json_is_refused_wherever_that_shows() {
        for document in [
            "",
            "{",
            "{}x",
            r#"{"a" 1}"#,
            "[1,]",
            r#"{"a":[{]}"#,
            "\"\u{1}\"",
        ] {
            assert!(parse(document.as_bytes()).is_err(), "{document}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_name_that_is_not_known_or_stands_twice_is_told_with_its_place() {
        const NAMES: &[&str] = &["a", "b"];
        for (document, expected) in [
            (
                r#"{"a":1,"x":2}"#,
                "unknown field `x`, expected `a` or `b` at line 1 column 10",
            ),
            (
                "{\"a\":1,\n\"b\":{\"a\":1},\"a\":3}",
                "duplicate field `a` at line 2 column 15",
            ),
        ] {
            let error = parse_strictly(document.as_bytes(), NAMES).unwrap_err();

            assert_eq!(error.to_string(), expected);
        }
        assert!(parse_strictly(br#"{"b":{"x":1,"x":2}}"#, NAMES).is_ok());
    }

    #[test]
    fn nesting_is_followed_to_any_depth() {
        let document = "[".repeat(100_000) + &"]".repeat(100_000);

        assert!(parse(format!(r#"{{"a":{document}}}"#).as_bytes()).is_ok());
    }
}
