//! How a series looks: colour, dash and mark. Never colour alone: hue, dash and mark all differ, and a label stands at the line's
//! end or at the mark.

use wirecost_model::transport::TRANSPORTS;
use wirecost_model::{Cell, Plan, TransportKind};

use super::canvas::{Ink, Mark};

/// Dash patterns at twice the size. The first three and the last are those of the registry of transports; the others tell arms
/// of the same transport apart.
pub const DASHES: [&str; 8] = ["", "12 6", "16 8", "3 6", "18 6 3 6", "6 4", "24 6", "4 6"];

/// The look of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Colour and dash.
    pub ink: Ink,
    /// Mark.
    pub mark: Mark,
}

/// The CSS variables of transport colours: `--t0: #…; --t1: …`, in the order of the registry.
pub fn css_variables() -> String {
    TRANSPORTS.iter().enumerate().map(|(number, row)| format!("--t{number}:{};", row.colour)).collect()
}

/// The mark of a transport.
pub fn mark(kind: TransportKind) -> Mark {
    match kind {
        TransportKind::ShortPoll => Mark::Circle,
        TransportKind::LongPoll => Mark::Down,
        TransportKind::HttpStream => Mark::Square,
        TransportKind::Sse => Mark::Up,
        TransportKind::Websocket => Mark::Diamond,
        TransportKind::SocketIo => Mark::Cross,
    }
}

/// The transport's colour as an ink without a dash.
pub fn colour(kind: TransportKind) -> Ink {
    let number = TRANSPORTS.iter().position(|row| row.kind == kind).unwrap_or(0);
    Ink::Series(number as u8, 0)
}

/// The look of a cell among those of its group: the first of a transport has the registry's dash, the following have others.
pub fn of(plan: &Plan, cell: &Cell, group: &[usize]) -> Look {
    let kind = cell.config.transport;
    let before = group.iter().filter(|&&index| index < cell.index && plan.cells[index].config.transport == kind).count();
    let Ink::Series(number, _) = colour(kind) else { unreachable!("a transport's ink is a series") };
    let own = registry_dash(kind);
    let others: Vec<u8> = (0..DASHES.len() as u8).filter(|&dash| dash != own && !matches!(dash, 1 | 2 | 7)).collect();
    let dash = if before == 0 { own } else { others[before % others.len()] };
    Look { ink: Ink::Series(number, dash), mark: mark(kind) }
}

/// Number of the registry's dash among [`DASHES`], which are twice as long.
fn registry_dash(kind: TransportKind) -> u8 {
    let doubled: Vec<String> =
        kind.row().dash.split_whitespace().filter_map(|n| n.parse::<u32>().ok()).map(|n| (2 * n).to_string()).collect();
    DASHES.iter().position(|dash| *dash == doubled.join(" ")).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_dash_of_the_registry_is_known() {
        for row in TRANSPORTS {
            assert_eq!(registry_dash(row.kind) == 0, row.dash.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn no_two_cells_of_a_group_look_the_same() {
        let plan = &fixture::run().record.plan;
        let group: Vec<usize> = (0..plan.cells.len()).collect();
        let looks: Vec<Look> = plan.cells.iter().map(|cell| of(plan, cell, &group)).collect();
        for (position, look) in looks.iter().enumerate() {
            assert!(looks[..position].iter().all(|other| other != look), "{look:?}");
        }
    }
}
