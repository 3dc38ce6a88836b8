//! Builds the plan.

use super::collision::{Destinations, JobPosition};
use super::draft::{Draft, Drafts, Going, Stage};
use super::rewrite::{Rewrite, RewriteError, RewriteItem, RewriteVerdict};
use super::{Collision, Ended, IdleRewrite, Plan, PlanError, PlanOptions, PlannedEntry};
use crate::job::{Job, Jobs, Outcome};
use crate::list::List;
use longshore_oci::{Reference, Registry, StoreName};

use super::stand_in::StandIns;

/// Entries planned per batch. An unpacked entry takes ten times the memory of its job.
const BATCH: usize = 10_000;

/// The most collisions that are kept. Each of them holds two unpacked jobs.
const MOST_COLLISIONS: usize = 10_000;

/// Plans the entries of `list`. The rewrites are applied in their order; the first is the built-in
/// `registry`.
///
/// # Errors
/// If an entry has no destination, more than 10,000 entries collide, or a rewrite plugin
/// fails. An error of a single entry is its outcome.
pub async fn build(
    list: List,
    options: &PlanOptions,
    rewrites: &[Box<dyn Rewrite>],
) -> Result<Plan, PlanError> {
    let stand_ins = StandIns::of(options.source.store.as_ref(), options.destination.as_ref());
    let mut drafts = Drafts::of(list, options)?;
    let mut destinations = Destinations::with_room_for(drafts.len());
    let mut plan = Plan {
        entries: Vec::with_capacity(drafts.len()),
        jobs: Jobs::with_room_for(drafts.len()),
        ended: Vec::new(),
        collisions: Vec::new(),
        count: 0,
        listed: None,
        idle: Vec::new(),
    };
    let mut effects = vec![Effect::default(); rewrites.len()];
    let mut listed = Listed::default();
    let mut too_many = false;
    // Positions in the plan of entries that repeat a job, and the numbers of these jobs.
    let mut repeats: Vec<(usize, u32)> = Vec::new();
    let at_once = rewrites.iter().map(|rewrite| rewrite.batch()).min().unwrap_or(BATCH).max(1);
    let mut batch = Vec::with_capacity(at_once.min(drafts.len()));
    loop {
        batch.extend(drafts.by_ref().take(at_once));
        if batch.is_empty() {
            break;
        }
        batch.iter().for_each(|draft| listed.see(&draft.stage));
        for (rewrite, effect) in rewrites.iter().zip(&mut effects) {
            apply(&mut batch, &**rewrite, &stand_ins, effect).await?;
        }
        for Draft { entry, stage, is_in_shard } in batch.drain(..) {
            plan.count += 1;
            refuse_unnamed(&stage)?;
            if is_in_shard {
                plan.entries.push(entry);
            }
            let ended = match stage {
                Stage::Going(_) if too_many => None,
                Stage::Going(going) => match add_job(&going.job, &mut destinations, &mut plan.jobs)
                {
                    Added::Job => None,
                    Added::Ended(ended) => Some(ended),
                    Added::Repeats { number, ended } => {
                        if is_in_shard && says_more(&plan.entries, number) {
                            repeats.push((plan.entries.len() - 1, number));
                        }
                        Some(ended)
                    }
                    Added::Collides(first) => {
                        let collision = Collision { first: *first, second: *going.job };
                        plan.collisions.push(collision);
                        too_many = plan.collisions.len() > MOST_COLLISIONS;
                        None
                    }
                },
                Stage::Ended(ended) => Some(ended),
            };
            plan.ended.extend(ended.filter(|_| is_in_shard).map(|ended| *ended));
        }
    }
    for (at, number) in repeats {
        plan.entries[at].number = number;
    }
    if let Some(shard) = options.shard {
        // Only now, because entries of two parts may collide.
        let is_in_shard = |job: &Job| shard.has(&job.source.store, &job.source.repository);
        plan.jobs = plan.jobs.iter().filter(is_in_shard).collect();
    }
    plan.listed = listed.only;
    // The built-in `registry` changes nothing where the list names its registries.
    let given = rewrites.iter().zip(effects).skip(1);
    plan.idle = given.filter_map(|(rewrite, effect)| effect.idle(&**rewrite, &stand_ins)).collect();
    // Errors of rewrites on later entries come first, as they may be the cause of collisions.
    if too_many { plan.refuse_collisions().map(|()| plan) } else { Ok(plan) }
}

/// Refuses a destination that would be on Docker Hub only because nothing names its registry.
fn refuse_unnamed(stage: &Stage) -> Result<(), PlanError> {
    match stage {
        Stage::Going(Going { job, unnamed: Some(destination), .. })
            if job.destination.store == Registry::docker_hub().into() =>
        {
            let (line, destination) = (job.line, destination.to_string());
            Err(PlanError::NoRegistry { line, destination })
        }
        _ => Ok(()),
    }
}

/// What became of an entry that went through the rewrites.
enum Added {
    Job,
    Ended(Box<Ended>),
    /// It ended, because the job with this number does the same.
    Repeats {
        number: u32,
        ended: Box<Ended>,
    },
    /// It collides with this job, which has the same destination.
    Collides(Box<Job>),
}

/// Says whether the last of `entries`, which does the same as the job with this number, has another line. Then
/// it belongs in the failed list if that job fails: all lines together may say more than the first, as in a
/// list with a line for each platform.
fn says_more(entries: &[PlannedEntry], number: u32) -> bool {
    let first = entries.binary_search_by_key(&number, |entry| entry.number).ok();
    match (first.map(|at| &entries[at]), entries.last()) {
        (Some(first), Some(last)) => first.text != last.text || first.terms != last.terms,
        _ => false,
    }
}

/// The registry that the destinations of a list share.
#[derive(Default)]
struct Listed {
    only: Option<Registry>,
    several: bool,
}

impl Listed {
    /// Looks at an entry before the rewrites.
    fn see(&mut self, stage: &Stage) {
        let registry = match stage {
            Stage::Going(going) => going.job.destination.store.registry().cloned(),
            // Otherwise an outage of a source would decide which registry the list names.
            Stage::Ended(ended) => named_in(&ended.destination),
        };
        let Some(registry) = registry else { return };
        if self.only.as_ref().is_some_and(|only| *only != registry) {
            self.several = true;
        }
        self.only = (!self.several).then_some(registry);
    }
}

/// The registry that the text of a destination names.
fn named_in(destination: &str) -> Option<Registry> {
    let first = destination.split('/').next()?;
    Registry::looks_like_one(first).then(|| first.parse().ok())?
}

/// Adds a job to the plan, or returns why it ends here.
fn add_job(job: &Job, destinations: &mut Destinations, jobs: &mut Jobs) -> Added {
    if copies_onto_itself(job) {
        let hint = match job.destination.store {
            StoreName::Registry(_) => "give another destination registry with -d",
            StoreName::Layouts(_) => "give another folder or a registry with -d",
        };
        let outcome = Outcome {
            hint: Some(hint.to_owned()),
            ..Outcome::failed("source and destination are the same")
        };
        return Added::Ended(ended(job, outcome));
    }
    match destinations.reserve(job, jobs) {
        JobPosition::First => {
            jobs.push(job);
            Added::Job
        }
        JobPosition::Repeats { number, line } => {
            let same = Outcome::skipped(format!("the same as line {line}"));
            let outcome = Outcome { is_duplicate: true, ..same };
            Added::Repeats { number, ended: ended(job, outcome) }
        }
        JobPosition::Collides(first) => Added::Collides(first),
    }
}

/// Ends an entry before it becomes a job.
pub(super) fn ended(job: &Job, outcome: Outcome) -> Box<Ended> {
    Box::new(Ended {
        number: job.number,
        line: job.line,
        column: None,
        source: String::from(&job.source),
        destination: String::from(&job.destination),
        outcome,
    })
}

fn copies_onto_itself(job: &Job) -> bool {
    job.source.store == job.destination.store
        && job.source.repository == job.destination.repository
        && match (job.source.version.tag(), job.destination.version.tag()) {
            (Some(source), Some(destination)) => {
                source == destination && job.source.version.digest().is_none()
            }
            (None, None) => true,
            _ => false,
        }
}

/// What a rewrite has done so far.
#[derive(Clone, Debug, Default)]
struct Effect {
    entries: usize,
    first: Option<(String, String)>,
    changed: bool,
}

impl Effect {
    fn see(&mut self, items: &[RewriteItem]) {
        self.entries += items.len();
        if let (None, Some(item)) = (&self.first, items.first()) {
            self.first = Some((item.source.clone(), item.destination.clone()));
        }
    }

    fn idle(self, rewrite: &dyn Rewrite, stand_ins: &StandIns) -> Option<IdleRewrite> {
        let Self { entries, first, changed } = self;
        let (source, destination) = first.filter(|_| !changed && !rewrite.only_checks())?;
        let first = (stand_ins.shown(source), stand_ins.shown(destination));
        Some(IdleRewrite { name: rewrite.name().to_owned(), entries, first })
    }
}

/// Applies one rewrite to each of `drafts` that has not ended.
async fn apply(
    drafts: &mut [Draft],
    rewrite: &dyn Rewrite,
    stand_ins: &StandIns,
    effect: &mut Effect,
) -> Result<(), PlanError> {
    // Consecutive answers usually have the same registry, whose memory is shared.
    let mut last: Option<Reference> = None;
    let items: Vec<RewriteItem> =
        drafts.iter().filter_map(|draft| item(&draft.stage, stand_ins)).collect();
    effect.see(&items);
    let verdicts = rewrite.apply(items).await.map_err(|error| RewriteError {
        message: stand_ins.shown(error.message),
        hint: error.hint.map(|hint| stand_ins.shown(hint)),
    });
    let mut verdicts = verdicts?.into_iter();
    for draft in drafts {
        let Stage::Going(going) = &mut draft.stage else { continue };
        let Some(verdict) = verdicts.next() else { break };
        let outcome = match verdict {
            RewriteVerdict::Destination(answer) => {
                let job = &mut going.job;
                let known = [Some(&job.destination), last.as_ref()];
                let known: Vec<&Reference> = known.into_iter().flatten().collect();
                let destination = match stand_ins.parse(&answer, &known) {
                    Ok(destination) => destination,
                    Err(error) => {
                        let (line, plugin) = (job.line, rewrite.name().to_owned());
                        let answer = stand_ins.shown(answer);
                        return Err(PlanError::Answer { line, plugin, answer, error });
                    }
                };
                effect.changed |= destination != job.destination;
                last = Some(destination.clone());
                job.destination = destination;
                continue;
            }
            RewriteVerdict::Skip(why) => {
                let why = stand_ins.shown(why);
                Outcome::skipped(format!("left out by {}: {why}", rewrite.name()))
            }
            RewriteVerdict::Refuse(why) => {
                let why = stand_ins.shown(why);
                Outcome::failed(format!("refused by {}: {why}", rewrite.name()))
            }
        };
        effect.changed = true;
        draft.stage = Stage::Ended(ended(&going.job, outcome));
    }
    Ok(())
}

/// The input of a rewrite for an entry that has not ended.
fn item(stage: &Stage, stand_ins: &StandIns) -> Option<RewriteItem> {
    let Stage::Going(going) = stage else { return None };
    Some(RewriteItem {
        source: stand_ins.text(&going.job.source),
        destination: stand_ins.text(&going.job.destination),
        attributes: going.attributes.clone(),
    })
}

#[cfg(test)]
mod tests;
