//! Unpacks an archive into memory, within bounds.

use std::collections::HashSet;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::{ArchiveError, Files};

/// The largest unpacked chart with its subcharts, in bytes; Helm has the same limit.
pub(super) const TOTAL: u64 = 100 * 1024 * 1024;
/// The most files of a chart with its subcharts.
pub(super) const FILES: usize = 20_000;
/// The most bytes that one byte of the archive may unpack to. Real charts reach 20.
const RATIO: u64 = 200;
/// Archives that unpack to less need not keep the ratio.
const HARMLESS: u64 = 4 * 1024 * 1024;
/// The longest path, in bytes.
const PATH: usize = 1024;
/// Messages show at most this many characters of each end of a name.
const SHOWN: usize = 60;

/// What may still be unpacked: a chart shares it with its subcharts.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: u64,
    files: usize,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self { bytes: TOTAL, files: FILES }
    }

    /// Takes one file of `bytes` bytes.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        self.files =
            self.files.checked_sub(1).ok_or(ArchiveError::TooManyFiles { limit: FILES })?;
        self.bytes =
            self.bytes.checked_sub(bytes).ok_or(ArchiveError::TooLarge { limit: TOTAL })?;
        Ok(())
    }
}

/// Unpacks an archive; the paths lack the chart's folder.
pub(super) fn unpack(archive: &[u8], budget: &mut Budget) -> Result<Files, ArchiveError> {
    if !archive.starts_with(&[0x1f, 0x8b]) {
        return Err(ArchiveError::NotGzip);
    }
    let compressed = archive.len() as u64;
    let by_ratio = compressed.saturating_mul(RATIO).max(HARMLESS);
    // Headers and padding come on top of the files.
    let limit = by_ratio.min(2 * TOTAL);
    let reader = Limited { inner: MultiGzDecoder::new(archive), left: limit, exceeded: false };
    let mut tar = tar::Archive::new(reader);
    let unpacked = read_entries(&mut tar, budget);
    let exceeded = tar.into_inner().exceeded;
    match unpacked {
        Err(_) if exceeded && by_ratio < 2 * TOTAL => Err(ArchiveError::Bomb { compressed, limit }),
        Err(_) if exceeded => Err(ArchiveError::TooLarge { limit: TOTAL }),
        unpacked => unpacked,
    }
}

fn read_entries<R: Read>(
    tar: &mut tar::Archive<R>,
    budget: &mut Budget,
) -> Result<Files, ArchiveError> {
    let broken = |error: io::Error| ArchiveError::Broken(error.to_string());
    let mut files = Files::new();
    let mut paths = HashSet::new();
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory => {
                inside(&name)?;
                continue;
            }
            EntryType::XGlobalHeader | EntryType::XHeader => continue,
            other => return Err(ArchiveError::Kind { entry: shown(&name), kind: kind(other) }),
        }
        let Some(path) = inside(&name)? else {
            let why = "the file is not in the chart's folder";
            return Err(ArchiveError::Path { entry: shown(&name), why });
        };
        if !paths.insert(path.clone()) {
            return Err(ArchiveError::Duplicate(shown(&name)));
        }
        // A header may claim any size, so memory grows only as bytes arrive.
        budget.take(entry.size())?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        if content.len() as u64 != entry.size() {
            return Err(ArchiveError::Broken(format!("{} is cut off", shown(&name))));
        }
        if content.starts_with(&[0xef, 0xbb, 0xbf]) {
            content.drain(..3);
        }
        files.push((path, content));
    }
    Ok(files)
}

/// Returns the path inside the chart's folder; `None` for the folder itself.
fn inside(name: &str) -> Result<Option<String>, ArchiveError> {
    let refused = |why| Err(ArchiveError::Path { entry: shown(name), why });
    if name.len() > PATH {
        return refused("the path is too long");
    }
    if name.contains(|c: char| c.is_control() || c == '\u{fffd}') {
        return refused("the path has control characters or is not UTF-8");
    }
    // Archives from Windows may have backslashes.
    let path = name.replace('\\', "/");
    if path.starts_with('/') {
        return refused("the path is absolute");
    }
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return refused("the path leads out of the chart");
        }
        // `c:` names a drive.
        if part.len() == 2 && part.ends_with(':') {
            return refused("the path names a drive");
        }
        parts.push(part);
    }
    Ok(parts.split_first().filter(|(_, rest)| !rest.is_empty()).map(|(_, rest)| rest.join("/")))
}

/// Returns a name for a message; the middle of a long one is left out.
fn shown(name: &str) -> String {
    let length = name.chars().count();
    if length <= 2 * SHOWN {
        return name.to_owned();
    }
    let begin: String = name.chars().take(SHOWN).collect();
    let end: String = name.chars().skip(length - SHOWN).collect();
    format!("{begin}…{end}")
}

fn kind(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "symbolic link",
        EntryType::Link => "hard link",
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "named pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "special file",
    }
}

/// A reader that fails after a number of bytes.
struct Limited<R> {
    inner: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("too large"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{EntryType, Header};

    use super::{Budget, unpack};
    use crate::archive::Files;

    /// An entry with any path; the tar crate would refuse some.
    fn raw(name: &str, kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, kind, content) in entries {
            tar.append(&raw(name, *kind, content.len() as u64), *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn files(entries: &[(&str, &[u8])]) -> Result<Files, String> {
        let entries: Vec<_> =
            entries.iter().map(|(name, content)| (*name, EntryType::Regular, *content)).collect();
        unpack(&archive(&entries), &mut Budget::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn files_lose_the_chart_s_folder() {
        let found = files(&[
            ("a/Chart.yaml", b"\xef\xbb\xbfname: a"),
            ("./a/templates/./x.yaml", b"x"),
            ("a\\values.yaml", b"v"),
        ]);
        let paths: Vec<_> =
            found.unwrap().into_iter().map(|(path, content)| (path, content.len())).collect();
        let expected = [("Chart.yaml", 7), ("templates/x.yaml", 1), ("values.yaml", 1)];
        assert_eq!(paths, expected.map(|(path, length)| (path.to_owned(), length)));
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for (path, why) in [
            ("a/../../etc/passwd", "leads out"),
            ("../a/Chart.yaml", "leads out"),
            ("a/..", "leads out"),
            ("a\\..\\..\\x", "leads out"),
            ("/a/Chart.yaml", "absolute"),
            ("\\a\\x", "absolute"),
            ("a/c:/x", "drive"),
            ("Chart.yaml", "not in the chart's folder"),
            ("a/x\ny", "control characters"),
        ] {
            let error = files(&[(path, b"x")]).unwrap_err();
            assert!(error.contains(why), "{path}: {error}");
        }
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = raw("", EntryType::Regular, 1);
        tar.append_data(&mut header, format!("a/{}", "x".repeat(5000)), &b"x"[..]).unwrap();
        let long = tar.into_inner().unwrap().finish().unwrap();
        let error = unpack(&long, &mut Budget::new()).unwrap_err().to_string();
        assert!(error.contains("xx…xx") && error.len() < 300, "{error}");
        let folder = archive(&[("a/../..", EntryType::Directory, b"")]);
        assert!(unpack(&folder, &mut Budget::new()).is_err(), "a folder may not lead out either");
    }

    #[test]
    fn links_devices_and_pipes_are_refused() {
        for (kind, name) in [
            (EntryType::Symlink, "symbolic link"),
            (EntryType::Link, "hard link"),
            (EntryType::Char, "device"),
            (EntryType::Block, "device"),
            (EntryType::Fifo, "named pipe"),
        ] {
            let error = unpack(&archive(&[("a/x", kind, b"")]), &mut Budget::new()).unwrap_err();
            assert!(error.to_string().contains(&format!("is a {name}")), "{error}");
        }
    }

    #[test]
    fn a_path_that_is_there_twice_is_refused() {
        for second in ["a/x", "a/./x", "b/x", "a\\x"] {
            let error = files(&[("a/x", b"1"), (second, b"2")]).unwrap_err();
            assert!(error.ends_with("is there twice"), "{second}: {error}");
        }
    }

    #[test]
    fn bombs_are_refused_by_ratio_size_and_number() {
        let zeros = vec![0; 8 * 1024 * 1024];
        let error = files(&[("a/x", &zeros)]).unwrap_err();
        assert!(error.contains("which no chart does"), "{error}");
        let mut budget = Budget { bytes: 10, files: 2 };
        let three = archive(&[("a/x", EntryType::Regular, b"12345678901")]);
        assert!(unpack(&three, &mut budget).unwrap_err().to_string().contains("larger than"));
        let mut budget = Budget { bytes: 10, files: 2 };
        let entries = ["a/1", "a/2", "a/3"].map(|name| (name, EntryType::Regular, &b"x"[..]));
        let error = unpack(&archive(&entries), &mut budget).unwrap_err();
        assert!(error.to_string().contains("files"), "{error}");
    }

    #[test]
    fn a_size_that_the_archive_only_claims_costs_no_memory() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(raw("a/x", EntryType::Regular, 90 * 1024 * 1024).as_bytes()).unwrap();
        gzip.write_all(b"short").unwrap();
        let error = unpack(&gzip.finish().unwrap(), &mut Budget::new()).unwrap_err().to_string();
        assert!(error.contains("broken"), "{error}");
    }

    #[test]
    fn what_is_no_archive_is_said() {
        for (content, why) in [
            (&b"name: a"[..], "not a gzip"),
            (b"", "not a gzip"),
            (b"\x1f\x8b\x08\x00broken", "broken"),
        ] {
            let error = unpack(content, &mut Budget::new()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let whole = archive(&[("a/x", EntryType::Regular, &[7; 5000])]);
        let cut = unpack(&whole[..whole.len() / 2], &mut Budget::new()).unwrap_err().to_string();
        assert!(cut.contains("broken"), "{cut}");
    }
}
