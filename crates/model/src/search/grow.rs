//! How a plan grows while its search goes on: round by round, a trial for each subject that is not at its end, in a random order
//! of the round's own. A round is a block: its trials have one seed, so that arms meet the same arrivals.

use std::collections::BTreeMap;

use super::{Next, Outcome, SearchPlan, Tally, next};
use crate::plan::{Cell, Plan, TrialSpec};
use crate::rng::Rng;

impl SearchPlan {
    /// The subject that a cell belongs to, and its level, by their numbers.
    pub fn place(&self, plan: &Plan, cell: &Cell) -> Option<(usize, usize)> {
        let others = |cell: &Cell| {
            let mut point = cell.point.clone();
            point.remove(self.what.name());
            (cell.arm, point)
        };
        let subject = plan.cells.iter().take(self.subjects).position(|subject| others(subject) == others(cell))?;
        let level = self.what.of(cell)?;
        Some((subject, self.levels.iter().position(|other| *other == level)?))
    }

    /// What was seen of each subject at each level. `outcomes` are those of the plan's first trials, in its order.
    pub fn tallies(&self, plan: &Plan, outcomes: &[Outcome]) -> Vec<Vec<Tally>> {
        let places: BTreeMap<usize, (usize, usize)> =
            plan.cells.iter().filter_map(|cell| Some((cell.index, self.place(plan, cell)?))).collect();
        let mut tallies = vec![vec![Tally::default(); self.levels.len()]; self.subjects];
        for (spec, outcome) in plan.trials.iter().zip(outcomes) {
            let Some(&(subject, level)) = places.get(&spec.cell) else { continue };
            let tally = &mut tallies[subject][level];
            *match outcome {
                Outcome::Held => &mut tally.held,
                Outcome::Failed => &mut tally.failed,
                Outcome::Void => &mut tally.void,
            } += 1;
        }
        tallies
    }
}

impl Plan {
    /// Adds the next round of a search, given what became of all trials so far, in the order of the plan. `false` if there is
    /// none: the plan is whole, as one without a search always is.
    pub fn grow(&mut self, outcomes: &[Outcome]) -> bool {
        let Some(search) = self.search.clone() else { return false };
        let tallies = search.tallies(self, outcomes);
        let round = self.trials.last().map_or(0, |last| last.block + 1);
        let mut cells = Vec::new();
        for (subject, tallies) in tallies.iter().enumerate() {
            if let Next::Probe(level) = next(&search.levels, tallies, search.confirm) {
                let cell = search.what.at(&self.cells[subject], search.levels[level]);
                let same = |other: &&Cell| (other.arm, &other.point) == (cell.arm, &cell.point);
                let index = self.cells.iter().find(same).map(|other| other.index);
                cells.push(index.unwrap_or_else(|| {
                    self.cells.push(Cell { index: self.cells.len(), ..cell });
                    self.cells.len() - 1
                }));
            }
        }
        // The first round is made with the plan, from this generator's stream 0.
        let mut order = Rng::new(self.seed, u64::from(round));
        order.shuffle(&mut cells);
        let seed = order.next_u64();
        let grown = !cells.is_empty();
        for cell in cells {
            self.trials.push(TrialSpec { index: self.trials.len(), block: round, cell, seed });
        }
        grown
    }

    /// The most trials that there can be: those of the plan, or the bound of its search.
    pub fn most_trials(&self) -> usize {
        self.search.as_ref().map_or(self.trials.len(), |search| search.most_trials() as usize * search.subjects)
    }

    /// The plan's cells at their most: of a search its subjects at the highest level.
    pub fn extremes(&self) -> Vec<Cell> {
        match &self.search {
            None => self.cells.clone(),
            Some(search) => {
                let top = search.levels.last().copied().unwrap_or_default();
                self.cells.iter().take(search.subjects).map(|cell| search.what.at(cell, top)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Scalar};

    const YAML: &str = "name: a\nquestion: b\nworkload: { push: { rate: 10/s } }\narms: [sse, websocket]\n\
        axes: { payload: [64B, 1KiB] }\nsearch: { rate: { from: 1/s, to: 100/s }, while: lost == 0, confirm: 1 }\n";

    /// Each arm's knee is at ten times its number and one more.
    fn outcome(plan: &Plan, spec: &TrialSpec) -> Outcome {
        let cell = &plan.cells[spec.cell];
        let knee = 10.0 * (cell.arm + 1) as f64;
        if plan.search.as_ref().unwrap().what.of(cell).unwrap() <= knee { Outcome::Held } else { Outcome::Failed }
    }

    fn start() -> Plan {
        let yaml = YAML.replace("10/s }", "10/s, payload: 64B }");
        Plan::new(&scenario::load(&yaml).unwrap(), None, None)
    }

    fn whole() -> Plan {
        let mut plan = start();
        loop {
            let outcomes: Vec<Outcome> = plan.trials.iter().map(|spec| outcome(&plan, spec)).collect();
            if !plan.grow(&outcomes) {
                return plan;
            }
        }
    }

    #[test]
    fn a_plan_begins_at_the_lowest_level_and_grows_by_rounds() {
        let plan = start();
        assert_eq!((plan.cells.len(), plan.trials.len(), plan.trials_per_cell), (4, 4, 1));
        assert!(plan.cells.iter().all(|cell| cell.point["rate"] == Scalar::Text("1/s".into()) && cell.point.len() == 2));
        assert_eq!(plan.extremes().len(), 4);
        assert!(plan.extremes().iter().all(|cell| cell.point["rate"] == Scalar::Text("100/s".into())));

        let plan = whole();
        assert!(plan.trials.len() <= plan.most_trials());
        assert!(plan.trials.iter().enumerate().all(|(index, spec)| spec.index == index));
        assert!(plan.cells.iter().enumerate().all(|(index, cell)| cell.index == index));
        let mut points: Vec<_> = plan.cells.iter().map(|cell| (cell.arm, cell.label())).collect();
        points.sort();
        points.dedup();
        assert_eq!(points.len(), plan.cells.len(), "one cell a level");
        for round in 0..=plan.trials.last().unwrap().block {
            let of_round: Vec<_> = plan.trials.iter().filter(|spec| spec.block == round).collect();
            assert!((1..=4).contains(&of_round.len()) && of_round.iter().all(|spec| spec.seed == of_round[0].seed));
        }
    }

    #[test]
    fn a_plan_that_is_grown_again_from_the_same_outcomes_is_the_same() {
        let whole = whole();
        let mut again = start();
        while again.trials.len() < whole.trials.len() {
            let outcomes: Vec<Outcome> = again.trials.iter().map(|spec| outcome(&again, spec)).collect();
            assert!(again.grow(&outcomes));
        }
        assert_eq!(again, whole);
    }

    #[test]
    fn a_plan_without_a_search_does_not_grow() {
        let loaded = scenario::load("name: a\nquestion: b\nworkload: idle\narms: [sse]\n").unwrap();
        let mut plan = Plan::new(&loaded, None, None);
        let before = plan.clone();
        assert!(!plan.grow(&[]));
        assert_eq!((plan.most_trials(), plan), (6, before));
    }
}
