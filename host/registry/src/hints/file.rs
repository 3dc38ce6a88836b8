//! A file of hints: one line that says what it is and ends in the digest of all that follows; the length
//! of the names, the repositories' names in lines, and a row for each hint, by the blob's digest.
//!
//! It is read and written a piece at a time: one of the greatest size costs a run no more memory than
//! what it has learnt itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use longshore_cache::CacheFolder;
use longshore_oci::{Algorithm, Hasher, Repository};

/// How the first line begins.
const START: &str = "longshore hints 1 ";
/// Bytes of the first line: a SHA-256 digest and the line's end follow its start.
const FIRST_LINE: u64 = START.len() as u64 + 71 + 1;
/// Bytes of the length of the names.
const LENGTH: u64 = 4;
/// A hint takes so many bytes: the blob's digest, the number of its repository, and when it was
/// learnt.
const ROW: usize = 32 + 4 + 4;
/// No file that we have written is larger, in bytes.
const LARGEST: u64 = 32 * 1024 * 1024;

/// A SHA-256 digest; blobs with others are so rare that they have no hints.
pub(super) type Key = [u8; 32];
/// What a run has learnt: where blobs are now, or that they are not where they were.
pub(super) type Learnt = HashMap<Key, Option<Repository>>;

/// Where one blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    digest: Key,
    /// The number of its repository's name.
    home: u32,
    /// Seconds since 1970, which last until 2106.
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
pub(super) struct KnownHints {
    names: Vec<Repository>,
    /// By digest: 40 bytes each.
    rows: Vec<Row>,
}

impl KnownHints {
    /// What is in the file at `path`; nothing, where it is damaged, cannot be read or is not there.
    pub(super) fn read(path: &Path) -> Self {
        let read = || {
            let mut file = HintFile::open(path)?;
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

/// A file whose digest is right.
#[derive(Debug)]
struct HintFile {
    names: Vec<Repository>,
    rows_start: u64,
    file: BufReader<File>,
}

impl HintFile {
    fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
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

    /// How many rows it has.
    fn length(&self) -> io::Result<usize> {
        let rows = self.file.get_ref().metadata()?.len().saturating_sub(self.rows_start);
        Ok(usize::try_from(rows).unwrap_or(usize::MAX) / ROW)
    }

    /// Its rows from the first one on.
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

/// Adds what was `learnt` at `now` to the file `name`. Of more than `limit` hints those that were learnt
/// longest ago go.
pub(super) fn add(
    folder: &CacheFolder,
    name: &str,
    learnt: &Learnt,
    limit: usize,
    now: u32,
) -> io::Result<()> {
    let mut old = HintFile::open(&folder.file(name));
    let mut homes: Vec<_> =
        learnt.iter().filter_map(|(digest, home)| Some((*digest, home.as_ref()?))).collect();
    homes.truncate(limit);
    homes.sort_unstable();
    let mut stay = Stay::new(old.as_mut(), learnt, limit - homes.len())?;
    let (mut names, mut of_old) = (Names::default(), Vec::new());
    for (name, used) in old.iter().flat_map(|old| &old.names).zip(&stay.names) {
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
            if !stay.stays(&row) {
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

/// Which rows of an older file stay.
struct Stay<'a> {
    learnt: &'a Learnt,
    /// Those that were learnt before it go.
    since: u32,
    /// So many of those that were learnt just then go too.
    excess: usize,
    /// Which names they need.
    names: Vec<bool>,
}

impl<'a> Stay<'a> {
    /// There is room for `room` of them.
    fn new(old: Option<&mut HintFile>, learnt: &'a Learnt, room: usize) -> io::Result<Self> {
        let mut stay = Self { learnt, since: 0, excess: 0, names: Vec::new() };
        let Some(old) = old else { return Ok(stay) };
        let mut ages = Vec::with_capacity(old.length()?);
        stay.names = vec![false; old.names.len()];
        for row in old.rows()? {
            let row = row?;
            if !learnt.contains_key(&row.digest) {
                ages.push(row.learnt);
                if let Some(used) = stay.names.get_mut(row.home as usize) {
                    *used = true;
                }
            }
        }
        if let Some(excess) = ages.len().checked_sub(room).filter(|excess| *excess > 0) {
            ages.sort_unstable();
            stay.since = ages[excess - 1];
            stay.excess = ages[..excess].iter().filter(|age| **age == stay.since).count();
        }
        Ok(stay)
    }

    /// Asked once for each row, in their order.
    fn stays(&mut self, row: &Row) -> bool {
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

/// The names of a file.
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
        // Memory ends before numbers do.
        let number = u32::try_from(self.in_order.len()).unwrap_or(u32::MAX);
        self.in_order.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

/// Hashes what is written.
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

    use super::{HintFile, Key, KnownHints, Learnt, add};
    use longshore_cache::CacheFolder;

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
            self.folder.file("x")
        }

        /// Adds what was learnt at a time, to at most four hints.
        fn add(&self, pairs: &[(u8, Option<&str>)], at: u32) {
            let home = |home: &str| home.parse().unwrap();
            let learnt: Learnt =
                pairs.iter().map(|(digest, at)| ([*digest; 32], at.map(home))).collect();
            add(&self.folder, "x", &learnt, 4, at).unwrap();
        }

        /// The first byte of each blob's digest, and where it is.
        fn hints(&self) -> Vec<(u8, String)> {
            let known = KnownHints::read(&self.file());
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
            assert!(HintFile::open(&scratch.file()).is_none(), "byte {at}");
            fs::write(scratch.file(), &good[..at]).unwrap();
            assert!(HintFile::open(&scratch.file()).is_none(), "the first {at} bytes");
        }
        scratch.add(&[(3, Some("a/x"))], 2);
        assert_eq!(scratch.hints(), hints(&[(3, "a/x")]));
    }
}
