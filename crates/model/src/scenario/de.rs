//! From the tree to typed values, through serde. An error carries the path of the part that is wrong,
//! so that the loader can point at it, drop it and look for the next.

use std::fmt;

use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Scalar;
use super::node::{Node, Position, Step, Value};

/// What is wrong, and where in the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// What is wrong and what would be right.
    pub message: String,
    /// From the root to the part; filled in on the way up.
    pub path: Vec<Step>,
    /// A required field is absent: the fault may be ours, after dropping a broken value.
    pub missing: Option<String>,
    /// The key is meant, not its value.
    pub key: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error { message: message.to_string(), path: Vec::new(), missing: None, key: false }
    }
    fn missing_field(field: &'static str) -> Self {
        Error { message: format!("`{field}` is missing"), path: Vec::new(), missing: Some(field.to_string()), key: false }
    }
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut message = format!("`{field}` is not known here");
        match closest(field, expected) {
            Some(close) => message.push_str(&format!("; did you mean `{close}`?")),
            None => message.push_str(&format!("; known are {}", expected.join(", "))),
        }
        Error { message, path: vec![Step::Key(field.to_string())], missing: None, key: true }
    }
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        de::Error::custom(format!("`{variant}` is not one of {}", expected.join(", ")))
    }
}

/// The expected word that a slip of one or two letters would make.
fn closest(word: &str, expected: &'static [&'static str]) -> Option<&'static str> {
    expected.iter().map(|e| (distance(word, e), *e)).filter(|(d, e)| *d <= 2 && *d < e.len()).min().map(|(_, e)| e)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replace = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn inside(step: Step) -> impl FnOnce(Error) -> Error {
    move |mut error| {
        error.path.insert(0, step);
        error
    }
}

fn boolean(scalar: &Scalar) -> Option<bool> {
    match scalar {
        Scalar::Bool(v) => Some(*v),
        Scalar::Text(text) => match text.as_str() {
            "on" | "true" => Some(true),
            "off" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(Scalar::Bool(v)) => visitor.visit_bool(*v),
            // Negative numbers have no use here; they arrive only to be refused by name.
            Value::Scalar(Scalar::Int(v)) => match u64::try_from(*v) {
                Ok(v) => visitor.visit_u64(v),
                Err(_) => visitor.visit_i64(*v),
            },
            Value::Scalar(Scalar::Float(v)) => visitor.visit_f64(*v),
            Value::Scalar(Scalar::Text(v)) => visitor.visit_str(v),
            Value::Seq(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Scalar(scalar) if boolean(scalar).is_some() => visitor.visit_bool(boolean(scalar).unwrap_or_default()),
            _ => Err(de::Error::custom("expected `on` or `off`")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            // `name: 2010` is meant as text.
            Value::Scalar(scalar) => visitor.visit_string(scalar.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Scalar(scalar) => visitor.visit_enum(Tagged { key: &scalar.to_string(), node: None }),
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Tagged { key: &entries[0].0.text, node: Some(&entries[0].1) })
            }
            _ => Err(de::Error::custom(format!("expected one {} of {}", name.to_lowercase(), variants.join(", ")))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            // `trial:` with nothing after it is a mapping without entries.
            Value::Null => visitor.visit_map(Entries { entries: &[], next: 0 }),
            Value::Map(_) => self.deserialize_any(visitor),
            _ => Err(de::Error::custom("expected a mapping such as `{ key: value }`")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(node) = self.items.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(node).map(Some).map_err(inside(Step::Index(self.next - 1)))
    }
}

struct Entries<'de> {
    entries: &'de [(super::node::Key, Node)],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, _)) = self.entries.get(self.next) else { return Ok(None) };
        self.next += 1;
        // An unknown key names itself in its error; its path is complete already.
        seed.deserialize(key.text.as_str().into_deserializer()).map(Some)
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let (key, node) = &self.entries[self.next - 1];
        seed.deserialize(node).map_err(inside(Step::Key(key.text.clone())))
    }
}

/// A variant by its name, with the node that holds its content, if the YAML gave any.
struct Tagged<'k, 'de> {
    key: &'k str,
    node: Option<&'de Node>,
}

/// The content of a variant that was written as a bare name.
static NOTHING: Node = Node { at: Position { line: 0, column: 0 }, value: Value::Null };

impl Tagged<'_, '_> {
    /// Puts the variant's key in front of an error's path; a bare name has no part of its own.
    fn inside(&self) -> impl FnOnce(Error) -> Error + use<> {
        let step = self.node.is_some().then(|| Step::Key(self.key.to_string()));
        move |error| match step {
            Some(step) => inside(step)(error),
            None => error,
        }
    }
}

impl<'de> EnumAccess<'de> for Tagged<'_, 'de> {
    type Error = Error;
    type Variant = Self;
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: de::value::StrDeserializer<'_, Error> = self.key.into_deserializer();
        let variant = seed.deserialize(name).map_err(self.inside())?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'_, 'de> {
    type Error = Error;
    fn unit_variant(self) -> Result<(), Error> {
        match self.node.map(|node| &node.value) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(self.inside()(de::Error::custom(format!("`{}` takes no options", self.key)))),
        }
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.node.unwrap_or(&NOTHING)).map_err(self.inside())
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_any(self.node.unwrap_or(&NOTHING), visitor).map_err(self.inside())
    }
    fn struct_variant<V: Visitor<'de>>(self, name: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self.node.unwrap_or(&NOTHING), "", name, visitor).map_err(self.inside())
    }
}
