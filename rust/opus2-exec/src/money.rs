//! From integer amounts to cash.

use rust_decimal::Decimal;

/// `units * 10^-scale` as cash.
///
/// Exact wherever 28 places and 96 bits hold it, which is everything but the last digits of amounts that no venue can
/// show; those are rounded half away from zero. `None` when the whole part alone is beyond 96 bits.
#[must_use]
pub fn cash(units: i128, scale: u32) -> Option<Decimal> {
    let (mut units, mut scale) = (units, scale);
    while scale > Decimal::MAX_SCALE || (scale > 0 && units.unsigned_abs() >= 1 << 96) {
        let rounding = if units % 10 >= 5 { 1 } else { -i128::from(units % 10 <= -5) };
        units = units / 10 + rounding;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(units, scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(units: i128, scale: u32, expect: Option<&str>) {
        assert_eq!(cash(units, scale).map(|cash| cash.normalize().to_string()).as_deref(), expect);
    }

    #[test]
    fn cash_is_exact_until_its_last_digits_no_longer_fit() {
        check(15_050, 2, Some("150.5"));
        check(-1, 28, Some("-0.0000000000000000000000000001"));
        check(15, 29, Some("0.0000000000000000000000000002"));
        check(-15, 29, Some("-0.0000000000000000000000000002"));
        check(10i128.pow(38), 36, Some("100"));
        check(i128::MAX, 0, None);
        check(i128::MIN, 0, None);
    }
}
