//! What the values of a scenario mean together: combinations that cannot run, or would not measure what
//! they say. Limits of the machine (file descriptors, permissions) are not known here; the runner checks
//! them before it starts anything.

use std::collections::BTreeSet;

use super::node::Step;
use super::traces;
use super::{Arm, ArmOptions, Audience, Chat, Engine, Scenario, Stack, TargetChoice, Tls, TlsVersion, Via, Workload};
use crate::dialect::{DIALECTS, Publish, Recipe, path_fault, placeholders};
use crate::envelope::{MAX_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES};
use crate::threshold::Threshold;
use crate::transport::TransportKind;
use crate::units::Span;

/// Longest time for which a long poller asks for nothing.
const LONGEST_GAP: Span = Span::ms(60_000);

/// Longest hold of a long poll; what lies between would cut it (RFC 6202 §5.5 advises 30 s, tried 120 s).
const LONGEST_HOLD: Span = Span::ms(120_000);

/// Longest time until the last client begins to connect.
const LONGEST_CONNECTING: Span = Span::ms(3_600_000);

/// Longest injected delay.
const LONGEST_DELAY: Span = Span::ms(60_000);

/// Reports each problem with the path of the part that is wrong.
pub(super) fn check(scenario: &Scenario, report: &mut dyn FnMut(&[Step], String)) {
    let key = |name: &str| vec![Step::Key(name.to_string())];
    let valid_name = |name: &str| {
        !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !valid_name(&scenario.name) {
        report(&key("name"), format!("`{}` cannot name a folder; use 1 to 40 of a-z, 0-9 and -", scenario.name));
    }
    if scenario.question.trim().is_empty() {
        report(&key("question"), "the question is empty; say what the run is to answer".into());
    }
    if !(576..=65_535).contains(&scenario.mtu) {
        report(&key("mtu"), format!("an MTU of {}; between 576 and 65535 bytes IPv4 works", scenario.mtu));
    }
    if scenario.clients == 0 {
        report(&key("clients"), "at least one client is needed".into());
    }
    if scenario.trials == 0 {
        report(&key("trials"), "at least one trial is needed".into());
    }
    if scenario.trial.measure.ns() == 0 {
        report(&[Step::Key("trial".into()), Step::Key("measure".into())], "the measured window is empty".into());
    }
    let connecting = scenario.trial.connecting(scenario.clients);
    if connecting > LONGEST_CONNECTING
        && let Some(rate) = scenario.trial.connect
    {
        let text =
            format!("at {rate} it takes {connecting} until {} clients are connected; an hour is the most", scenario.clients);
        report(&[Step::Key("trial".into()), Step::Key("connect".into())], text);
    }
    check_workload(scenario, report);
    check_arms(scenario, report);
    check_targets(scenario, report);
    check_faults(scenario, report);
    super::search::check(scenario, report);
    for (index, text) in scenario.thresholds.iter().enumerate() {
        if let Err(message) = Threshold::parse(text, scenario) {
            report(&[Step::Key("thresholds".into()), Step::Index(index)], message);
        }
    }
}

fn check_workload(scenario: &Scenario, report: &mut dyn FnMut(&[Step], String)) {
    let kind = scenario.workload.name();
    let at = |parameter: &str| vec![Step::Key("workload".into()), Step::Key(kind.into()), Step::Key(parameter.into())];
    if let Some(payload) = scenario.workload.payload() {
        if payload.0 < MIN_PAYLOAD_BYTES as u64 {
            report(
                &at("payload"),
                format!("{payload} is too small; sequence number, times and checksum take {MIN_PAYLOAD_BYTES}B"),
            );
        }
        if payload.0 > MAX_PAYLOAD_BYTES as u64 {
            report(&at("payload"), format!("{payload} is too large; the most is 1MiB a message"));
        }
    }
    if let Some((parameter, message)) = traces::check(&scenario.workload) {
        report(&at(parameter), message);
    }
    let rate = match &scenario.workload {
        Workload::Push(push) => Some(("rate", push.rate)),
        Workload::Upload(upload) => Some(("rate", upload.rate)),
        Workload::Duplex(duplex) => Some(("down", duplex.down)),
        Workload::Chat(chat) => {
            check_rooms(chat, scenario.clients, &mut |parameter, message| report(&at(parameter), message));
            Some(("rate", chat.rate))
        }
        Workload::Reconnect(reconnect) => {
            if !(reconnect.share > 0.0 && reconnect.share <= 1.0) {
                report(
                    &at("share"),
                    format!("a share of {}; more than 0 and up to 1 of the connections can be cut", reconnect.share),
                );
            }
            if reconnect.at.is_some_and(|at| at >= scenario.trial.measure) {
                report(&at("at"), format!("the cut would come after the measured window of {}", scenario.trial.measure));
            }
            if reconnect.delay > LONGEST_DELAY {
                report(&at("delay"), format!("a delay of more than {LONGEST_DELAY}; no trial waits that long"));
            }
            Some(("rate", reconnect.rate))
        }
        Workload::Echo(echo) => {
            if echo.outstanding == 0 || echo.outstanding > 1024 {
                report(&at("outstanding"), format!("{} messages outstanding; between 1 and 1024 are possible", echo.outstanding));
            } else if echo.outstanding > 1 && u64::from(echo.outstanding) * echo.payload.0 > MOST_OUTSTANDING_BYTES {
                report(
                    &at("outstanding"),
                    format!(
                        "{} messages of {} outstanding; more than 128KiB may not fit into a connection, and both ends would wait for each other to read",
                        echo.outstanding, echo.payload
                    ),
                );
            }
            None
        }
        Workload::Idle(_) => None,
    };
    if let Some((parameter, rate)) = rate
        && rate.0 * scenario.trial.measure.seconds() < 1.0
    {
        report(&at(parameter), format!("{rate} sends less than one message in a window of {}", scenario.trial.measure));
    }
    if let Some((parameter, rate)) = rate
        && rate.0 * (scenario.trial.warmup.seconds() + scenario.trial.measure.seconds()) > MOST_MESSAGES
    {
        report(
            &at(parameter),
            format!("{rate} are more than {MOST_MESSAGES:.0} messages of one stream in a trial; make it shorter"),
        );
    }
}

/// Most messages of one stream in a trial. Their due times are held in memory, eight bytes each, and their numbers have 30 bits.
const MOST_MESSAGES: f64 = 100_000_000.0;

/// Most bytes of a closed loop that one client keeps on their way, if they are more than one message: what the buffers of one
/// connection hold in any case, so that neither end has to read before it can write.
const MOST_OUTSTANDING_BYTES: u64 = 128 << 10;

/// Rooms that one client may be in; the server lets a client listen to no more.
const MOST_JOINS: u32 = 64;

/// Streams (a client in a room) that the server tells apart.
const MOST_STREAMS: u32 = 1 << 16;

/// Streams that all clients together listen to: each keeps an account of every client in its rooms, of some hundred bytes.
const MOST_LISTENED: u64 = 4_000_000;

fn check_rooms(chat: &Chat, clients: u32, report: &mut dyn FnMut(&str, String)) {
    if chat.rooms == 0 || chat.rooms > MOST_STREAMS {
        report("rooms", format!("{} rooms; between 1 and {MOST_STREAMS} are possible", chat.rooms));
    }
    if chat.joins == 0 || chat.joins > MOST_JOINS {
        report("joins", format!("a client in {} rooms; between 1 and {MOST_JOINS} are possible", chat.joins));
    } else if chat.joins > chat.rooms {
        report("joins", format!("a client cannot be in {} of {} rooms; join fewer, or have more", chat.joins, chat.rooms));
    }
    if u64::from(clients) * u64::from(chat.joins) > u64::from(MOST_STREAMS) {
        report(
            "joins",
            format!("{clients} clients in {} rooms each; together at most {MOST_STREAMS} are told apart", chat.joins),
        );
    }
    let members = u64::from(clients) * u64::from(chat.joins);
    let listened = members.saturating_mul(members) / u64::from(chat.rooms.max(1));
    if listened > MOST_LISTENED {
        report(
            "rooms",
            format!(
                "in {} rooms {clients} clients would have {listened} accounts of one another to keep, and {MOST_LISTENED} are possible; have more rooms, or fewer clients",
                chat.rooms
            ),
        );
    }
    // Stream numbers have 24 bits in an envelope.
    if u64::from(clients) * u64::from(chat.rooms) > 1 << 24 {
        report("rooms", format!("{clients} clients and {} rooms; their product may be 16777216 at most", chat.rooms));
    }
}

/// Longest namespace; it is repeated in every packet.
const LONGEST_NAMESPACE_BYTES: usize = 100;

/// Options of Socket.IO, as they stand with the defaults.
fn check_socket_io(arm: &Arm, defaults: &ArmOptions, report: &mut dyn FnMut(&str, String)) {
    if !arm.transport.takes("via") {
        return;
    }
    if let Some(via) = arm.options.via.as_ref().or(defaults.via.as_ref()) {
        match via.as_slice() {
            [Via::Polling | Via::Jsonp | Via::Websocket] | [Via::Polling | Via::Jsonp, Via::Websocket] => {}
            _ => report(
                "via",
                "packets can go via [polling], [websocket], [polling, websocket], [jsonp] or [jsonp, websocket]".into(),
            ),
        }
        let engine = arm.options.engine.or(defaults.engine).unwrap_or_default();
        if via.contains(&Via::Jsonp) && engine != Engine::V3 {
            report("via", "no client of Engine.IO 4 speaks JSONP; use polling, or engine: 3".into());
        }
    }
    if let Some(namespace) = arm.options.namespace.as_deref().or(defaults.namespace.as_deref()) {
        let writable = |c: char| c.is_ascii_graphic() && !matches!(c, ',' | '?' | '"' | '\\');
        if !namespace.starts_with('/') || namespace.len() > LONGEST_NAMESPACE_BYTES || !namespace.chars().all(writable) {
            report(
                "namespace",
                format!(
                    "`{}` cannot be a namespace; use `/` and up to 99 characters without , ? \" and \\",
                    namespace.escape_debug()
                ),
            );
        }
    }
}

fn check_faults(scenario: &Scenario, report: &mut dyn FnMut(&[Step], String)) {
    let at = |fault: &str| vec![Step::Key("faults".into()), Step::Key(fault.into())];
    let faults = &scenario.faults;
    if !faults.is_none() && !matches!(scenario.workload, Workload::Push(_) | Workload::Duplex(_)) {
        let kind = scenario.workload.name();
        report(
            &[Step::Key("faults".into())],
            format!("in `{kind}` the server publishes nothing that could go wrong; use push or duplex"),
        );
    }
    let kinds = [("lose", faults.lose), ("corrupt", faults.corrupt), ("duplicate", faults.duplicate), ("swap", faults.swap)];
    for (fault, n) in kinds {
        if let Some(n @ 0..2) = n {
            report(&at(fault), format!("one message in {n}; from 2 on some are left whole"));
        }
    }
    if faults.delay.is_some_and(|delay| delay > LONGEST_DELAY) {
        report(&at("delay"), format!("a delay of more than {LONGEST_DELAY}; the drain would have to be longer still"));
    }
    match faults.alternate {
        Some(Span(0)) => report(&at("alternate"), "a stretch of no time".into()),
        Some(_) if faults.delay.is_none() => report(&at("alternate"), "there is no delay that could strike".into()),
        _ => {}
    }
}

/// What an arm can ask of a server that is not ours.
fn check_targets(scenario: &Scenario, report: &mut dyn FnMut(&[Step], String)) {
    let step = |name: &str| Step::Key(name.to_string());
    for (index, arm) in scenario.arms.iter().enumerate() {
        let row = arm.transport.row();
        let arm_path = vec![step("arms"), Step::Index(index)];
        // Where the target was written.
        let (choice, place) = match (&arm.options.target, &scenario.defaults.target, &scenario.target) {
            (Some(own), ..) => (own, [arm_path.clone(), vec![step(row.name), step("target")]].concat()),
            (None, Some(default), _) => (default, vec![step("defaults"), step("target")]),
            (None, None, Some(target)) => (target, vec![step("target")]),
            (None, None, None) => continue,
        };
        let TargetChoice::Foreign(target) = choice else { continue };
        let at = |parts: &[&str]| place.iter().cloned().chain(parts.iter().map(|part| step(part))).collect::<Vec<_>>();
        for (option, fault) in target.faults() {
            report(&at(&[option]), fault);
        }
        let dialect = target.dialect.row();
        let options = at(&["dialect", dialect.name]);
        let Some(recipe) = target.dialect.recipe(arm.transport) else {
            let spoken = |row: &crate::dialect::DialectRow| row.transports.contains(&arm.transport);
            let others: Vec<&str> = DIALECTS.iter().filter(|row| spoken(row)).map(|row| row.name).collect();
            let speaks: Vec<&str> = dialect.transports.iter().map(|kind| kind.row().name).collect();
            report(
                &arm_path,
                format!(
                    "the dialect {} has no {}; it has {}. For {}: {}",
                    dialect.name,
                    row.name,
                    speaks.join(", "),
                    row.name,
                    others.join(", ")
                ),
            );
            continue;
        };
        check_recipe(&recipe, scenario, &mut |message| report(&options, message));
        if arm.options.stack.or(scenario.defaults.stack) == Some(Stack::Standard) {
            let why = "the standard stack's HTTP library seals its connections, and of a server that is not ours bytes are \
                       counted at the client's end; use `stack: lean`";
            report(&arm_path, why.into());
        }
        if matches!(arm.options.tls.or(scenario.defaults.tls), Some(Tls::On(_))) {
            report(
                &arm_path,
                "TLS towards a target is not spoken yet; measure it behind its TLS, or use the reference server".into(),
            );
        }
        let kind = scenario.workload.name();
        let workload = vec![step("workload"), step(kind)];
        match &scenario.workload {
            Workload::Push(_) if recipe.publish.is_none() => {
                let what =
                    format!("nothing can be published by the dialect {}; use echo or idle, or another dialect", dialect.name);
                report(&workload, what);
            }
            Workload::Echo(_) if !matches!(arm.transport, TransportKind::Websocket | TransportKind::SocketIo) => {
                report(
                    &arm_path,
                    format!("a server that is not ours echoes over websocket and socket_io, not over {}", row.name),
                );
            }
            Workload::Push(_) | Workload::Echo(_) | Workload::Idle(_) => {}
            _ => report(
                &workload,
                format!(
                    "`{kind}` needs a server that counts what it receives: the reference server; against a target use push, echo or idle"
                ),
            ),
        }
        if !scenario.faults.is_none() {
            report(&[step("faults")], "only the reference server does things wrong on purpose; the arm has a target".into());
        }
    }
}

/// The parts of a recipe that a scenario wrote.
fn check_recipe(recipe: &Recipe, scenario: &Scenario, report: &mut dyn FnMut(String)) {
    let each = matches!(&scenario.workload, Workload::Push(push) if push.audience == Audience::Each);
    let known =
        |name: &str| matches!(name, "room" | "message" | "session") || recipe.memories.iter().any(|memory| memory.name == name);
    let (publish_path, body) = match &recipe.publish {
        Some(Publish::Post { path, body, .. } | Publish::Send { path, body }) => (Some(path), body.as_str()),
        Some(Publish::Emit) | None => (None, "{message}"),
    };
    for path in [Some(&recipe.path), publish_path].into_iter().flatten() {
        if let Some(fault) = path_fault(path) {
            report(fault);
        }
        if each && !placeholders(path).iter().any(|name| name == "room") {
            report(format!(
                "`audience: each` has a stream for each client, and `{path}` does not say which; put `{{room}}` into it"
            ));
        }
    }
    let mut templates: Vec<&str> = vec![&recipe.path, &recipe.say, body];
    templates.extend(publish_path.map(String::as_str));
    templates.extend(recipe.headers.iter().map(|(_, value)| value.as_str()));
    for name in templates.iter().flat_map(|template| placeholders(template)).filter(|name| !known(name)) {
        report(format!("`{{{name}}}` has no value; there are {{room}}, {{message}} and what `remember` names"));
    }
    let argument = recipe.events.as_ref().map(|events| events.argument.as_str());
    let said = [Some(body), Some(recipe.say.as_str()).filter(|say| !say.is_empty()), argument];
    for template in said.into_iter().flatten().filter(|template| !template.contains("{message}")) {
        report(format!("`{template}` has no {{message}} in it, so nothing would be said"));
    }
    for (name, value) in &recipe.headers {
        let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !token || !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            report(format!("`{}: {}` is no header", name.escape_debug(), value.escape_debug()));
        }
    }
}

fn check_arms(scenario: &Scenario, report: &mut dyn FnMut(&[Step], String)) {
    if scenario.arms.is_empty() {
        report(&[Step::Key("arms".into())], "no arms; name at least one transport".into());
    }
    let mut names = BTreeSet::new();
    for (index, arm) in scenario.arms.iter().enumerate() {
        let row = arm.transport.row();
        let arm_path = vec![Step::Key("arms".into()), Step::Index(index)];
        let at = |option: &str| {
            let mut path = arm_path.clone();
            path.extend([Step::Key(row.name.into()), Step::Key(option.into())]);
            path
        };
        let name = arm.name();
        for name in [Some(name.to_string()), arm.twin(&scenario.defaults)].into_iter().flatten() {
            if !names.insert(name.clone()) {
                report(&arm_path, format!("two arms are called `{name}`; give one a `name`"));
            }
        }
        if let Some(twin) = arm.twin(&scenario.defaults).filter(|twin| twin.chars().count() > 40) {
            report(&at("name"), format!("`{twin}`, the name of its copy, has more than 40 characters"));
        }
        if name.trim().is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control) {
            report(&at("name"), format!("`{}` cannot name an arm; use 1 to 40 characters", name.escape_debug()));
        }
        for option in arm.options.set() {
            if !arm.transport.takes(option) {
                let mut takes: Vec<&str> = row.options.to_vec();
                takes.extend(crate::transport::COMMON_OPTIONS);
                report(&at(option), format!("{} takes no `{option}`; it takes {}", row.name, takes.join(", ")));
            }
        }
        check_spans(&arm.options, &mut |option, message| report(&at(option), message));
        check_socket_io(arm, &scenario.defaults, &mut |option, message| report(&at(option), message));
        if let Some(Tls::On(tls)) = arm.options.tls.or(scenario.defaults.tls) {
            if tls.version == TlsVersion::V12 && tls.kx == super::KeyExchange::X25519mlkem768 {
                report(&at("tls"), "x25519mlkem768 needs TLS 1.3".into());
            }
            if tls.resume && arm.transport.row().initiative == crate::transport::Initiative::Push {
                report(&at("tls"), format!("{} keeps its connections, so there is no session to resume", row.name));
            }
        }
        if scenario.clients > 1 << 22 {
            report(&[Step::Key("clients".into())], "more than four million clients".into());
        }
    }
    if let Some(baseline) = &scenario.baseline
        && !names.contains(baseline)
    {
        let names: Vec<String> = names.into_iter().collect();
        report(&[Step::Key("baseline".into())], format!("no arm is called `{baseline}`; there are {}", names.join(", ")));
    }
    let in_defaults = |option: &str| vec![Step::Key("defaults".into()), Step::Key(option.into())];
    check_spans(&scenario.defaults, &mut |option, message| report(&in_defaults(option), message));
    for option in scenario.defaults.set() {
        if option == "name" {
            report(&in_defaults(option), "a name is one arm's; write it there".into());
        } else if !scenario.arms.iter().any(|arm| arm.transport.takes(option)) {
            report(&in_defaults(option), format!("no arm takes `{option}`"));
        }
    }
}

/// Times among the options of an arm, or of the defaults.
fn check_spans(options: &ArmOptions, report: &mut dyn FnMut(&str, String)) {
    if options.interval.is_some_and(|interval| interval < Span::ms(1)) {
        report(
            "interval",
            "polling more often than once a millisecond is a load test of the client's timer; use 1ms or more".into(),
        );
    }
    if let Some(hold) = options.hold
        && (hold < Span::ms(100) || hold > LONGEST_HOLD)
    {
        report("hold", format!("a hold of {hold}; between 100ms and {LONGEST_HOLD} a long poll works"));
    }
    if options.gap.is_some_and(|gap| gap > LONGEST_GAP) {
        report("gap", format!("a gap of more than {LONGEST_GAP}; a client that asks so seldom is a short poller"));
    }
}
