//! YAML as a tree in which every key and value knows its line and column. Parsing itself is
//! serde-saphyr's; this is the generic value that it does not offer, so that later stages can replace
//! a scalar (axes), drop a broken part and go on (all problems at once), and still point at the text.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::Scalar;

/// Where something stands, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its first character.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its first character.
    pub at: Position,
    /// Its text.
    pub text: String,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `~`, or nothing.
    Null,
    /// Anything without parts.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// One step of a path into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl Node {
    /// The child of that step.
    pub fn child_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (&mut self.value, step) {
            (Value::Map(entries), Step::Key(key)) => entries.iter_mut().find(|(k, _)| k.text == *key).map(|(_, n)| n),
            (Value::Seq(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// The child of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, n)| n),
            _ => None,
        }
    }

    /// The position of the deepest part of `path` that exists.
    pub fn position(&self, path: &[Step]) -> Position {
        let Some((step, rest)) = path.split_first() else { return self.at };
        match (&self.value, step) {
            (Value::Map(entries), Step::Key(key)) => {
                entries.iter().find(|(k, _)| k.text == *key).map_or(self.at, |(_, node)| node.position(rest))
            }
            (Value::Seq(items), Step::Index(index)) => items.get(*index).map_or(self.at, |node| node.position(rest)),
            _ => self.at,
        }
    }

    /// The position of the key that `path` ends in.
    pub fn key_position(&self, path: &[Step]) -> Position {
        let Some((Step::Key(last), parents)) = path.split_last() else { return self.position(path) };
        match self.find(parents).map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.iter().find(|(k, _)| k.text == *last).map_or(self.at, |(k, _)| k.at),
            _ => self.position(path),
        }
    }

    /// What the path leads to.
    pub fn find(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| match (&node.value, step) {
            (Value::Map(_), Step::Key(key)) => node.get(key),
            (Value::Seq(items), Step::Index(index)) => items.get(*index),
            _ => None,
        })
    }

    /// What the path leads to, to change it.
    pub fn find_mut(&mut self, path: &[Step]) -> Option<&mut Node> {
        path.iter().try_fold(self, |node, step| node.child_mut(step))
    }

    /// Sets a scalar under `key`, adding the key if need be; `false` if this is not a mapping.
    pub fn set(&mut self, key: &str, at: Position, scalar: Scalar) -> bool {
        self.put(key, Node { at, value: Value::Scalar(scalar) })
    }

    /// Sets a node under `key`, adding the key if need be; `false` if this is not a mapping.
    pub fn put(&mut self, key: &str, node: Node) -> bool {
        if self.value == Value::Null {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return false };
        match entries.iter_mut().find(|(k, _)| k.text == key) {
            Some((_, old)) => *old = node,
            None => entries.push((Key { at: node.at, text: key.to_string() }, node)),
        }
        true
    }

    /// Removes what the path leads to; `false` if it is not there.
    pub fn remove(&mut self, path: &[Step]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let Some(node) = self.find_mut(parents) else { return false };
        match (&mut node.value, last) {
            (Value::Map(entries), Step::Key(key)) => {
                let before = entries.len();
                entries.retain(|(k, _)| k.text != *key);
                entries.len() < before
            }
            (Value::Seq(items), Step::Index(index)) if *index < items.len() => {
                items.remove(*index);
                true
            }
            _ => false,
        }
    }
}

/// Before positions are lifted out of serde-saphyr's wrapper.
struct Raw(Value);

impl From<Spanned<Raw>> for Node {
    fn from(spanned: Spanned<Raw>) -> Node {
        let at = Position { line: spanned.referenced.line(), column: spanned.referenced.column() };
        Node { at, value: spanned.value.0 }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<Raw>::deserialize(deserializer).map(Node::from)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;
        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a YAML value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw(Value::Null))
            }
            fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
                Ok(Raw(Value::Scalar(Scalar::Bool(v))))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
                Ok(Raw(Value::Scalar(Scalar::Int(v))))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
                Ok(Raw(Value::Scalar(i64::try_from(v).map_or(Scalar::Float(v as f64), Scalar::Int))))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
                Ok(Raw(Value::Scalar(Scalar::Float(v))))
            }
            fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
                Ok(Raw(Value::Scalar(Scalar::Text(v.to_string()))))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Node>()? {
                    items.push(item);
                }
                Ok(Raw(Value::Seq(items)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let at = Position { line: key.referenced.line(), column: key.referenced.column() };
                    entries.push((Key { at, text: key.value }, map.next_value::<Node>()?));
                }
                Ok(Raw(Value::Map(entries)))
            }
        }
        deserializer.deserialize_any(RawVisitor)
    }
}
