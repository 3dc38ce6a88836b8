//! Computes the values that make a chart pull from the mirror.
//!
//! A value that is the name of an image, or the beginning of one, is a candidate. Rendering says which
//! candidates the chart really reads: with all of them every image must point at the mirror, and the
//! rest of the output must be unchanged. What no value can move is listed.

mod candidates;
mod edits;
mod explained;
mod pulls;

use std::collections::{BTreeMap, HashSet};

use longshore_oci::{Name, Reference};

use self::candidates::candidates;
use self::edits::{Edit, Switch, text_of};
use self::explained::{Base, Renames};
use crate::archive::Chart;
use crate::effective::effective;
use crate::images::{Image, Rendering, discover};
use crate::{RenderError, RenderInput, Rendered, Renderer};

pub use self::pulls::Pulls;

/// The most renderings for one chart.
const RENDERINGS: usize = 400;

/// The values that make a chart pull from the mirror.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// The values as YAML; `None` if no value moves an image.
    pub values: Option<String>,
    /// The references of the mirror that the chart pulls with the values.
    pub moved: Vec<Reference>,
    /// The images that no value can move.
    pub stays: Vec<Stays>,
}

/// An image that no value can move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stays {
    /// The image, with its places.
    pub image: Image,
    /// Its reference in the mirror.
    pub destination: Reference,
}

/// Computes the overlay for one rendering of a chart. `destination` returns the reference of an image
/// in the mirror, or `None` if the image is not mirrored; such an image is not moved.
///
/// # Errors
/// If the chart cannot be rendered without the overlay.
pub async fn overlay(
    chart: &Chart,
    input: &RenderInput,
    renderer: &dyn Renderer,
    destination: impl Fn(&Reference) -> Option<Reference> + Sync,
) -> Result<Overlay, RenderError> {
    let first = sorted(renderer.render(input).await?);
    let base = Base { second: sorted(renderer.render(input).await?), first };
    let images = images_of(chart, input, &base.first);
    let moves: Vec<(&Image, Reference)> = images
        .iter()
        .filter_map(|image| Some((image, destination(&image.reference)?)))
        .filter(|(image, to)| image.reference.name() != to.name())
        .collect();
    if moves.is_empty() {
        return Ok(Overlay::default());
    }
    let values = effective(chart, &input.values);
    let (candidates, switches) = candidates(&values, &moves);
    let root = values.iter().find(|values| values.prefix.is_empty()).map(|root| &root.values);
    let destinations = moves.iter().map(|(_, to)| to.name());
    let mut search = Search {
        chart,
        input,
        renderer,
        root: root.cloned().unwrap_or_default(),
        renames: Renames::new(&moves, &candidates),
        sources: moves.iter().map(|(image, _)| image.reference.name()).collect(),
        known: images.iter().map(|image| image.reference.name()).chain(destinations).collect(),
        base,
        switches,
        left: RENDERINGS,
    };
    let read = search.read(candidates).await;
    let chosen = search.choose(read).await;
    let now = match chosen.is_empty() {
        true => images.clone(),
        false => search.images(&chosen).await.unwrap_or_else(|| images.clone()),
    };
    let by_source: BTreeMap<&Reference, &Reference> =
        moves.iter().map(|(image, to)| (&image.reference, to)).collect();
    let mut result = Overlay::default();
    for image in now {
        if let Some(destination) = by_source.get(&image.reference) {
            result.stays.push(Stays { destination: (*destination).clone(), image });
        } else if moves.iter().any(|(_, to)| is_at(&image.reference, to)) {
            result.moved.push(image.reference);
        }
    }
    if !chosen.is_empty() {
        result.values = Some(text_of(&search.root, &chosen, &search.switches));
    }
    Ok(result)
}

/// Reports whether an image of the chart is the one at `destination`. A chart may name an image by tag
/// and digest, and the plan its destination by one of them.
fn is_at(image: &Reference, destination: &Reference) -> bool {
    let tags = (image.version.tag(), destination.version.tag());
    image.name() == destination.name() && !matches!(tags, (Some(one), Some(other)) if one != other)
}

/// Sorts by template, so that outputs can be compared: a renderer may return them in any order.
fn sorted(mut rendered: Vec<Rendered>) -> Vec<Rendered> {
    rendered.sort_by(|one, other| one.template.cmp(&other.template));
    rendered
}

fn images_of(chart: &Chart, input: &RenderInput, rendered: &[Rendered]) -> Vec<Image> {
    discover(chart, &[Rendering { name: "", values: &input.values, rendered }]).images
}

/// Searches the edits that a chart reads.
struct Search<'a> {
    chart: &'a Chart,
    input: &'a RenderInput,
    renderer: &'a dyn Renderer,
    /// The chart's values without edits.
    root: serde_json::Value,
    renames: Renames,
    /// The names at their sources of the images to move.
    sources: HashSet<Name>,
    /// The names of all images at their sources, and in the mirror.
    known: HashSet<Name>,
    /// The output without edits.
    base: Base,
    /// What must be on so that the chart takes another registry.
    switches: Vec<Switch>,
    /// The number of renderings that are left.
    left: usize,
}

impl Search<'_> {
    /// Renders the chart with edits; `None` if it fails or there were too many renderings.
    async fn render(&mut self, edits: &[Edit]) -> Option<Vec<Rendered>> {
        self.left = self.left.checked_sub(1)?;
        let mut input = self.input.clone();
        input.values.push(text_of(&self.root, edits, &self.switches));
        self.renderer.render(&input).await.ok().map(sorted)
    }

    /// Returns the edits that change the output, each in a way that the renames explain. Those that move
    /// the most images come first. A group that changes nothing is left out as a whole.
    async fn read(&mut self, candidates: Vec<Edit>) -> Vec<Edit> {
        let mut read = Vec::new();
        let mut groups = vec![candidates];
        while let Some(mut group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            let rendered = self.render(&group).await;
            if rendered.as_ref().is_some_and(|rendered| self.base.is_same(rendered)) {
                continue;
            }
            if group.len() > 1 {
                let second = group.split_off(group.len() / 2);
                // The last group is looked at first.
                groups.push(second);
                groups.push(group);
                continue;
            }
            if let Some(stay) = rendered.and_then(|rendered| self.stay(&rendered)) {
                read.extend(group.into_iter().map(|edit| (stay, edit)));
            }
        }
        read.sort_by_key(|(stay, _)| *stay);
        read.into_iter().map(|(_, edit)| edit).collect()
    }

    /// Returns the edits that move the most images together. All edits are tried at once, and one by one if
    /// that does not work.
    async fn choose(&mut self, read: Vec<Edit>) -> Vec<Edit> {
        if self.count(&read).await == Some(0) {
            return self.pruned(read, 0).await;
        }
        let mut chosen: Vec<Edit> = Vec::new();
        let mut best = usize::MAX;
        for edit in read {
            chosen.push(edit);
            match self.count(&chosen).await {
                Some(stay) if stay < best => best = stay,
                _ => {
                    chosen.pop();
                }
            }
        }
        self.pruned(chosen, best).await
    }

    /// Leaves out the edits that others make superfluous, such as the registry of one image beside the
    /// registry of all. `stay` places stay outside the mirror with all edits.
    async fn pruned(&mut self, mut edits: Vec<Edit>, stay: usize) -> Vec<Edit> {
        // The last edits move the fewest images.
        for at in (0..edits.len()).rev() {
            let edit = edits.remove(at);
            if self.count(&edits).await != Some(stay) {
                edits.insert(at, edit);
            }
        }
        edits
    }

    /// Counts the places of images outside the mirror with edits; `None` if something else changes.
    async fn count(&mut self, edits: &[Edit]) -> Option<usize> {
        if edits.is_empty() {
            return None;
        }
        let rendered = self.render(edits).await?;
        self.stay(&rendered)
    }

    /// Counts the places of images outside the mirror in an output; `None` if something else changed.
    fn stay(&self, rendered: &[Rendered]) -> Option<usize> {
        if !self.renames.explain(&self.base, rendered) {
            return None;
        }
        let images = images_of(self.chart, self.input, rendered);
        // The mirror lacks any other image: for example one that shares a registry with the others, and
        // is not mirrored.
        if images.iter().any(|image| !self.known.contains(&image.reference.name())) {
            return None;
        }
        let stay = images.iter().filter(|image| self.sources.contains(&image.reference.name()));
        Some(stay.map(|image| image.provenance.len()).sum())
    }

    /// Returns the images with edits.
    async fn images(&mut self, edits: &[Edit]) -> Option<Vec<Image>> {
        self.left = self.left.max(1);
        let rendered = self.render(edits).await?;
        Some(images_of(self.chart, self.input, &rendered))
    }
}

#[cfg(test)]
mod tests;
