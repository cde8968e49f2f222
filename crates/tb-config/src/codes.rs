//! The stable codes of configuration faults. A code never changes its meaning; a retired one
//! is not used again.

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is accepted, and somebody should know.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $severity:ident $doc:literal;)+) => {
        /// What is wrong, as a stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $doc] $variant,)+
        }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as printed, `E0003`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether it refuses the configuration.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What it means, for the reference.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }
        }
    };
}

codes! {
    UnreadableFile "E0001" Error "The configuration file cannot be read, or is not UTF-8.";
    Syntax "E0002" Error "The file is not valid TOML.";
    UnknownKey "E0003" Error "No such key here. Keys that nobody knows are refused, so that a typing error never switches something off.";
    WrongType "E0004" Error "The value is of another type than the key takes.";
    MissingKey "E0005" Error "A required key is missing.";
    UnknownWord "E0006" Error "The key takes one of a few words, and this is none of them.";
    OutOfRange "E0007" Error "The number (or duration, or size) is too small or too large for the key.";
    BadDuration "E0008" Error "Not a duration. Durations are a whole number and a unit: `250ms`, `30s`, `5m`, `1h`, `7d`, or several of them: `1h30m`.";
    BadSize "E0009" Error "Not a size. Sizes are a whole number and a unit: `512KiB`, `16MiB`, `1GB`, or a plain number of bytes.";
    BadMoney "E0010" Error "Not an amount of dollars. Amounts have at most six decimals: `0.15`, or `\"0.15 usd\"`.";
    BadNetwork "E0011" Error "Not a network in CIDR notation such as `10.0.0.0/8`.";
    BadAddress "E0012" Error "Not an address to listen on. It is an IP address and a port: `127.0.0.1:8787`.";
    BadUrl "E0013" Error "Not a base URL. It begins with `https://` or `http://` and has no user, query or fragment.";
    BadDate "E0014" Error "Not a date. Dates are written `2027-01-31`, in quotes.";
    BadName "E0015" Error "The name (or pattern) has characters that names do not have, or is too long.";
    NotEnforced "E0016" Error "The contract knows this key, but this version does not enforce it, so it is refused rather than ignored.";
    VariableNotSet "E0020" Error "A secret refers to an environment variable that is not set.";
    UnreadableSecret "E0021" Error "A secret refers to a file that cannot be read.";
    EmptySecret "E0022" Error "A secret is empty.";
    BadSecretReference "E0023" Error "A secret is neither `{ env = \"NAME\" }` nor `{ file = \"PATH\" }`.";
    UnusableSecret "E0024" Error "A secret has characters that cannot be sent in an HTTP header.";
    UnknownProvider "E0030" Error "A target, or a model of a service, names a provider that is not in `[providers]`.";
    UnknownModel "E0031" Error "A service names a model that is neither in `[models]` nor `provider/model`, or the guard's moderation one that is not in `[models]`.";
    NoTargets "E0032" Error "A model has no targets.";
    ZeroWeights "E0033" Error "All targets of a model, or all keys of a provider, have weight 0, so none would ever be chosen.";
    MissingBaseUrl "E0034" Error "A provider needs a `base_url`; only the simulated one has none.";
    BadStorage "E0035" Error "The storage URL is not one that this version supports.";
    SameAddress "E0036" Error "The public API and the admin API would share an address.";
    OpenToAll "E0037" Error "Authentication is off on an address that other machines can reach.";
    SharesExceedOne "E0038" Error "The shares of a provider's failures add up to more than 1.";
    NoPurposes "E0039" Error "A list of a service, or of services, is empty where at least one entry is needed.";
    BadFailure "E0040" Error "A simulated failure has neither or both of `status` and `kind`.";
    NoEffect "E0041" Error "The key has no effect together with the others, so it is refused rather than ignored.";
    Duplicate "E0042" Error "An entry stands twice in a list.";
    Contradiction "E0043" Error "Two values contradict each other: mostly one of them must not exceed the other.";
    BadFallback "E0044" Error "A fallback is not another model of `[models]`.";
    EmptyRung "E0045" Error "`on_exhausted` names something that has nothing to answer with: `stale_cache` needs a cache and time, `rules` needs a file.";
    UnreadableRules "E0046" Error "A rules file cannot be read, or is not UTF-8.";
    BadRule "E0047" Error "A rule of a rules file cannot be used.";
    UnknownType "E0048" Error "The guard knows no such type of finding.";
    Irreversible "E0049" Error "`tokenize` where nothing can be restored: secrets and cards are never reversible, and what models write belongs to nobody.";
    BadDetector "E0050" Error "A detector or a keyword list of the guard cannot be used.";
    UnreadableWords "E0051" Error "A file of words cannot be read, or is not UTF-8.";
    UnknownService "E0052" Error "A detector names a service that is not in `[services]`.";
    UnknownTimeZone "E0053" Error "The database of time zones has no such zone.";
    BadMasterKey "E0054" Error "A master key is not 32 bytes in base64 or hex.";
    BadIssuer "E0055" Error "An issuer of tokens has neither or both of `jwks_file` and `jwks_url`, fetches its keys over plain HTTP, leaves a claim empty, or is the same as another.";
    UnknownIssuer "E0056" Error "A workload of a service names an issuer that is not in `[identity]`.";
    BadWorkload "E0057" Error "A workload of a service is neither `spiffe://trust-domain/path` nor `NAME:SUBJECT`.";
    SharedWorkload "E0058" Error "A workload fits two services, so nobody could say for which it calls.";
    BadAccessFile "E0059" Error "A file of `[server.tls]` or `[identity]` cannot be read, or is not what it should be: PEM, or a JSON Web Key Set.";
    ClassNotListed "E0060" Error "The `data_class` of a service is not one of its `data_classes`.";
    UnknownClass "E0061" Error "A list of data classes names one that is neither built in nor in `[data_classes]`.";
    UnreadableLock "E0062" Error "The lock file of models cannot be read, or is not UTF-8.";
    BadPrompt "E0063" Error "The folder of the prompts, or a file in it, cannot be read or is no prompt.";
    ForeignProvider "E0064" Error "A provider's keys belong to another environment than the configuration.";
    InlineSecret "W0101" Warning "A secret stands in the file itself. It works, but whoever reads the file has it.";
    ClearText "W0102" Warning "API keys are sent over plain HTTP to another machine.";
    NoProvider "W0103" Warning "No provider is configured, so every call ends in `model_not_found`.";
    IncompleteVendor "W0104" Warning "A vendor's key is set in the environment, but another variable that it needs is not, so it was left out.";
    Unused "W0105" Warning "The key has no effect as long as `on_exhausted` does not name what uses it.";
    GuardOff "W0106" Warning "The guard is off: texts leave as they come.";
    FailsOpen "W0107" Warning "When the guard fails, texts leave as they come.";
    NoAgreement "W0108" Warning "Health data may go to providers without an agreement.";
    NoProviderForClass "W0109" Warning "A service lists a class of data that no provider may receive, so its requests of that class end in `no_eligible_provider`.";
    NoCertificates "W0110" Warning "A service lists a SPIFFE workload, but no client certificates are asked for, so nobody can be it.";
    FloatingModel "W0111" Warning "A target names a model that stands for whatever is newest, or one whose last day is over.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_rising_and_say_their_severity() {
        let texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = texts.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(texts, sorted);
        for code in Code::ALL {
            let letter = if code.severity() == Severity::Error { 'E' } else { 'W' };
            assert!(code.as_str().starts_with(letter));
        }
    }
}
