//! A trial while it runs: clients connect, everyone is seen listening, and the phases pass with progress and readings. What comes
//! before and after is in `trial`; what the readings say is in `sum`.

use wirecost_loadgen::workload::Script;
use wirecost_model::control::{Begin, Progress, Reading, SeriesPoint, TrialEvent, TrialOrder};
use wirecost_model::glance::Counts;
use wirecost_model::scenario::Wire;
use wirecost_model::transport::{Initiative, TransportKind};
use wirecost_model::{FleetCount, FleetLook};
use wirecost_probe::clock::{now_ns, sleep_until};
use wirecost_probe::interface;
use wirecost_probe::machine_state::MachineState;

use super::{TrialError, carried};
use crate::clients::Clients;
use crate::server::{Server, ServerFault};

/// How often progress is told, ns.
const PROGRESS_EVERY_NS: u64 = 250_000_000;

/// How often the series has a point, ns.
const SERIES_EVERY_NS: u64 = 1_000_000_000;

/// How long all push subscribers may take to be seen waiting by the server, ns.
const BARRIER_NS: u64 = 10_000_000_000;

/// What a server that is not ours is left to itself when everybody has connected, ns: longer than the longest delayed
/// acknowledgement (40 ms here).
const STILLNESS_NS: u64 = 60_000_000;

/// How often a probe is published, ns: longer than clients take to tell that they have heard one.
const PROBE_EVERY_NS: u64 = 500_000_000;

/// A trial under way.
pub(super) struct Running<'a> {
    pub(super) order: &'a TrialOrder,
    pub(super) script: Script,
    pub(super) tell: &'a mut dyn FnMut(TrialEvent),
    pub(super) started_ns: u64,
    pub(super) series: Vec<SeriesPoint>,
    pub(super) client_cpu_base_ns: u64,
    /// Latencies at the last two points of the series, so that what is shown is of the last second or two.
    pub(super) latencies: [Counts; 2],
}

/// Both ends of the measured window.
pub(super) struct Window {
    pub(super) carried: [Option<interface::Counters>; 2],
    pub(super) from: Reading,
    pub(super) to: Reading,
    pub(super) server_cpu_ns: u64,
    pub(super) client_cpu_ns: u64,
    /// Of what the clients do not do: this thread, which watches, and the publisher of a server that is not ours.
    pub(super) beside_cpu_ns: u64,
    pub(super) client_from: FleetCount,
    pub(super) client_to: FleetCount,
    pub(super) machine: MachineState,
}

impl Running<'_> {
    pub(super) fn connect(&mut self, server: &mut Server, clients: &mut Clients) -> Result<(), TrialError> {
        let (tell, started_ns) = (&mut self.tell, self.started_ns);
        let connecting = clients.connect(|connected| {
            tell(TrialEvent::Progress(Progress {
                phase: "connect".into(),
                elapsed_ns: now_ns() - started_ns,
                connected,
                ..Progress::default()
            }));
            server.is_alive()
        });
        connecting.map_err(|error| if server.is_alive() { error.into() } else { server.died().into() })
    }

    /// The counters now, at whichever end they are counted, and what the clients have used.
    pub(super) fn read(&self, server: &mut Server, clients: &mut Clients) -> Result<(Reading, FleetCount), TrialError> {
        let count = clients.count()?;
        let mut reading = server.read()?;
        reading.counters += count.counters;
        Ok((reading, count))
    }

    /// Waits until the server sees every client listening: from then on no push can be missed.
    pub(super) fn barrier(&mut self, server: &mut Server, clients: &mut Clients) -> Result<(), TrialError> {
        if self.order.cell.config.target.is_some() {
            // It cannot be asked, so what is left to say is waited for: the first held poll, the last delayed acknowledgement.
            sleep_until(now_ns() + STILLNESS_NS);
            return Ok(());
        }
        let listens = self.script.subscribe && self.order.cell.config.transport.row().initiative == Initiative::Push;
        if !listens {
            return Ok(());
        }
        let count = self.order.cell.clients;
        let listening = self.script.subscriptions(count);
        let give_up_ns = now_ns() + BARRIER_NS;
        loop {
            let seen = server.read()?.subscribers;
            if seen >= listening {
                return Ok(());
            }
            if now_ns() > give_up_ns || clients.look()?.status.ended > 0 {
                return Err(TrialError::Barrier { seen, listening, clients: count });
            }
            sleep_until(now_ns() + 2_000_000);
        }
    }

    /// The same with a server that cannot be asked: probes are published until every client has heard one. A client that
    /// polls at an interval will not for as long as that is, and misses nothing that it can ask for later. They are messages, and no
    /// part of setting up.
    pub(super) fn probes(&mut self, server: &Server, clients: &mut Clients) -> Result<(), TrialError> {
        let Some(publisher) = server.publisher() else { return Ok(()) };
        if self.order.cell.config.transport == TransportKind::ShortPoll {
            return Ok(());
        }
        let count = self.order.cell.clients;
        let give_up_ns = now_ns() + BARRIER_NS;
        loop {
            publisher.probe().map_err(ServerFault::from)?;
            let until_ns = now_ns() + PROBE_EVERY_NS;
            while now_ns() < until_ns {
                let FleetLook { status, first_error, strange, .. } = clients.look()?;
                if status.probed >= count {
                    return Ok(());
                }
                if now_ns() > give_up_ns || status.ended > 0 {
                    let error = first_error.map(|text| format!("; the first error: {text}"));
                    let strange = || {
                        let text = strange?;
                        Some(format!(
                            "; what came to them is `{text}`: see the dialect's `message`, which says where it stands in that"
                        ))
                    };
                    let nothing = || match status.probed {
                        0 => "; nothing came to them: see where the dialect subscribes, and its `publish`".into(),
                        _ => String::new(),
                    };
                    let error = error.or_else(strange).unwrap_or_else(nothing);
                    return Err(TrialError::Probes { heard: status.probed, clients: count, error });
                }
                sleep_until(now_ns() + 5_000_000);
            }
        }
    }

    /// Sleeps through warm-up and the measured window, and reads both its ends.
    pub(super) fn window(&mut self, server: &mut Server, clients: &mut Clients, begin: &Begin) -> Result<Window, TrialError> {
        let (from_ns, to_ns) = (begin.start_ns + begin.window_from_ns, begin.start_ns + begin.window_to_ns);
        self.watch("warmup", from_ns, server, clients, begin)?;
        let private = self.order.wire == Wire::Private;
        let (from, client_from) = self.read(server, clients)?;
        let carried_from = carried(private)?;
        // From here to the end of the window the server is not asked for anything: it would be measured being measured.
        let (server_cpu_from_ns, publishing_from_ns) = (server.glance()?.cpu_ns, server.publishing_cpu_ns());
        let machine_from = MachineState::read()?;
        self.watch("measure", to_ns, server, clients, begin)?;
        // What costs the least CPU first, so that looking is not in what is seen.
        let (server_cpu_to_ns, publishing_to_ns) = (server.glance()?.cpu_ns, server.publishing_cpu_ns());
        let (to, client_to) = self.read(server, clients)?;
        let carried = [carried_from, carried(private)?];
        let machine = MachineState::read()?.since(&machine_from);
        self.progress("measure", server, clients, begin)?;
        let watching_cpu_ns = client_to.watching_cpu_ns.saturating_sub(client_from.watching_cpu_ns);
        Ok(Window {
            carried,
            from,
            to,
            server_cpu_ns: server_cpu_to_ns.saturating_sub(server_cpu_from_ns),
            client_cpu_ns: client_to.cpu_ns.saturating_sub(client_from.cpu_ns),
            beside_cpu_ns: watching_cpu_ns + publishing_to_ns.saturating_sub(publishing_from_ns),
            client_from,
            client_to,
            machine,
        })
    }

    /// Tells progress until then, and no longer: what is read next is read at its time.
    fn watch(
        &mut self,
        phase: &str,
        until_ns: u64,
        server: &mut Server,
        clients: &mut Clients,
        begin: &Begin,
    ) -> Result<(), TrialError> {
        loop {
            sleep_until((now_ns() + PROGRESS_EVERY_NS).min(self.next_point_ns(begin)).min(until_ns));
            if now_ns() >= until_ns {
                return Ok(());
            }
            self.progress(phase, server, clients, begin)?;
        }
    }

    /// When the next point of the series is due, if one is left before the end of the window, ns of the clock.
    fn next_point_ns(&self, begin: &Begin) -> u64 {
        let offset_ns = SERIES_EVERY_NS * (self.series.len() as u64 + 1);
        if offset_ns > begin.window_to_ns { u64::MAX } else { begin.start_ns + offset_ns }
    }

    pub(super) fn state(&self, clients: &mut Clients, begin: &Begin) -> Result<Progress, TrialError> {
        Ok(self.state_of(&clients.look()?, begin))
    }

    fn state_of(&self, FleetLook { status, latencies, .. }: &FleetLook, begin: &Begin) -> Progress {
        let now = now_ns();
        let recent = latencies.since(&self.latencies[0]);
        let until = now.saturating_sub(begin.start_ns).min(begin.window_to_ns);
        Progress {
            phase: String::new(),
            elapsed_ns: now - self.started_ns,
            connected: status.connected,
            delivered: status.delivered,
            expected: self.script.deliveries(self.order.cell.clients, 0..until),
            p50_ns: recent.quantile(0.5),
            p99_ns: recent.quantile(0.99),
            errors: status.errors,
            server_cpu_ns: self.series.last().map_or(0, |point| point.server_cpu_ns),
            client_cpu_ns: self.series.last().map_or(0, |point| point.client_cpu_ns),
        }
    }

    /// Tells how it goes, and takes a point of the series if one is due.
    pub(super) fn progress(
        &mut self,
        phase: &str,
        server: &mut Server,
        clients: &mut Clients,
        begin: &Begin,
    ) -> Result<(), TrialError> {
        if !server.is_alive() {
            return Err(server.died().into());
        }
        let look = clients.look()?;
        let point_ns = self.next_point_ns(begin);
        if now_ns() >= point_ns {
            let glance = server.glance()?;
            self.series.push(SeriesPoint {
                at_ns: point_ns - begin.start_ns,
                delivered: look.status.delivered,
                errors: look.status.errors,
                server_cpu_ns: glance.cpu_ns,
                client_cpu_ns: clients.cpu_ns()?.saturating_sub(self.client_cpu_base_ns),
                server_rss_bytes: glance.rss_bytes,
            });
            let [_, last] = std::mem::take(&mut self.latencies);
            self.latencies = [last, look.latencies.clone()];
        }
        let state = self.state_of(&look, begin);
        (self.tell)(TrialEvent::Progress(Progress { phase: phase.into(), ..state }));
        Ok(())
    }
}
