//! `[server.tls]`

use tb_core::Secret;
use zeroize::Zeroizing;

use super::named_file;
use crate::codes::Code;
use crate::reader::{At, Section};
use crate::snapshot::TlsSettings;

/// What the first line of each kind of PEM file has; private keys say their format before it.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// `None` when it is not written or was reported.
pub(super) fn tls(server: &Section<'_>) -> Option<TlsSettings> {
    let section = server.table("tls")?;
    let certificate = section.value::<String>("certificate");
    let key = section.value::<String>("key");
    let client_ca = section.optional::<String>("client_ca");
    let text = |file: &At<String>, what, sign| text(&section, file, what, sign);
    let certificate = certificate.map(|file| text(&file, "certificate", CERTIFICATE));
    let key = key.map(|file| text(&file, "private key", PRIVATE_KEY));
    let client_ca =
        client_ca.map(|file| text(&file, "certificate of the authorities", CERTIFICATE));
    Some(TlsSettings {
        certificate: certificate?.as_str().into(),
        key: Secret::new(key?.to_string()),
        client_ca: client_ca.map(|text| text.as_str().into()),
    })
}

/// The text of a file, which is no part of the hash: certificates are renewed without a change of
/// the configuration. Empty when it was reported.
fn text(section: &Section<'_>, path: &At<String>, what: &str, sign: &str) -> Zeroizing<String> {
    let read = named_file::watched(section.reader, path, what, Code::BadAccessFile);
    let Some(text) = read.map(Zeroizing::new) else { return Zeroizing::default() };
    if !text.contains(sign) {
        section.reader.report(
            &path.place,
            Code::BadAccessFile,
            format!("there is no {what} in the file"),
            "it is a PEM file, with lines such as `-----BEGIN …-----`",
        );
    }
    text
}
