//! How long to wait before the next attempt to connect: longer each time, and not all clients at once.

use std::time::Duration;

use wirecost_model::rng::Rng;

/// The official client's (socket.io-client 4.8, `reconnectionDelay`).
pub(crate) const FIRST: Duration = Duration::from_millis(1000);

/// Likewise (`reconnectionDelayMax`).
const LONGEST: Duration = Duration::from_millis(5000);

/// Likewise.
const FACTOR: f64 = 2.0;

/// Likewise (`randomizationFactor`): a delay lies between half and one and a half times its nominal value.
const JITTER: f64 = 0.5;

/// Delays before reconnecting are another lane of a client's chance than its phases.
pub(crate) const BACKOFF_LANE: u64 = 2 << 32;

/// The delays of one row of attempts.
#[derive(Debug)]
pub(crate) struct Backoff {
    rng: Rng,
    nominal: Duration,
}

impl Backoff {
    /// Begins anew, as after each success. `first` is the nominal value of the first delay.
    pub fn new(rng: Rng, first: Duration) -> Backoff {
        Backoff { rng, nominal: first }
    }

    /// The delay before the next attempt.
    pub fn delay(&mut self) -> Duration {
        let delay = self.nominal.mul_f64(1.0 + JITTER * (2.0 * self.rng.unit() - 1.0));
        // Beyond the longest delay nothing gets longer, so the nominal value need not either.
        self.nominal = self.nominal.mul_f64(FACTOR).min(2 * LONGEST);
        delay.min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_around_their_nominal_value_up_to_the_longest() {
        let mut seen = Vec::new();
        for seed in 0..200 {
            let mut backoff = Backoff::new(Rng::new(seed, 0), FIRST);
            for (attempt, nominal_ms) in [1000.0, 2000.0, 4000.0, 8000.0, 10_000.0, 10_000.0].into_iter().enumerate() {
                let delay_ms = backoff.delay().as_secs_f64() * 1000.0;
                let range = nominal_ms * 0.5..=nominal_ms * 1.5;
                assert!(range.contains(&delay_ms) || delay_ms == 5000.0, "attempt {attempt}: {delay_ms}");
                assert!(delay_ms <= 5000.0, "attempt {attempt}: {delay_ms}");
                seen.extend((attempt == 0).then_some(delay_ms));
            }
        }
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        let (least, most) = (seen.iter().copied().fold(f64::MAX, f64::min), seen.iter().copied().fold(0.0, f64::max));
        assert!((900.0..1100.0).contains(&mean) && least < 550.0 && most > 1450.0, "{least} {mean} {most}");
    }
}
