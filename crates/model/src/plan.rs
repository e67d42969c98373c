//! The plan: which trials, in which order. A pure function of scenario and seed; the same file gives
//! the same plan on every machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::faults::Faults;
use crate::rng::Rng;
use crate::scenario::{
    Arm, ArmOptions, EmptyAnswer, Engine, Frame, Headers, HttpVersion, Loaded, Pacing, Scalar, Stack, Target, TargetChoice, Tls,
    TlsOptions, TrialTiming, Via, Wire, Workload,
};
use crate::search::SearchPlan;
use crate::transport::TransportKind;
use crate::units::Span;

/// An arm with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmConfig {
    /// What the report calls it.
    pub name: String,
    /// The arm that this is a second run of, for the sake of knowing how far apart equals are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
    /// How messages travel.
    pub transport: TransportKind,
    /// Time between polls, for a transport that polls at an interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// What the interval is measured from.
    pub pacing: Pacing,
    /// How the server says "nothing".
    pub empty: EmptyAnswer,
    /// How long the server holds a request, for a transport that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// How long a client that was answered takes before it asks again, where it takes any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Span>,
    /// Opcode of WebSocket messages.
    pub frame: Frame,
    /// One connection for all requests of a client, or one for each.
    pub keep_alive: bool,
    /// What Engine.IO's packets travel by, in the order of use; empty for a transport without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Via>,
    /// Version of the Engine.IO protocol.
    #[serde(default)]
    pub engine: Engine,
    /// The Socket.IO namespace, for a transport that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Whether a client that loses its connection connects again.
    #[serde(default)]
    pub reconnect: bool,
    /// Encryption; plain if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsOptions>,
    /// HTTP version.
    pub http: HttpVersion,
    /// Client libraries.
    pub stack: Stack,
    /// Request headers.
    pub headers: Headers,
    /// The server that it is measured against, if that is not the reference server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<Target>>,
}

impl ArmConfig {
    /// The arm's own options before the defaults, and the built-in values last. An option that the
    /// transport does not take stays at its built-in value, whatever `defaults` say.
    pub fn resolve(arm: &Arm, defaults: &ArmOptions) -> ArmConfig {
        let transport = arm.transport;
        macro_rules! pick {
            ($option:ident) => {
                if transport.takes(stringify!($option)) {
                    arm.options.$option.clone().or_else(|| defaults.$option.clone())
                } else {
                    None
                }
            };
        }
        let tls = match pick!(tls) {
            Some(Tls::On(options)) => Some(options),
            Some(Tls::Off) | None => None,
        };
        let target = match pick!(target) {
            Some(TargetChoice::Foreign(target)) => Some(target),
            Some(TargetChoice::Reference) | None => None,
        };
        let stack = pick!(stack).unwrap_or(if target.is_some() { Stack::Lean } else { Stack::Standard });
        ArmConfig {
            name: arm.name().to_string(),
            twin_of: None,
            transport,
            interval: transport.takes("interval").then(|| pick!(interval).unwrap_or(Span::ms(1000))),
            pacing: pick!(pacing).unwrap_or_default(),
            empty: pick!(empty).unwrap_or_default(),
            hold: transport.takes("hold").then(|| pick!(hold).unwrap_or(Span::ms(25_000))),
            gap: if transport.takes("gap") { pick!(gap).filter(|gap| *gap > Span(0)) } else { None },
            frame: pick!(frame).unwrap_or_default(),
            keep_alive: pick!(keep_alive).unwrap_or(true),
            via: if transport.takes("via") { pick!(via).unwrap_or(vec![Via::Polling, Via::Websocket]) } else { Vec::new() },
            engine: pick!(engine).unwrap_or_default(),
            namespace: transport.takes("namespace").then(|| pick!(namespace).unwrap_or("/".into())),
            reconnect: pick!(reconnect).unwrap_or(false),
            tls,
            http: pick!(http).unwrap_or_default(),
            stack,
            headers: pick!(headers).unwrap_or_default(),
            target,
        }
    }
}

/// An arm at one point of the axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Its number, from 0.
    pub index: usize,
    /// The arm's number in the scenario.
    pub arm: usize,
    /// Where on the axes that concern it.
    pub point: BTreeMap<String, Scalar>,
    /// The arm, resolved.
    pub config: ArmConfig,
    /// What the application does here.
    pub workload: Workload,
    /// How many clients.
    pub clients: u32,
    /// The phases of a trial.
    pub timing: TrialTiming,
    /// What the reference server does wrong on purpose.
    #[serde(default, skip_serializing_if = "Faults::is_none")]
    pub faults: Faults,
}

impl Cell {
    /// The most connections that its clients may have open at a time.
    pub fn connections(&self) -> u64 {
        u64::from(self.clients) * self.connections_each()
    }

    /// The same of one of them. Over HTTP what a client sends goes beside what it listens to; echoes go beside one another; and where
    /// each request has a connection of its own, those before it may not have come to their end.
    pub fn connections_each(&self) -> u64 {
        let requests = if self.config.keep_alive { 1 } else { 3 };
        match (self.config.transport, &self.workload) {
            (TransportKind::Websocket, _) => 1,
            // A POST beside a poll, and a WebSocket beside the polling that it takes the place of.
            (TransportKind::SocketIo, _) => self.config.via.iter().map(|via| if *via == Via::Websocket { 1 } else { 2 }).sum(),
            (_, Workload::Echo(echo)) => requests * u64::from(echo.outstanding.max(1)),
            (_, Workload::Duplex(_) | Workload::Chat(_)) => requests + 1,
            (_, Workload::Push(_) | Workload::Upload(_) | Workload::Reconnect(_) | Workload::Idle(_)) => requests,
        }
    }

    /// Its name in tables: the arm and its point.
    pub fn label(&self) -> String {
        if self.point.is_empty() {
            return self.config.name.clone();
        }
        let point: Vec<String> = self.point.iter().map(|(k, v)| format!("{k} {v}")).collect();
        format!("{} ({})", self.config.name, point.join(", "))
    }
}

/// One run of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialSpec {
    /// Position in the plan, from 0.
    pub index: usize,
    /// Which pass over all cells, from 0.
    pub block: u32,
    /// The cell's number.
    pub cell: usize,
    /// Of this trial's own chance: schedules, phases. The same for all cells of a block, so that arms
    /// are compared under the same arrivals.
    pub seed: u64,
}

/// What will be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that it was made with.
    pub seed: u64,
    /// Blocks: trials of each cell.
    pub trials_per_cell: u32,
    /// Where the packets go.
    pub wire: Wire,
    /// Largest IP packet of a private network, bytes.
    #[serde(default = "crate::scenario::ethernet_mtu")]
    pub mtu: u32,
    /// The arm that others are compared to.
    pub baseline: String,
    /// Every arm at every point.
    pub cells: Vec<Cell>,
    /// In the order in which they run.
    pub trials: Vec<TrialSpec>,
    /// What is searched; then cells and trials are those so far, and grow while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchPlan>,
}

impl Plan {
    /// Lists the trials: block by block, the cells of each in a random order of its own. Of a search these are those of the
    /// first round, whatever `trials` says; [`Plan::grow`] adds the others.
    pub fn new(loaded: &Loaded, trials: Option<u32>, seed: Option<u64>) -> Plan {
        let scenario = &loaded.scenario;
        let seed = seed.unwrap_or(scenario.seed);
        let blocks = if scenario.search.is_some() { 1 } else { trials.unwrap_or(scenario.trials).max(1) };
        let cells: Vec<Cell> = loaded
            .variants
            .iter()
            .enumerate()
            .map(|(index, variant)| Cell {
                index,
                arm: variant.arm,
                point: variant.point.clone(),
                config: variant.config.clone(),
                workload: variant.scenario.workload.clone().over(variant.scenario.trial.flow()),
                clients: variant.scenario.clients,
                timing: variant.scenario.trial,
                faults: variant.scenario.faults,
            })
            .collect();
        let mut order = Rng::new(seed, 0);
        let mut specs = Vec::with_capacity(cells.len() * blocks as usize);
        for block in 0..blocks {
            let mut numbers: Vec<usize> = (0..cells.len()).collect();
            order.shuffle(&mut numbers);
            let block_seed = order.next_u64();
            for cell in numbers {
                specs.push(TrialSpec { index: specs.len(), block, cell, seed: block_seed });
            }
        }
        let first = cells.first().map(|cell| cell.config.name.clone()).unwrap_or_default();
        Plan {
            scenario: scenario.name.clone(),
            seed,
            trials_per_cell: blocks,
            wire: scenario.wire,
            mtu: scenario.mtu,
            baseline: scenario.baseline.clone().unwrap_or(first),
            search: scenario.search.as_ref().and_then(|search| search.plan(scenario, cells.len())),
            cells,
            trials: specs,
        }
    }

    /// How long the trials take at least, ns: the sum of their windows, and of the time that clients are given to connect.
    pub fn least_duration_ns(&self) -> u64 {
        let of = |cell: &Cell| cell.timing.connecting(cell.clients).ns() + cell.timing.flow().ns();
        self.trials.iter().map(|trial| of(&self.cells[trial.cell])).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_block_runs_every_cell_once_and_a_seed_repeats_the_plan(seed: u64, trials in 1u32..9) {
            let yaml = "name: a\nquestion: b\nworkload: { push: { rate: 10/s } }\narms: [sse, websocket, long_poll]\naxes: { clients: [1, 2] }\n";
            let loaded = crate::scenario::load(yaml).unwrap();
            let plan = Plan::new(&loaded, Some(trials), Some(seed));
            prop_assert_eq!(&plan, &Plan::new(&loaded, Some(trials), Some(seed)));
            for block in plan.trials.chunks(6) {
                let mut cells: Vec<usize> = block.iter().map(|t| t.cell).collect();
                cells.sort_unstable();
                prop_assert_eq!(cells, (0..6).collect::<Vec<_>>());
                prop_assert!(block.iter().all(|t| t.seed == block[0].seed && t.block == block[0].block));
            }
        }
    }
}
