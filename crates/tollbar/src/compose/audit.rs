//! The audit log of a running gateway: its folder, its key, and the second places of its
//! checkpoints.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tb_config::{CheckpointPlace, Snapshot};
use tb_core::audit::Subjects;
use tb_core::{Actor, AdminAct, Clock};
use tb_engine::SystemClock;
use tb_store::{AuditParts, FileAuditLog, Witness, open_audit_key};
use tempfile::TempDir;

use crate::output;
use crate::storage::{self, Stores};

/// The log, and the folder that it lies in if that goes with the process.
pub(super) struct Audit {
    pub(super) log: Arc<FileAuditLog>,
    stores: tb_store::Stores,
    _temporary: Option<TempDir>,
}

impl Audit {
    /// Opens the log and notes in it that the gateway starts.
    pub(super) fn open(snapshot: &Snapshot, stores: &Stores) -> anyhow::Result<Self> {
        let temporary = stores.is_temporary.then(tempfile::tempdir).transpose()?;
        let (folder, key) = match &temporary {
            Some(folder) => (folder.path().join("audit"), folder.path().join("key")),
            None => storage::audit_paths(snapshot).context("the audit log has no place")?,
        };
        let log = FileAuditLog::open(AuditParts {
            folder,
            node: node(),
            is_durable_on_power_loss: snapshot.journal.durable_on_power_loss,
            signer: open_audit_key(&key)?,
            acts: Arc::clone(&stores.acts),
            subjects: subjects(stores),
            clock: Arc::new(SystemClock),
            witnesses: snapshot.audit.checkpoint_to.iter().map(witness).collect(),
        });
        let log = Arc::new(log.context("cannot open the audit log")?);
        let audit = Self { log, stores: tb_store::Stores::clone(stores), _temporary: temporary };
        audit.note("gateway.start", &format!("{:016x}", snapshot.hash))?;
        Ok(audit)
    }

    /// Notes an act of the gateway itself.
    pub(super) fn note(&self, kind: &str, object: &str) -> anyhow::Result<()> {
        let act = AdminAct::new(SystemClock.now(), Actor::Gateway, kind, object);
        self.stores.acts.note_act(&act).context("cannot write down what the gateway does")
    }

    /// Notes that the gateway stops, and signs the last checkpoint.
    pub(super) fn close(&self) -> anyhow::Result<()> {
        let noted = self.note("gateway.stop", "");
        self.log.close().context("the audit log is not closed")?;
        noted
    }
}

/// From end users to pseudonyms.
pub(crate) fn subjects(stores: &Stores) -> Subjects {
    Subjects::new(Arc::clone(&stores.subjects), &stores.pepper.derive("subjects"))
}

/// The machine's name.
fn node() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn witness(place: &CheckpointPlace) -> Witness {
    match place {
        CheckpointPlace::Stdout => {
            Witness { name: "stdout".to_owned(), write: Box::new(output::data) }
        }
        CheckpointPlace::File(path) => {
            let path = path.clone();
            Witness {
                name: path.display().to_string(),
                write: Box::new(move |note| append(&path, note)),
            }
        }
        CheckpointPlace::Webhook(address) => webhook(address),
    }
}

fn append(path: &Path, note: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(note.as_bytes())?;
    file.sync_data()
}

fn webhook(address: &str) -> Witness {
    let sender = tb_engine::CheckpointSender::new(address);
    Witness {
        name: address.to_owned(),
        write: Box::new(move |note| match &sender {
            Ok(sender) => sender.send(note),
            Err(why) => Err(io::Error::other(why.clone())),
        }),
    }
}
