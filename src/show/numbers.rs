//! Numbers as people read them.

/// Thousands apart: `55,050`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 step`, `1,200 steps`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Four significant digits: `0.3412`, `12.35`, `1.234e-7`.
pub(crate) fn short(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    if number.fract() == 0.0 && size < 1e15 {
        return format!("{number}");
    }
    match size {
        1e-3..1e6 => {
            // Between -3 and 5.
            let magnitude = size.log10().floor() as i32;
            format!("{number:.*}", usize::try_from(3 - magnitude).unwrap_or(0))
        }
        _ => format!("{number:.3e}"),
    }
}

/// `12 µs`, `850 ms`, `3.21 s`, `2 min 5 s`, `1 h 2 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    // Negative or absurd times show as they are cast: 0, or the largest number.
    let whole = seconds.round() as u64;
    match seconds {
        s if s < 0.9995e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 99.95 => format!("{s:.1} s"),
        _ if whole < 3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `512 B`, `12.3 KB`, `120 MB`: powers of 1000.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "B" || value >= 99.95 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let shorts = [0.0, 0.341_234, 12.3456, -0.001_234_56, 1.234e-7, 12.0, 123_456.7, f64::NAN].map(short);
        assert_eq!(shorts, ["0", "0.3412", "12.35", "-0.001235", "1.234e-7", "12", "123457", "NaN"]);
        assert_eq!(
            [12e-6, 0.0123, 3.214, 42.0, 125.0, 3720.0].map(seconds),
            ["12 µs", "12 ms", "3.21 s", "42.0 s", "2 min 5 s", "1 h 2 min"]
        );
        assert_eq!([0, 999, 12_345, 120_400_000, 999_999].map(bytes), ["0 B", "999 B", "12.3 KB", "120 MB", "1.0 MB"]);
    }
}
