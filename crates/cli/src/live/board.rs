//! What the page is told: the plan with a mark a trial, the table so far, the gates that failed, the trial under way. The
//! table is the report's own summary of the trials that there are, so the page cannot show another number than the report.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use wirecost_model::control::Progress;
use wirecost_model::record::Trial;
use wirecost_model::{Cell, Record, TrialSpec};
use wirecost_report::{format, gate, stats, summary, view};

use super::State;
use crate::ui::{self, TimeLeft};

/// How often a trial under way is told of.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The state of one file's run.
pub struct Board {
    states: watch::Sender<State>,
    record: Record,
    time_left: TimeLeft,
    file: [usize; 2],
    running: Option<usize>,
    title: String,
    told: Instant,
}

impl Board {
    pub(super) fn new(states: watch::Sender<State>, record: Record, time_left: TimeLeft, file: [usize; 2]) -> Board {
        let board = Board { states, record, time_left, file, running: None, title: String::new(), told: Instant::now() };
        board.tell("Starting");
        board
    }

    pub(super) fn begins(&mut self, spec: &TrialSpec, cell: &Cell) {
        // A search adds to the plan while it goes on.
        let plan = &mut self.record.plan;
        if plan.cells.len() <= cell.index {
            plan.cells.push(cell.clone());
        }
        if plan.trials.len() <= spec.index {
            plan.trials.push(spec.clone());
        }
        self.running = Some(spec.index);
        self.title = view::full_title(&self.record.plan, cell);
        self.told = Instant::now();
        self.tell("starting");
    }

    pub(super) fn progress(&mut self, cell: &Cell, progress: &Progress) {
        if self.told.elapsed() >= HEARTBEAT {
            self.told = Instant::now();
            let now = self.now(&ui::status(cell, progress));
            self.states.send_modify(|state| state.now = now.to_string().into());
        }
    }

    pub(super) fn ended(&mut self, trial: &Trial) {
        self.record.trials.push(trial.clone());
        self.record.cells = stats::summarise(&self.record.plan, &self.record.trials);
        self.time_left.trial_ended();
        self.running = None;
        self.tell("done");
    }

    fn tell(&self, text: &str) {
        let (board, now) = (self.board().to_string().into(), self.now(text).to_string().into());
        self.states.send_modify(|state| (state.board, state.now) = (board, now));
    }

    fn now(&self, text: &str) -> Value {
        json!({ "title": self.title, "text": text })
    }

    fn board(&self) -> Value {
        let Record { plan, trials, .. } = &self.record;
        json!({
            "scenario": self.record.name,
            "question": self.record.question,
            "file": self.file,
            "marks": self.marks(),
            "planned": plan.trials.len(),
            "done": trials.len(),
            "void": trials.iter().filter(|trial| trial.is_void()).count(),
            "left": self.time_left.text(),
            "table": self.table(),
            "gates": gate::failures(plan, trials).iter().map(|failure| json!({
                "gate": failure.gate,
                "what": gate::what(&failure.gate),
                "trials": failure.trials,
                "cells": failure.cells,
                "seen": failure.seen,
                "advice": failure.advice,
            })).collect::<Vec<_>>(),
        })
    }

    /// One letter a trial of the plan, in its order: `o` counts, `v` is void, `r` runs, `-` is to come.
    fn marks(&self) -> String {
        let mut marks = vec![b'-'; self.record.plan.trials.len()];
        let ended = self.record.trials.iter().map(|trial| (trial.index, if trial.is_void() { b'v' } else { b'o' }));
        for (index, mark) in ended.chain(self.running.map(|index| (index, b'r'))) {
            if let Some(place) = marks.get_mut(index) {
                *place = mark;
            }
        }
        marks.into_iter().map(char::from).collect()
    }

    fn table(&self) -> Value {
        let summary = summary::of(&self.record);
        let columns: Vec<Value> = summary.columns.iter().map(|c| json!([c.group, c.head, c.unit])).collect();
        let planned = self.record.plan.trials_per_cell;
        let sections = summary.sections.iter().map(|section| {
            let rows = section.rows.iter().map(|row| {
                let values = row.values.iter().map(|value| value.shown.map_or("–".to_string(), format::number));
                let own = || self.record.trials.iter().filter(|trial| trial.cell == row.cell);
                json!({
                    "title": row.title,
                    "done": row.trials + row.void_trials,
                    "void": row.void_trials,
                    "only_void": row.is_only_void(),
                    "planned": planned,
                    "rate": rate(&self.record.plan.cells[row.cell], own()),
                    "values": values.collect::<Vec<_>>(),
                    "faults": row.faults(),
                    "errors": format::count(own().flat_map(|trial| trial.errors.values()).sum()),
                })
            });
            json!({ "label": section.group.label(), "rows": rows.collect::<Vec<_>>() })
        });
        let sections: Vec<Value> = sections.collect();
        json!({ "columns": columns, "sections": sections })
    }
}

/// Deliveries a second, against those that the plan wants: `199 of 200/s`; alone where the rate is a result.
fn rate<'a>(cell: &Cell, trials: impl Iterator<Item = &'a Trial>) -> String {
    let (mut delivered, mut expected, mut seconds, mut closed) = (0, 0, 0.0, false);
    for trial in trials {
        delivered += trial.accounting.delivered;
        expected += trial.accounting.expected;
        seconds += cell.timing.measure.ns() as f64 / 1e9;
        closed |= trial.closed_loop;
    }
    if seconds == 0.0 || (expected == 0 && delivered == 0) {
        return "–".into();
    }
    let achieved = format::number(delivered as f64 / seconds);
    if closed { format!("{achieved}/s") } else { format!("{achieved} of {}/s", format::number(expected as f64 / seconds)) }
}
