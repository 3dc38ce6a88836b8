//! Archives that are the same for the same content.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Packs a folder as `NAME/…` into a `.tar.gz`, in the order of the names, without times and owners.
pub(super) fn pack(folder: &Path, name: &str, archive: &Path) -> Result<()> {
    let written = || format!("failed to write {}", archive.display());
    let file = File::create(archive).with_context(written)?;
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::best()));
    tar.mode(tar::HeaderMode::Deterministic);
    for path in files(folder)? {
        let inside = Path::new(name).join(path.strip_prefix(folder)?);
        tar.append_path_with_name(&path, inside).with_context(written)?;
    }
    tar.into_inner().and_then(GzEncoder::finish).with_context(written)?.flush()?;
    Ok(())
}

/// Writes the SHA-256 of the archive, as `sha256sum --check` reads it.
pub(super) fn write_sums(archive: &Path, sums: &Path) -> Result<()> {
    let bytes =
        fs::read(archive).with_context(|| format!("failed to read {}", archive.display()))?;
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let name = archive.file_name().context("the archive has a name")?.to_string_lossy();
    fs::write(sums, format!("{hex}  {name}\n"))
        .with_context(|| format!("failed to write {}", sums.display()))
}

/// Returns all files below a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::{pack, write_sums};

    #[test]
    fn the_same_content_is_the_same_archive() {
        let root = std::env::temp_dir().join(format!("longshore-dist-{}", std::process::id()));
        let mut archives = Vec::new();
        for copy in ["one", "two"] {
            let folder = root.join(copy);
            fs::create_dir_all(folder.join("man/man1")).expect("a folder");
            fs::write(folder.join("longshore"), "binary").expect("a file");
            fs::write(folder.join("man/man1/longshore.1"), "page").expect("a file");
            let archive = root.join(format!("{copy}.tar.gz"));
            pack(&folder, "longshore-1", &archive).expect("it is packed");
            archives.push(fs::read(&archive).expect("it is there"));
        }
        assert_eq!(archives[0], archives[1]);
        let sums = root.join("sums");
        write_sums(&root.join("one.tar.gz"), &sums).expect("it is written");
        let text = fs::read_to_string(&sums).expect("it is there");
        assert!(text.ends_with("  one.tar.gz\n") && text.len() == 64 + 13, "{text}");
        let mut tar = tar::Archive::new(GzDecoder::new(archives[0].as_slice()));
        let mut names = Vec::new();
        for entry in tar.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            names.push(entry.path().expect("a path").display().to_string());
            entry.read_to_end(&mut Vec::new()).expect("content");
        }
        assert_eq!(names, ["longshore-1/longshore", "longshore-1/man/man1/longshore.1"]);
        fs::remove_dir_all(root).expect("it is removed");
    }
}
