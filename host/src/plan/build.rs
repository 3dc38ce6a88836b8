//! Building the plan.

use super::collision::{Beside, Destinations};
use super::draft::{Draft, Stage, drafts};
use super::{Ended, FilterFlags, Job, Jobs, Outcome, Plan, PlanError, Unselected};
use crate::list::List;
use crate::oci::{Reference, Registry};
use crate::plugin::Plugin;
use crate::plugin::contract::{Artifact, Item, Verdict};

/// What a plan is made with.
#[derive(Debug)]
pub struct PlanOptions {
    /// `-s`: replaces the registry of every source.
    pub source: Option<Registry>,
    /// Is there a destination registry for entries that name no destination?
    pub has_destination: bool,
    /// The platform filters.
    pub filter: FilterFlags,
    /// The number of the first entry, from 1.
    pub first_number: u32,
    /// How entries ended that select tags by pattern and are still in the list.
    pub unselected: Vec<Unselected>,
}

/// Plans the entries of `list`. The rewrites are applied in the order given; the first of them is
/// the built-in `registry`.
///
/// # Errors
/// Where two entries collide, an entry has no destination, or a rewrite plugin fails. What is wrong
/// with one entry alone is its outcome.
pub async fn build(
    list: List,
    options: &PlanOptions,
    rewrites: &[Plugin],
) -> Result<Plan, PlanError> {
    let mut drafts = drafts(list, options)?;
    for plugin in rewrites {
        rewrite(&mut drafts, plugin).await?;
    }
    let mut taken = Destinations::with_room_for(drafts.len());
    let mut plan = Plan {
        entries: Vec::with_capacity(drafts.len()),
        jobs: Jobs::with_room_for(drafts.len()),
        ended: Vec::new(),
    };
    // Each draft is let go of as soon as its job is packed.
    for Draft { entry, stage } in drafts {
        plan.entries.push(entry);
        let ended = match stage {
            Stage::Going(going) => settle(&going.job, &mut taken, &mut plan.jobs)?,
            Stage::Ended(ended) => Some(ended),
        };
        plan.ended.extend(ended.map(|ended| *ended));
    }
    Ok(plan)
}

/// Puts a job beside those before it, unless that is its end.
fn settle(
    job: &Job,
    taken: &mut Destinations,
    jobs: &mut Jobs,
) -> Result<Option<Box<Ended>>, PlanError> {
    if is_itself(job) {
        let outcome = Outcome {
            hint: Some("give another destination registry with -d".to_owned()),
            ..Outcome::failed("source and destination are the same")
        };
        return Ok(Some(ended(job, outcome)));
    }
    Ok(match taken.take(job, jobs)? {
        Beside::First => {
            jobs.push(job);
            None
        }
        Beside::SameAs(line) => {
            Some(ended(job, Outcome::skipped(format!("the same as line {line}"))))
        }
    })
}

/// The end of what would have been a job.
fn ended(job: &Job, outcome: Outcome) -> Box<Ended> {
    Box::new(Ended {
        number: job.number,
        line: job.line,
        column: None,
        source: String::from(&job.source),
        destination: String::from(&job.destination),
        outcome,
    })
}

fn is_itself(job: &Job) -> bool {
    job.source.registry == job.destination.registry
        && job.source.repository == job.destination.repository
        && match (job.source.version.tag(), job.destination.version.tag()) {
            (Some(source), Some(destination)) => {
                source == destination && job.source.version.digest().is_none()
            }
            (None, None) => true,
            _ => false,
        }
}

/// Puts every entry that still goes through one plugin.
async fn rewrite(drafts: &mut [Draft], plugin: &Plugin) -> Result<(), PlanError> {
    // The registry of one answer is most often that of the next.
    let mut last: Option<Reference> = None;
    for drafts in drafts.chunks_mut(plugin.batch()) {
        let items: Vec<Item> = drafts.iter().filter_map(|draft| item(&draft.stage)).collect();
        let mut verdicts = plugin.rewrite(&items).await?.into_iter();
        for draft in drafts {
            let Stage::Going(going) = &mut draft.stage else { continue };
            let Some(verdict) = verdicts.next() else { break };
            let outcome = match verdict {
                Verdict::Destination(answer) => {
                    let job = &mut going.job;
                    let known = [Some(&job.destination), last.as_ref()];
                    let known: Vec<&Reference> = known.into_iter().flatten().collect();
                    let destination = match Reference::parse_beside(&answer, &known) {
                        Ok(destination) => destination,
                        Err(error) => {
                            let (line, plugin) = (job.line, plugin.name().to_owned());
                            return Err(PlanError::Answer { line, plugin, answer, error });
                        }
                    };
                    last = Some(destination.clone());
                    job.destination = destination;
                    continue;
                }
                Verdict::Skip(why) => {
                    Outcome::skipped(format!("{} leaves it out: {why}", plugin.name()))
                }
                Verdict::Refuse(why) => {
                    Outcome::failed(format!("{} refuses it: {why}", plugin.name()))
                }
            };
            draft.stage = Stage::Ended(ended(&going.job, outcome));
        }
    }
    Ok(())
}

/// What a rewrite is asked about an entry that still goes.
fn item(stage: &Stage) -> Option<Item> {
    let Stage::Going(going) = stage else { return None };
    Some(Item {
        artifact: Artifact::Image,
        source: String::from(&going.job.source),
        destination: String::from(&going.job.destination),
        attributes: going.attributes.clone(),
    })
}

#[cfg(test)]
mod tests;
