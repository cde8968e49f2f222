//! `[server]`, `[storage]`, `[journal]`, `[telemetry]`, `[cache]`, `[environment]`: what the
//! process is started with.

use std::net::SocketAddr;
use std::time::Duration;

use super::tls::tls;
use crate::codes::Code;
use crate::reader::{At, Place, Section};
use crate::snapshot::{CacheLimits, JournalSettings, LogFormat, ServerSettings, StorageSettings};
use crate::value::amount::show_size;
use crate::value::{Authentication, Bytes, Durability, Mistake, Value, Word, Written};

/// A section whose keys have defaults: it exists also when nobody wrote it. `None` = it is not
/// a table, which was reported.
type Always<'a> = Option<Section<'a>>;

pub(crate) fn server(section: &Always<'_>) -> Option<ServerSettings> {
    let section = section.as_ref()?;
    let listen = section.value::<SocketAddr>("listen");
    let admin_listen = section.value::<SocketAddr>("admin_listen");
    let max_body = section.value::<Bytes>("max_body");
    let drain_timeout = section.value::<Duration>("drain_timeout");
    let authentication = section.value::<Word<Authentication>>("authentication");
    let workers = workers(section);
    let max_concurrent = section.value::<i64>("max_concurrent");
    let max_queued = section.value::<i64>("max_queued");
    let queue_timeout = section.value::<Duration>("queue_timeout");
    let memory_budget = section.value::<Bytes>("memory_budget");
    let tls = tls(section);
    check_fits(section, ("max_body", &max_body), ("memory_budget", &memory_budget));
    let (listen, admin_listen) = (listen?, admin_listen?);
    check_addresses(section, &listen, &admin_listen);
    let authentication = authentication?;
    if authentication.value.0 == Authentication::Off {
        for address in [&listen, &admin_listen] {
            check_loopback(section, address, &authentication.place);
        }
    }
    Some(ServerSettings {
        listen: listen.value,
        admin_listen: admin_listen.value,
        max_body_bytes: bytes(&max_body?)?,
        drain_timeout: drain_timeout?.value,
        authentication: authentication.value.0 == Authentication::Required,
        workers: workers?,
        max_concurrent: usize::try_from(max_concurrent?.value).ok()?,
        max_queued: usize::try_from(max_queued?.value).ok()?,
        queue_timeout: queue_timeout?.value,
        memory_budget_bytes: bytes(&memory_budget?)?,
        tls,
    })
}

fn bytes(size: &At<Bytes>) -> Option<usize> {
    usize::try_from(size.value.0).ok()
}

/// Reports a size that is larger than the room that it has to fit into.
fn check_fits(
    section: &Section<'_>,
    (size_name, size): (&str, &Option<At<Bytes>>),
    (room_name, room): (&str, &Option<At<Bytes>>),
) {
    let (Some(size), Some(room)) = (size, room) else { return };
    if size.value.0 > room.value.0 {
        let place = if size.place == Place::Default { &room.place } else { &size.place };
        section.reader.report(
            place,
            Code::Contradiction,
            format!(
                "`{size_name}` ({}) is larger than `{room_name}` ({})",
                show_size(size.value.0),
                show_size(room.value.0)
            ),
            format!("lower `{size_name}`, or raise `{room_name}`"),
        );
    }
}

/// The number of cores is not a part of the configuration, so the effective value names the
/// rule and not the number: the hash is then the same on every machine.
fn workers(section: &Section<'_>) -> Option<usize> {
    let faulty_or_written = section.optional::<i64>("workers");
    if let Some(written) = faulty_or_written {
        return usize::try_from(written.value).ok();
    }
    section.reader.effect(section.key_path("workers"), "\"auto\"".to_owned(), &Place::Default);
    Some(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Two listeners cannot share a port on overlapping addresses. Port 0 is any free port.
fn check_addresses(section: &Section<'_>, listen: &At<SocketAddr>, admin: &At<SocketAddr>) {
    let (public, inside) = (listen.value, admin.value);
    let overlap =
        public.ip() == inside.ip() || public.ip().is_unspecified() || inside.ip().is_unspecified();
    if public.port() != 0 && public.port() == inside.port() && overlap {
        let place = if admin.place == Place::Default { &listen.place } else { &admin.place };
        section.reader.report(
            place,
            Code::SameAddress,
            format!("`listen` ({public}) and `admin_listen` ({inside}) share an address"),
            "give the admin API another port: it must not be reachable where the public API is",
        );
    }
}

fn check_loopback(section: &Section<'_>, address: &At<SocketAddr>, off: &Place) {
    if !address.value.ip().is_loopback() {
        let place = if address.place == Place::Default { off } else { &address.place };
        section.reader.report(
            place,
            Code::OpenToAll,
            format!("`authentication` is off, and {} is not a loopback address", address.value),
            "set `authentication = \"required\"`, or listen on 127.0.0.1",
        );
    }
}

/// `[storage] url`
enum StorageUrl {
    Memory,
    Sqlite(String),
}

impl Value for StorageUrl {
    fn expected() -> String {
        "a storage URL such as \"sqlite:tollbar.db\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        let path = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        // The URL of a database may hold a password, so no message repeats it.
        Some(match (text, path) {
            ("memory:", _) => Ok(Self::Memory),
            (_, Some(path)) if !path.is_empty() => Ok(Self::Sqlite(path.to_owned())),
            _ if text.starts_with("postgres:") || text.starts_with("postgresql:") => {
                Err(Mistake::new(
                    Code::BadStorage,
                    "PostgreSQL is not in this version",
                    "use \"sqlite:PATH\" or \"memory:\", or wait for the version that has it",
                ))
            }
            _ => Err(Mistake::new(
                Code::BadStorage,
                "not a storage URL",
                "write \"sqlite:PATH\" or \"memory:\"",
            )),
        })
    }

    fn show(&self) -> String {
        match self {
            Self::Memory => "\"memory:\"".to_owned(),
            Self::Sqlite(path) => crate::redact::quoted(&format!("sqlite:{path}")),
        }
    }
}

pub(crate) fn storage(section: &Always<'_>) -> Option<StorageSettings> {
    let section = section.as_ref()?;
    Some(match section.value::<StorageUrl>("url")?.value {
        StorageUrl::Memory => StorageSettings::Memory,
        StorageUrl::Sqlite(path) => StorageSettings::Sqlite(section.reader.resolve(&path)),
    })
}

pub(crate) fn journal(section: &Always<'_>) -> Option<JournalSettings> {
    let section = section.as_ref()?;
    let path = section.value::<String>("path");
    let durability = section.value::<Word<Durability>>("durability");
    let path = path?;
    if path.value.is_empty() {
        section.reader.report(
            &path.place,
            Code::BadName,
            "`path` is empty",
            "name a folder such as \"journal/\"",
        );
    }
    Some(JournalSettings {
        path: section.reader.resolve(&path.value),
        durable_on_power_loss: durability?.value.0 == Durability::Power,
    })
}

pub(crate) fn cache(section: &Always<'_>) -> Option<CacheLimits> {
    let section = section.as_ref()?;
    let memory = section.value::<Bytes>("memory");
    let disk = section.value::<Bytes>("disk");
    let max_entry = section.value::<Bytes>("max_entry");
    check_fits(section, ("max_entry", &max_entry), ("memory", &memory));
    Some(CacheLimits {
        memory_bytes: memory?.value.0,
        disk_bytes: disk?.value.0,
        entry_bytes: bytes(&max_entry?)?,
    })
}

pub(crate) fn log_format(section: &Always<'_>) -> Option<LogFormat> {
    Some(section.as_ref()?.value::<Word<LogFormat>>("log_format")?.value.0)
}

pub(crate) fn environment_name(section: &Always<'_>) -> Option<String> {
    Some(section.as_ref()?.optional::<String>("name")?.value)
}
