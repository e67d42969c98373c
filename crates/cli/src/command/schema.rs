//! `schema`: the JSON schema of scenario files (for editors) and of `record.json` (for checks).

use wirecost_model::{Record, Scenario};

use super::Outcome;
use crate::args::{SchemaArgs, SchemaOf};
use crate::exit;
use crate::ui;

/// Prints it.
pub fn schema(args: &SchemaArgs) -> Outcome {
    let schema = match args.of {
        SchemaOf::Scenario => schemars::schema_for!(Scenario),
        SchemaOf::Record => schemars::schema_for!(Record),
    };
    ui::print(&serde_json::to_string_pretty(&schema).map_err(anyhow::Error::from)?);
    Ok(exit::OK)
}
