//! What other data sets call the kinds. The table of `docs/guard.md` says the same.

use crate::Kind;

/// Labels in capitals, and the kind of each.
const LABELS: &[(&[&str], Kind)] = &[
    (&["CREDIT_CARD_NUMBER", "CARD_NUMBER", "CREDITCARDNUMBER", "PAN"], Kind::CREDIT_CARD),
    (&["IBAN_CODE"], Kind::IBAN),
    (&["SSN", "SOCIAL_SECURITY_NUMBER", "SOCIALNUM"], Kind::US_SSN),
    (&["ITIN"], Kind::US_ITIN),
    (&["US_BANK_NUMBER", "US_BANK_ACCOUNT_NUMBER"], Kind::US_BANK_ACCOUNT),
    (&["US_DRIVER_LICENSE", "DRIVERS_LICENSE", "DRIVERLICENSENUM"], Kind::DRIVER_LICENSE),
    (&["NHS", "NHS_NUMBER"], Kind::UK_NHS),
    (&["NINO", "UK_NATIONAL_INSURANCE_NUMBER"], Kind::UK_NINO),
    (&["AADHAAR"], Kind::IN_AADHAAR),
    (&["PHONE_NUMBER", "PHONENUMBER", "TELEPHONENUM", "TELEPHONE"], Kind::PHONE),
    (&["EMAIL_ADDRESS", "E_MAIL", "MAIL"], Kind::EMAIL),
    (&["DOMAIN_NAME", "URI", "WEB_ADDRESS"], Kind::URL),
    (&["IP", "IPV4", "IPV6", "IPV4_ADDRESS", "IPV6_ADDRESS"], Kind::IP_ADDRESS),
    (&["MAC"], Kind::MAC_ADDRESS),
    (&["CRYPTO", "BITCOINADDRESS", "ETHEREUMADDRESS", "WALLET_ADDRESS"], Kind::CRYPTO_ADDRESS),
    (&["DOB", "DATEOFBIRTH", "BIRTH_DATE"], Kind::DATE_OF_BIRTH),
    (&["DATE_TIME", "DATETIME"], Kind::DATE),
    (&["MRN", "MEDICAL_RECORD_NUMBER"], Kind::MEDICAL_RECORD),
    (
        &[
            "PER",
            "NAME",
            "FULL_NAME",
            "FIRST_NAME",
            "LAST_NAME",
            "FIRSTNAME",
            "LASTNAME",
            "GIVENNAME",
            "SURNAME",
        ],
        Kind::PERSON,
    ),
    (&["JOB_TITLE", "JOBTITLE", "PREFIX"], Kind::TITLE),
    (&["LOC", "GPE", "CITY", "STATE", "COUNTRY", "COUNTY"], Kind::LOCATION),
    (&["STREET_ADDRESS", "STREET", "STREETADDRESS"], Kind::ADDRESS),
    (&["ZIP", "ZIPCODE", "POSTCODE", "POSTAL_CODE"], Kind::ZIP_CODE),
    (&["ORG", "COMPANY", "COMPANY_NAME", "COMPANYNAME"], Kind::ORGANIZATION),
    (&["NRP", "NORP"], Kind::NATIONALITY),
];

/// Words in labels of credentials: each issuer has labels of its own.
const CREDENTIALS: &[&str] = &[
    "SECRET",
    "SECRETS",
    "TOKEN",
    "PASSWORD",
    "PASSPHRASE",
    "CREDENTIAL",
    "CREDENTIALS",
    "PAT",
    "BEARER",
    "JWT",
    "WEBHOOK",
    "APIKEY",
    "API",
    "KEY",
    "AUTH",
    "VAULT",
];

/// Issuers whose name alone is a label of their credentials.
const ISSUERS: &[&str] = &[
    "ANTHROPIC",
    "AWS",
    "AZURE",
    "DIGITALOCEAN",
    "GITHUB",
    "GITLAB",
    "GOOGLE",
    "HF",
    "HUGGINGFACE",
    "NPM",
    "OPENAI",
    "PYPI",
    "SENDGRID",
    "SLACK",
    "STRIPE",
    "TWILIO",
];

/// The kind that a label means: one of our names, one of the table, or a national number of the
/// form `CC_NAME`. In any case; blanks and dashes count as `_`.
#[must_use]
pub fn kind_of_label(label: &str) -> Option<Kind> {
    let label: String = label
        .chars()
        .map(|c| if matches!(c, ' ' | '-' | '.') { '_' } else { c.to_ascii_uppercase() })
        .collect();
    let own = Kind::KNOWN.iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&label));
    let listed = || LABELS.iter().find(|(labels, _)| labels.contains(&label.as_str()));
    let kind = own.or_else(|| listed().map(|(_, kind)| kind)).cloned();
    let is_credential =
        || label.split('_').any(|word| CREDENTIALS.contains(&word) || ISSUERS.contains(&word));
    kind.or_else(|| is_credential().then_some(Kind::SECRET)).or_else(|| national(&label))
}

/// `DE_TAX_ID` is `de_tax_id`.
fn national(label: &str) -> Option<Kind> {
    let (country, name) = label.split_once('_')?;
    let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_country && !name.is_empty()).then(|| Kind::custom(label.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(label: &str) -> Option<String> {
        kind_of_label(label).map(|kind| kind.as_str().to_owned())
    }

    #[test]
    fn knows_the_labels_of_other_sets_and_our_own() {
        for (label, ours) in [
            ("STREET_ADDRESS", "address"),
            ("GPE", "location"),
            ("US_SSN", "us_ssn"),
            ("credit-card", "credit_card"),
            ("PHONE_NUMBER", "phone"),
            ("date of birth", "date_of_birth"),
            ("DE_TAX_ID", "de_tax_id"),
            ("GITHUB_FINE_PAT", "secret"),
            ("PASSWORD_PROSE", "secret"),
            ("NPM", "secret"),
        ] {
            assert_eq!(kind(label).as_deref(), Some(ours), "{label}");
        }
        assert_eq!(kind("FAVOURITE_COLOUR"), None);
        assert_eq!(kind(""), None);
    }

    #[test]
    fn no_label_is_listed_twice() {
        let mut all: Vec<_> = LABELS.iter().flat_map(|(labels, _)| labels.iter()).collect();
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before);
    }
}
