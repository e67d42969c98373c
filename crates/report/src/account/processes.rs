//! Were clients in several processes? Then some numbers of the load generator are theirs together, and not only what clients take.

use wirecost_model::Trial;

/// Says so, and what is not the clients' in it, if in any trial there was more than one process.
pub fn warning(trials: &[Trial]) -> Option<String> {
    let most = trials.iter().map(|trial| trial.client_processes).max()?;
    (most > 1).then(|| {
        format!(
            "clients were in up to {most} processes, since one may not have as many files as they have connections: each has \
             instruments of its own, about 1 MB, which are in the load generator's memory per connection, and where there are more \
             processes than cores they take turns, which costs CPU time"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_is_not_spoken_of() {
        let with = |processes: &[u32]| {
            let trials: Vec<Trial> =
                processes.iter().map(|&client_processes| Trial { client_processes, ..Trial::default() }).collect();
            warning(&trials)
        };
        // Old records do not say it.
        assert_eq!((with(&[]), with(&[0, 1])), (None, None));
        assert!(with(&[1, 12, 3]).unwrap().starts_with("clients were in up to 12 processes"));
    }
}
