//! Long polling: a message waits only while no request is parked at the server.
//!
//! That window is G = r + g + s, plus what a new connection costs where there is one for each poll. With Poisson arrivals at λ,
//! q = e^(−λG) is the chance that nothing comes in the window, a = e^(−λTh) that nothing comes in a hold of Th, and
//! Z = λG + q(1 − a) the messages of one cycle.

/// One poller. All in seconds.
#[derive(Debug, Clone, Copy)]
pub struct LongPoll {
    /// d: one-way delay.
    pub delay_s: f64,
    /// s: the server's time for an answer.
    pub server_s: f64,
    /// g: from an answer to the next request.
    pub gap_s: f64,
    /// What a connection costs before each request: 0 with keep-alive, r with a new TCP connection for each.
    pub reconnect_s: f64,
    /// Th: how long the server holds a request; may be infinite.
    pub hold_s: f64,
}

impl LongPoll {
    /// G: how long no request is parked in each cycle.
    pub fn unarmed_s(&self) -> f64 {
        2.0 * self.delay_s + self.server_s + self.gap_s + self.reconnect_s
    }

    fn q(&self, rate_per_s: f64) -> f64 {
        (-rate_per_s * self.unarmed_s()).exp()
    }

    fn held_out(&self, rate_per_s: f64) -> f64 {
        (-rate_per_s * self.hold_s).exp()
    }

    fn z(&self, rate_per_s: f64) -> f64 {
        rate_per_s * self.unarmed_s() + self.q(rate_per_s) * (1.0 - self.held_out(rate_per_s))
    }

    /// Mean latency, Poisson: s + d + (G/2)·λG/Z.
    pub fn mean_s(&self, rate_per_s: f64) -> f64 {
        let unarmed = self.unarmed_s();
        self.server_s + self.delay_s + unarmed / 2.0 * rate_per_s * unarmed / self.z(rate_per_s)
    }

    /// Largest latency: 3d + g + s (+ a new connection); RFC 6202 calls it three transits.
    pub fn max_s(&self) -> f64 {
        self.unarmed_s() + self.delay_s
    }

    /// Chance that a message waits for nothing, Poisson: q(1 − a)/Z. Otherwise it waits U(0, G).
    pub fn at_once_share(&self, rate_per_s: f64) -> f64 {
        self.q(rate_per_s) * (1.0 - self.held_out(rate_per_s)) / self.z(rate_per_s)
    }

    /// Quantile of latency, Poisson: the mixture of "at once" and uniform.
    pub fn quantile_s(&self, rate_per_s: f64, quantile: f64) -> f64 {
        let at_once = self.at_once_share(rate_per_s);
        let waiting = if quantile <= at_once { 0.0 } else { (quantile - at_once) / (1.0 - at_once) };
        self.server_s + self.delay_s + waiting * self.unarmed_s()
    }

    /// Answers a second, Poisson: 1/(G + q(1 − a)/λ).
    pub fn responses_per_s(&self, rate_per_s: f64) -> f64 {
        1.0 / (self.unarmed_s() + self.q(rate_per_s) * (1.0 - self.held_out(rate_per_s)) / rate_per_s)
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

    /// Bytes a second: answers/s · [Hq + Hf + (2 + a)·F] + λ·(P + b).
    pub fn bytes_per_s(&self, rate_per_s: f64, sizes: &super::short_poll::Sizes) -> f64 {
        let exchange = sizes.request_bytes + sizes.full_response_bytes + (2.0 + sizes.acks_per_exchange) * sizes.segment_bytes;
        self.responses_per_s(rate_per_s) * exchange + rate_per_s * sizes.message_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, digits: f64) {
        assert!((found - expected).abs() < digits, "{found}, not {expected}");
    }

    #[test]
    fn agrees_with_the_golden_table_for_poisson_arrivals() {
        // d = 50 ms, g = 1 ms, so G = 101 ms: λ, mean in ms, answers/s, messages per answer.
        let poll = LongPoll { delay_s: 0.050, server_s: 0.0, gap_s: 0.001, reconnect_s: 0.0, hold_s: f64::INFINITY };
        near(poll.max_s(), 0.151, 1e-9);
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
        // 4 a second, s = g = 0: d, keep-alive, a new connection for each poll, in ms.
        for [delay, kept, fresh] in [
            [15.0, 15.0, 15.0],
            [30.0, 30.0, 30.0],
            [40.3, 40.3, 40.3],
            [80.0, 80.0, 240.0],
            [130.0, 260.0, 390.0],
            [160.0, 320.0, 480.0],
        ] {
            let delay_s = delay / 1e3;
            let poll = LongPoll { delay_s, server_s: 0.0, gap_s: 0.0, reconnect_s: 0.0, hold_s: 25.0 };
            near(poll.periodic_mean_s(4.0) * 1e3, kept, 0.051);
            let poll = LongPoll { reconnect_s: 2.0 * delay_s, ..poll };
            near(poll.periodic_mean_s(4.0) * 1e3, fresh, 0.051);
        }
    }

    #[test]
    fn messages_are_conserved_and_the_mixture_has_the_mean() {
        let poll = LongPoll { delay_s: 0.02, server_s: 0.001, gap_s: 0.004, reconnect_s: 0.0, hold_s: 2.0 };
        for rate in [0.2, 3.0, 40.0] {
            let full = poll.responses_per_s(rate) * (1.0 - poll.empty_fraction(rate));
            near(full * poll.messages_per_full_answer(rate) / rate, 1.0, 0.02);
            let mean: f64 = (0..10_000).map(|i| poll.quantile_s(rate, (f64::from(i) + 0.5) / 10_000.0)).sum::<f64>() / 10_000.0;
            near(mean / poll.mean_s(rate), 1.0, 1e-3);
        }
        assert_eq!(poll.periodic_responses_per_s(0.2), 0.2 * 3.0);
    }
}
