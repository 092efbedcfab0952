//! Amounts of bytes as Kubernetes writes them, read without rounding errors.
//!
//! The grammar is that of `ParseQuantity` (k8s.io/apimachinery, pkg/api/resource): a sign, decimals, and one of the
//! decimal suffixes n, u, m, k, M, G, T, P, E, the binary ones Ki to Ei, or an exponent like e3. Unlike there, a number
//! needs a digit, as the schemas of Kubernetes say, and what does not fit is refused, not cut to the largest amount.

const DECIMAL: [(&str, i64); 10] = [
    ("", 0),
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, u32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];

/// Not an amount of bytes, or one that no machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {}", Self::EXPECTED)]
pub struct NotAQuantity;

impl NotAQuantity {
    /// What a field for bytes may hold.
    pub const EXPECTED: &'static str = "an amount of bytes, like 4Gi or 4096M";
}

/// A power of ten and one of two, by which a number is multiplied.
struct Scale {
    ten: i64,
    two: u32,
}

/// Reads an amount of bytes; a fraction of a byte counts as a whole one.
///
/// # Errors
/// If it is no quantity, negative, larger than [`u64::MAX`], or has more digits than can be counted exactly (20 always
/// can).
pub fn parse_bytes(text: &str) -> Result<u64, NotAQuantity> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, suffix) = split_at_first(unsigned, |c| !c.is_ascii_digit() && c != '.');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(NotAQuantity);
    }
    let Scale { ten, two } = scale(suffix).ok_or(NotAQuantity)?;
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let shift = places(digits.len() - significant.len())? - places(fraction.len())?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(NotAQuantity);
    }
    let significant: u128 = significant.parse().map_err(|_| NotAQuantity)?;
    let scaled = significant.checked_mul(1 << two).ok_or(NotAQuantity)?;
    let bytes = times_power_of_ten(scaled, ten.saturating_add(shift)).ok_or(NotAQuantity)?;
    u64::try_from(bytes).map_err(|_| NotAQuantity)
}

/// Writes bytes with the largest of Gi, Mi and Ki that leaves a whole number.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    let whole = |(suffix, power): (&str, u32)| {
        let unit = 1_u64 << power;
        bytes
            .is_multiple_of(unit)
            .then(|| format!("{}{suffix}", bytes / unit))
    };
    let units = [("Gi", 30), ("Mi", 20), ("Ki", 10)];
    let written = units.into_iter().filter(|_| bytes > 0).find_map(whole);
    written.unwrap_or_else(|| bytes.to_string())
}

fn scale(suffix: &str) -> Option<Scale> {
    let decimal = DECIMAL.iter().find(|(known, _)| *known == suffix);
    let binary = BINARY.iter().find(|(known, _)| *known == suffix);
    match (decimal, binary) {
        (Some(&(_, ten)), _) => Some(Scale { ten, two: 0 }),
        (None, Some(&(_, two))) => Some(Scale { ten: 0, two }),
        (None, None) => {
            // Rust reads the same integers as Go's ParseInt here: a sign and digits.
            let ten = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some(Scale { ten, two: 0 })
        }
    }
}

/// `None` if the product does not fit; quotients are rounded up.
fn times_power_of_ten(number: u128, power: i64) -> Option<u128> {
    let size = u32::try_from(power.unsigned_abs()).ok();
    let factor = size.and_then(|size| 10_u128.checked_pow(size));
    match (power < 0, factor) {
        (false, factor) => number.checked_mul(factor?),
        (true, Some(factor)) => Some(number.div_ceil(factor)),
        // The divisor is larger than any number.
        (true, None) => Some(u128::from(number > 0)),
    }
}

fn places(count: usize) -> Result<i64, NotAQuantity> {
    i64::try_from(count).map_err(|_| NotAQuantity)
}

fn split_at_first(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.find(ends)
        .and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::zero("0", 0)]
    #[case::plain("4096", 4096)]
    #[case::signed("+1", 1)]
    #[case::negative_zero("-0", 0)]
    #[case::kilo("1k", 1000)]
    #[case::mega("4096M", 4_096_000_000)]
    #[case::giga("15G", 15_000_000_000)]
    #[case::tera("1T", 1_000_000_000_000)]
    #[case::peta("1P", 1_000_000_000_000_000)]
    #[case::exa("1E", 1_000_000_000_000_000_000)]
    #[case::kibi("1Ki", 1024)]
    #[case::mebi("3908Mi", 4_097_835_008)]
    #[case::gibi("15Gi", 16_106_127_360)]
    #[case::tebi("1Ti", 1 << 40)]
    #[case::pebi("1Pi", 1 << 50)]
    #[case::exbi("15Ei", 15 << 60)]
    #[case::exponent("1e3", 1000)]
    #[case::upper_exponent("1E3", 1000)]
    #[case::positive_exponent("1e+3", 1000)]
    #[case::negative_exponent("1500e-3", 2)]
    #[case::tiny_exponent("1e-9223372036854775808", 1)]
    #[case::decimal("0.5Gi", 1 << 29)]
    #[case::decimal_of_decimal("1.5G", 1_500_000_000)]
    #[case::without_fraction("1.Gi", 1 << 30)]
    #[case::without_whole(".5Gi", 1 << 29)]
    #[case::milli("1000m", 1)]
    #[case::micro("1000000u", 1)]
    #[case::nano("1000000000n", 1)]
    #[case::fraction_of_a_byte("1m", 1)]
    #[case::fraction_of_a_byte_more("1.1", 2)]
    #[case::fraction_of_a_byte_in_binary("0.1Ki", 103)]
    #[case::leading_zeros("0000000000000000000000000000000000000000001", 1)]
    #[case::trailing_zeros("1.0000000000000000000000000000000000000000", 1)]
    #[case::many_zeros("100000000000000000000000000000000000000000000e-44", 1)]
    #[case::zero_of_much("0e9999", 0)]
    #[case::largest("18446744073709551615", u64::MAX)]
    #[case::smaller_than_largest("18446744073709551614.5", u64::MAX)]
    fn quantities(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(parse_bytes(text), Ok(bytes));
    }

    #[rstest]
    #[case::empty("")]
    #[case::no_digit("Gi")]
    #[case::sign_only("-")]
    #[case::point_only(".")]
    #[case::negative("-1")]
    #[case::negative_fraction("-0.001")]
    #[case::two_points("1.1.1")]
    #[case::lower_mebi("1mi")]
    #[case::half_suffix("1i")]
    #[case::unknown_suffix("1GB")]
    #[case::lower_giga("1g")]
    #[case::upper_kilo("1K")]
    #[case::exponent_without_number("1e")]
    #[case::exponent_and_suffix("1e3Gi")]
    #[case::exponent_with_fraction("1e1.5")]
    #[case::exponent_too_long("1e99999999999999999999")]
    #[case::inner_space("1 Gi")]
    #[case::outer_space(" 1Gi")]
    #[case::two_signs("+-1")]
    #[case::hexadecimal("0x10")]
    #[case::other_digits("٣Gi")]
    #[case::too_much("18446744073709551616")]
    #[case::too_much_in_binary("16Ei")]
    #[case::far_too_much("1e40")]
    #[case::more_digits_than_can_be_told("1.000000000000000000000000000000000000000001")]
    fn refused(#[case] text: &str) {
        assert_eq!(parse_bytes(text), Err(NotAQuantity));
    }

    #[rstest]
    #[case(0, "0")]
    #[case(1, "1")]
    #[case(1000, "1000")]
    #[case(1024, "1Ki")]
    #[case(3 << 20, "3Mi")]
    #[case(15 << 30, "15Gi")]
    #[case(4_097_835_008, "3908Mi")]
    #[case(1 << 40, "1024Gi")]
    #[case(u64::MAX, "18446744073709551615")]
    fn written(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(format_bytes(bytes), text);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in any::<u64>(), zeros in 0..64_u32) {
            let bytes = bytes >> zeros << zeros;
            prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9.]{0,45}([numkMGTPEKi]{0,2}|[eE][-+]?[0-9]{0,20})") {
            let _ = parse_bytes(&text);
        }

        #[test]
        fn fractions_are_rounded_up(whole in 0..1_u64 << 33, thousandths in 0..1000_u64) {
            let text = format!("{whole}.{thousandths:03}Mi");
            let exact = (whole * 1000 + thousandths) * (1 << 20);
            prop_assert_eq!(parse_bytes(&text), Ok(exact.div_ceil(1000)));
        }
    }
}
