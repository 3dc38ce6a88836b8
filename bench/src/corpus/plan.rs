//! What the corpora are made of.

use longshore_content::{Content, Image, Index};

const MB: usize = 1_000_000;
const KB: usize = 1_000;

/// An image that can be made, with the bytes that its seeds stand for.
#[derive(Debug)]
pub(crate) struct PlannedImage {
    /// The repository.
    pub(crate) repository: String,
    /// The tag.
    pub(crate) tag: String,
    /// Platforms, each with the seeds and sizes of its layers.
    platforms: Vec<(&'static str, Vec<(u64, usize)>)>,
}

impl PlannedImage {
    /// The manifest, or the index where there are several platforms, with all that is below it.
    pub(crate) fn content(&self) -> Content {
        let image = |(platform, layers): &(&str, Vec<(u64, usize)>)| {
            let image = Image::new(platform).label("name", &self.repository);
            layers.iter().fold(image, |image, &(seed, size)| image.gzip_layer(seed, size)).build()
        };
        if let [single] = self.platforms.as_slice() {
            return image(single);
        }
        let children = self.platforms.iter().map(image);
        children.fold(Index::oci(), |index, child| index.child(&child)).build()
    }
}

/// A corpus that can be made.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How the report calls it.
    pub(crate) name: String,
    /// In the order of the list.
    pub(crate) images: Vec<PlannedImage>,
}

impl Plan {
    /// Repositories with two platforms each. A layer at the bottom is shared by a sixth of them, one
    /// above it by a tenth (of 40), the others are their own; sizes are divided by `divisor`.
    ///
    /// 40 repositories have 387 distinct blobs: 80 configs, 12 + 20 shared layers, 275 of their own.
    pub(crate) fn mixed(repositories: usize, divisor: usize) -> Self {
        let bases = (repositories * 6 / 40).max(1);
        let runtimes = (repositories * 10 / 40).max(1);
        let fourth = repositories * 35 / 40;
        let layers = |repository: usize, platform: usize| {
            let number = repository * 2 + platform;
            let layer = |kind: u64, number: usize, size: usize| {
                (kind * 10_000 + number as u64, (size + number * 101) / divisor)
            };
            let mut layers = vec![
                layer(1, repository % bases * 2 + platform, 30 * MB),
                layer(2, repository % runtimes * 2 + platform, 20 * MB),
                layer(3, number, (3 + number % 9) * MB),
                layer(4, number, 1_200 * KB),
                layer(5, number, 40 * KB),
            ];
            if number < fourth {
                layers.push(layer(6, number, 900 * KB));
            }
            layers
        };
        let images = (0..repositories).map(|repository| PlannedImage {
            repository: format!("mixed/app-{repository:03}"),
            tag: "1.0".to_owned(),
            platforms: vec![
                ("linux/amd64", layers(repository, 0)),
                ("linux/arm64", layers(repository, 1)),
            ],
        });
        Self { name: "mixed".to_owned(), images: images.collect() }
    }

    /// Images of one platform with a layer of their own and one that about five share.
    ///
    /// 500 images have 1,101 distinct blobs.
    pub(crate) fn tiny(images: usize) -> Self {
        let shared = (images * 101 / 500).max(1);
        let images = (0..images).map(|number| {
            let below = number % shared;
            let layers = vec![
                (20_000_000 + below as u64, 20 * KB + below * 101),
                (21_000_000 + number as u64, 2 * KB + number % 16 * KB),
            ];
            PlannedImage {
                repository: format!("tiny/app-{number:03}"),
                tag: "1.0".to_owned(),
                platforms: vec![("linux/amd64", layers)],
            }
        });
        Self { name: "tiny".to_owned(), images: images.collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Plan;

    /// Distinct layers and their bytes; configs are one per platform.
    fn layers(plan: &Plan) -> BTreeMap<u64, usize> {
        let platforms = plan.images.iter().flat_map(|image| &image.platforms);
        platforms.flat_map(|(_, layers)| layers.iter().copied()).collect()
    }

    #[test]
    fn the_corpora_have_the_size_that_the_readme_says() {
        let mixed = layers(&Plan::mixed(40, 1));
        assert_eq!(mixed.len() + 80, 387);
        let megabytes = mixed.values().sum::<usize>() / 1_000_000;
        assert!((1_440..1_460).contains(&megabytes), "{megabytes} MB");
        assert_eq!(layers(&Plan::tiny(500)).len() + 500, 1_101);
    }
}
