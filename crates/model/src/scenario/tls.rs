//! Encryption of an arm: off, on, or pinned in detail.

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// `off`, `on`, or a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// `http://`, `ws://`.
    Off,
    /// `https://`, `wss://`.
    #[serde(untagged)]
    On(TlsOptions),
}

/// TLS, pinned and named, because the defaults of libraries differ by kilobytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsOptions {
    /// Protocol version (default "1.3").
    #[serde(default)]
    pub version: TlsVersion,
    /// Key exchange group (default x25519).
    #[serde(default)]
    pub kx: KeyExchange,
    /// Whether later connections of a client may resume its session (default off).
    #[serde(default)]
    pub resume: bool,
}

/// TLS protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// RFC 8446.
    #[default]
    #[serde(rename = "1.3")]
    V13,
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V12,
}

/// Key exchange group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyExchange {
    /// 32-byte shares.
    #[default]
    X25519,
    /// The post-quantum hybrid: shares of 1,216 and 1,120 bytes; TLS 1.3 only.
    X25519mlkem768,
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TlsVisitor;
        impl<'de> Visitor<'de> for TlsVisitor {
            type Value = Tls;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`off`, `on`, or `{ version: \"1.3\", kx: x25519, resume: off }`")
            }
            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Tls, E> {
                Ok(if on { Tls::On(TlsOptions::default()) } else { Tls::Off })
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Tls, E> {
                match text {
                    "on" => self.visit_bool(true),
                    "off" => self.visit_bool(false),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tls, A::Error> {
                TlsOptions::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Tls::On)
            }
        }
        deserializer.deserialize_any(TlsVisitor)
    }
}
