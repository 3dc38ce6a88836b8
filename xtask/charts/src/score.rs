//! Counts what was found, by class.

use std::collections::{BTreeMap, BTreeSet};

use longshore_chart::images::{Discovery, Image, RemarkKind, Rule};

use crate::truth::{Expected, Needed};

/// The counts of one class.
#[derive(Debug, Default, Clone, Copy)]
struct Class {
    needed: usize,
    found: usize,
    wrong: usize,
}

impl Class {
    fn add(&mut self, other: Self) {
        self.needed += other.needed;
        self.found += other.found;
        self.wrong += other.wrong;
    }
}

/// What was found in all charts.
#[derive(Debug, Default)]
pub(crate) struct Score {
    charts: usize,
    classes: BTreeMap<String, Class>,
    disabled: Class,
    /// Images that were found, but that only a component that is off or an operator needs.
    others: usize,
    /// Charts whose operators choose images, and those of them with a remark.
    operators: (usize, usize),
    /// Pairs of charts that do not render.
    unread: usize,
}

impl Score {
    /// Counts a chart that could not be rendered. Its values still name images.
    pub(crate) fn add_unrendered(&mut self, name: &str, expected: &Expected, found: &Discovery) {
        self.unread += expected.images.iter().filter(|image| image.is_needed()).count();
        let known = expected.images.iter().map(Needed::reference).collect();
        self.add_disabled(name, expected, found, &known);
    }

    /// Counts what was found in a chart, and prints misses and mistakes.
    pub(crate) fn add(&mut self, name: &str, expected: &Expected, found: &Discovery) {
        self.charts += 1;
        let mut needed: BTreeMap<String, &Needed> = BTreeMap::new();
        for image in expected.images.iter().filter(|image| image.is_needed()) {
            needed.entry(image.reference()).or_insert(image);
        }
        let known: BTreeSet<String> = expected.images.iter().map(Needed::reference).collect();
        let images: BTreeMap<String, &Image> =
            found.images.iter().map(|image| (image.reference.to_string(), image)).collect();
        for (reference, image) in &needed {
            let class = self.classes.entry(image.class.clone()).or_default();
            class.needed += 1;
            if images.contains_key(reference) {
                class.found += 1;
            } else {
                println!("{name}: missed {} {reference}: {}", image.class, image.place);
            }
        }
        for (reference, image) in &images {
            if needed.contains_key(reference) {
                continue;
            }
            if known.contains(reference) {
                self.others += 1;
                println!("{name}: found, but not needed now: {reference}");
                continue;
            }
            self.classes.entry(class_of(image).to_owned()).or_default().wrong += 1;
            let place = image.provenance.first().map(ToString::to_string).unwrap_or_default();
            println!("{name}: wrong {reference}: {place}");
        }
        self.add_disabled(name, expected, found, &known);
        self.add_operators(name, expected, found);
    }

    /// Counts the images of components that are off. One that a rendering has too is found as well.
    fn add_disabled(
        &mut self,
        name: &str,
        expected: &Expected,
        found: &Discovery,
        known: &BTreeSet<String>,
    ) {
        let of = |images: &[Image]| -> BTreeSet<String> {
            images.iter().map(|image| image.reference.to_string()).collect()
        };
        let (images, disabled) = (of(&found.images), of(&found.disabled));
        let needed: BTreeMap<String, &Needed> = expected
            .images
            .iter()
            .filter(|image| image.is_disabled())
            .map(|image| (image.reference(), image))
            .collect();
        self.disabled.needed += needed.len();
        for (reference, image) in needed {
            if disabled.contains(&reference) || images.contains(&reference) {
                self.disabled.found += 1;
            } else {
                println!("{name}: missed e {reference}: {}", image.place);
            }
        }
        for image in &found.disabled {
            let reference = image.reference.to_string();
            if !known.contains(&reference) {
                self.disabled.wrong += 1;
                let place = image.provenance.first().map(ToString::to_string).unwrap_or_default();
                println!("{name}: wrong e {reference}: {place}");
            }
        }
    }

    fn add_operators(&mut self, name: &str, expected: &Expected, found: &Discovery) {
        if !expected.images.iter().any(|image| image.class == "g") {
            return;
        }
        self.operators.0 += 1;
        let is_said = |kind| matches!(kind, RemarkKind::OperatorChooses | RemarkKind::NotTaken);
        if found.remarks.iter().any(|remark| is_said(remark.kind)) {
            self.operators.1 += 1;
        } else {
            println!("{name}: no remark says that an operator chooses images");
        }
    }

    /// Prints the sums.
    pub(crate) fn print(&self) {
        println!("\nclass  needed  found  wrong  recall  precision");
        let mut all = Class::default();
        for (name, class) in &self.classes {
            print_class(name, *class);
            all.add(*class);
        }
        print_class("a-d", all);
        print_class("e", self.disabled);
        println!("\n{} charts; {} images found that are not needed now", self.charts, self.others);
        println!("{} of {} charts with class g have a remark", self.operators.1, self.operators.0);
        if self.unread > 0 {
            println!("{} images are in charts that do not render", self.unread);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn print_class(name: &str, class: Class) {
    let Class { needed, found, wrong } = class;
    let share = |part: usize, whole: usize| match whole {
        0 => "–".to_owned(),
        whole => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    };
    println!(
        "{name:<5}  {needed:>6}  {found:>5}  {wrong:>5}  {:>6}  {:>9}",
        share(found, needed),
        share(found, found + wrong)
    );
}

/// Returns the class of an image that the truth does not have.
fn class_of(image: &Image) -> &'static str {
    let Some(first) = image.provenance.first() else { return "b" };
    let is_text = ["ConfigMap", "Secret"].iter().any(|kind| first.object.starts_with(kind));
    match first.rule {
        _ if is_text => "d",
        Rule::Argument | Rule::Variable => "c",
        Rule::Container => "a",
        _ => "b",
    }
}
