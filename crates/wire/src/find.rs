//! Finding messages and cursors in somebody else's JSON, by pointer (RFC 6901) with one addition: `*` as a part of it is
//! each element of an array. Formats of our own are elsewhere; here nothing is known of what the JSON means.

use serde_json::Value;

/// Most messages that are taken from one text: more is not an answer but an attack.
const MOST: usize = 1 << 16;

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// Nothing stands there.
    #[error("nothing at `{0}`")]
    Nothing(String),
    /// Something else than text or a number stands there.
    #[error("no text at `{0}`")]
    NoText(String),
    /// There are too many.
    #[error("more than {MOST} messages at once")]
    TooMany,
}

/// The texts at `pointer`, in order; none if an array that `*` stands for is empty.
///
/// ```
/// use wirecost_wire::find::texts;
/// let body = br#"{"messages": [{"text": "a"}, {"text": "b"}], "next": 7}"#;
/// assert_eq!(texts(body, "/messages/*/text")?, ["a", "b"]);
/// assert_eq!(texts(body, "/next")?, ["7"]);
/// # Ok::<(), wirecost_wire::find::FindError>(())
/// ```
///
/// # Errors
/// [`FindError`].
pub fn texts(json: &[u8], pointer: &str) -> Result<Vec<String>, FindError> {
    let value: Value = serde_json::from_slice(json)?;
    texts_in(&value, pointer)
}

/// The same in JSON that has been read.
///
/// # Errors
/// [`FindError`].
pub fn texts_in(value: &Value, pointer: &str) -> Result<Vec<String>, FindError> {
    let mut found = Vec::new();
    collect(value, pointer, pointer, &mut found)?;
    Ok(found)
}

fn collect(value: &Value, rest: &str, whole: &str, found: &mut Vec<String>) -> Result<(), FindError> {
    let star = rest.find("/*").filter(|at| matches!(rest.as_bytes().get(at + 2), None | Some(b'/')));
    let Some(at) = star else {
        let value = value.pointer(rest).ok_or_else(|| FindError::Nothing(whole.into()))?;
        if found.len() >= MOST {
            return Err(FindError::TooMany);
        }
        found.push(match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(FindError::NoText(whole.into())),
        });
        return Ok(());
    };
    let list = value.pointer(&rest[..at]).and_then(Value::as_array).ok_or_else(|| FindError::Nothing(whole.into()))?;
    list.iter().try_for_each(|element| collect(element, &rest[at + 2..], whole, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// serde_json's feature `raw_value`, which any crate could switch on for all, would read such text as JSON within JSON, to any depth.
    #[test]
    fn text_within_json_is_text() {
        let json = br#"{"$serde_json::private::RawValue": "[\"a\"]"}"#;
        assert_eq!(texts(json, "/$serde_json::private::RawValue").unwrap(), [r#"["a"]"#]);
        assert!(texts(json, "/0").is_err());
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (json, pointer, says) in [
            ("<html>", "/a", "not JSON"),
            ("{}", "/a", "nothing at `/a`"),
            ("{\"a\": {}}", "/a", "no text"),
            ("{\"a\": 1}", "/a/*", "nothing at"),
            ("[[1], 2]", "/*/*", "nothing at"),
        ] {
            let error = texts(json.as_bytes(), pointer).expect_err(json).to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(texts(b"\"a\"", "").unwrap(), ["a"]);
        assert_eq!(texts(b"[\"a\", \"b\"]", "/*").unwrap(), ["a", "b"]);
        assert!(texts(b"[]", "/*").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(json in prop::collection::vec(any::<u8>(), 0..60), pointer in "[/*a-z0-9~]{0,12}") {
            let _ = texts(&json, &pointer);
        }
    }
}
