//! Runs Chromium without a window, to see pages as people do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::Process;
use super::skip::{found, skip};

/// Time limit of a page. It turns a hang into a failure.
const LIMIT: Duration = Duration::from_mins(2);

/// The names of the program on Debian and elsewhere.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The colours that the reader of a page prefers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Dark,
    Light,
}

/// A browser with a profile of its own, and without the network.
#[derive(Debug)]
pub(crate) struct Browser {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Browser {
    /// Finds Chromium. Returns `None` and skips the test if it is missing.
    pub(crate) fn find() -> Option<Self> {
        let Some(program) = NAMES.iter().find_map(|name| found(name)) else {
            skip("chromium is missing");
            return None;
        };
        let home = tempfile::tempdir().expect("a scratch directory can be made");
        Some(Self { program, home })
    }

    /// Returns the document of a page as HTML, after its scripts have run.
    #[track_caller]
    pub(crate) fn document(&self, address: &str, scheme: Scheme) -> String {
        self.open(address, scheme, &["--virtual-time-budget=2000", "--dump-dom"])
    }

    /// Returns a picture of a page in a window of this size.
    #[track_caller]
    pub(crate) fn picture(&self, address: &str, scheme: Scheme, size: (u32, u32)) -> Picture {
        let path = self.home.path().join("picture.png");
        let (width, height) = size;
        let window = format!("--window-size={width},{height}");
        let file = format!("--screenshot={}", path.display());
        self.open(address, scheme, &[&window, &file]);
        Picture::read(&path)
    }

    #[track_caller]
    fn open(&self, address: &str, scheme: Scheme, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        let scheme = match scheme {
            Scheme::Dark => "--blink-settings=preferredColorScheme=0",
            Scheme::Light => "--blink-settings=preferredColorScheme=1",
        };
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--no-first-run", "--hide-scrollbars"])
            // A name that nobody has: only loopback and files can be reached.
            .arg("--proxy-server=proxy.invalid:1")
            .arg("--proxy-bypass-list=127.0.0.1")
            .arg(format!("--user-data-dir={}", self.home.path().join("profile").display()))
            .arg(scheme)
            .args(arguments)
            .arg(address)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        let mut process = Process::start("chromium", &mut command);
        let status = process.finish(LIMIT);
        assert!(status.success(), "chromium {address}: {status}\n{}", process.stderr());
        process.stdout()
    }
}

/// Returns the address of a file.
pub(crate) fn file_address(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A picture of a page.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Width and height.
    pub(crate) size: (u32, u32),
    /// Red, green and blue of each dot, line by line.
    dots: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a PNG of 8 bits a sample that is not interlaced, as Chromium writes it.
    #[track_caller]
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("chromium wrote the picture");
        let number = |at: usize| {
            let four = bytes[at..at + 4].try_into().expect("four bytes");
            u32::from_be_bytes(four)
        };
        let (width, height) = (number(16), number(20));
        let samples = match bytes[24..29] {
            [8, 2, 0, 0, 0] => 3,
            [8, 6, 0, 0, 0] => 4,
            ref header => panic!("not a picture of Chromium: {header:?}"),
        };
        let (mut packed, mut at) = (Vec::new(), 8);
        while at < bytes.len() {
            let length = number(at) as usize;
            if &bytes[at + 4..at + 8] == b"IDAT" {
                packed.extend_from_slice(&bytes[at + 8..at + 8 + length]);
            }
            at += 12 + length;
        }
        let mut lines = Vec::new();
        let mut unpacked = flate2::read::ZlibDecoder::new(&packed[..]);
        std::io::Read::read_to_end(&mut unpacked, &mut lines).expect("the picture is whole");
        let width_in_bytes = width as usize * samples;
        let mut dots = Vec::with_capacity((width * height) as usize);
        let mut above = vec![0; width_in_bytes];
        for line in lines.chunks_exact(width_in_bytes + 1) {
            let mut line = line.to_vec();
            let filter = line.remove(0);
            unfilter(filter, &mut line, &above, samples);
            dots.extend(line.chunks_exact(samples).map(|dot| [dot[0], dot[1], dot[2]]));
            above = line;
        }
        assert_eq!(dots.len(), (width * height) as usize, "the picture is whole");
        Self { size: (width, height), dots }
    }

    /// Counts the dots of exactly this colour, such as `#ffffff`.
    pub(crate) fn count(&self, colour: &str) -> usize {
        let number = u32::from_str_radix(colour.trim_start_matches('#'), 16).expect("a colour");
        let [_, red, green, blue] = number.to_be_bytes();
        self.dots.iter().filter(|dot| **dot == [red, green, blue]).count()
    }

    /// Counts the different colours.
    pub(crate) fn colours(&self) -> usize {
        let mut dots = self.dots.clone();
        dots.sort_unstable();
        dots.dedup();
        dots.len()
    }
}

/// Undoes the filter of a line (PNG 3, 9.2).
fn unfilter(filter: u8, line: &mut [u8], above: &[u8], samples: usize) {
    for at in 0..line.len() {
        let back = |line: &[u8]| at.checked_sub(samples).map_or(0, |left| line[left]);
        let (left, up, corner) = (back(line), above[at], back(above));
        let guess = match filter {
            0 => 0,
            1 => left,
            2 => up,
            3 => u8::midpoint(left, up),
            4 => {
                let distance = |other: u8| {
                    let sum = i32::from(left) + i32::from(up) - i32::from(corner);
                    (sum - i32::from(other)).abs()
                };
                // Of equal distances, the first one counts.
                [left, up, corner].into_iter().min_by_key(|other| distance(*other)).unwrap_or(0)
            }
            other => panic!("filter {other}"),
        };
        line[at] = line[at].wrapping_add(guess);
    }
}
