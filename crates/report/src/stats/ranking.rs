//! How the arms of a group stand in one metric: the best, those that cannot be told from it, and those that are behind.

use wirecost_model::record::Verdict;
use wirecost_model::{Cell, Record};

use super::Metric;
use super::ratio::{self, Ratio};
use crate::format;
use crate::summary::summary_of;
use crate::view::Group;

/// How the arms of a group stand in one metric.
#[derive(Debug, Clone)]
pub struct Ranking<'a> {
    /// The metric.
    pub metric: &'static Metric,
    /// Cells by their median, best first, each with its ratio to the best and what may be said of it.
    pub places: Vec<Place<'a>>,
}

/// One cell's place.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// Its median.
    pub median: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Trials that count.
    pub trials: u32,
    /// Against the best; absent for the best itself and where a value is 0.
    pub to_best: Option<(Ratio, Verdict)>,
}

impl<'a> Ranking<'a> {
    /// The cells of a group by a metric of which less is better; `None` if fewer than two have it.
    pub fn of(record: &'a Record, group: &Group, metric: &'static Metric) -> Option<Ranking<'a>> {
        let plan = &record.plan;
        let mut places: Vec<Place<'_>> = group
            .cells
            .iter()
            .filter_map(|&index| {
                let summary = summary_of(record, index)?;
                let estimate = summary.metrics.get(metric.name)?;
                Some(Place {
                    cell: &plan.cells[index],
                    median: estimate.median,
                    interval: estimate.interval,
                    trials: summary.trials,
                    to_best: None,
                })
            })
            .collect();
        if places.len() < 2 {
            return None;
        }
        places.sort_by(|a, b| a.median.total_cmp(&b.median).then(a.cell.index.cmp(&b.cell.index)));
        let best = places[0].cell;
        let ratios: Vec<Option<Ratio>> =
            places[1..].iter().map(|place| ratio::between(plan, &record.trials, metric, place.cell, best)).collect();
        let mut verdicts = ratio::verdicts(&ratios.iter().flatten().collect::<Vec<_>>()).into_iter();
        for (place, ratio) in places[1..].iter_mut().zip(ratios) {
            place.to_best = ratio.and_then(|ratio| Some((ratio, verdicts.next()?)));
        }
        Some(Ranking { metric, places })
    }

    /// The best and all that cannot be told from it.
    pub fn leaders(&self) -> impl Iterator<Item = &Place<'a>> {
        self.places
            .iter()
            .enumerate()
            .filter(|(position, place)| *position == 0 || !place.is_behind(self))
            .map(|(_, place)| place)
    }

    /// Those that are behind beyond doubt.
    pub fn behind(&self) -> impl Iterator<Item = &Place<'a>> {
        self.places.iter().skip(1).filter(|place| place.is_behind(self))
    }

    /// Whether every place has an interval that it can be judged by.
    pub fn is_judged(&self) -> bool {
        self.places[1..].iter().all(|place| match &place.to_best {
            Some((ratio, _)) => ratio.interval.is_some(),
            // Against a best of 0 there is no ratio; the place's own interval then says whether it is above 0.
            None => place.interval.is_some(),
        })
    }

    /// The places whose median is to the best as 1.00 is to 1, for rankings that are not judged.
    pub fn tied(&self) -> impl Iterator<Item = &Place<'a>> {
        let best = self.places[0].median;
        let alike = move |place: &&Place<'_>| place.median == best || format::ratio(place.median / best) == format::ratio(1.0);
        self.places.iter().take_while(alike)
    }
}

impl Place<'_> {
    fn is_behind(&self, ranking: &Ranking<'_>) -> bool {
        match &self.to_best {
            Some((_, verdict)) => *verdict == Verdict::Different,
            // No ratio to 0: a count that is 0 in every trial of one and in none of the other is different without statistics.
            None => ranking.places[0].median == 0.0 && self.median > 0.0 && self.interval.is_some_and(|[low, _]| low > 0.0),
        }
    }

    /// The median as people read it.
    pub fn shown(&self, metric: &Metric) -> String {
        metric.unit.show(self.median)
    }

    /// `190 µs (180–210, 6 trials)`.
    pub fn with_interval(&self, metric: &Metric) -> String {
        format!("{} ({})", self.shown(metric), self.spread(metric))
    }

    /// `180–210, 6 trials`.
    pub fn spread(&self, metric: &Metric) -> String {
        let Some(ends) = self.interval else {
            return format!("{}, no interval", format::plural(u64::from(self.trials), "trial"));
        };
        let range = metric.unit.show_range(self.median, ends);
        match range.split_once('–') {
            Some((low, high)) if low == high => format!("alike in all {} trials", self.trials),
            _ => format!("{range}, {} trials", self.trials),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::view;

    fn of<'a>(record: &'a Record, metric: &str) -> Ranking<'a> {
        Ranking::of(record, &view::groups(&record.plan)[0], Metric::named(metric).unwrap()).unwrap()
    }

    #[test]
    fn places_are_by_median_and_the_best_leads() {
        let record = &fixture::run().record;
        let ranking = of(record, "delivery_p50_ns");
        assert!(ranking.places.windows(2).all(|pair| pair[0].median <= pair[1].median));
        assert_eq!(ranking.leaders().count() + ranking.behind().count(), ranking.places.len());
        assert_eq!(ranking.leaders().next().unwrap().cell.config.name, "websocket");
    }

    #[test]
    fn without_intervals_what_reads_as_once_as_much_is_not_ranked() {
        let record = &fixture::run().record;
        let mut ranking = of(record, "wire_bytes_per_message");
        assert_eq!(ranking.tied().count(), 1);
        for (by, tied) in [(1.004, 2), (1.006, 1), (1.0, 2)] {
            ranking.places[1].median = ranking.places[0].median * by;
            assert_eq!(ranking.tied().count(), tied, "{by}");
        }
        ranking.places[0].median = 0.0;
        assert_eq!(ranking.tied().count(), 1);
    }

    #[test]
    fn a_count_of_zero_leads_without_a_ratio() {
        let record = &fixture::run().record;
        let ranking = of(record, "requests_per_message");
        let leaders: Vec<&str> = ranking.leaders().map(|place| place.cell.config.name.as_str()).collect();
        assert_eq!(leaders, ["sse", "websocket"]);
        assert!(ranking.places.iter().all(|place| place.to_best.is_none()));
    }
}
