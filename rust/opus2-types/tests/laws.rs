//! Laws of numbers: exact, or refused.

use opus2_types::{NumberError, Scaled, parse_scaled, significant_decimals};
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_integer_survives_its_text(units in any::<i64>(), scale in 0u8..=18) {
        prop_assume!(units != i64::MIN);
        let text = Scaled::new(units, scale).to_string();
        prop_assert_eq!(parse_scaled(text.as_bytes(), scale), Ok(units));
        prop_assert_eq!(Scaled::new(units, scale).to_decimal().normalize().to_string(), text);
    }

    #[test]
    fn text_survives_up_to_trailing_zeros(whole in 0u64..1_000_000_000, fraction in "[0-9]{1,8}") {
        let text = format!("{whole}.{fraction}");
        let units = parse_scaled(text.as_bytes(), 8).unwrap();
        let back = Scaled::new(units, 8).to_string();
        prop_assert_eq!(back, text.trim_end_matches('0').trim_end_matches('.'));
    }

    #[test]
    fn a_number_is_read_at_every_scale_that_holds_its_decimals(text in "[0-9]{1,6}(\\.[0-9]{1,8})?", scale in 0u8..=10) {
        let decimals = significant_decimals(text.as_bytes()).unwrap();
        let parsed = parse_scaled(text.as_bytes(), scale);
        if decimals <= scale {
            prop_assert!(parsed.is_ok());
        } else {
            prop_assert_eq!(parsed, Err(NumberError::TooFine { scale }));
        }
    }

    #[test]
    fn any_bytes_are_a_number_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40), scale in 0u8..=18) {
        if parse_scaled(&bytes, scale).is_ok() {
            let text = std::str::from_utf8(&bytes).unwrap();
            prop_assert!(text.parse::<f64>().is_ok());
        }
    }
}
