//! The configuration of a start without a file. This is the one place of this crate that knows
//! vendors: their usual variables and their addresses. It is written as the file that it stands
//! in for, so that it is read and checked like one.

use std::fmt::Write as _;

use tb_providers::BaseUrl;

use crate::codes::Code;
use crate::environment::Environment;
use crate::redact::quoted;
use crate::report::Diagnostic;

/// What reports call this configuration.
pub(crate) const NAME: &str = "built-in defaults";

/// A vendor that is configured by its usual variable.
struct Vendor {
    provider: &'static str,
    dialect: &'static str,
    key_variable: &'static str,
    address: Address,
}

enum Address {
    /// The vendor's public API, from its documentation.
    Fixed(&'static str),
    /// Each customer has one: the variables of the address and of the API version.
    Variable { url: &'static str, api_version: &'static str },
}

const VENDORS: [Vendor; 5] = [
    Vendor {
        provider: "openai",
        dialect: "openai",
        key_variable: "OPENAI_API_KEY",
        address: Address::Fixed("https://api.openai.com/v1"),
    },
    Vendor {
        provider: "anthropic",
        dialect: "anthropic",
        key_variable: "ANTHROPIC_API_KEY",
        address: Address::Fixed("https://api.anthropic.com/v1"),
    },
    Vendor {
        provider: "gemini",
        dialect: "gemini",
        key_variable: "GEMINI_API_KEY",
        address: Address::Fixed("https://generativelanguage.googleapis.com/v1beta"),
    },
    Vendor {
        provider: "azure",
        dialect: "azure",
        key_variable: "AZURE_OPENAI_API_KEY",
        address: Address::Variable {
            url: "AZURE_OPENAI_ENDPOINT",
            api_version: "AZURE_OPENAI_API_VERSION",
        },
    },
    Vendor {
        provider: "mistral",
        dialect: "openai",
        key_variable: "MISTRAL_API_KEY",
        address: Address::Fixed("https://api.mistral.ai/v1"),
    },
];

/// The usual variables of keys, for messages.
pub(crate) fn key_variables() -> Vec<&'static str> {
    VENDORS.iter().map(|vendor| vendor.key_variable).collect()
}

/// The variable because of which a key of the built-in configuration exists.
pub(crate) fn variable_behind(key: &str) -> Option<&'static str> {
    let provider = key.strip_prefix("providers.")?.split('.').next()?;
    VENDORS.iter().find(|vendor| vendor.provider == provider).map(|vendor| vendor.key_variable)
}

/// The text of the built-in configuration, and what had to be left out of it.
pub(crate) fn built_in(environment: &dyn Environment) -> (String, Vec<Diagnostic>) {
    let mut text = String::from(
        "[storage]\nurl = \"sqlite:tollbar-data/tollbar.db\"\n\
         [journal]\npath = \"tollbar-data/journal/\"\n",
    );
    let mut warnings = Vec::new();
    let set = |name: &str| environment.var(name).filter(|value| !value.trim().is_empty());
    for vendor in &VENDORS {
        if set(vendor.key_variable).is_none() {
            continue;
        }
        let (url, api_version) = match vendor.address {
            Address::Fixed(url) => (url.to_owned(), None),
            Address::Variable { url, api_version } => {
                let Some(value) = set(url).filter(|value| BaseUrl::parse(value).is_ok()) else {
                    warnings.push(incomplete(vendor, url));
                    continue;
                };
                (value, set(api_version))
            }
        };
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "[providers.{}]\ndialect = {}\nbase_url = {}\napi_keys = [{{ env = {} }}]\n",
            vendor.provider,
            quoted(vendor.dialect),
            quoted(&url),
            quoted(vendor.key_variable),
        );
        if let Some(version) = api_version {
            let _ = writeln!(text, "quirks = {{ api_version = {} }}", quoted(&version));
        }
    }
    (text, warnings)
}

fn incomplete(vendor: &Vendor, variable: &str) -> Diagnostic {
    Diagnostic {
        code: Code::IncompleteVendor,
        file: format!("variable {variable}"),
        position: None,
        message: format!(
            "{} is set, but {variable} is not (or is not a URL), so the provider `{}` was left out",
            vendor.key_variable, vendor.provider
        ),
        help: format!("set {variable} to the address of the resource: https://…"),
        nearest: None,
    }
}
