//! What a token can be.

/// How many labels there are: nothing, and one for each kind.
pub(crate) const COUNT: usize = 10;

/// The kinds of the labels 1 and up, as the contract names them; label 0 is nothing.
pub(crate) const NAMES: [&str; COUNT - 1] = [
    "person",
    "location",
    "address",
    "organization",
    "title",
    "age",
    "nationality",
    "zip_code",
    "date",
];

/// Spans that are less sure than this are left out.
pub(crate) const LEAST_SCORE: f32 = 0.5;

/// The label of places.
pub(crate) const LOCATION: usize = 2;
/// The label of street addresses.
pub(crate) const ADDRESS: usize = 3;
/// The label of ages.
pub(crate) const AGE: usize = 6;
/// The label of postal codes.
pub(crate) const ZIP_CODE: usize = 8;
/// The label of dates.
pub(crate) const DATE: usize = 9;
