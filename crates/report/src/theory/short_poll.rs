//! Short polling: a message waits for the next question.
//!
//! A message arrives at a random phase of the period τ, so its wait is uniform: W ~ U(0, τ), and its latency is W + s + d.

use super::Process;

/// One poller. All in seconds.
#[derive(Debug, Clone, Copy)]
pub struct ShortPoll {
    /// τ: from the start of one poll to the start of the next. The interval where polls start on time (needs interval > r + s),
    /// and p + r + s where a pause of p follows each answer.
    pub period_s: f64,
    /// s: the server's time for an answer.
    pub server_s: f64,
    /// d: one-way delay.
    pub delay_s: f64,
}

impl ShortPoll {
    /// Mean latency: τ/2 + s + d.
    pub fn mean_s(&self) -> f64 {
        self.quantile_s(0.5)
    }

    /// Quantile of latency: qτ + s + d.
    pub fn quantile_s(&self, q: f64) -> f64 {
        q * self.period_s + self.server_s + self.delay_s
    }

    /// Requests a second: 1/τ.
    pub fn requests_per_s(&self) -> f64 {
        1.0 / self.period_s
    }

    /// Share of polls that bring nothing: e^(−λτ) for Poisson arrivals, max(0, 1 − λτ) for periodic ones.
    pub fn empty_fraction(&self, rate_per_s: f64, process: Process) -> f64 {
        let per_period = rate_per_s * self.period_s;
        match process {
            Process::Poisson => (-per_period).exp(),
            Process::Periodic => (1.0 - per_period).max(0.0),
        }
    }

    /// Messages in an answer that has any: λτ / (1 − share of empty polls).
    pub fn messages_per_full_answer(&self, rate_per_s: f64, process: Process) -> f64 {
        rate_per_s * self.period_s / (1.0 - self.empty_fraction(rate_per_s, process))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Periodic messages, 4 a second, a pause of 150 ms, s = 0: d, mean, p95, p99 in ms, polls/s, empty %.
    const GOLDEN: [[f64; 6]; 6] = [
        [15.0, 105.0, 186.0, 193.2, 5.56, 28.0],
        [30.0, 135.0, 229.5, 237.9, 4.76, 16.0],
        [40.3, 155.6, 259.4, 268.6, 4.34, 7.8],
        [80.0, 235.0, 374.5, 386.9, 3.23, 0.0],
        [130.0, 335.0, 519.5, 535.9, 2.44, 0.0],
        [160.0, 395.0, 606.5, 625.3, 2.13, 0.0],
    ];

    #[test]
    fn agrees_with_the_golden_table() {
        for [delay, mean, p95, p99, polls, empty] in GOLDEN {
            let delay_s = delay / 1e3;
            let poll = ShortPoll { period_s: 0.150 + 2.0 * delay_s, server_s: 0.0, delay_s };
            for (found, expected, digits) in [
                (poll.mean_s() * 1e3, mean, 0.051),
                (poll.quantile_s(0.95) * 1e3, p95, 0.051),
                (poll.quantile_s(0.99) * 1e3, p99, 0.051),
                (poll.requests_per_s(), polls, 0.0051),
                (poll.empty_fraction(4.0, Process::Periodic) * 100.0, empty, 0.051),
            ] {
                assert!((found - expected).abs() < digits, "d = {delay}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn messages_are_conserved() {
        let poll = ShortPoll { period_s: 0.25, server_s: 0.0, delay_s: 0.0 };
        for process in [Process::Poisson, Process::Periodic] {
            let full = poll.requests_per_s() * (1.0 - poll.empty_fraction(3.0, process));
            assert!((full * poll.messages_per_full_answer(3.0, process) - 3.0).abs() < 1e-12);
        }
    }
}
