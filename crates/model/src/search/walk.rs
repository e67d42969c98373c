//! Where to look next: a function of what was seen at each level, and of nothing else. No clock, no memory, no chance.
//!
//! 1. **Climb**: from the lowest level on, each time to twice the value, until a level does not hold or the highest does.
//! 2. **Bisect** between the highest level that holds and the lowest that does not, until they are neighbours. Steps of a
//!    ladder of rates are ratios, so that the middle is a geometric one.
//! 3. **Confirm**: the two neighbours are tried again, until one word has been said `confirm` times more than it takes to
//!    say it, so in the quiet case in `1 + confirm` trials of each.
//!
//! A level holds if more of its trials hold than fail. A trial that contradicts the ones before is outweighed by others or turns
//! the level's word; then the climb or the bisection goes on from there. That is why no phase is kept: it follows from the
//! tallies. A level of which [`RETRIES`] trials more than one are void, and none says anything, is where the search cannot go.

use crate::search::Stop;

/// How often a trial that was voided is run again.
pub const RETRIES: u32 = 2;

/// What the trials of a level said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Trials in which the condition held.
    pub held: u32,
    /// Trials in which it did not.
    pub failed: u32,
    /// Trials that say neither.
    pub void: u32,
}

/// What a level is, by its trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Unknown,
    Holds,
    Fails,
    Unjudged,
}

impl Tally {
    fn side(self) -> Side {
        match self {
            Tally { held, failed, .. } if held > failed => Side::Holds,
            // A level that fails every other time is none that holds.
            Tally { failed: 1.., .. } => Side::Fails,
            Tally { void, .. } if void > RETRIES => Side::Unjudged,
            _ => Side::Unknown,
        }
    }

    /// Whether nothing more is to be learnt of it: its word is confirmed, or cannot be.
    fn is_settled(self, confirm: u32) -> bool {
        let wanted = 1 + confirm;
        self.held.abs_diff(self.failed) >= wanted || self.held + self.failed >= 3 * wanted || self.void > RETRIES
    }

    fn trials(self) -> u32 {
        self.held + self.failed + self.void
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run a trial at this level, by its number.
    Probe(usize),
    /// It is over.
    Done {
        /// The highest level that holds, by its number.
        held: Option<usize>,
        /// The lowest that does not, or that cannot be judged.
        failed: Option<usize>,
        /// Why it ended.
        stop: Stop,
    },
}

/// The highest level that holds, and the lowest that does not or cannot be judged, by their numbers, as far as it is known.
pub fn bracket(levels: &[f64], tallies: &[Tally]) -> [Option<usize>; 2] {
    let side = |level: usize| tallies.get(level).copied().unwrap_or_default().side();
    let failed = (0..levels.len()).find(|&level| matches!(side(level), Side::Fails | Side::Unjudged));
    let held = (0..failed.unwrap_or(levels.len())).rev().find(|&level| side(level) == Side::Holds);
    [held, failed]
}

/// Where to look next. `levels` are ascending values, `tallies` what was seen at each.
pub fn next(levels: &[f64], tallies: &[Tally], confirm: u32) -> Next {
    let tally = |level: usize| tallies.get(level).copied().unwrap_or_default();
    let (side, settled) = (|level| tally(level).side(), |level| tally(level).is_settled(confirm));
    let [held, failed] = bracket(levels, tallies);
    let done = |stop: Stop| Next::Done { held, failed, stop };
    let end = |level: usize, stop: Stop| if side(level) == Side::Unjudged { Stop::Unjudged } else { stop };
    let next = match (held, failed) {
        (None, None) => Next::Probe(0),
        (None, Some(low)) if low > 0 => Next::Probe(0),
        (None, Some(low)) if !settled(low) => Next::Probe(low),
        (None, Some(low)) => done(end(low, Stop::BottomFailed)),
        (Some(held), None) if held + 1 < levels.len() => Next::Probe(twice(levels, held)),
        (Some(held), None) if !settled(held) => Next::Probe(held),
        (Some(_), None) => done(Stop::TopHeld),
        (Some(held), Some(failed)) if failed - held > 1 => Next::Probe(held + (failed - held) / 2),
        (Some(held), Some(_)) if !settled(held) => Next::Probe(held),
        (Some(_), Some(failed)) if !settled(failed) => Next::Probe(failed),
        (Some(_), Some(failed)) => done(end(failed, Stop::Found)),
    };
    let spent: u32 = tallies.iter().map(|tally| tally.trials()).sum();
    match next {
        Next::Probe(_) if spent >= most_trials(levels, confirm) => done(Stop::TrialsSpent),
        next => next,
    }
}

/// The first level of at least twice the value, or the highest.
fn twice(levels: &[f64], level: usize) -> usize {
    levels.iter().position(|value| *value >= 2.0 * levels[level]).unwrap_or(levels.len() - 1)
}

/// The most trials that a search takes if no trial is void and none contradicts another.
pub fn trials_without_trouble(levels: &[f64], confirm: u32) -> u32 {
    let (mut level, mut climb, mut widest) = (0, 1, 1);
    while level + 1 < levels.len() {
        let above = twice(levels, level);
        (climb, widest) = (climb + 1, widest.max(above - level));
        level = above;
    }
    climb + (widest as u32).next_power_of_two().ilog2() + 2 * confirm
}

/// The most trials that a search takes at all: as many times more as a void trial is run.
pub fn most_trials(levels: &[f64], confirm: u32) -> u32 {
    (1 + RETRIES) * trials_without_trouble(levels, confirm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::search::Outcome;
    use crate::search::ladder::rates;
    use proptest::prelude::*;

    /// A search to its end, and how many trials it took.
    fn run(levels: &[f64], confirm: u32, mut system: impl FnMut(f64) -> Outcome) -> (Next, Vec<Tally>, u32) {
        let mut tallies = vec![Tally::default(); levels.len()];
        for trials in 0.. {
            match next(levels, &tallies, confirm) {
                Next::Probe(level) => {
                    assert!(trials < most_trials(levels, confirm), "more trials than were announced");
                    let tally = &mut tallies[level];
                    *match system(levels[level]) {
                        Outcome::Held => &mut tally.held,
                        Outcome::Failed => &mut tally.failed,
                        Outcome::Void => &mut tally.void,
                    } += 1;
                }
                done => return (done, tallies, trials),
            }
        }
        unreachable!()
    }

    fn below(knee: f64) -> impl Fn(f64) -> Outcome {
        move |level| if level <= knee { Outcome::Held } else { Outcome::Failed }
    }

    #[test]
    fn a_search_in_full() {
        let levels: Vec<f64> = (1..=100).map(f64::from).collect();
        let mut asked = Vec::new();
        let (done, ..) = run(&levels, 1, |level| {
            asked.push(level);
            below(21.0)(level)
        });
        assert_eq!(done, Next::Done { held: Some(20), failed: Some(21), stop: Stop::Found });
        assert_eq!(asked, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 24.0, 20.0, 22.0, 21.0, 21.0, 22.0]);
    }

    #[test]
    fn both_ends_are_told_apart_from_an_answer() {
        let levels = rates(10.0, 5000.0, 0.05);
        let (done, tallies, _) = run(&levels, 2, |_| Outcome::Held);
        assert_eq!(done, Next::Done { held: Some(levels.len() - 1), failed: None, stop: Stop::TopHeld });
        assert_eq!(tallies[levels.len() - 1].held, 3, "confirmed, too");
        let (done, _, trials) = run(&levels, 2, |_| Outcome::Failed);
        assert_eq!((done, trials), (Next::Done { held: None, failed: Some(0), stop: Stop::BottomFailed }, 3));
        let (done, _, trials) = run(&levels, 2, |_| Outcome::Void);
        assert_eq!((done, trials), (Next::Done { held: None, failed: Some(0), stop: Stop::Unjudged }, 1 + RETRIES));
    }

    #[test]
    fn one_contradiction_is_outweighed_and_two_turn_the_word() {
        let levels = rates(1.0, 64.0, 0.1);
        // The first trial above 3 fails for no reason of the level's.
        let mut excuse = Some(());
        let (done, ..) =
            run(&levels, 2, |level| if level > 3.0 && excuse.take().is_some() { Outcome::Failed } else { below(20.0)(level) });
        let Next::Done { held: Some(held), failed: Some(failed), stop: Stop::Found } = done else { panic!("{done:?}") };
        assert!(levels[held] <= 20.0 && levels[failed] > 20.0 && failed == held + 1, "{} {}", levels[held], levels[failed]);
    }

    #[test]
    fn noise_blurs_the_answer_by_a_few_steps_and_no_more() {
        // The chance to hold falls from 88 % to 12 % within two steps about the knee, and 2 % of trials lie.
        let levels = rates(10.0, 5000.0, 0.05);
        let mut far = 0;
        for seed in 0..400 {
            let mut rng = Rng::new(seed, 0);
            let knee = levels[5 + seed as usize % (levels.len() - 10)] * 1.02;
            let (done, ..) = run(&levels, 2, |level| {
                let steps = (level / knee).ln() / 1.05f64.ln();
                let holds = rng.unit() < 1.0 / (1.0 + (2.0 * steps).exp());
                if holds == (rng.unit() >= 0.02) { Outcome::Held } else { Outcome::Failed }
            });
            let Next::Done { held, .. } = done else { unreachable!() };
            let off = held.map_or(f64::INFINITY, |held| ((levels[held] / knee).ln() / 1.05f64.ln()).abs());
            far += u32::from(off > 3.0);
        }
        assert!(far <= 20, "{far} of 400 answers are more than three steps from the knee");
    }

    proptest! {
        #[test]
        fn a_knee_is_found_to_the_step_and_in_the_trials_announced(
            from in 0.1f64..1000.0, ratio in 1.1f64..2000.0, precision in 0.01f64..0.4, place in 0.0f64..1.0, confirm in 0u32..4
        ) {
            let levels = rates(from, from * ratio, precision);
            let knee = from * ratio.powf(place);
            let (done, tallies, trials) = run(&levels, confirm, below(knee));
            prop_assert!(trials <= trials_without_trouble(&levels, confirm), "{} trials", trials);
            let held = levels.iter().rposition(|level| *level <= knee).unwrap();
            if held + 1 == levels.len() {
                prop_assert_eq!(done, Next::Done { held: Some(held), failed: None, stop: Stop::TopHeld });
            } else {
                prop_assert_eq!(done, Next::Done { held: Some(held), failed: Some(held + 1), stop: Stop::Found });
                prop_assert_eq!(tallies[held + 1], Tally { failed: 1 + confirm, ..Tally::default() });
            }
            prop_assert_eq!(tallies[held], Tally { held: 1 + confirm, ..Tally::default() });
        }

        #[test]
        fn where_nothing_can_be_judged_the_answer_is_a_floor(
            ratio in 2.0f64..2000.0, precision in 0.01f64..0.4, place in 0.0f64..0.99, confirm in 0u32..4
        ) {
            let levels = rates(1.0, ratio, precision);
            let knee = ratio.powf(place);
            let (done, tallies, _) = run(&levels, confirm, |level| if level <= knee { Outcome::Held } else { Outcome::Void });
            let held = levels.iter().rposition(|level| *level <= knee).unwrap();
            prop_assert_eq!(done, Next::Done { held: Some(held), failed: Some(held + 1), stop: Stop::Unjudged });
            prop_assert_eq!(tallies[held + 1].void, 1 + RETRIES);
        }

        #[test]
        fn whatever_it_is_told_it_ends_and_says_nothing_that_was_not_seen(
            ratio in 1.1f64..500.0, precision in 0.02f64..0.4, confirm in 0u32..4, seed: u64, lie in 0.0f64..1.0, void in 0.0f64..1.0
        ) {
            let levels = rates(1.0, ratio, precision);
            let mut rng = Rng::new(seed, 0);
            let (done, tallies, trials) = run(&levels, confirm, |_| {
                if rng.unit() < void { Outcome::Void } else if rng.unit() < lie { Outcome::Failed } else { Outcome::Held }
            });
            prop_assert!(trials <= most_trials(&levels, confirm));
            let Next::Done { held, failed, stop } = done else { unreachable!() };
            if let Some(held) = held {
                prop_assert!(tallies[held].held > tallies[held].failed);
                prop_assert!(failed.is_none_or(|failed| failed > held));
            }
            if let Some(failed) = failed {
                prop_assert!(tallies[failed].held <= tallies[failed].failed && tallies[failed].trials() > 0);
            }
            if stop == Stop::Found {
                prop_assert_eq!(failed.unwrap(), held.unwrap() + 1);
            }
        }
    }
}
