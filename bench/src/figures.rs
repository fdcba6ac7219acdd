//! The results: each subject's figures, with their distributions.

use std::collections::BTreeMap;

use serde::Serialize;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    Init,
    InitCpu,
    First,
    FirstCpu,
    #[serde(rename = "first_at_128_mb")]
    FirstAt128,
    #[serde(rename = "first_at_256_mb")]
    FirstAt256,
    #[serde(rename = "first_at_512_mb")]
    FirstAt512,
    InitWithoutWarmUp,
    FirstWithoutWarmUp,
    Warm,
    Busy,
    WarmCpu,
    #[serde(rename = "warm_cpu_of_2000")]
    WarmCpuOf2000,
    #[serde(rename = "warm_at_5_ms")]
    WarmAt5Ms,
    #[serde(rename = "with_key_at_5_ms")]
    WithKeyAt5Ms,
    WithKeyCpu,
    Calls,
    CallsWaitedFor,
    CallsAtOnce,
    Rss,
    Zip,
    Unpacked,
    Connections,
    InitInstructions,
    FirstInstructions,
    WarmInstructions,
}

/// The figures in README's table and chart.
pub(crate) const SHOWN: [Figure; 8] = [
    Figure::Init,
    Figure::First,
    Figure::FirstAt128,
    Figure::WarmAt5Ms,
    Figure::WithKeyAt5Ms,
    Figure::WarmCpuOf2000,
    Figure::Rss,
    Figure::Zip,
];

/// All figures of all subjects, by the subject's name.
#[derive(Default)]
pub(crate) struct Figures(BTreeMap<(Figure, &'static str), Vec<f64>>);

/// A figure's number of samples, and their distribution.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Distribution {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    /// Half of the interquartile range, as a fraction of the median.
    pub(crate) spread: f64,
    pub(crate) samples: usize,
}

impl Figure {
    /// The figure's title and unit.
    pub(crate) fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Init => ("init", "ms"),
            Self::InitCpu => ("init, CPU", "ms"),
            Self::First => ("first invocation", "ms"),
            Self::FirstCpu => ("first invocation, CPU", "ms"),
            Self::FirstAt128 => ("first invocation at 128 MB", "ms"),
            Self::FirstAt256 => ("first invocation at 256 MB", "ms"),
            Self::FirstAt512 => ("first invocation at 512 MB", "ms"),
            Self::InitWithoutWarmUp => ("init without warm-up", "ms"),
            Self::FirstWithoutWarmUp => ("first invocation without warm-up", "ms"),
            Self::Warm => ("warm invocation", "ms"),
            Self::Busy => ("warm invocation until the next may come", "ms"),
            Self::WarmCpu => ("warm invocation, CPU, of 200", "ms"),
            Self::WarmCpuOf2000 => ("warm invocation, CPU, of 2,000", "ms"),
            Self::WarmAt5Ms => ("warm invocation, calls to AWS taking 5 ms", "ms"),
            Self::WithKeyAt5Ms => ("the same with an idempotency key", "ms"),
            Self::WithKeyCpu => ("warm invocation with a key, CPU, of 200", "ms"),
            Self::Calls => ("calls to AWS", ""),
            Self::CallsAtOnce => ("calls to AWS at once", ""),
            Self::CallsWaitedFor => ("calls to AWS that the caller waits for", ""),
            Self::Rss => ("peak memory (RSS)", "MB"),
            Self::Zip => ("zip", "MB"),
            Self::Unpacked => ("zip, unpacked", "MB"),
            Self::Connections => ("connections to AWS", ""),
            Self::InitInstructions => ("init, instructions", "M"),
            Self::FirstInstructions => ("first invocation, instructions", "M"),
            Self::WarmInstructions => ("warm invocation, instructions", "M"),
        }
    }
}

impl Figures {
    pub(crate) fn add(&mut self, figure: Figure, subject: &'static str, value: f64) {
        self.0.entry((figure, subject)).or_default().push(value);
    }

    /// Each figure, with the subjects that have it.
    pub(crate) fn all(&self) -> BTreeMap<Figure, Vec<(&'static str, Distribution)>> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for ((figure, subject), values) in &self.0 {
            all.entry(*figure).or_default().push((*subject, Distribution::of(values)));
        }
        all
    }

    pub(crate) fn median(&self, figure: Figure, subject: &'static str) -> Option<f64> {
        self.0.get(&(figure, subject)).map(|values| Distribution::of(values).median)
    }
}

impl Distribution {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&sorted, share);
        let median = at(0.5);
        let spread = if median > 0.0 { (at(0.75) - at(0.25)) / 2.0 / median } else { 0.0 };
        Self { median, p99: at(0.99), spread, samples: sorted.len() }
    }
}

/// The smallest value that is not exceeded by this share of all values.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "an index")]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

/// The value with two or three significant digits.
pub(crate) fn rounded(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_has_the_middle_the_far_end_and_the_width_of_its_values() {
        let values: Vec<_> = (1..=100).rev().map(f64::from).collect();
        let Distribution { median, p99, spread, samples } = Distribution::of(&values);
        assert_eq!((median, p99, spread, samples), (50.0, 99.0, 0.5, 100));
    }

    #[test]
    fn one_value_is_all_of_it() {
        let Distribution { median, p99, spread, samples } = Distribution::of(&[3.0]);
        assert_eq!((median, p99, spread, samples), (3.0, 3.0, 0.0, 1));
    }
}
