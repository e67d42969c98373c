//! What can be known to fail before anything is started: file descriptors, the private network, targets that are not there. One
//! clear text each, and what helps.

use std::path::{Path, PathBuf};

use wirecost_model::scenario::Wire;
use wirecost_model::{Cell, Plan};
use wirecost_probe::{affinity, limits, namespace};

use crate::clients::processes;

/// What the machine allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Where packets will go: never `auto`.
    pub wire: Wire,
    /// Why it is not the private network, if that is so and nobody asked for the host's.
    pub not_private: Option<String>,
    /// Cores of the server; empty if there is nothing to divide.
    pub server_cores: Vec<usize>,
    /// Cores of the load generator.
    pub client_cores: Vec<usize>,
    /// The most processes that the clients of any trial are in.
    pub client_processes: u32,
    /// The scenario's folder: what targets are started beside.
    pub scenario_dir: PathBuf,
}

/// Checks the plan against the machine; `scenario_dir` is where targets are started beside.
///
/// # Errors
/// Every obstacle, as a text that says what helps.
pub fn check(plan: &Plan, scenario_dir: &Path) -> Result<Ground, Vec<String>> {
    let scenario_dir = if scenario_dir.as_os_str().is_empty() { Path::new(".") } else { scenario_dir };
    let mut obstacles = targets(plan, scenario_dir);
    let support = match plan.wire {
        Wire::Host => None,
        Wire::Auto | Wire::Private => Some(namespace::private_support()),
    };
    let (wire, not_private) = match (plan.wire, support) {
        (_, Some(Ok(()))) => (Wire::Private, None),
        (Wire::Private, Some(Err(error))) => {
            obstacles.push(format!("`wire: private` is not possible here: {error}; {}", error.remedy()));
            (Wire::Private, None)
        }
        (_, Some(Err(error))) => (Wire::Host, Some(format!("{error}; {}", error.remedy()))),
        (_, None) => (Wire::Host, None),
    };
    let (server_cores, client_cores) = divide(&affinity::available_cores());
    let mut client_processes = 1;
    if let Ok((_, hard)) = limits::nofile() {
        let cells = plan.extremes();
        obstacles.extend(descriptors(&cells, hard, client_cores.len()));
        let counts = cells.iter().filter_map(|cell| processes(cell, hard, client_cores.len()).ok());
        client_processes = counts.max().unwrap_or(1);
    }
    if obstacles.is_empty() {
        Ok(Ground { wire, not_private, server_cores, client_cores, client_processes, scenario_dir: scenario_dir.to_path_buf() })
    } else {
        Err(obstacles)
    }
}

/// Targets that are not there, each once, with what installs them.
fn targets(plan: &Plan, scenario_dir: &Path) -> Vec<String> {
    let mut obstacles = Vec::new();
    for cell in &plan.cells {
        let Some(target) = &cell.config.target else { continue };
        let Some(program) = target.command.first() else { continue };
        let dir = target.cwd.as_ref().map_or(scenario_dir.to_path_buf(), |cwd| scenario_dir.join(cwd));
        let missing = if let Some(install) = target.install.as_ref().filter(|i| !scenario_dir.join(&i.creates).exists()) {
            Some(format!("{} is not there", install.creates))
        } else if !dir.is_dir() {
            Some(format!("its folder {} is not there", dir.display()))
        } else if !is_there(program, &dir) {
            Some(format!("`{program}` is not there"))
        } else {
            None
        };
        let Some(missing) = missing else { continue };
        let help = match &target.install {
            Some(install) => format!("run {}", scenario_dir.join(&install.script).display()),
            None => "install it, or correct `command` and `cwd`".into(),
        };
        let text = format!("the target of `{}` is not installed: {missing}; {help}", cell.config.name);
        if !obstacles.contains(&text) {
            obstacles.push(text);
        }
    }
    obstacles
}

/// Whether a program would be found, as `execvp` looks for it.
fn is_there(program: &str, dir: &Path) -> bool {
    if program.contains('/') {
        return dir.join(program).is_file();
    }
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// More clients than files, once for the reference server and once for targets, of which there may be more clients.
fn descriptors(cells: &[Cell], files: u64, cores: usize) -> Vec<String> {
    let worst_of = |target: bool| {
        let cells = cells.iter().filter(|cell| cell.config.target.is_some() == target);
        let (cell, most) = cells
            .filter_map(|cell| Some((cell, processes(cell, files, cores).err()?)))
            .max_by_key(|(cell, _)| cell.connections())?;
        Some(format!(
            "{} clients of `{}` need {} file descriptors for their connections, and the limit is {files}{}; \
             ask for at most {most} clients, or raise the limit (`ulimit -Hn`, LimitNOFILE=)",
            cell.clients,
            cell.config.name,
            cell.connections(),
            if target { " in each of the load generator's processes" } else { ", at either end" },
        ))
    };
    [false, true].into_iter().filter_map(worst_of).collect()
}

/// The last core for the server, which has one thread for everything, and the others for the load generator;
/// nothing to divide on one core.
fn divide(cores: &[usize]) -> (Vec<usize>, Vec<usize>) {
    match cores.split_last() {
        Some((server, clients)) if !clients.is_empty() => (vec![*server], clients.to_vec()),
        _ => (Vec::new(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_and_clients_never_share_a_core_if_there_are_two() {
        assert_eq!(divide(&[0]), (vec![], vec![]));
        assert_eq!(divide(&[0, 1]), (vec![1], vec![0]));
        assert_eq!(divide(&[2, 4, 6]), (vec![6], vec![2, 4]));
    }

    #[test]
    fn more_clients_than_descriptors_is_one_clear_text() {
        let yaml = "name: a\nquestion: b\nworkload: { idle: {} }\nclients: 4000000\narms: [sse]\nwire: host\n";
        let loaded = wirecost_model::scenario::load(yaml).unwrap();
        let obstacles = check(&Plan::new(&loaded, Some(1), None), Path::new(".")).unwrap_err();
        assert!(obstacles[0].contains("4000000 file descriptors for their connections"), "{obstacles:?}");
        let (_, hard) = limits::nofile().unwrap();
        let cores = divide(&affinity::available_cores()).1.len().max(1) as u64;
        // A client that listens and sends has two connections over HTTP.
        let both_ways = yaml.replace("idle: {}", "duplex: { down: 1/s, up: 1/s }");
        let loaded = wirecost_model::scenario::load(&both_ways).unwrap();
        let obstacles = check(&Plan::new(&loaded, Some(1), None), Path::new(".")).unwrap_err();
        assert!(obstacles[0].contains(&format!("at most {} clients", (hard - 64 - 8 * cores) / 2)), "{obstacles:?}");
    }

    #[test]
    fn clients_of_a_target_may_be_in_several_processes() {
        let yaml = "name: a\nquestion: b\nworkload: { idle: {} }\nclients: 5000\nwire: host\n\
            arms: [sse, { sse: { name: other, target: { url: \"http://127.0.0.1:9\", dialect: sse } } }]\n";
        let cells = Plan::new(&wirecost_model::scenario::load(yaml).unwrap(), Some(1), None).cells;
        let refused = |files| descriptors(&cells, files, 1);
        // As many as the one needs, and as the other in 64 processes.
        assert_eq!([5072, 5071, 256, 144].map(|files| refused(files).len()), [0, 1, 1, 2]);
        let [ours, theirs] = refused(144).try_into().unwrap();
        assert!(ours.contains("`sse` need 5000 file descriptors") && ours.contains("at most 72 clients"), "{ours}");
        assert!(theirs.contains("in each of the load generator's processes") && theirs.contains("at most 1872"), "{theirs}");
    }

    #[test]
    fn a_search_is_refused_where_it_might_come_to() {
        let yaml = "name: a\nquestion: b\nworkload: { idle: {} }\narms: [sse]\nwire: host\n\
            search: { clients: { from: 1, to: 4000000 }, while: lost == 0 }\n";
        let loaded = wirecost_model::scenario::load(yaml).unwrap();
        let obstacles = check(&Plan::new(&loaded, None, None), Path::new(".")).unwrap_err();
        assert!(
            obstacles.iter().any(|text| text.contains("4000000 clients") && text.contains("file descriptors")),
            "{obstacles:?}"
        );
    }
}
