//! `audit`: the audit log, read from its folder, also while a server runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use tb_config::{CheckpointPlace, Snapshot};
use tb_core::audit::{AuditFilter, AuditTrail, InclusionProof, NoteVerifier, Verification};
use tb_core::{Actor, AdminAct, Clock, RequestId};
use tb_engine::SystemClock;
use tb_store::{AuditReader, csv_columns, open_audit_key, read_public_key, verify};

use super::usage::moment;
use crate::cli::{Audit, AuditList, AuditVerify};
use crate::configuration::Configuration;
use crate::failure::{Failed, NEGATIVE};
use crate::output::{self, Format, Rows};
use crate::storage;

/// Runs one of them.
pub(super) fn run(
    command: &Audit,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    match command {
        Audit::List(options) => list(options, configuration, format),
        Audit::Verify(options) => match &options.proof {
            Some(proof) => verify_proof(proof, options, configuration, format),
            None => verify_log(options, configuration, format),
        },
        Audit::Prove { seq } => prove(*seq, configuration),
        Audit::Export { since } => export(since.as_deref(), configuration, format),
    }
}

/// The log of the configuration, for an act that is written down first.
fn reader(
    configuration: &Configuration,
    (kind, object, asked): (&str, &str, Value),
) -> anyhow::Result<AuditReader> {
    let loaded = configuration.load_loudly(true)?;
    let stores = storage::open_existing(&loaded.snapshot)?;
    let own = Own::of(&loaded.snapshot)?;
    let name = format!("uid {}", rustix::process::getuid().as_raw());
    let act = AdminAct::new(SystemClock.now(), Actor::CommandLine(name), kind, object);
    stores.acts.note_act(&act.with(None, Some(asked)))?;
    Ok(AuditReader::new(own.folder, own.key))
}

/// The log of a configuration.
struct Own {
    folder: PathBuf,
    key: NoteVerifier,
}

impl Own {
    fn of(snapshot: &Snapshot) -> anyhow::Result<Self> {
        let Some((folder, key)) = storage::audit_paths(snapshot) else {
            let message = "the storage is `memory:`, whose audit log goes with the server; use its \
                           admin API, or a `sqlite:` storage";
            return Err(Failed::usage(message).into());
        };
        if !folder.exists() {
            let folder = folder.display();
            let message =
                format!("there is no audit log {folder}: it begins with the first `tollbar serve`");
            return Err(Failed::new(NEGATIVE, message).into());
        }
        // Without the private key, which a reader need not have, the folder's own word stands.
        let key = match key.exists() {
            true => open_audit_key(&key)?.verifier().clone(),
            false => read_public_key(&folder)?,
        };
        Ok(Self { folder, key })
    }
}

fn list(
    options: &AuditList,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let request = options.request.as_deref().map(|text| {
        RequestId::parse(text).ok_or_else(|| {
            Failed::usage(format!("`{text}` is not a request id, req_ and 32 digits"))
        })
    });
    let mut filter = AuditFilter {
        since: options.since.as_deref().map(moment).transpose()?,
        service: options.service.as_deref().map(Into::into),
        kind: options.kind.clone(),
        request: request.transpose()?,
        before: None,
    };
    let asked = json!({
        "since": options.since,
        "service": options.service,
        "kind": options.kind,
        "request": options.request,
        "limit": options.limit,
    });
    let log = reader(configuration, ("audit.read", "records", asked))?;
    let mut records = Vec::new();
    loop {
        let page = log.page(&filter, options.limit.saturating_sub(records.len()))?;
        records.extend(page.records);
        filter.before = page.next_before;
        if filter.before.is_none() || records.len() >= options.limit {
            break;
        }
    }
    print_records(&records, format)?;
    Ok(ExitCode::SUCCESS)
}

fn print_records(records: &[Value], format: Format) -> anyhow::Result<()> {
    if format != Format::Table {
        let mut rows = Rows::new(csv_columns().to_vec());
        for record in records {
            rows.push(cells(record));
        }
        return Ok(rows.print(format)?);
    }
    let mut rows = Rows::new(vec!["seq", "at", "who", "what", "model", "provider", "status", "id"]);
    for record in records {
        let of = |member: &str| record.get(member).cloned().unwrap_or_default();
        let is_act = record.get("act").is_some();
        rows.push(if is_act {
            let nothing = || Value::Null;
            let (who, what) = (of("actor"), of("act"));
            vec![of("seq"), of("at"), who, what, nothing(), nothing(), nothing(), of("object")]
        } else {
            let (model, id) = (of("model_requested"), of("request_id"));
            let (who, what) = (of("service"), of("route"));
            vec![of("seq"), of("at"), who, what, model, of("provider"), of("status"), id]
        });
    }
    Ok(rows.print(format)?)
}

fn cells(record: &Value) -> Vec<Value> {
    csv_columns().iter().map(|name| record.get(name).cloned().unwrap_or_default()).collect()
}

fn prove(seq: u64, configuration: &Configuration) -> anyhow::Result<ExitCode> {
    let object = format!("proof of {seq}");
    let log = reader(configuration, ("audit.read", &object, Value::Null))?;
    let Some(proof) = log.prove(seq)? else {
        let message = format!(
            "there is no record {seq} with a checkpoint yet; checkpoints come every ten seconds"
        );
        return Err(Failed::new(NEGATIVE, message).into());
    };
    output::json_line(&proof)?;
    Ok(ExitCode::SUCCESS)
}

fn export(
    since: Option<&str>,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    if format == Format::Json {
        return Err(Failed::usage("an export is `-o jsonl` or `-o csv`").into());
    }
    let since = since.map(moment).transpose()?;
    let asked = json!({ "since": since.map(tb_core::Timestamp::to_rfc3339) });
    let log = reader(configuration, ("audit.export", "records", asked))?;
    let filter = AuditFilter { since, ..AuditFilter::default() };
    if format == Format::Csv {
        output::data(&(csv_columns().join(",") + "\r\n"))?;
    }
    log.export(&filter, &mut |line, record| match format {
        Format::Csv => output::data(&output::csv_line(&cells(record))),
        _ => output::data(&format!("{line}\n")),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The key on the command line: itself, or in a file.
fn given_key(options: &AuditVerify) -> anyhow::Result<Option<NoteVerifier>> {
    let Some(given) = &options.public_key else { return Ok(None) };
    let key = NoteVerifier::parse(given).or_else(|fault| {
        let text = std::fs::read_to_string(given).map_err(|_| fault)?;
        NoteVerifier::parse(&text)
    });
    key.map(Some).map_err(|fault| Failed::usage(format!("--public-key: {fault}")).into())
}

fn verify_log(
    options: &AuditVerify,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let given = given_key(options)?;
    let given_places = options.checkpoints.as_deref().map(read).transpose()?;
    let mut witnesses: Vec<String> = given_places.into_iter().collect();
    let (folder, key) = match &options.path {
        Some(folder) => {
            let key = match given {
                Some(key) => key,
                None => {
                    output::message(
                        "the key is the one that the copy names itself; who does not trust the \
                         copy gives --public-key",
                    );
                    read_public_key(folder)?
                }
            };
            (folder.clone(), key)
        }
        None => {
            let loaded = configuration.load_loudly(true)?;
            let own = Own::of(&loaded.snapshot)?;
            if witnesses.is_empty() {
                witnesses = second_places(&loaded.snapshot)?;
            }
            (own.folder, given.unwrap_or(own.key))
        }
    };
    let texts: Vec<&str> = witnesses.iter().map(String::as_str).collect();
    let found = verify(&folder, &key, &texts)?;
    print_verification(&found, format)?;
    Ok(if found.ok { ExitCode::SUCCESS } else { ExitCode::from(NEGATIVE) })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The checkpoints in the files of `audit.checkpoint_to`. One that is missing is empty, and a
/// second place without a checkpoint is a fault: somebody may have taken it away.
fn second_places(snapshot: &Snapshot) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for place in &snapshot.audit.checkpoint_to {
        let CheckpointPlace::File(path) = place else { continue };
        if !path.exists() {
            output::message(&format!("there is no {}", path.display()));
        }
        found.push(if path.exists() { read(path)? } else { String::new() });
    }
    Ok(found)
}

fn print_verification(found: &Verification, format: Format) -> anyhow::Result<()> {
    if matches!(format, Format::Json | Format::Jsonl) {
        return Ok(output::json_line(found)?);
    }
    let mut rows = Rows::new(vec!["what", "value"]);
    rows.push(vec![json!("ok"), json!(found.ok)]);
    rows.push(vec![json!("records"), json!(found.records)]);
    rows.push(vec![json!("signed_records"), json!(found.signed_records)]);
    rows.push(vec![json!("witnessed_records"), json!(found.witnessed_records)]);
    rows.push(vec![json!("retired_records"), json!(found.retired_records)]);
    rows.push(vec![json!("tree_head"), json!(found.tree_head)]);
    rows.push(vec![json!("first_bad"), json!(found.first_bad)]);
    rows.push(vec![json!("fault"), json!(found.fault)]);
    rows.push(vec![json!("public_key"), json!(found.public_key)]);
    Ok(rows.print(format)?)
}

fn verify_proof(
    path: &Path,
    options: &AuditVerify,
    configuration: &Configuration,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let proof: InclusionProof = serde_json::from_str(&read(path)?)
        .map_err(|fault| Failed::usage(format!("{} is no proof: {fault}", path.display())))?;
    let own = || -> anyhow::Result<Own> { Own::of(&configuration.load_loudly(true)?.snapshot) };
    let key = match given_key(options)? {
        Some(key) => key,
        // Where there is no log of one's own, the proof names the key.
        None => match own() {
            Ok(own) => own.key,
            Err(_) => {
                output::message(
                    "the key is the one that the proof names itself; who does not trust the proof \
                     gives --public-key",
                );
                NoteVerifier::parse(&proof.public_key)
                    .map_err(|fault| Failed::usage(format!("the proof: {fault}")))?
            }
        },
    };
    let checked = proof.verify(&key);
    let (is_ok, size, fault) = match checked {
        Ok(checkpoint) => (true, Some(checkpoint.size), None),
        Err(fault) => (false, None, Some(fault)),
    };
    let found = json!({
        "schema_version": 1,
        "ok": is_ok,
        "seq": proof.seq,
        "tree_size": size,
        "fault": fault,
        "public_key": key.to_string(),
    });
    if matches!(format, Format::Json | Format::Jsonl) {
        output::json_line(&found)?;
    } else {
        let mut rows = Rows::new(vec!["what", "value"]);
        for name in ["ok", "seq", "tree_size", "fault", "public_key"] {
            rows.push(vec![json!(name), found.get(name).cloned().unwrap_or_default()]);
        }
        rows.print(format)?;
    }
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::from(NEGATIVE) })
}
