//! Durations for people.

use std::time::Duration;

/// Returns a duration for people, such as `1.2 s`, `3 min 20 s` and `2 h 5 min`.
pub(super) fn spent(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::spent;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = |millis| spent(Duration::from_millis(millis));
        assert_eq!([shown(0), shown(1234), shown(59_900)], ["0.0 s", "1.2 s", "59.9 s"]);
        assert_eq!([shown(60_000), shown(3_599_999)], ["1 min 0 s", "59 min 59 s"]);
        assert_eq!([shown(3_600_000), shown(90_061_000)], ["1 h 0 min", "25 h 1 min"]);
    }
}
