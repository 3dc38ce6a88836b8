//! Finds the best value for `-j`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::peer::Peer;
use crate::round::{Phase, measure_some};
use crate::workbench::{Contestant, Workbench};

/// The results of a setting with several values for `-j`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sweep {
    /// Title with corpus and connection.
    pub(crate) title: String,
    /// Wall time of the cold run in seconds, and peak memory in bytes, by number of jobs.
    pub(crate) jobs: BTreeMap<usize, (f64, u64)>,
}

impl Sweep {
    /// Returns the number of jobs with the shortest time.
    pub(crate) fn best(&self) -> Option<usize> {
        let best = self.jobs.iter().min_by(|one, other| one.1.0.total_cmp(&other.1.0));
        best.map(|(jobs, _)| *jobs)
    }
}

/// Measures longshore alone in every setting.
pub(crate) fn measure(bench: &Workbench<'_>, jobs: &[usize]) -> Result<Vec<Sweep>> {
    let mut sweeps = Vec::new();
    for setting in bench.settings() {
        let mut sweep = Sweep { title: String::new(), jobs: BTreeMap::new() };
        for &jobs in jobs {
            println!("-j {jobs}");
            let contestant = Contestant { jobs: Some(jobs), ..bench.longshore() };
            let round = measure_some(bench, &setting, &[contestant])?;
            sweep.title = round.title();
            if let Some(cold) = round.median(Peer::Longshore, Phase::Cold) {
                sweep.jobs.insert(jobs, (cold.wall, cold.peak));
            }
        }
        sweeps.push(sweep);
    }
    Ok(sweeps)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Sweep;

    #[test]
    fn the_best_is_the_fastest() {
        let jobs = BTreeMap::from([(4, (2.0, 1)), (8, (1.5, 9)), (16, (1.6, 2))]);
        assert_eq!(Sweep { title: String::new(), jobs }.best(), Some(8));
    }
}
