//! The daemon's metrics page, as far as the measurement reads it.

use crate::watch::{Sample, samples};

/// One reading of the page.
#[derive(Debug)]
pub(super) struct Page {
    samples: Vec<Sample>,
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        Self { samples: samples(text).collect() }
    }

    /// The sum over all series of a metric.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.of(name, &[])
    }

    /// The sum over the series of a metric that have these labels.
    pub(super) fn of(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &Sample| labels.iter().all(|(key, value)| sample.label(key) == Some(*value));
        self.samples
            .iter()
            .filter(|sample| sample.name == name && has(sample))
            .map(|sample| sample.value)
            .sum()
    }

    /// A histogram, all series together.
    pub(super) fn histogram(&self, name: &str) -> Histogram {
        let name = format!("{name}_bucket");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.samples.iter().filter(|sample| sample.name == name) {
            let Some(upper) = sample.label("le").and_then(|le| le.replace("+Inf", "inf").parse().ok()) else {
                continue;
            };
            match buckets.iter_mut().find(|(other, _): &&mut (f64, f64)| other.total_cmp(&upper).is_eq()) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((upper, sample.value)),
            }
        }
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Histogram { buckets }
    }
}

/// Cumulative counts by upper bound, ascending.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Vec<(f64, f64)>,
}

impl Histogram {
    /// What was counted after an earlier reading.
    pub(super) fn since(&self, before: &Self) -> Self {
        let at = |upper: f64| {
            let same = before.buckets.iter().find(|(other, _)| other.total_cmp(&upper).is_eq());
            same.map_or(0.0, |(_, count)| *count)
        };
        Self { buckets: self.buckets.iter().map(|(upper, count)| (*upper, count - at(*upper))).collect() }
    }

    /// A quantile, by linear interpolation inside its bucket; of the last bucket its lower bound; zero for nothing.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let total = self.buckets.last().map_or(0.0, |(_, count)| *count);
        let wanted = total * share;
        let mut below = (0.0, 0.0);
        for (upper, count) in &self.buckets {
            if *count >= wanted && *count > below.1 {
                let part = (wanted - below.1) / (count - below.1);
                return if upper.is_finite() { below.0 + (upper - below.0) * part } else { below.0 };
            }
            below = (*upper, *count);
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# TYPE wait histogram
wait_bucket{venue="binance",le="0.001"} 50
wait_bucket{venue="binance",le="0.002"} 99
wait_bucket{venue="binance",le="+Inf"} 100
books{state="live",venue="binance"} 7
books{state="live",venue="kraken"} 2
books{state="gap",venue="kraken"} 1
"#;

    #[test]
    fn series_are_summed_by_what_they_have_in_common() {
        let page = Page::parse(PAGE);
        let found = [page.of("books", &[("state", "live")]), page.sum("books"), page.sum("nothing")];
        assert!(found.iter().zip([9.0, 10.0, 0.0]).all(|(found, expect)| (found - expect).abs() < 1e-9));
    }

    #[test]
    fn quantiles_are_interpolated() {
        let histogram = Page::parse(PAGE).histogram("wait");
        for (share, expect) in [(0.25, 0.0005), (0.5, 0.001), (0.99, 0.002), (1.0, 0.002)] {
            assert!(
                (histogram.quantile(share) - expect).abs() < 1e-9,
                "{share}: {}",
                histogram.quantile(share)
            );
        }
        let nothing = histogram.since(&histogram);
        assert!(nothing.quantile(0.5).abs() < 1e-9);
    }
}
