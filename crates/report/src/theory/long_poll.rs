//! Long polling: a message waits only while no request is parked at the server.
//!
//! That window is G = r + g + s. With Poisson arrivals at λ, q = e^(−λG) is the chance that nothing comes in the window and
//! a = e^(−λTh) that nothing comes in a hold of Th. A parked poll that a message wakes takes it after w, with what came
//! meanwhile. So a cycle has Z = λG + q(1 − a)(1 + λw) messages.

/// One poller. All in seconds.
#[derive(Debug, Clone, Copy)]
pub struct LongPoll {
    /// d: one-way delay.
    pub delay_s: f64,
    /// s: the server's time for an answer.
    pub server_s: f64,
    /// g: from an answer to the next request.
    pub gap_s: f64,
    /// Th: how long the server holds a request; may be infinite.
    pub hold_s: f64,
    /// w: from a message until the parked poll that it wakes is answered with it.
    pub wake_s: f64,
}

impl LongPoll {
    /// G: how long no request is parked in each cycle.
    pub fn unarmed_s(&self) -> f64 {
        2.0 * self.delay_s + self.server_s + self.gap_s
    }

    fn q(&self, rate_per_s: f64) -> f64 {
        (-rate_per_s * self.unarmed_s()).exp()
    }

    fn held_out(&self, rate_per_s: f64) -> f64 {
        (-rate_per_s * self.hold_s).exp()
    }

    /// Chance that a cycle's poll is parked until a message wakes it: q(1 − a).
    fn woken(&self, rate_per_s: f64) -> f64 {
        self.q(rate_per_s) * (1.0 - self.held_out(rate_per_s))
    }

    fn z(&self, rate_per_s: f64) -> f64 {
        rate_per_s * self.unarmed_s() + self.woken(rate_per_s) * (1.0 + rate_per_s * self.wake_s)
    }

    /// Mean latency, Poisson: s + d + [λG·G/2 + q(1 − a)(w + λw·w/2)]/Z. Who comes in G waits half of it on average, who wakes a
    /// poll w, and who comes while it wakes half of that.
    pub fn mean_s(&self, rate_per_s: f64) -> f64 {
        let half_square = |s: f64| rate_per_s * s * s / 2.0;
        let waits = half_square(self.unarmed_s()) + self.woken(rate_per_s) * (self.wake_s + half_square(self.wake_s));
        self.server_s + self.delay_s + waits / self.z(rate_per_s)
    }

    /// Quantile of latency, Poisson: of q(1 − a)/Z that wait w, λw as many that wait U(0, w), and the rest that waits U(0, G).
    pub fn quantile_s(&self, rate_per_s: f64, quantile: f64) -> f64 {
        let first = self.woken(rate_per_s) / self.z(rate_per_s);
        let joined = first * rate_per_s * self.wake_s;
        let (wake, unarmed) = (self.wake_s, self.unarmed_s());
        let below = |width: f64, wait: f64| if wait >= width { 1.0 } else { wait / width };
        let share = |wait: f64| {
            let woke = if wait >= wake { first } else { 0.0 };
            woke + joined * below(wake, wait) + (1.0 - first - joined) * below(unarmed, wait)
        };
        // It has a step, so it is not turned round but closed in on, to a thousandth of a nanosecond for seconds.
        let (mut low, mut high) = (0.0, wake.max(unarmed));
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            *(if share(middle) < quantile { &mut low } else { &mut high }) = middle;
        }
        self.server_s + self.delay_s + if share(0.0) >= quantile { 0.0 } else { high }
    }

    /// Answers a second, Poisson: 1/(G + q(1 − a)(1/λ + w)).
    pub fn responses_per_s(&self, rate_per_s: f64) -> f64 {
        1.0 / (self.unarmed_s() + self.woken(rate_per_s) * (1.0 / rate_per_s + self.wake_s))
    }

    /// Share of answers that bring nothing, Poisson: e^(−λ(G + Th)).
    pub fn empty_fraction(&self, rate_per_s: f64) -> f64 {
        (-rate_per_s * (self.unarmed_s() + self.hold_s)).exp()
    }

    /// Messages in an answer that has any, Poisson: Z/(1 − q·a).
    pub fn messages_per_full_answer(&self, rate_per_s: f64) -> f64 {
        self.z(rate_per_s) / (1.0 - self.q(rate_per_s) * self.held_out(rate_per_s))
    }

    /// Mean latency of periodic messages: at once while G < D = 1/λ, else they wait U(0, G): a cliff of G/2 at G = D.
    pub fn periodic_mean_s(&self, rate_per_s: f64) -> f64 {
        let wait = if self.unarmed_s() < 1.0 / rate_per_s { 0.0 } else { self.unarmed_s() / 2.0 };
        self.server_s + self.delay_s + wait
    }

    /// Answers a second to periodic messages: one each while G < D and D < Th, else one each cycle.
    pub fn periodic_responses_per_s(&self, rate_per_s: f64) -> f64 {
        let unarmed = self.unarmed_s();
        if unarmed < 1.0 / rate_per_s {
            // Holds that end empty between two messages come on top.
            let empty = ((1.0 / rate_per_s - unarmed) / self.hold_s).floor();
            rate_per_s * (1.0 + empty)
        } else {
            1.0 / unarmed
        }
    }
}

#[cfg(test)]
mod tests {
    use wirecost_model::rng::Rng;

    use super::*;

    fn near(found: f64, expected: f64, digits: f64) {
        assert!((found - expected).abs() < digits, "{found}, not {expected}");
    }

    #[test]
    fn agrees_with_the_golden_table_for_poisson_arrivals() {
        // d = 50 ms, g = 1 ms, so G = 101 ms: λ, mean in ms, answers/s, messages per answer.
        let poll = LongPoll { delay_s: 0.050, server_s: 0.0, gap_s: 0.001, hold_s: f64::INFINITY, wake_s: 0.0 };
        for [rate, mean, responses, messages] in [
            [0.1, 50.5, 0.10, 1.00],
            [1.0, 55.1, 1.00, 1.00],
            [5.0, 73.0, 4.51, 1.11],
            [10.0, 87.1, 7.28, 1.37],
            [20.0, 97.4, 9.29, 2.15],
            [50.0, 100.4, 9.89, 5.06],
        ] {
            near(poll.mean_s(rate) * 1e3, mean, 0.06);
            near(poll.responses_per_s(rate), responses, 0.006);
            near(poll.messages_per_full_answer(rate), messages, 0.0051);
        }
    }

    #[test]
    fn agrees_with_the_golden_table_for_periodic_arrivals() {
        // 4 a second, s = g = 0: d and the mean, in ms.
        for [delay, mean] in [[15.0, 15.0], [30.0, 30.0], [40.3, 40.3], [80.0, 80.0], [130.0, 260.0], [160.0, 320.0]] {
            let delay_s = delay / 1e3;
            let poll = LongPoll { delay_s, server_s: 0.0, gap_s: 0.0, hold_s: 25.0, wake_s: 0.0 };
            near(poll.periodic_mean_s(4.0) * 1e3, mean, 0.051);
        }
    }

    #[test]
    fn messages_are_conserved_and_the_mixture_has_the_mean() {
        let poll = LongPoll { delay_s: 0.02, server_s: 0.001, gap_s: 0.004, hold_s: 2.0, wake_s: 0.0 };
        for (rate, wake_s) in [(0.2, 0.0), (3.0, 0.0), (40.0, 0.0), (3.0, 0.01), (40.0, 0.01), (40.0, 0.1)] {
            let poll = LongPoll { wake_s, ..poll };
            let full = poll.responses_per_s(rate) * (1.0 - poll.empty_fraction(rate));
            near(full * poll.messages_per_full_answer(rate) / rate, 1.0, 0.02);
            let mean: f64 = (0..10_000).map(|i| poll.quantile_s(rate, (f64::from(i) + 0.5) / 10_000.0)).sum::<f64>() / 10_000.0;
            near(mean / poll.mean_s(rate), 1.0, 1e-3);
        }
        assert_eq!(poll.periodic_responses_per_s(0.2), 0.2 * 3.0);
    }

    #[test]
    fn the_forms_are_what_a_poller_does() {
        let poll = LongPoll { delay_s: 0.0, server_s: 0.0, gap_s: 80e-6, hold_s: 1.0, wake_s: 150e-6 };
        let rate = 10_000.0;
        // Message after message: when it came, and when the answer that has it was taken.
        let (mut rng, mut came, mut waits) = (Rng::new(7, 0), 0.0, Vec::new());
        let mut gap = || rng.exponential(1.0 / rate);
        let (mut parked_at, mut answers) = (0.0, 0);
        came += gap();
        while waits.len() < 400_000 {
            let taken = if came <= parked_at { parked_at } else { came + poll.wake_s };
            while came <= taken {
                waits.push(taken - came);
                came += gap();
            }
            answers += 1;
            parked_at = taken + poll.gap_s;
        }
        waits.sort_by(f64::total_cmp);
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        near(mean / poll.mean_s(rate), 1.0, 0.01);
        near(f64::from(answers) / parked_at / poll.responses_per_s(rate), 1.0, 0.01);
        near(waits.len() as f64 / f64::from(answers) / poll.messages_per_full_answer(rate), 1.0, 0.01);
        for q in [0.1, 0.5, 0.9, 0.99] {
            near(waits[(q * waits.len() as f64) as usize] / poll.quantile_s(rate, q), 1.0, 0.02);
        }
    }
}
