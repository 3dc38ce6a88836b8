//! The failed list: the entries that failed or did not finish, as a list that the same command reads.

mod owner;
mod place;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;

use self::owner::{Meeting, owner_of};
pub(crate) use self::owner::{Remark, run_of};
use self::place::OURS;
pub(super) use self::place::{Place, Replaceable, is_same};
use super::error::ReportError;
use super::escape::escape;
use crate::list::{MARK, REPEAT, RUN, is_repeatable, push_line};
use longshore_oci::{has_account, without_accounts};
use longshore_registry::redact;

/// An entry of the failed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedEntry {
    /// The entry's number in the list, the `M_ID` of log lines.
    pub(crate) number: u32,
    /// The entry before `-s`, `-d` and rewrites: the original line for line formats, a `mirror` line for
    /// others. It need not be UTF-8. Empty if nothing can be repeated; the list then has only the reason.
    pub(crate) text: Bytes,
    /// The text after `# longshore:` in the comment above the line, if it needs one.
    pub(crate) terms: Option<Arc<str>>,
}

impl FailedEntry {
    /// Says whether a run with the failed list repeats the entry. Comments need another command.
    pub(crate) fn is_line(&self) -> bool {
        is_repeatable(&self.text)
    }
}

/// The file of a failed list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedListFile<'a> {
    /// The path as the user named it.
    pub(crate) path: &'a Path,
    /// True if the user did not choose the path. Then longshore follows no link there, and replaces
    /// nothing but its own failed lists.
    pub(crate) is_default: bool,
    /// True if others may not read the list that was read. Then they may not read this one either.
    pub(crate) is_private: bool,
    /// The list and the destination of the run, which tell its failed list from that of another run.
    pub(crate) run: &'a str,
}

/// The failed list of a run.
///
/// It is opened before anything is copied, and reserves room for every entry in a temporary file in the
/// same folder. So a full disk or a read-only folder shows at once, and not at the end.
#[derive(Debug)]
pub(crate) struct FailedList {
    /// The path as the user named it, for messages.
    path: PathBuf,
    first_line: String,
    /// The first line at the end, if it differs. The reserve has no room for it.
    last_first_line: Option<String>,
    /// See [`FailedListFile::run`].
    run: String,
    target: Target,
    /// Sorted by number.
    slots: Vec<Slot>,
}

#[derive(Debug)]
enum Target {
    File {
        place: Replaceable,
        /// All entries; the list at the end is read from here.
        reserve: NamedTempFile,
        /// The first line of the file at `place` when the run began.
        found: Option<String>,
        /// The new path of a foreign file that stood at `place`, or of the failed list of another run, after a
        /// write during the run.
        aside: Option<PathBuf>,
    },
    Stream {
        file: File,
        entries: Vec<u8>,
    },
}

/// The location of an entry in the reserve. Entries of one line share a location.
#[derive(Clone, Copy, Debug)]
struct Slot {
    number: u32,
    length: u32,
    start: u64,
}

impl FailedList {
    /// Prepares the list in `file`; `command` repeats the run with it.
    ///
    /// # Errors
    /// Returns an error if the list could not be written at the end either.
    pub(crate) fn open<'a>(
        file: FailedListFile<'_>,
        command: &str,
        entries: impl IntoIterator<Item = &'a FailedEntry>,
    ) -> Result<Self, ReportError> {
        let path = file.path;
        let run = escape(file.run).into_owned();
        let first_line = first_line_of(command, &run);
        let target = match Place::find(file)? {
            Place::Stream(file) => Target::Stream { file, entries: Vec::new() },
            Place::File(place) => {
                let reserve = place
                    .reserve()
                    .and_then(|file| {
                        file.as_file().write_all_at(first_line.as_bytes(), 0).map(|()| file)
                    })
                    .map_err(|cause| ReportError::write(path, cause))?;
                let found = place.first_line().map_err(|cause| ReportError::write(path, cause))?;
                Target::File { place, reserve, found, aside: None }
            }
        };
        let mut list = Self {
            path: path.to_owned(),
            first_line,
            last_first_line: None,
            run,
            target,
            slots: Vec::new(),
        };
        list.add(entries)?;
        Ok(list)
    }

    /// Names `command` in the first line: the failures of the run decide by which it is repeated.
    #[must_use]
    pub(crate) fn repeated_by(mut self, command: &str) -> Self {
        self.last_first_line = Some(first_line_of(command, &self.run));
        self
    }

    /// Adds entries, such as those typed at the prompt.
    ///
    /// # Errors
    /// Returns an error if there is no room for them.
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
                    // Some file systems report a full disk only here.
                    file.sync_data()
                })
            }
        }
        .map_err(|cause| ReportError::write(&self.path, cause))?;
        self.slots.sort_by_key(|slot| slot.number);
        self.slots.shrink_to_fit();
        Ok(())
    }

    /// Whether the list goes to a device or a pipe, whose reader may let it wait.
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.target, Target::Stream { .. })
    }

    /// The path as the user named it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the list of `failures` (number and reason) during the run, so that a killed run leaves one. A
    /// device or a pipe gets the list only at the end, because a write there cannot be undone.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written; the run can go on.
    pub(crate) fn rewrite(&mut self, failures: &[(u32, &str)]) -> Result<(), ReportError> {
        if failures.is_empty() || matches!(self.target, Target::Stream { .. }) {
            return Ok(());
        }
        self.replace(failures, false).map_err(|cause| ReportError::write(&self.path, cause))
    }

    /// Writes the list of `failures` (number and reason), and returns its path if it can be read again: a
    /// device or a pipe cannot. Calls `tell` if there was a list of another run.
    ///
    /// Without failures it removes an older failed list of this run.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written or removed, or if another file took its place. Then
    /// it names the file that has the list.
    pub(crate) fn finish(
        mut self,
        failures: &[(u32, &str)],
        tell: impl FnMut(Remark),
    ) -> Result<Option<PathBuf>, ReportError> {
        if failures.is_empty() {
            let removed = self.leave_none();
            let remark = removed.map_err(|cause| ReportError::remove(&self.path, cause))?;
            remark.into_iter().for_each(tell);
            return Ok(None);
        }
        let path = self.path.clone();
        let (can_be_read, aside) = match &self.target {
            Target::File { aside, .. } => (true, aside.clone()),
            Target::Stream { .. } => (false, None),
        };
        let replaced = self.replaced();
        let written = match &self.target {
            Target::Stream { file, .. } => self.write(file, failures, true).map(|()| None),
            Target::File { .. } => match self.replace(failures, true) {
                Ok(()) => Ok(None),
                // If the disk is full by now, the reserve has room for the entries without their reasons.
                Err(_) => self.replace_by_reserve(failures),
            },
        };
        if let Some(kept) = written.map_err(|cause| ReportError::write(&path, cause))? {
            return Err(ReportError::Displaced { path, kept });
        }
        if let Some(aside) = aside {
            // The user chose to replace this file. A leftover does no harm.
            let _ignored = std::fs::remove_file(aside);
        }
        replaced.into_iter().for_each(tell);
        Ok(can_be_read.then_some(path))
    }

    /// Returns what is at the path: nothing to mind, or the list of another run. What cannot be read, such as
    /// a link, is not a list.
    fn meets(&self) -> Meeting {
        let Target::File { place, found, .. } = &self.target else { return Meeting::Nothing };
        let now = place.first_line().ok().flatten();
        Meeting::of(now.as_deref(), found.as_deref(), &self.run)
    }

    /// Returns the remark if this list replaces that of another run.
    fn replaced(&self) -> Option<Remark> {
        let Target::File { found, .. } = &self.target else { return None };
        let owner = owner_of(found.as_deref()?).filter(|owner| *owner != self.run)?;
        Some(Remark::Replaced { path: self.path.clone(), owner: owner.to_owned() })
    }

    fn leave_none(&self) -> io::Result<Option<Remark>> {
        let Target::File { place, aside, .. } = &self.target else { return Ok(None) };
        let met = self.meets();
        if let (Some(aside), false) = (aside, matches!(met, Meeting::Meanwhile(_))) {
            return place.move_back(aside).map(|()| None);
        }
        Ok(match met {
            Meeting::Other(owner) | Meeting::Meanwhile(owner) => {
                Some(Remark::Stays { path: self.path.clone(), owner })
            }
            Meeting::Nothing if !place.is_ours()? => None,
            Meeting::Nothing => {
                let is_known = place.first_line()?.is_some_and(|line| owner_of(&line).is_some());
                place.remove()?;
                (!is_known).then(|| Remark::Removed { path: self.path.clone() })
            }
        })
    }

    /// Writes a new file, and renames it to the path of the list.
    fn replace(&mut self, failures: &[(u32, &str)], at_the_end: bool) -> io::Result<()> {
        let Target::File { place, aside, .. } = &self.target else { return Ok(()) };
        let met = self.meets();
        if place.is_taken()? || matches!(met, Meeting::Meanwhile(_)) {
            return Err(io::Error::other("another file took its place"));
        }
        let file = place.beside(OURS)?;
        self.write(file.as_file(), failures, true)?;
        let mut moved = None;
        if at_the_end {
            file.as_file().sync_data()?;
        } else if aside.is_none()
            && place.exists()
            && (matches!(met, Meeting::Other(_)) || !place.is_ours()?)
        {
            // If nothing fails in the end, the file is moved back.
            moved = Some(place.move_aside()?);
        }
        place.replace_by(file)?;
        if let (Target::File { aside, .. }, Some(moved)) = (&mut self.target, moved) {
            *aside = Some(moved);
        }
        Ok(())
    }

    /// Overwrites the reserve with the failures, without their reasons, and renames it. If another file
    /// took its place, keeps the reserve and returns its path.
    fn replace_by_reserve(self, failures: &[(u32, &str)]) -> io::Result<Option<PathBuf>> {
        let mut list = Vec::new();
        self.write(&mut list, failures, false)?;
        let is_displaced = matches!(self.meets(), Meeting::Meanwhile(_));
        let Target::File { place, reserve, .. } = self.target else { return Ok(None) };
        let file = reserve.as_file();
        file.write_all_at(&list, 0)?;
        file.set_len(list.len() as u64)?;
        file.sync_data()?;
        if is_displaced || place.is_taken()? {
            return place.keep(reserve).map(Some);
        }
        place.replace_by(reserve).map(|()| None)
    }

    fn write(&self, sink: impl Write, failures: &[(u32, &str)], reasons: bool) -> io::Result<()> {
        let mut sink = BufWriter::new(sink);
        let first_line = self.last_first_line.as_ref().filter(|_| reasons);
        sink.write_all(first_line.unwrap_or(&self.first_line).as_bytes())?;
        let mut bytes = Vec::new();
        let mut last = None;
        for &(number, reason) in failures {
            let from = self.slots.partition_point(|slot| slot.number < number);
            for slot in self.slots[from..].iter().take_while(|slot| slot.number == number) {
                if reasons {
                    writeln!(sink, "# {}", comment(reason))?;
                }
                // One line repeats all of its entries.
                if last != Some((slot.start, slot.length)) {
                    self.read(*slot, &mut bytes)?;
                    sink.write_all(&bytes)?;
                }
                last = Some((slot.start, slot.length));
            }
        }
        sink.flush()
    }

    fn read(&self, slot: Slot, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        match &self.target {
            Target::Stream { entries, .. } => {
                // The entries are in memory, so their offset fits into a `usize`.
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

/// Says whether the failed list at `path` has an entry that can be repeated. An unreadable list counts as
/// one with such entries.
pub(super) fn has_entries(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return true };
    let is_entry =
        |line: &io::Result<Vec<u8>>| line.as_ref().map_or(true, |line| is_repeatable(line));
    BufReader::new(file).split(b'\n').any(|line| is_entry(&line))
}

/// Formats the first line of the list of `run`, which `command` repeats.
fn first_line_of(command: &str, run: &str) -> String {
    let of_run = if run.is_empty() { String::new() } else { format!("{RUN}{run}") };
    format!("{MARK}{REPEAT}{}{of_run}\n", escape(command))
}

/// Formats a reason as a comment that no list format reads as a directive.
fn comment(reason: &str) -> String {
    let reason = redact(reason.trim());
    let reason = escape(&reason);
    if reason.starts_with("longshore") { format!("reason: {reason}") } else { reason.into_owned() }
}

fn write_entries<'a>(
    sink: &mut impl Write,
    mut start: u64,
    slots: &mut Vec<Slot>,
    entries: impl IntoIterator<Item = &'a FailedEntry>,
) -> io::Result<()> {
    let mut text = Vec::new();
    let mut last: Option<&FailedEntry> = None;
    for entry in entries {
        if let (Some(last), Some(slot)) = (last.replace(entry), slots.last().copied())
            && is_of_one_line(last, entry)
        {
            slots.push(Slot { number: entry.number, ..slot });
            continue;
        }
        text.clear();
        if let Some(terms) = &entry.terms {
            writeln!(text, "# longshore: {}", escape(terms))?;
        }
        if !entry.text.is_empty() {
            push_line(&mut text, &without_password(&entry.text));
        }
        sink.write_all(&text)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        slots.push(Slot { number: entry.number, length, start });
        start += u64::from(length);
    }
    Ok(())
}

/// Returns a line without user names and passwords before a host. Such a line fails again, whatever they are.
fn without_password(line: &[u8]) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(line);
    if !has_account(&text) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(without_accounts(&text).into_owned().into_bytes())
}

/// Says whether two entries have not only the same text but the very same line, which selects both by a
/// pattern. Lines share the memory of their list.
fn is_of_one_line(one: &FailedEntry, other: &FailedEntry) -> bool {
    !one.text.is_empty()
        && one.text.as_ptr() == other.text.as_ptr()
        && one.text.len() == other.text.len()
        && one.terms == other.terms
}

#[cfg(test)]
mod tests;
