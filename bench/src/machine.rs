//! Describes the machine of the measurements.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

/// The properties of the machine that matter to readers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Name of the processor.
    pub(crate) processor: String,
    /// Number of processors that this process may use.
    pub(crate) processors: usize,
    /// Memory in bytes.
    pub(crate) memory: u64,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Name of the distribution.
    pub(crate) system: String,
    /// File system of the destination's storage.
    pub(crate) storage: String,
}

impl Machine {
    /// Describes this machine.
    pub(crate) fn this(storage: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.trim_end_matches(" kB").trim().parse::<u64>().ok());
        let name = read("/etc/os-release");
        let name = name.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            processors: available_parallelism().map_or(1, usize::from),
            memory: memory.unwrap_or(0) * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: name.unwrap_or_default().trim_matches('"').to_owned(),
            storage: file_system(&read("/proc/self/mountinfo"), storage),
        }
    }
}

/// Returns the value of `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find_map(|(key, value)| (key.trim() == name).then(|| value.trim().to_owned()))
}

/// Returns the file system type of a path: that of the longest mount point above it.
fn file_system(mounts: &str, path: &Path) -> String {
    let mounts = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        path.starts_with(point).then(|| (point.len(), after.split(' ').next().unwrap_or_default()))
    });
    mounts.max_by_key(|(length, _)| *length).map_or_else(String::new, |(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{field, file_system};

    #[test]
    fn the_longest_mount_point_wins() {
        let mounts = "1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 0:5 / /dev/shm rw - tmpfs shm rw\n";
        assert_eq!(file_system(mounts, Path::new("/dev/shm/x")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/home/x")), "ext4");
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: A Processor\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A Processor"));
    }
}
