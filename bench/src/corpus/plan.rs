//! Defines the content of the corpora.

use longshore_content::{Content, Image, Index};

const MB: usize = 1_000_000;
const KB: usize = 1_000;

/// An image to generate, with the seeds and sizes of its layers.
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
    /// Generates the manifest, or the index for several platforms, with all content.
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

/// A corpus to generate.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The name in the report.
    pub(crate) name: String,
    /// The images, in the order of the list.
    pub(crate) images: Vec<PlannedImage>,
}

impl Plan {
    /// Plans repositories with two platforms each. A sixth of them share a base layer, and a tenth
    /// (of 40) share a layer above it. All other layers are unique. Sizes are divided by `divisor`.
    ///
    /// 40 repositories have 387 distinct blobs: 80 configs, 12 + 20 shared layers and 275 unique
    /// layers.
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

    /// Plans images of one platform. Each has its own layer and a layer that about five images
    /// share.
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

    /// Returns the distinct layers and their sizes. There is one config per platform.
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
