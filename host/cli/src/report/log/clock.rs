//! The clock of the log.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// The rules of this machine's time zone, on Unix.
const RULES: &str = "/etc/localtime";

/// The time zone of this machine.
static ZONE: LazyLock<TimeZone> = LazyLock::new(|| match std::env::var_os("TZ") {
    None => zone_of(RULES),
    Some(_) => TimeZone::system(),
});

/// Returns the time of day.
pub(super) fn local_time() -> Time {
    Timestamp::now().to_zoned(ZONE.clone()).time()
}

/// Reads the time zone of a file. The usual way also looks up its name, and for this lists the 40 folders
/// with all time zones. The log shows no name.
fn zone_of(rules: &str) -> TimeZone {
    let read = std::fs::read(rules).ok().and_then(|rules| TimeZone::tzif("", &rules).ok());
    read.unwrap_or_else(TimeZone::system)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::{RULES, zone_of};

    #[test]
    fn the_rules_give_the_time_that_the_name_gives() {
        for second in [0_i64, 1_720_000_000, 1_735_000_000, 4_000_000_000] {
            let at = Timestamp::from_second(second).unwrap();
            let expected = at.to_zoned(TimeZone::system()).time();
            for rules in [RULES, "/does/not/exist", file!()] {
                assert_eq!(at.to_zoned(zone_of(rules)).time(), expected, "{second}");
            }
        }
    }

    /// A file with rules as `TZ` has them.
    fn file_of(rules: &str) -> Vec<u8> {
        let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
        let block = [b"TZif2".as_slice(), &[0; 15], &counts, &[0; 6], b"UTC\0"].concat();
        [block.as_slice(), &block, b"\n", rules.as_bytes(), b"\n"].concat()
    }

    #[test]
    fn the_rules_of_a_file_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("localtime");
        let at: Timestamp = "2024-07-03T12:00:00Z".parse().unwrap();
        for (rules, hour) in [("UTC0", 12), ("IST-5:30", 17), ("EST5EDT,M3.2.0,M11.1.0", 8)] {
            std::fs::write(&path, file_of(rules)).unwrap();
            assert_eq!(at.to_zoned(zone_of(path.to_str().unwrap())).hour(), hour, "{rules}");
        }
    }
}
