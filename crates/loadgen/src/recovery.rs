//! A client that was cut off: when it has messages again, which came late, and which never came. How it comes back is the
//! client loop's business; what a message is, the recorder's.

use std::ops::Range;

use wirecost_model::control::Begin;
use wirecost_model::{Envelope, StreamCheck};

use crate::recorder::Recorder;

/// From the cut to the first message again, ns.
const RECOVERY: &str = "recovery";

/// From the cut to the first message that was sent after the client was connected again, ns.
const CAUGHT_UP: &str = "caught_up";

/// The times that one client was without a session.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    gaps: Vec<Gap>,
}

#[derive(Debug)]
struct Gap {
    /// Sequence numbers from the first that had not come before it to the first that came after it.
    sequences: Range<u64>,
    back_ns: Option<u64>,
    /// The new session has asked for what came meanwhile.
    resumes: bool,
    has_first: bool,
    is_live: bool,
}

impl Recovery {
    /// The session is gone.
    pub fn lost(&mut self, check: &StreamCheck, recorder: &mut Recorder) {
        recorder.recovery.interrupted += 1;
        // A session that died before its first message leaves nothing between it and the one before.
        if let Some(gap) = self.gaps.last_mut().filter(|gap| !gap.has_first) {
            gap.sequences.end = check.next();
        }
        let sequences = check.next()..u64::MAX;
        self.gaps.push(Gap { sequences, back_ns: None, resumes: false, has_first: false, is_live: false });
    }

    /// There is another. `resumes`: it goes on where the lost one was. One that does not recovers nothing: what comes between the
    /// moment at which the server takes it on and that at which it is ready was never missed.
    pub fn back(&mut self, now_ns: u64, resumes: bool, recorder: &mut Recorder) {
        recorder.recovery.reconnected += 1;
        if let Some(gap) = self.gaps.last_mut() {
            gap.back_ns = Some(now_ns);
            gap.resumes = resumes;
        }
    }

    /// A message has come. How many before it are now known not to come any more.
    pub fn message(&mut self, envelope: &Envelope, received_ns: u64, begin: Option<&Begin>, recorder: &mut Recorder) -> u64 {
        let Some(gap) = self.gaps.last_mut().filter(|gap| !gap.is_live) else { return 0 };
        let (Some(back_ns), Some(begin)) = (gap.back_ns, begin) else { return 0 };
        let since_cut_ns = received_ns.saturating_sub(begin.start_ns + begin.cut.map_or(0, |cut| cut.at_ns));
        let mut gone = 0;
        if !gap.has_first {
            gap.has_first = true;
            gap.sequences.end = u64::from(envelope.sequence).max(gap.sequences.start);
            gone = gap.sequences.end - gap.sequences.start;
            recorder.setup(RECOVERY, since_cut_ns);
        }
        if envelope.sent_ns < back_ns {
            recorder.recovery.recovered += u64::from(gap.resumes);
        } else {
            gap.is_live = true;
            recorder.setup(CAUGHT_UP, since_cut_ns);
        }
        gone
    }

    /// Whether a message that never came was missed because its client was cut off.
    pub fn excuses(&self, sequence: u64) -> bool {
        self.gaps.iter().any(|gap| gap.sequences.contains(&sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecost_model::control::Cut;

    #[test]
    fn what_came_late_and_what_never_came_are_told_apart() {
        let cut = Some(Cut { at_ns: 500, per_10_000: 10_000 });
        let begin = Begin { start_ns: 1000, window_from_ns: 0, window_to_ns: 9000, publish: None, relay_rooms: None, cut };
        let (mut recovery, mut recorder) = (Recovery::default(), Recorder::default());
        recorder.begin(&begin);
        let check_up_to = |end| {
            let mut check = StreamCheck::default();
            (0..end).for_each(|sequence| _ = check.see(sequence));
            check
        };
        recovery.lost(&check_up_to(5), &mut recorder);
        recovery.back(2000, true, &mut recorder);
        let message = |sequence, sent_ns| Envelope { stream: 0, sequence, due_ns: sent_ns, sent_ns };
        // 5 and 6 have gone; 7 was sent meanwhile, 8 afterwards.
        assert_eq!(recovery.message(&message(7, 1900), 2100, Some(&begin), &mut recorder), 2);
        assert_eq!(recovery.message(&message(8, 2200), 2300, Some(&begin), &mut recorder), 0);
        assert_eq!(recovery.message(&message(9, 2400), 2500, Some(&begin), &mut recorder), 0);
        let excused: Vec<u64> = (0..12).filter(|&sequence| recovery.excuses(sequence)).collect();
        assert_eq!(excused, [5, 6]);
        let seen = recorder.recovery;
        assert_eq!((seen.interrupted, seen.reconnected, seen.recovered), (1, 1, 1));
        assert_eq!((recorder.setup["recovery"].max_ns(), recorder.setup["caught_up"].max_ns()), (Some(600), Some(800)));

        // A session that knows nothing of the one before: 10 has gone, and 11 came while it was getting ready.
        recovery.lost(&check_up_to(10), &mut recorder);
        recovery.back(4000, false, &mut recorder);
        assert_eq!(recovery.message(&message(11, 3900), 4100, Some(&begin), &mut recorder), 1);
        assert_eq!(recovery.message(&message(12, 4200), 4300, Some(&begin), &mut recorder), 0);
        assert!(recovery.excuses(10) && !recovery.excuses(11));
        assert_eq!((recorder.recovery.reconnected, recorder.recovery.recovered), (2, 1));

        // One that dies before its first message, and another: what is lost after that is nobody's excuse.
        recovery.lost(&check_up_to(13), &mut recorder);
        recovery.back(5000, true, &mut recorder);
        recovery.lost(&check_up_to(13), &mut recorder);
        recovery.back(6000, true, &mut recorder);
        assert_eq!(recovery.message(&message(14, 6100), 6200, Some(&begin), &mut recorder), 1);
        assert!(recovery.excuses(13) && !recovery.excuses(14) && !recovery.excuses(20));
    }
}
