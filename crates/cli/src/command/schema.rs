//! `schema`: the JSON schema of scenario files (for editors) and of `record.json` (for checks); of the former also as a page (for people).

use wirecost_model::{Record, Scenario};

use super::{Outcome, reference};
use crate::args::{SchemaArgs, SchemaOf};
use crate::exit;
use crate::ui;

/// Prints it.
pub fn schema(args: &SchemaArgs) -> Outcome {
    let schema = match args.of {
        SchemaOf::Scenario | SchemaOf::Reference => schemars::schema_for!(Scenario),
        SchemaOf::Record => schemars::schema_for!(Record),
    };
    if args.of == SchemaOf::Reference {
        ui::print(reference::markdown(schema.as_value()).trim_end());
        return Ok(exit::OK);
    }
    ui::print(&serde_json::to_string_pretty(&schema).map_err(anyhow::Error::from)?);
    Ok(exit::OK)
}
