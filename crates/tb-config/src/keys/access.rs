//! `[data_classes]`, `[identity]`, `[server.tls]`: what may go where, and who may ask without a
//! key.

use tb_core::DataClass;

use super::Default::{Absent, Depends, Required, Value};
use super::{Kind, Table, key, table};
use crate::snapshot::TokenAlgorithm;
use crate::value::Choice;

pub(super) static DATA_CLASS: Table = table(
    "data_classes.*",
    "What a class of data, and every stricter one, asks of a provider, beside that the provider lists it: one of `public`, `internal`, `personal`, `health`, or one of your own (at most 32).",
    &[
        key(
            "level",
            Kind::Choice(DataClass::WORDS),
            Depends("required for your own; the built-in ones have none"),
            "The built-in class that a request of this one has at least.",
        ),
        key(
            "agreement",
            Kind::Flag,
            Depends("`true` for `health`, else `false`"),
            "A business associate agreement that has not expired, or on premises.",
        ),
        key(
            "zero_retention",
            Kind::Flag,
            Value("false"),
            "Nothing is kept of what is sent (`zero_retention`), or on premises.",
        ),
        key(
            "no_training",
            Kind::Flag,
            Value("false"),
            "Nothing is trained on what is sent (`training_use = false`), or on premises.",
        ),
        key(
            "regions",
            Kind::Texts,
            Value("[]"),
            "The provider's `region` is one of these; empty = anywhere.",
        ),
    ],
);

pub(super) static IDENTITY: Table = table(
    "identity.*",
    "An issuer of tokens (JWT, OpenID Connect) that workloads may present in the place of a key. It has `jwks_file` or `jwks_url`.",
    &[
        key("issuer", Kind::Text, Required, "The claim `iss`, exactly."),
        key("audience", Kind::Text, Required, "What the claim `aud` must hold."),
        key(
            "algorithms",
            Kind::Choices(TokenAlgorithm::WORDS),
            Required,
            "How its tokens may be signed; others are refused.",
        ),
        key(
            "jwks_file",
            Kind::Path,
            Absent,
            "The file with its public keys (a JSON Web Key Set), relative to the folder of this file; read again when it changes.",
        ),
        key(
            "jwks_url",
            Kind::Url,
            Absent,
            "The address of its public keys, fetched when needed; `https://`, plain HTTP only on loopback addresses.",
        ),
        key(
            "max_lifetime",
            Kind::Duration { min_ms: 1_000 },
            Value("1h"),
            "The longest time from `iat` to `exp`; tokens that live longer are refused.",
        ),
    ],
);

pub(super) static TLS: Table = table(
    "server.tls",
    "TLS on the public address. A change here needs a restart; files that are renewed are read again.",
    &[
        key(
            "certificate",
            Kind::Path,
            Required,
            "The PEM file with the certificate and its chain, relative to the folder of this file.",
        ),
        key("key", Kind::Path, Required, "The PEM file with the private key."),
        key(
            "client_ca",
            Kind::Path,
            Depends("no certificate is asked of clients"),
            "The PEM file with the authorities of client certificates, by which services know `spiffe://…` workloads.",
        ),
    ],
);
