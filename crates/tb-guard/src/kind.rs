//! The kinds of sensitive text, named as in the contract.

use std::borrow::Cow;
use std::fmt;

/// One kind: a name of the contract, `<country>_<name>` for other national numbers, or a name
/// that the operator made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(Cow<'static, str>);

macro_rules! kinds {
    ($($constant:ident = $name:literal),* $(,)?) => {
        $(#[doc = concat!("`", $name, "`")] pub const $constant: Self = Self(Cow::Borrowed($name));)*
        /// The kinds that have a constant, in the order of the contract.
        pub const KNOWN: &[Self] = &[$(Self::$constant),*];
    };
}

impl Kind {
    kinds! {
        CREDIT_CARD = "credit_card",
        IBAN = "iban",
        US_SSN = "us_ssn",
        US_ITIN = "us_itin",
        US_PASSPORT = "us_passport",
        US_BANK_ACCOUNT = "us_bank_account",
        DRIVER_LICENSE = "driver_license",
        UK_NHS = "uk_nhs",
        UK_NINO = "uk_nino",
        IN_AADHAAR = "in_aadhaar",
        PHONE = "phone",
        EMAIL = "email",
        URL = "url",
        IP_ADDRESS = "ip_address",
        MAC_ADDRESS = "mac_address",
        CRYPTO_ADDRESS = "crypto_address",
        DATE_OF_BIRTH = "date_of_birth",
        DATE = "date",
        MEDICAL_RECORD = "medical_record",
        PERSON = "person",
        TITLE = "title",
        AGE = "age",
        LOCATION = "location",
        ADDRESS = "address",
        ZIP_CODE = "zip_code",
        ORGANIZATION = "organization",
        NATIONALITY = "nationality",
        SECRET = "secret",
    }

    /// A kind with a fixed name, `<country>_<name>`.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A kind that the operator made.
    #[must_use]
    pub const fn custom(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
