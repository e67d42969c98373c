//! Scenarios that are read, and mistakes that are told, each at its place.

use super::*;
use crate::units::Span;

const GOOD: &str = "name: a\nquestion: b?\nworkload: { push: { rate: 10/s } }\narms: [sse, websocket]\n";

fn problems(yaml: &str) -> Vec<String> {
    load(yaml).expect_err("this scenario is wrong").iter().map(Problem::to_string).collect()
}

#[test]
fn five_mistakes_are_five_errors_at_their_places() {
    let yaml = "name: five\nquestion: Why?\nworkload:\n  push: { rate: 10, arivals: poisson, payload: 128 }\nclints: 5\narms:\n  - sse\n  - short_pol\n";
    let found = problems(yaml);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[0].starts_with("4:17: ") && found[0].contains("10/s"), "{}", found[0]);
    assert!(found[1].starts_with("4:21: ") && found[1].contains("did you mean `arrivals`"), "{}", found[1]);
    assert!(found[2].starts_with("4:48: ") && found[2].contains("128B"), "{}", found[2]);
    assert!(found[3].starts_with("5:1: ") && found[3].contains("did you mean `clients`"), "{}", found[3]);
    assert!(found[4].starts_with("8:5: ") && found[4].contains("short_pol"), "{}", found[4]);
}

#[test]
fn what_no_arm_takes_is_refused_where_it_stands() {
    let yaml = format!("{GOOD}  \n") + "defaults: { name: x, hold: 10m, gap: 5ms }\n";
    let found = problems(&yaml);
    for part in ["a name is one arm's", "a hold of 600s", "no arm takes `hold`", "no arm takes `gap`"] {
        assert_eq!(found.iter().filter(|problem| problem.contains(part)).count(), 1, "{part}: {found:#?}");
    }
    let arms = yaml.replace("[sse, websocket]", "[short_poll, long_poll]");
    assert_eq!(problems(&arms).len(), 2, "the name and the hold: {:#?}", problems(&arms));
    let swept = problems(&(format!("{GOOD}  \n") + "axes: { interval: [100ms, 1s] }\n"));
    assert!(swept.len() == 1 && swept[0].ends_with("no arm takes `interval`, so there is nothing to sweep"), "{swept:#?}");
}

#[test]
fn what_would_not_fit_into_a_machine_is_refused() {
    let with = |workload: &str, rest: &str| problems(&format!("{}{rest}", GOOD.replace("push: { rate: 10/s }", workload)));
    let crowd = with("chat: { rate: 1/s }", "clients: 20000\n");
    assert!(crowd.len() == 1 && crowd[0].contains("400000000 accounts of one another"), "{crowd:#?}");
    let flood = with("push: { rate: 1000000/s }", "trial: { measure: 100s }\n");
    assert!(flood.len() == 1 && flood[0].contains("more than 100000000 messages of one stream"), "{flood:#?}");
    let ramp = with("push: { rate: 1/s }", "clients: 7202\ntrial: { connect: 2/s }\n");
    assert!(ramp.len() == 1 && ramp[0].contains("at 2/s it takes 3600.5s until 7202 clients"), "{ramp:#?}");
    // Eight axes of 256 values: one more than a number has room for.
    let axis = |(key, unit): (&str, &str)| {
        let values: Vec<String> = (100..356).map(|n| format!("{n}{unit}")).collect();
        format!("  {key}: [{}]\n", values.join(", "))
    };
    let of_time = ["hold", "gap", "trial.measure", "trial.warmup", "trial.drain"].map(|key| (key, "ms"));
    let others = [("workload.push.payload", "B"), ("workload.push.rate", "/s"), ("clients", "")];
    let axes: String = of_time.into_iter().chain(others).map(axis).collect();
    let cells = problems(&format!(
        "name: a\nquestion: b?\nworkload: {{ push: {{ rate: 100/s, payload: 100B }} }}\nclients: 100\n\
         trial: {{ warmup: 1s, measure: 1s, drain: 1s }}\narms: [long_poll]\naxes:\n{axes}"
    ));
    assert!(cells.iter().any(|problem| problem.contains("cells; sweep fewer values")), "{cells:#?}");
}

#[test]
fn a_missing_field_is_told_once() {
    assert_eq!(problems("name: a\nworkload: { idle: {} }\narms: [sse]\n"), ["1:1: `question` is missing"]);
}

#[test]
fn broken_yaml_says_where() {
    let found = problems("name: a\nquestion: [\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("not valid YAML"), "{}", found[0]);
}

#[test]
fn an_axis_multiplies_only_the_arms_it_concerns() {
    let yaml = format!("{GOOD}  \n").replace("[sse, websocket]", "[websocket, short_poll]")
        + "axes: { interval: [100ms, 1s], clients: [1, 5, 9] }\n";
    let loaded = load(&yaml).expect("valid");
    assert_eq!(loaded.variants.len(), 3 + 6);
    let polls: Vec<_> = loaded.variants.iter().filter(|v| v.arm == 1).map(|v| v.config.interval).collect();
    assert!(polls.contains(&Some(Span::ms(100))) && polls.contains(&Some(Span::ms(1000))));
    assert!(loaded.variants.iter().any(|v| v.arm == 0 && v.scenario.clients == 9 && v.point.len() == 1));
}

/// A scenario whose workload replays a file.
fn replaying(workload: &str, file: &str) -> Result<Loaded, Vec<String>> {
    let yaml = GOOD.replace("{ push: { rate: 10/s } }", workload);
    let read = |name: &str| if name == "t.txt" { Ok(file.to_string()) } else { Err(format!("{name}: no such file")) };
    load_with(&yaml, &read).map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

#[test]
fn a_trace_brings_its_rate() {
    for (workload, rates) in [
        ("{ push: { arrivals: { trace: t.txt } } }", 1),
        ("{ duplex: { arrivals: { trace: t.txt }, down: 2.001/s } }", 2),
        ("{ reconnect: { arrivals: { trace: t.txt } } }", 1),
    ] {
        let workload = replaying(workload, "0\n500ms\n1s\n").expect(workload).variants.remove(0).scenario.workload;
        assert!(matches!(workload.arrivals(), Some(crate::schedule::Arrivals::Trace(trace)) if trace.due_ns().len() == 3));
        assert_eq!(workload.paces().iter().map(|pace| pace.0.round()).collect::<Vec<_>>(), vec![2.0; rates]);
        // A plan holds what was read.
        assert_eq!(serde_json::from_str::<super::super::Workload>(&serde_json::to_string(&workload).unwrap()).unwrap(), workload);
    }
}

#[test]
fn what_is_wrong_with_a_trace_is_told_at_its_name_and_its_line() {
    let of = |workload: &str, file: &str| replaying(workload, file).expect_err(workload);
    let push = "{ push: { arrivals: { trace: t.txt } } }";
    assert_eq!(of(push, "0\nx\ny\n").len(), 2);
    assert!(of(push, "0\nx\n")[0].starts_with("3:40: t.txt:2: `x` is not a time"), "{:?}", of(push, "0\nx\n"));
    let missing = of("{ push: { arrivals: { trace: u.txt }, payload: 3B } }", "");
    assert!(missing.len() == 2 && missing[0] == "3:40: u.txt: no such file" && missing[1].contains("too small"), "{missing:?}");
    for rate in ["4/s", "{ from: 1/s, to: 3/s }"] {
        let other = of(&format!("{{ push: {{ arrivals: {{ trace: t.txt }}, rate: {rate} }} }}"), "0\n0.5\n1\n");
        assert_eq!(other.len(), 1);
        assert!(other[0].starts_with("3:55: ") && other[0].ends_with("leave `rate` out"), "{other:?}");
    }
    assert!(of("{ push: { arrivals: { trace: 5 }, rate: 1/s } }", "")[0].contains("the name of a file of due times"));
    let pure = load(&GOOD.replace("{ push: { rate: 10/s } }", push)).expect_err("no file can be read");
    assert!(pure[0].message.contains("cannot be read"), "{pure:?}");
}

#[test]
fn a_twin_is_its_arm_under_another_name() {
    let yaml = GOOD.replace("[sse, websocket]", "[{ sse: { aa: on } }, websocket, { short_poll: { name: fast, aa: on } }]")
        + "axes: { interval: [100ms, 1s] }\n";
    let loaded = load(&yaml).expect("valid");
    let seen: Vec<(&str, Option<&str>)> =
        loaded.variants.iter().map(|v| (v.config.name.as_str(), v.config.twin_of.as_deref())).collect();
    let twins = [("sse (A/A)", Some("sse")), ("websocket", None), ("fast", None), ("fast", None)];
    assert_eq!((seen[0], &seen[1..5]), (("sse", None), &twins[..]));
    assert_eq!(seen[5..], [("fast (A/A)", Some("fast")); 2]);
    assert_eq!(loaded.scenario.arms.len(), 5);
    let of = |name: &str| loaded.variants.iter().filter(|v| v.config.name == name).map(|v| v.config.clone()).collect::<Vec<_>>();
    for (own, twin) in of("fast").into_iter().zip(of("fast (A/A)")) {
        assert_eq!(ArmConfig { name: own.name.clone(), twin_of: None, ..twin }, own);
    }
    // All of them, but for those that do not want to.
    let all = GOOD.replace("[sse, websocket]", "[sse, { websocket: { aa: off } }]") + "defaults: { aa: on }\n";
    let names: Vec<String> = load(&all).expect("valid").variants.into_iter().map(|v| v.config.name).collect();
    assert_eq!(names, ["sse", "sse (A/A)", "websocket"]);
}

#[test]
fn a_twin_needs_a_name_of_its_own_that_fits() {
    let arms = |arms: &str| problems(&GOOD.replace("[sse, websocket]", arms));
    assert_eq!(
        arms("[{ sse: { aa: on } }, { sse: { name: sse (A/A) } }]"),
        ["4:29: two arms are called `sse (A/A)`; give one a `name`"]
    );
    let long = arms(&format!("[{{ sse: {{ aa: on, name: {} }} }}]", "x".repeat(35)));
    assert!(long.len() == 1 && long[0].contains("more than 40 characters"), "{long:?}");
    assert!(arms("[{ sse: { aa: 2 } }]")[0].starts_with("4:21: "));
}

#[test]
fn a_wrong_value_on_an_axis_is_found_where_it_stands() {
    let yaml = format!("{GOOD}axes: {{ payload: [128B, 3B], rate: [5/s] }}\n").replace("10/s }", "10/s, payload: 64B }");
    assert_eq!(problems(&yaml).len(), 1);
    assert!(problems(&yaml)[0].starts_with("5:25: "), "{:?}", problems(&yaml));
}

#[test]
fn bare_words_are_what_they_look_like() {
    let yaml = GOOD
        .replace("[sse, websocket]", "[{ sse: { tls: on } }, { long_poll: { keep_alive: off, tls: { kx: x25519mlkem768 } } }]");
    let loaded = load(&yaml).expect("valid");
    assert!(loaded.variants[0].config.tls.is_some());
    assert!(!loaded.variants[1].config.keep_alive);
}

#[test]
fn socket_io_takes_its_options_and_the_rest_its_own_values() {
    use crate::scenario::{Engine, Via};
    let arms = "[socket_io, { socket_io: { name: old, via: [jsonp], engine: 3, namespace: /chat, reconnect: on } }, sse]";
    let loaded = load(&GOOD.replace("[sse, websocket]", arms)).expect("valid");
    let [plain, old, sse] = [0, 1, 2].map(|index| loaded.variants[index].config.clone());
    assert_eq!((plain.via, plain.engine), (vec![Via::Polling, Via::Websocket], Engine::V4));
    assert_eq!((plain.namespace.as_deref(), plain.reconnect), (Some("/"), false));
    assert_eq!((&old.via, old.engine), (&vec![Via::Jsonp], Engine::V3));
    assert_eq!((old.namespace.as_deref(), old.reconnect), (Some("/chat"), true));
    assert_eq!((sse.via, sse.namespace), (vec![], None));
    let json = serde_json::to_value(&old).expect("serialises");
    assert_eq!((&json["engine"], &json["via"][0]), (&3.into(), &"jsonp".into()), "as in YAML");
    assert_eq!(serde_json::from_value::<ArmConfig>(json).expect("reads its own"), old);
}

#[test]
fn socket_io_refuses_what_nobody_speaks() {
    for (options, place, says) in [
        ("via: []", "4:28: ", "[polling, websocket]"),
        ("via: [websocket, polling]", "4:28: ", "[polling, websocket]"),
        ("via: [polling, polling]", "4:28: ", "[polling, websocket]"),
        ("via: [polling, jsonp], engine: 3", "4:28: ", "[jsonp, websocket]"),
        ("via: [jsonp]", "4:28: ", "engine: 3"),
        ("via: [polling, carrier_pigeon]", "4:38: ", "not one of polling, jsonp, websocket"),
        ("engine: 5", "4:31: ", "use 4 (Socket.IO 3 and 4) or 3"),
        ("engine: \"4\"", "4:31: ", "invalid type"),
        ("namespace: chat", "4:34: ", "cannot be a namespace"),
        ("namespace: \"/a,b\"", "4:34: ", "cannot be a namespace"),
        ("interval: 1s", "4:33: ", "socket_io takes no `interval`"),
    ] {
        let found = problems(&GOOD.replace("[sse, websocket]", &format!("[{{ socket_io: {{ {options} }} }}]")));
        assert_eq!(found.len(), 1, "{options}: {found:?}");
        assert!(found[0].starts_with(place) && found[0].contains(says), "{options}: {}", found[0]);
    }
}

#[test]
fn the_engine_can_be_swept() {
    let yaml = GOOD.replace("[sse, websocket]", "[socket_io, sse]") + "axes: { engine: [4, 3] }\n";
    let engines: Vec<u64> = load(&yaml).expect("valid").variants.iter().map(|v| v.config.engine.number()).collect();
    assert_eq!(engines, [4, 3, 4]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z:{}\\[\\], \n-]{0,200}") {
        let _ = load(&text);
    }
}
