//! Where the workspace and its build results lie.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// The folders that every chore needs.
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo builds; `CARGO_TARGET_DIR` and the cargo configuration are respected.
    pub(crate) target: PathBuf,
    /// Everything that cargo knows, the resolved dependency graph included.
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// Asks cargo about the workspace that this program was built from.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .exec()
            .context("cargo metadata refused the workspace")?;
        Ok(Self {
            root: metadata.workspace_root.clone().into_std_path_buf(),
            target: metadata.target_directory.clone().into_std_path_buf(),
            metadata,
        })
    }

    /// The release build of the gateway, once it is there.
    pub(crate) fn gateway(&self) -> anyhow::Result<PathBuf> {
        let path = self.target.join("release/tollbar");
        ensure!(path.exists(), "there is no {}: build it first (step `release`)", path.display());
        Ok(path)
    }
}
