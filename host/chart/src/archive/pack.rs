//! Packs files into an archive: the same files give the same bytes.

use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

/// Packs files below the folder `name`, `Chart.yaml` first and the others by path.
///
/// No time, owner or mode of a file is in the archive.
pub fn pack(name: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut sorted: Vec<&(String, Vec<u8>)> = files.iter().collect();
    sorted.sort_by_key(|(path, _)| (path != "Chart.yaml", path.as_str()));
    let gzip = GzBuilder::new().mtime(0).operating_system(255);
    let packed = || {
        let mut tar = tar::Builder::new(gzip.write(Vec::new(), Compression::default()));
        for (path, content) in sorted {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, format!("{name}/{path}"), content.as_slice())?;
        }
        tar.into_inner()?.finish()
    };
    // Writing into memory fails only for paths that no tar can hold, such as those with a NUL, and
    // the paths were checked or come from a file system.
    packed().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::pack;
    use crate::archive::Chart;

    #[test]
    fn the_order_of_files_does_not_matter() {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let chart = file("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n");
        let long = file(&format!("templates/{}x.yaml", "long/".repeat(50)), "x");
        let (one, two) = (file("A", "1"), file("templates/b", "2"));
        let first = pack("a", &[one.clone(), two.clone(), long.clone(), chart.clone()]);
        let second = pack("a", &[chart.clone(), long.clone(), two, one]);
        assert_eq!(first, second);
        let unpacked = Chart::of_archive(&first).unwrap();
        assert_eq!(unpacked.files()[0], chart);
        assert!(unpacked.files().contains(&long), "long paths survive");
    }
}
