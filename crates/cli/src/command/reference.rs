//! The reference of scenario files as Markdown, from the JSON schema of `Scenario`: every key with what it takes, its default and
//! its meaning. The guide explains; this lists, and cannot be stale. It knows JSON schema and no scenario.

use serde_json::Value;

/// The page.
pub fn markdown(schema: &Value) -> String {
    let mut out = String::from(
        "# Scenario reference\n\nEvery key of a scenario file. Made from the schema by `scripts/generate`; how to write a scenario is in the [guide](guide.md#writing-a-scenario). `wirecost schema` prints the schema for editors.\n\n## Scenario\n\n",
    );
    out += &properties(schema);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        out += &format!("\n## {name}\n\n{}", describe(name, definition));
    }
    out
}

fn describe(name: &str, definition: &Value) -> String {
    let mut out = match definition["description"].as_str() {
        Some(text) => format!("{}\n\n", sentence(text)),
        None => String::new(),
    };
    if let Some(pattern) = definition["pattern"].as_str() {
        out += &format!("Matches `{pattern}`.\n");
    }
    out += &properties(definition);
    let choices = ["oneOf", "anyOf"].iter().find_map(|key| definition[*key].as_array());
    for choice in choices.into_iter().flatten() {
        let meaning = choice["description"].as_str().filter(|_| choice["$ref"].is_null() || name != "Pace");
        let meaning = meaning.map_or(String::new(), |text| format!(": {}", sentence(text)));
        out += &format!("- {}{meaning}\n", takes(choice));
    }
    if choices.is_none()
        && let Some(values) = definition["enum"].as_array()
    {
        out += &format!("One of {}.\n", values.iter().map(code).collect::<Vec<_>>().join(", "));
    }
    out
}

/// The keys of a mapping as a table; empty if it has none.
fn properties(schema: &Value) -> String {
    let Some(all) = schema["properties"].as_object().filter(|all| !all.is_empty()) else { return String::new() };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out = String::from("| key | takes | default | meaning |\n|---|---|---|---|\n");
    for (key, property) in all {
        let default = match &property["default"] {
            _ if required.contains(&key.as_str()) => "required".into(),
            Value::Null => "none".into(),
            value => code(value),
        };
        let meaning = property["description"].as_str().map_or(String::new(), sentence);
        out += &format!("| `{key}` | {} | {} | {} |\n", cell(&takes(property)), cell(&default), cell(&meaning));
    }
    out
}

/// What may stand there, in a few words.
fn takes(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let value @ (Value::String(_) | Value::Number(_)) = &schema["const"] {
        return code(value);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(code).collect::<Vec<_>>().join(", ");
    }
    if let Some(choices) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[*key].as_array()) {
        let all: Vec<String> = choices.iter().filter(|choice| choice["type"] != "null").map(takes).collect();
        return all.join(" or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("anything"),
        kind => kind.as_str().unwrap_or("anything"),
    };
    match kind {
        "array" => format!("a list of {}", takes(&schema["items"])),
        "object" => match schema["properties"].as_object() {
            Some(inner) => {
                let keys: Vec<String> = inner.iter().map(|(key, value)| format!("`{key}`: {}", takes(value))).collect();
                format!("a mapping with {}", keys.join(", "))
            }
            None if schema["additionalProperties"].is_object() => {
                format!("a mapping of names to {}", takes(&schema["additionalProperties"]))
            }
            None => "a mapping".into(),
        },
        "integer" => "a whole number".into(),
        "number" => "a number".into(),
        "boolean" => "`on` or `off`".into(),
        "string" => "text".into(),
        other => other.into(),
    }
}

/// As it is written in YAML.
fn code(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".into(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(all) if all.is_empty() => "none".into(),
        Value::Object(all) if all.is_empty() => "none".into(),
        Value::Object(all) => {
            let parts: Vec<String> = all.iter().map(|(key, value)| format!("{key}: {}", code(value).replace('`', ""))).collect();
            format!("`{{ {} }}`", parts.join(", "))
        }
        Value::Bool(on) => format!("`{}`", if *on { "on" } else { "off" }),
        other => format!("`{other}`"),
    }
}

/// Lines of a paragraph as one, with a full stop.
fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.ends_with(['.', ':', '?', '…']) { text } else { format!("{text}.") }
}

/// Inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_listed_and_every_link_leads_somewhere() {
        let schema = serde_json::to_value(schemars::schema_for!(wirecost_model::Scenario)).unwrap();
        let page = markdown(&schema);
        for key in schema["properties"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("| `{key}` |")), "{key}");
        }
        for target in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(page.lines().any(|line| line.to_lowercase() == format!("## {target}")), "{target}");
        }
        assert!(!page.contains("anything"), "the schema has something that this file does not know");
    }
}
