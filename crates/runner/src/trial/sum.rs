//! What a finished trial amounts to: its numbers, its ledger, the account of its messages and its histograms, out of what was
//! read at the borders of its phases and what both ends know.

use std::collections::BTreeMap;

use wirecost_loadgen::workload::Script;
use wirecost_model::accounting::{Accounting, Recovery};
use wirecost_model::control::{Begin, Publish, Reading, SeriesPoint, ServerReport, TrialOrder, TrialOutput};
use wirecost_model::histogram::Histogram;
use wirecost_model::hlog::Tagged;
use wirecost_model::ledger::{self, Carried, Counters, InterfaceAccount, Ledger, Phase};
use wirecost_model::record::{Anonymous, MachineCost, NEGATIVE_LATENCY, ProcessCost, Trial};
use wirecost_model::scenario::Workload;
use wirecost_model::stationarity;
use wirecost_model::{ClientReport, FleetCount};
use wirecost_probe::interface;
use wirecost_probe::machine_state::MachineState;
use wirecost_probe::netstat::StackCounters;

use super::phases::Window;

/// The server's counters at every border.
pub(super) struct Readings {
    pub(super) before: Reading,
    pub(super) machine_before: MachineState,
    pub(super) client_before: FleetCount,
    pub(super) connected: Reading,
    pub(super) window: Window,
    pub(super) drained: Reading,
    /// The interface at the same borders; the last, at the end, is read apart.
    pub(super) carried: Vec<Option<interface::Counters>>,
}

/// Before the first client, and at both ends of the window; zeros, which stand for "not measured", are no account.
fn anonymous(readings: [u64; 3]) -> Option<Anonymous> {
    let [before_bytes, window_bytes, end_bytes] = readings;
    readings.iter().all(|&bytes| bytes > 0).then_some(Anonymous { before_bytes, window_bytes, end_bytes })
}

/// Everything that a finished trial is made of.
pub(super) struct Sum<'a> {
    pub(super) order: &'a TrialOrder,
    pub(super) script: Script,
    pub(super) series: Vec<SeriesPoint>,
    pub(super) started_utc: String,
    pub(super) begin: Begin,
    pub(super) readings: Readings,
    pub(super) nagle: u64,
    pub(super) clients: ClientReport,
    pub(super) client_processes: u32,
    pub(super) report: ServerReport,
    pub(super) wire: Option<(interface::Counters, StackCounters)>,
    pub(super) wire_end: Option<interface::Counters>,
    pub(super) capture_dropped: u64,
    pub(super) words: Vec<String>,
    pub(super) publisher: Option<Counters>,
}

impl Sum<'_> {
    pub(super) fn output(mut self) -> TrialOutput {
        let ledger = self.ledger();
        let (accounting, upload_accounting) = self.accounting();
        let (histograms, interval_ns) = self.histograms();
        let latencies = histograms
            .iter()
            .map(|(tag, intervals)| (tag.clone(), merged(intervals)))
            .filter(|(_, all)| all.count() > 0)
            .map(|(tag, all)| (tag, all.summary()))
            .collect();
        let window = &self.readings.window;
        let in_window = self.begin.window_from_ns..self.begin.window_to_ns;
        let closed_loop = matches!(self.order.cell.workload, Workload::Echo(_));
        // A broadcast is sent once and planned once, however many receive it.
        let clients = u64::from(self.order.cell.clients.max(1));
        let receivers = |publish: &Publish| if publish.each_of.is_none() { clients } else { 1 };
        let (planned_messages, sent_messages) = match &self.script.publish {
            Some(publish) => {
                (self.script.deliveries(self.order.cell.clients, in_window) / receivers(publish), self.report.published.in_window)
            }
            None if closed_loop => (self.clients.sent_in_window, self.clients.sent_in_window),
            None => (self.script.sends(self.order.cell.clients, in_window), self.clients.sent_in_window),
        };
        // Of a stream of each client's own every message has one receiver, so there are as many as deliveries.
        let halves = histograms.get("delivery").and_then(|intervals| stationarity::halves(intervals, planned_messages));
        let senders = [("publisher", &self.report.published.departures), ("clients", &self.clients.departures)];
        let departures = senders.into_iter().filter_map(|(sender, seen)| Some((sender.to_string(), seen.summary()?))).collect();
        let injected = self.script.publish.as_ref().filter(|publish| !publish.faults.is_none());
        let injected = injected.map(|publish| self.report.injected.times(receivers(publish)));
        let recovery = self.begin.cut.map(|_| Recovery { cut_connections: self.report.cut_connections, ..self.clients.recovery });
        let mut errors: BTreeMap<String, u64> = std::mem::take(&mut self.clients.errors);
        if self.clients.negative_latencies > 0 {
            errors.insert(NEGATIVE_LATENCY.into(), self.clients.negative_latencies);
        }
        if self.capture_dropped > 0 {
            errors.insert("packets missing in the capture".into(), self.capture_dropped);
        }
        let waiting_cpu_ns = self.report.published.waiting_cpu_ns;
        let trial = Trial {
            index: self.order.spec.index,
            block: self.order.spec.block,
            cell: self.order.spec.cell,
            seed: self.order.spec.seed,
            started_utc: self.started_utc,
            wire: self.order.wire,
            clients_requested: self.order.cell.clients,
            clients_held: self.clients.connected - self.clients.ended,
            planned_messages,
            sent_messages,
            missed_ticks: self.report.published.missed_ticks + self.clients.missed_sends,
            missed_polls: self.clients.missed_polls,
            planned_polls: self.clients.planned_polls,
            accounting,
            upload_accounting,
            injected,
            recovery,
            latencies,
            departures,
            halves,
            closed_loop,
            ledger,
            server: ProcessCost {
                cpu_ns: window.server_cpu_ns.saturating_sub(waiting_cpu_ns),
                waiting_cpu_ns,
                rss_before_bytes: self.readings.before.rss_bytes,
                rss_window_bytes: Some(window.from.rss_bytes).filter(|bytes| *bytes > 0),
                rss_bytes: window.to.rss_bytes,
                anonymous: anonymous([&self.readings.before, &window.from, &window.to].map(|reading| reading.anonymous_bytes)),
            },
            client: ProcessCost {
                cpu_ns: window.client_cpu_ns.saturating_sub(window.beside_cpu_ns),
                waiting_cpu_ns: window.beside_cpu_ns,
                rss_before_bytes: self.readings.client_before.rss_bytes,
                rss_window_bytes: Some(window.client_from.rss_bytes),
                rss_bytes: window.client_to.rss_bytes,
                anonymous: anonymous(
                    [self.readings.client_before, window.client_from, window.client_to].map(|memory| memory.anonymous_bytes),
                ),
            },
            machine: MachineCost {
                steal_fraction: window.machine.steal_fraction(),
                softirq_fraction: window.machine.softirq_fraction(),
                busy_fraction: window.machine.busy_fraction(),
                swapped_pages: window.machine.swapped_in_pages + window.machine.swapped_out_pages,
                tcp_memory_bytes: window.machine.tcp_buffer_bytes,
                kernel_socket_bytes: kernel_bytes(&window.machine)
                    .zip(kernel_bytes(&self.readings.machine_before))
                    .map(|(now, before)| now.saturating_sub(before)),
            },
            negotiated: self.report.negotiated,
            client_processes: self.client_processes,
            nagle_connections: self.nagle,
            samples: self.report.samples,
            errors,
            target_words: self.words,
            publisher: self.publisher,
            gates: Vec::new(),
            repeated_for: Vec::new(),
        };
        TrialOutput { trial, histograms, interval_ns, series: self.series }
    }

    fn ledger(&self) -> Ledger {
        let Readings { before, connected, window, drained, .. } = &self.readings;
        let borders = [before, connected, &window.from, &window.to, drained, &self.report.reading];
        let mut counters = borders.map(|reading| reading.counters);
        ledger::hold(&mut counters);
        let mut marks = self.readings.carried.clone();
        marks.push(self.wire_end);
        let mut ledger = Ledger::default();
        for (n, phase) in Phase::ALL.into_iter().enumerate() {
            let duration_ns = borders[n + 1].at_ns.saturating_sub(borders[n].at_ns);
            ledger.add_phase(phase, duration_ns, counters[n + 1] - counters[n]);
            ledger.phases[n].interface = marks[n].zip(marks[n + 1]).map(|(from, to)| {
                let carried = to - from;
                Carried { frames: carried.sent_packets, bytes: carried.sent_bytes }
            });
        }
        ledger.interface = self.wire.map(|(wire, stack)| {
            let mut all = self.report.reading.counters;
            // On the wire, and in no phase of anybody's message.
            all += self.publisher.unwrap_or_default();
            let frames = [all.data_segments, all.ack_segments, all.control_segments, all.retransmit_segments];
            InterfaceAccount {
                frames: wire.sent_packets,
                bytes: wire.sent_bytes,
                ledger_frames: frames.iter().map(|flow| flow.total()).sum(),
                ledger_bytes: all.all_layers_bytes() + if self.order.miscount { wire.sent_packets } else { 0 },
                out_of_order_segments: stack.out_of_order_segments,
                stray_resets: stack.resets_sent.saturating_sub(stack.resets_by_sockets),
                dsacks: stack.dsacks_sent,
                ledger_dsack_bytes: all.dsack_bytes.total(),
                retransmitted_segments: stack.retransmitted_segments,
                ledger_control_retransmits: all.retransmit_control_segments,
                ledger_bare_resets: all.bare_resets,
                accept_queue_drops: stack.listen_drops,
            }
        });
        ledger
    }

    /// The account of the messages that the workload is about, and in `duplex` and `chat` that of the way up.
    fn accounting(&self) -> (Accounting, Option<Accounting>) {
        // The server counts what fell out of its ring before any reader had it, on transports that tell and on those that
        // have no words for it alike.
        let received = Accounting { lost_reported: self.report.overrun, ..self.clients.accounting };
        let uploaded = || {
            let mut uploaded = self.report.upload_accounting;
            uploaded.expected = self.clients.sent + self.clients.unsent;
            uploaded.lost = uploaded.expected.saturating_sub(uploaded.delivered);
            uploaded
        };
        match &self.script.uplink {
            Some(_) if self.script.subscribe => (received, Some(uploaded())),
            Some(_) => (uploaded(), None),
            None => (received, None),
        }
    }

    /// By tag, in intervals; what is not a time series is one interval.
    fn histograms(&mut self) -> (Tagged, u64) {
        let window_ns = self.begin.window_to_ns - self.begin.window_from_ns;
        let mut tagged = Tagged::new();
        let (mut upload, upload_service) =
            (std::mem::take(&mut self.report.upload), std::mem::take(&mut self.report.upload_service));
        // What the clients did not get to send. Of what they sent and the server never had, only the number is known.
        upload.merge(&self.clients.unsent_age);
        if self.script.uplink.is_some() && !self.script.subscribe {
            tagged.insert("delivery".into(), vec![upload]);
            tagged.insert("service".into(), vec![upload_service]);
        } else {
            tagged.insert("delivery".into(), std::mem::take(&mut self.clients.delivery));
            tagged.insert("service".into(), std::mem::take(&mut self.clients.service));
            tagged.insert("upload".into(), vec![upload]);
            tagged.insert("upload_service".into(), vec![upload_service]);
        }
        tagged.insert("publish_lag".into(), vec![std::mem::take(&mut self.report.published.lag)]);
        tagged.insert("pacer_lag".into(), vec![std::mem::take(&mut self.clients.pacer_lag)]);
        for (stage, histogram) in std::mem::take(&mut self.clients.setup) {
            tagged.insert(stage, vec![histogram]);
        }
        tagged.retain(|_, intervals| intervals.iter().any(|histogram| histogram.count() > 0));
        (tagged, wirecost_loadgen::interval_ns(window_ns))
    }
}

/// Socket structures and buffers of the whole machine, bytes.
fn kernel_bytes(state: &MachineState) -> Option<u64> {
    Some(state.tcp_slab_bytes? + state.tcp_buffer_bytes)
}

fn merged(intervals: &[Histogram]) -> Histogram {
    let mut all = Histogram::default();
    intervals.iter().for_each(|histogram| all.merge(histogram));
    all
}
