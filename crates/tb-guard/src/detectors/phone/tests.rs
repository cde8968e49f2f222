use super::*;
use crate::detectors::tests::hits_of;

fn found(text: &str) -> Vec<&str> {
    hits_of(text, find).into_iter().map(|(_, hit)| hit).collect()
}

#[test]
fn finds_international_and_distinctive_numbers_without_a_word() {
    for number in [
        "+49 30 1234567",
        "+1 (212) 555-0142",
        "+44 20 7946 0958",
        "+33 6 12 34 56 78",
        "+41 (0)44 668 18 00",
        "+919876543210",
        "001-212-555-0142x07",
        "212-555-0142",
        "(212) 555-0142",
        "212.555.0142x459",
        "07700 900123",
        "06 12 34 56 78",
        "1-800-555-0199",
        "+1-212-555-0142 ext. 12",
        "(212)555-0142x0135",
        "020 7946 0958",
        "(+49) 30 1234567",
    ] {
        assert_eq!(found(&format!("it was {number} there")), [number]);
        assert_eq!(found(&format!("<a>{number}</a>")), [number]);
    }
}

#[test]
fn finds_other_forms_after_a_word() {
    for number in
        ["467 3395", "71-33-52-22", "5403926876", "99 668472", "(71) 4233-6306", "0341/1234567"]
    {
        assert_eq!(found(&format!("Phone:\n{number}\n\nName")), [number]);
        assert_eq!(found(&format!("Bitte anrufen: {number}")), [number]);
    }
}

#[test]
fn versions_dates_orders_and_sums_are_none() {
    for text in [
        "order 212-555-0142",
        "2024-01-15 10:22:33",
        "call before 15.01.2024",
        "12345678",
        "1,234,567,890",
        "10.9.43.92",
        "f(a+1234567890)",
        "x+4912345678",
        "ISBN 978-0-1162-0605-4",
        "SKU 44058-86",
        "phone model 12",
        "c/+4930123456",
    ] {
        assert!(found(text).is_empty(), "{text}");
    }
}
