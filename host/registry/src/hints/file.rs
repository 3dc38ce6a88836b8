//! The file format of hints.
//!
//! The first line names the format and ends in the digest of all that follows. Then come the length
//! of the names, the repository names as lines, and one row per hint, sorted by blob digest.
//!
//! Files are streamed in both directions, so a full file needs no more memory than the run's own
//! changes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;

use longshore_files::CacheFolder;
use longshore_oci::{Algorithm, Hasher, Repository};

/// The start of the first line.
const START: &str = "longshore hints 1 ";
/// Bytes of the first line: its start, a SHA-256 digest and a line feed.
const FIRST_LINE: u64 = START.len() as u64 + 71 + 1;
/// Bytes of the field that holds the length of the names.
const LENGTH: u64 = 4;
/// Bytes per hint: the blob's digest, the number of its repository, and the time it was learnt.
const ROW: usize = 32 + 4 + 4;
/// The largest file we write, in bytes.
const LARGEST: u64 = 32 * 1024 * 1024;

/// A SHA-256 digest. Blobs with other digests are rare and get no hints.
pub(super) type Key = [u8; 32];
/// Changes of a run: the blob's new home, or `None` if the hint is no longer right.
pub(super) type HintUpdates = HashMap<Key, Option<Repository>>;

/// One hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    digest: Key,
    /// The index of the repository's name.
    home: u32,
    /// Seconds since 1970; the type lasts until 2106.
    learnt: u32,
}

impl Row {
    fn read(bytes: &[u8; ROW]) -> Self {
        let [digest @ .., _, _, _, _, _, _, _, _] = *bytes;
        let [.., a, b, c, d, e, f, g, h] = *bytes;
        let (home, learnt) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        Self { digest, home, learnt }
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.digest)?;
        to.write_all(&self.home.to_le_bytes())?;
        to.write_all(&self.learnt.to_le_bytes())
    }
}

/// All hints of a file.
#[derive(Debug, Default)]
pub(super) struct StoredHints {
    names: Vec<Repository>,
    /// Sorted by digest; 40 bytes each.
    rows: Vec<Row>,
}

impl StoredHints {
    /// Reads the file `name`. A file that is missing, damaged or unreadable counts as empty.
    pub(super) fn read(folder: &CacheFolder, name: &str) -> Self {
        let read = || {
            let mut file = HintFile::open(folder, name)?;
            let mut rows = Vec::with_capacity(file.length().ok()?);
            for row in file.rows().ok()? {
                rows.push(row.ok()?);
            }
            Some(Self { names: file.names, rows })
        };
        read().unwrap_or_default()
    }

    /// The repository that held the blob.
    pub(super) fn home(&self, digest: &Key) -> Option<&Repository> {
        let at = self.rows.binary_search_by(|row| row.digest.cmp(digest)).ok()?;
        self.names.get(self.rows[at].home as usize)
    }
}

/// An open file with a correct digest.
#[derive(Debug)]
struct HintFile {
    names: Vec<Repository>,
    rows_start: u64,
    file: BufReader<File>,
}

impl HintFile {
    fn open(folder: &CacheFolder, name: &str) -> Option<Self> {
        let file = folder.open_file(name).ok()?;
        if file.metadata().ok()?.len() > LARGEST {
            return None;
        }
        let mut file = BufReader::new(file);
        let mut first = [0; FIRST_LINE as usize];
        file.read_exact(&mut first).ok()?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        loop {
            let piece = file.fill_buf().ok()?;
            if piece.is_empty() {
                break;
            }
            hasher.update(piece);
            let length = piece.len();
            file.consume(length);
        }
        if first != first_line(hasher).as_bytes() {
            return None;
        }
        file.seek(SeekFrom::Start(FIRST_LINE)).ok()?;
        let mut length = [0; LENGTH as usize];
        file.read_exact(&mut length).ok()?;
        let length = u64::from(u32::from_le_bytes(length));
        let lines = file.by_ref().take(length).lines();
        let names = lines.map(|line| line.ok()?.parse().ok()).collect::<Option<_>>()?;
        Some(Self { names, rows_start: FIRST_LINE + LENGTH + length, file })
    }

    /// The number of rows.
    fn length(&self) -> io::Result<usize> {
        let rows = self.file.get_ref().metadata()?.len().saturating_sub(self.rows_start);
        Ok(usize::try_from(rows).unwrap_or(usize::MAX) / ROW)
    }

    /// Iterates over the rows from the first one.
    fn rows(&mut self) -> io::Result<impl Iterator<Item = io::Result<Row>>> {
        self.file.seek(SeekFrom::Start(self.rows_start))?;
        Ok(std::iter::from_fn(|| {
            let at_end = |piece: &[u8]| piece.is_empty();
            match self.file.fill_buf().map(at_end) {
                Ok(true) => return None,
                Ok(false) => {}
                Err(error) => return Some(Err(error)),
            }
            let mut row = [0; ROW];
            Some(self.file.read_exact(&mut row).map(|()| Row::read(&row)))
        }))
    }
}

fn first_line(body: Hasher) -> String {
    format!("{START}{}\n", body.finish())
}

/// Merges the changes `learnt` at `now` into the file `name`.
///
/// Above `limit` hints, the oldest are dropped.
pub(super) fn add(
    folder: &CacheFolder,
    name: &str,
    learnt: &HintUpdates,
    limit: usize,
    now: u32,
) -> io::Result<()> {
    let mut old = HintFile::open(folder, name);
    let mut homes: Vec<_> =
        learnt.iter().filter_map(|(digest, home)| Some((*digest, home.as_ref()?))).collect();
    homes.truncate(limit);
    homes.sort_unstable();
    let mut retention = Retention::new(old.as_mut(), learnt, limit - homes.len())?;
    let (mut names, mut of_old) = (Names::default(), Vec::new());
    for (name, used) in old.iter().flat_map(|old| &old.names).zip(&retention.names) {
        of_old.push(if *used { names.number_of(name) } else { 0 });
    }
    let new: Vec<Row> = homes
        .into_iter()
        .map(|(digest, home)| Row { digest, home: names.number_of(home), learnt: now })
        .collect();
    let names = names.in_order;

    folder.replace_with(name, |file| {
        file.seek(SeekFrom::Start(FIRST_LINE))?;
        let hashed = Hashed { to: &mut *file, hasher: Hasher::new(Algorithm::Sha256) };
        let mut body = BufWriter::new(hashed);
        let length: usize = names.iter().map(|name| name.as_str().len() + 1).sum();
        body.write_all(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes())?;
        for name in &names {
            writeln!(body, "{name}")?;
        }
        let mut new = new.into_iter().peekable();
        let rows = old.as_mut().map(HintFile::rows).transpose()?;
        for row in rows.into_iter().flatten() {
            let mut row = row?;
            if !retention.keeps(&row) {
                continue;
            }
            while let Some(before) = new.next_if(|new| new.digest < row.digest) {
                before.write(&mut body)?;
            }
            row.home = of_old.get(row.home as usize).copied().unwrap_or_default();
            row.write(&mut body)?;
        }
        new.try_for_each(|row| row.write(&mut body))?;
        let hasher = body.into_inner()?.hasher;
        file.write_all_at(first_line(hasher).as_bytes(), 0)
    })
}

/// Decides which rows of an older file are kept.
struct Retention<'a> {
    learnt: &'a HintUpdates,
    /// Rows learnt before this time are dropped.
    since: u32,
    /// How many rows learnt exactly at that time are dropped too.
    excess: usize,
    /// Whether each name is still used.
    names: Vec<bool>,
}

impl<'a> Retention<'a> {
    /// Keeps at most `room` rows.
    fn new(old: Option<&mut HintFile>, learnt: &'a HintUpdates, room: usize) -> io::Result<Self> {
        let mut retention = Self { learnt, since: 0, excess: 0, names: Vec::new() };
        let Some(old) = old else { return Ok(retention) };
        let mut ages = Vec::with_capacity(old.length()?);
        retention.names = vec![false; old.names.len()];
        for row in old.rows()? {
            let row = row?;
            if !learnt.contains_key(&row.digest) {
                ages.push(row.learnt);
                if let Some(used) = retention.names.get_mut(row.home as usize) {
                    *used = true;
                }
            }
        }
        if let Some(excess) = ages.len().checked_sub(room).filter(|excess| *excess > 0) {
            ages.sort_unstable();
            retention.since = ages[excess - 1];
            retention.excess = ages[..excess].iter().filter(|age| **age == retention.since).count();
        }
        Ok(retention)
    }

    /// Must be called once per row, in order.
    fn keeps(&mut self, row: &Row) -> bool {
        if self.learnt.contains_key(&row.digest) || row.learnt < self.since {
            return false;
        }
        if row.learnt == self.since && self.excess > 0 {
            self.excess -= 1;
            return false;
        }
        true
    }
}

/// The repository names of a file.
#[derive(Default)]
struct Names {
    in_order: Vec<Repository>,
    numbers: HashMap<Repository, u32>,
}

impl Names {
    fn number_of(&mut self, name: &Repository) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // Memory runs out long before numbers do.
        let number = u32::try_from(self.in_order.len()).unwrap_or(u32::MAX);
        self.in_order.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

/// Hashes all bytes that are written.
struct Hashed<W> {
    to: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{HintFile, HintUpdates, Key, StoredHints, add};
    use longshore_files::CacheFolder;

    struct Scratch {
        folder: CacheFolder,
        _root: tempfile::TempDir,
    }

    impl Scratch {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            Self { folder: CacheFolder::open(root.path(), "hints").unwrap(), _root: root }
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("x")
        }

        /// Adds changes at a time, with room for four hints.
        fn add(&self, pairs: &[(u8, Option<&str>)], at: u32) {
            let home = |home: &str| home.parse().unwrap();
            let learnt: HintUpdates =
                pairs.iter().map(|(digest, at)| ([*digest; 32], at.map(home))).collect();
            add(&self.folder, "x", &learnt, 4, at).unwrap();
        }

        /// The first byte of each blob's digest, and its home.
        fn hints(&self) -> Vec<(u8, String)> {
            let known = StoredHints::read(&self.folder, "x");
            let keys: Vec<Key> = known.rows.iter().map(|row| row.digest).collect();
            assert!(keys.is_sorted());
            let home = |key: &Key| (key[0], known.home(key).unwrap().to_string());
            keys.iter().map(home).collect()
        }
    }

    fn hints(pairs: &[(u8, &str)]) -> Vec<(u8, String)> {
        pairs.iter().map(|(digest, home)| (*digest, (*home).to_owned())).collect()
    }

    #[test]
    fn what_is_learnt_replaces_what_was_known() {
        let scratch = Scratch::new();
        assert!(scratch.hints().is_empty(), "there is no file yet");
        scratch.add(&[(2, Some("a/x")), (4, Some("a/y"))], 1);
        scratch.add(&[(1, Some("b")), (3, Some("a/x")), (4, None)], 2);
        assert_eq!(scratch.hints(), hints(&[(1, "b"), (2, "a/x"), (3, "a/x")]));
        let text = String::from_utf8_lossy(&fs::read(scratch.file()).unwrap()).into_owned();
        assert!(!text.contains("a/y"), "nothing is there any more");
        scratch.add(&[(1, None), (2, None), (3, Some("c")), (5, Some("b"))], 3);
        assert_eq!(scratch.hints(), hints(&[(3, "c"), (5, "b")]));
    }

    #[test]
    fn the_oldest_go_first() {
        let scratch = Scratch::new();
        scratch.add(&[(1, Some("a")), (9, Some("a"))], 2);
        scratch.add(&[(2, Some("a"))], 1);
        scratch.add(&[(3, Some("a"))], 3);
        scratch.add(&[(4, Some("b"))], 4);
        assert_eq!(scratch.hints(), hints(&[(1, "a"), (3, "a"), (4, "b"), (9, "a")]));
        scratch.add(&[(5, Some("b"))], 5);
        assert_eq!(scratch.hints(), hints(&[(3, "a"), (4, "b"), (5, "b"), (9, "a")]), "one of two");
        scratch.add(&[(6, Some("b")), (7, Some("b")), (8, Some("b")), (5, Some("c"))], 6);
        assert_eq!(scratch.hints(), hints(&[(5, "c"), (6, "b"), (7, "b"), (8, "b")]));
        scratch.add(&[1, 2, 3, 4, 9].map(|digest| (digest, Some("d"))), 7);
        assert_eq!(scratch.hints().len(), 4, "more were learnt than there is room for");
    }

    #[test]
    fn a_damaged_file_has_no_hints_and_is_replaced() {
        let scratch = Scratch::new();
        scratch.add(&[(1, Some("a/x")), (2, Some("b"))], 1);
        let good = fs::read(scratch.file()).unwrap();
        for at in 0..good.len() {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            fs::write(scratch.file(), &damaged).unwrap();
            assert!(HintFile::open(&scratch.folder, "x").is_none(), "byte {at}");
            fs::write(scratch.file(), &good[..at]).unwrap();
            assert!(HintFile::open(&scratch.folder, "x").is_none(), "the first {at} bytes");
        }
        scratch.add(&[(3, Some("a/x"))], 2);
        assert_eq!(scratch.hints(), hints(&[(3, "a/x")]));
    }
}
