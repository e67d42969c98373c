//! JUnit XML, as build servers read it: thresholds and gates as test cases. Bytes may be asserted exactly there; timings on
//! shared machines should not be.

use wirecost_model::Record;

use crate::gate;
use crate::load::Run;
use crate::view;

/// Of each run one suite of the scenario's thresholds and one of the gates, a case for each trial; all in one document.
pub fn junit(runs: &[Run]) -> String {
    let suites: Vec<(String, Suite)> = runs.iter().flat_map(|run| suites(&run.record)).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(|(_, suite)| count(suite)).sum::<usize>();
    let (tests, failures) = (sum(|suite| suite.tests), sum(|suite| suite.failures));
    let name = if let [run] = runs { &run.record.name } else { "wirecost" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{tests}\" failures=\"{failures}\">\n{}</testsuites>\n",
        escape(name),
        suites.iter().map(|(name, suite)| suite.xml(name)).collect::<String>()
    )
}

/// Two suites and their names.
fn suites(record: &Record) -> [(String, Suite); 2] {
    let mut thresholds = Suite::default();
    for threshold in &record.thresholds {
        let failure = (!threshold.holds).then(|| format!("seen: {}", threshold.seen));
        thresholds.case("threshold", &threshold.text, failure);
    }
    let mut gates = Suite::default();
    for trial in &record.trials {
        let label = record.plan.cells.get(trial.cell).map(|cell| view::full_title(&record.plan, cell)).unwrap_or_default();
        let failed: Vec<String> = trial
            .gates
            .iter()
            .filter(|result| result.outcome == wirecost_model::record::GateOutcome::Failed)
            .map(|result| format!("{} ({}): {}. {}", result.gate, gate::what(&result.gate), result.seen, result.advice))
            .collect();
        gates.case("trial", &format!("trial {} of {label}", trial.index), (!failed.is_empty()).then(|| failed.join("\n")));
    }
    [(format!("{} thresholds", record.name), thresholds), (format!("{} gates", record.name), gates)]
}

/// A suite that is being written.
#[derive(Default)]
pub(crate) struct Suite {
    pub(crate) tests: usize,
    pub(crate) failures: usize,
    skipped: usize,
    cases: String,
}

impl Suite {
    /// A case that nothing can be said of, and why.
    pub(crate) fn skip(&mut self, class: &str, name: &str, why: &str) {
        self.tests += 1;
        self.skipped += 1;
        self.cases += &format!(
            "    <testcase classname=\"{}\" name=\"{}\"><skipped message=\"{}\"/></testcase>\n",
            escape(class),
            escape(name),
            escape(why)
        );
    }

    /// A case, and why it failed if it did.
    pub(crate) fn case(&mut self, class: &str, name: &str, failure: Option<String>) {
        self.tests += 1;
        let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escape(class), escape(name));
        match failure {
            None => self.cases += &format!("{head}/>\n"),
            Some(text) => {
                self.failures += 1;
                let first = text.lines().next().unwrap_or_default();
                self.cases += &format!(
                    "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                    escape(first),
                    escape(&text)
                );
            }
        }
    }

    /// The suite as an element.
    pub(crate) fn xml(&self, name: &str) -> String {
        let skipped = if self.skipped > 0 { format!(" skipped=\"{}\"", self.skipped) } else { String::new() };
        format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\"{skipped}>\n{}  </testsuite>\n",
            escape(name),
            self.tests,
            self.failures,
            self.cases
        )
    }
}

/// Characters that XML reserves; control characters that it forbids are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn thresholds_and_gates_are_cases() {
        let text = junit(std::slice::from_ref(fixture::run_with_a_void_trial()));
        let shown: Vec<&str> =
            text.lines().filter(|line| !line.contains("classname=\"trial\"") || !line.ends_with("/>")).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn several_runs_are_one_document() {
        let text = junit(&[fixture::run().clone(), fixture::run_with_a_void_trial().clone()]);
        assert_eq!((text.matches("<?xml").count(), text.matches("<testsuites").count()), (1, 1));
        assert_eq!(text.matches("<testsuite ").count(), 4);
        let total = |of: &str| -> usize {
            let counts = text.split("<testsuite ").skip(1);
            counts.filter_map(|suite| suite.split_once(of)?.1.split('"').next()?.parse::<usize>().ok()).sum()
        };
        let head =
            format!("<testsuites name=\"wirecost\" tests=\"{}\" failures=\"{}\">", total("tests=\""), total("failures=\""));
        assert!(text.contains(&head), "{text}");
    }
}
