//! Fan-out: one server sends each message to many, one after the other.

/// One publisher. Times in seconds.
#[derive(Debug, Clone, Copy)]
pub struct FanOut {
    /// N: subscribers.
    pub subscribers: f64,
    /// c: what one send costs.
    pub cost_s: f64,
    /// λ_b: messages published a second.
    pub rate_per_s: f64,
    /// d: one-way delay.
    pub delay_s: f64,
}

impl FanOut {
    /// ρ = λ_b·N·c: the share of its time that the server sends.
    pub fn load(&self) -> f64 {
        self.rate_per_s * self.subscribers * self.cost_s
    }

    /// Mean latency: d + ρNc/(2(1 − ρ)) + c(N + 1)/2, a queue of Poisson arrivals with constant service and the place in the
    /// row; `None` once ρ ≥ 1, where there is no mean.
    pub fn mean_s(&self) -> Option<f64> {
        let (load, row) = (self.load(), self.subscribers * self.cost_s);
        (load < 1.0).then(|| self.delay_s + load * row / (2.0 * (1.0 - load)) + self.cost_s * (self.subscribers + 1.0) / 2.0)
    }

    /// The period at which polls of all clients fill the server: N/τ·c = 1.
    pub fn shortest_poll_period_s(subscribers: f64, cost_of_a_poll_s: f64) -> f64 {
        subscribers * cost_of_a_poll_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_at_rest_waits_for_one_send() {
        let one = FanOut { subscribers: 1.0, cost_s: 1e-5, rate_per_s: 1e-9, delay_s: 0.01 };
        assert!((one.mean_s().unwrap() - 0.01001).abs() < 1e-9);
    }

    #[test]
    fn the_wait_grows_without_bound_towards_full_load() {
        let at = |rate_per_s: f64| FanOut { subscribers: 100.0, cost_s: 1e-5, rate_per_s, delay_s: 0.0 };
        assert!((at(500.0).load() - 0.5).abs() < 1e-12);
        assert!((at(500.0).mean_s().unwrap() - (0.5e-3 + 0.505e-3)).abs() < 1e-9);
        assert!(at(990.0).mean_s().unwrap() > 40.0 * at(500.0).mean_s().unwrap());
        assert_eq!(at(1000.0).mean_s(), None);
        assert!((FanOut::shortest_poll_period_s(50.0, 2e-5) - 1e-3).abs() < 1e-12);
    }
}
