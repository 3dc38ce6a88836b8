//! The failed list: what failed or was cut off, as a list that the same command takes again.

mod place;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;

use self::place::{MARK, Place, Replaceable};
use super::error::ReportError;
use super::escape::escape;

/// An entry as the failed list would hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedEntry {
    /// The entry's number in the list, the `M_ID` of log lines.
    pub(crate) number: u32,
    /// The entry before `-s`, `-d` and rewrites: the original line for line formats, a `mirror`
    /// line for others; empty if there is nothing to repeat, and only the reason is written. It is
    /// written as it is, be it text or not.
    pub(crate) text: Bytes,
    /// What stands behind `# longshore:` in the comment above the line, where it needs one.
    pub(crate) terms: Option<Arc<str>>,
}

/// The failed list of a run.
///
/// Opened before anything is copied, it holds every entry in a temporary file beside its place: so
/// a full disk or a read-only folder is found at once, and at the end there is room for it.
#[derive(Debug)]
pub(crate) struct FailedList {
    /// As it was named, for messages.
    path: PathBuf,
    first_line: String,
    target: Target,
    /// Sorted by number.
    slots: Vec<Slot>,
}

#[derive(Debug)]
enum Target {
    File {
        place: Replaceable,
        /// All entries; what is written later is read from here.
        reserve: NamedTempFile,
        /// Where a file of somebody else was moved when the list was written before its end.
        aside: Option<PathBuf>,
    },
    Stream {
        file: File,
        entries: Vec<u8>,
    },
}

/// Where an entry lies among all of them.
#[derive(Clone, Copy, Debug)]
struct Slot {
    number: u32,
    length: u32,
    start: u64,
}

impl FailedList {
    /// Prepares the list at `path`; `command` repeats the run with it.
    ///
    /// # Errors
    /// Where the list could not be written at the end either.
    pub(crate) fn open<'a>(
        path: &Path,
        command: &str,
        entries: impl IntoIterator<Item = &'a FailedEntry>,
    ) -> Result<Self, ReportError> {
        let first_line = format!("{MARK} repeat the run with: {}\n", escape(command));
        let target = match Place::find(path)? {
            Place::Stream(file) => Target::Stream { file, entries: Vec::new() },
            Place::File(place) => {
                let reserve = place
                    .beside()
                    .and_then(|file| {
                        file.as_file().write_all_at(first_line.as_bytes(), 0).map(|()| file)
                    })
                    .map_err(|cause| ReportError::write(path, cause))?;
                Target::File { place, reserve, aside: None }
            }
        };
        let mut list = Self { path: path.to_owned(), first_line, target, slots: Vec::new() };
        list.add(entries)?;
        Ok(list)
    }

    /// Adds entries: those that are typed while the run goes on.
    ///
    /// # Errors
    /// Where there is no room for them.
    pub(crate) fn add<'a>(
        &mut self,
        entries: impl IntoIterator<Item = &'a FailedEntry>,
    ) -> Result<(), ReportError> {
        let slots = &mut self.slots;
        match &mut self.target {
            Target::Stream { entries: kept, .. } => {
                let start = kept.len() as u64;
                write_entries(kept, start, slots, entries)
            }
            Target::File { reserve, .. } => {
                let mut file = reserve.as_file();
                file.seek(SeekFrom::End(0)).and_then(|start| {
                    let mut writer = BufWriter::new(file);
                    write_entries(&mut writer, start, slots, entries)?;
                    writer.flush()?;
                    // Some file systems find out that they are full only now.
                    file.sync_data()
                })
            }
        }
        .map_err(|cause| ReportError::write(&self.path, cause))?;
        self.slots.sort_by_key(|slot| slot.number);
        self.slots.shrink_to_fit();
        Ok(())
    }

    /// Puts a list of `failures` (number and reason) in its place while the run goes on, so that a
    /// kill leaves one. What is written to a device or a pipe cannot be taken back; there it waits
    /// for the end.
    ///
    /// # Errors
    /// Where it could not be written; the run can go on.
    pub(crate) fn rewrite(&mut self, failures: &[(u32, &str)]) -> Result<(), ReportError> {
        if failures.is_empty() || matches!(self.target, Target::Stream { .. }) {
            return Ok(());
        }
        self.replace(failures, false).map_err(|cause| ReportError::write(&self.path, cause))
    }

    /// Writes the list of `failures` (number and reason), and says where it can be read again.
    ///
    /// If nothing failed there is none, and an older one of ours is removed. What went to a device or
    /// a pipe is not there to be repeated.
    ///
    /// # Errors
    /// Where it could not be written or removed.
    pub(crate) fn finish(
        mut self,
        failures: &[(u32, &str)],
    ) -> Result<Option<PathBuf>, ReportError> {
        if failures.is_empty() {
            return self.leave_none().map(|()| None);
        }
        let path = self.path.clone();
        let (can_be_read, aside) = match &self.target {
            Target::File { aside, .. } => (true, aside.clone()),
            Target::Stream { .. } => (false, None),
        };
        let written = match &self.target {
            Target::Stream { file, .. } => self.write(file, failures, true),
            Target::File { .. } => match self.replace(failures, true) {
                Ok(()) => Ok(()),
                // The disk is full by now: what was kept free for this holds at least the entries.
                Err(_) => self.replace_by_reserve(failures),
            },
        };
        written.map_err(|cause| ReportError::write(&path, cause))?;
        if let Some(aside) = aside {
            // It was named as the place of this list; what stays behind does no harm.
            let _ignored = std::fs::remove_file(aside);
        }
        Ok(can_be_read.then_some(path))
    }

    fn leave_none(&self) -> Result<(), ReportError> {
        let Target::File { place, aside, .. } = &self.target else { return Ok(()) };
        match aside {
            Some(aside) => place.move_back(aside),
            None => place.is_ours().and_then(|ours| if ours { place.remove() } else { Ok(()) }),
        }
        .map_err(|cause| ReportError::remove(&self.path, cause))
    }

    /// Writes a new file and puts it in place.
    fn replace(&mut self, failures: &[(u32, &str)], at_the_end: bool) -> io::Result<()> {
        let Target::File { place, aside, .. } = &self.target else { return Ok(()) };
        let file = place.beside()?;
        self.write(file.as_file(), failures, true)?;
        let mut moved = None;
        if at_the_end {
            file.as_file().sync_data()?;
        } else if aside.is_none() && place.exists() && !place.is_ours()? {
            // Should nothing fail in the end, somebody else's file must be there again.
            moved = Some(place.move_aside()?);
        }
        place.replace_by(file)?;
        if let (Target::File { aside, .. }, Some(moved)) = (&mut self.target, moved) {
            *aside = Some(moved);
        }
        Ok(())
    }

    /// Writes the failures, without their reasons, over the entries that were kept from the start.
    fn replace_by_reserve(self, failures: &[(u32, &str)]) -> io::Result<()> {
        let mut list = Vec::new();
        self.write(&mut list, failures, false)?;
        let Target::File { place, reserve, .. } = self.target else { return Ok(()) };
        let file = reserve.as_file();
        file.write_all_at(&list, 0)?;
        file.set_len(list.len() as u64)?;
        file.sync_data()?;
        place.replace_by(reserve)
    }

    fn write(&self, sink: impl Write, failures: &[(u32, &str)], reasons: bool) -> io::Result<()> {
        let mut sink = BufWriter::new(sink);
        sink.write_all(self.first_line.as_bytes())?;
        let mut bytes = Vec::new();
        for &(number, reason) in failures {
            let from = self.slots.partition_point(|slot| slot.number < number);
            for slot in self.slots[from..].iter().take_while(|slot| slot.number == number) {
                if reasons {
                    writeln!(sink, "# {}", comment(reason))?;
                }
                self.read(*slot, &mut bytes)?;
                sink.write_all(&bytes)?;
            }
        }
        sink.flush()
    }

    fn read(&self, slot: Slot, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        match &self.target {
            Target::Stream { entries, .. } => {
                // They were held in memory, so their place fits into a `usize`.
                let start = usize::try_from(slot.start).map_err(io::Error::other)?;
                bytes.extend_from_slice(&entries[start..start + slot.length as usize]);
                Ok(())
            }
            Target::File { reserve, .. } => {
                bytes.resize(slot.length as usize, 0);
                reserve.as_file().read_exact_at(bytes, slot.start)
            }
        }
    }
}

/// Has the failed list at `path` an entry, and not only remarks? What cannot be read has.
pub(super) fn has_entries(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return true };
    let is_entry = |line: &io::Result<Vec<u8>>| match line {
        Ok(line) => !line.is_empty() && !line.starts_with(b"#"),
        Err(_) => true,
    };
    BufReader::new(file).split(b'\n').any(|line| is_entry(&line))
}

/// A reason as a comment; none may look like the comments that a list format understands.
fn comment(reason: &str) -> String {
    let reason = escape(reason.trim());
    if reason.starts_with("longshore") { format!("reason: {reason}") } else { reason.into_owned() }
}

fn write_entries<'a>(
    sink: &mut impl Write,
    mut start: u64,
    slots: &mut Vec<Slot>,
    entries: impl IntoIterator<Item = &'a FailedEntry>,
) -> io::Result<()> {
    let mut text = Vec::new();
    for entry in entries {
        text.clear();
        if let Some(terms) = &entry.terms {
            writeln!(text, "# longshore: {}", escape(terms))?;
        }
        if !entry.text.is_empty() {
            // A line break would make two entries of one.
            if entry.text.contains(&b'\n') || entry.text.contains(&b'\r') {
                text.extend_from_slice(escape(&String::from_utf8_lossy(&entry.text)).as_bytes());
            } else {
                text.extend_from_slice(&entry.text);
            }
            text.push(b'\n');
        }
        sink.write_all(&text)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        slots.push(Slot { number: entry.number, length, start });
        start += u64::from(length);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
