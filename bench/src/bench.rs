//! What every measurement needs.

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::aws::Aws;
use crate::certificates::Certificates;

/// What every measurement needs.
pub(crate) struct Bench {
    pub(crate) aws: Aws,
    pub(crate) certificates: Certificates,
    pub(crate) folder: TempDir,
    /// An enquiry as it is recorded, for the functions that mail one.
    pub(crate) enquiry: Option<Value>,
}

impl Bench {
    /// Starts the AWS that the functions call.
    pub(crate) async fn start() -> Result<Self> {
        let folder = TempDir::new().context("there is no folder for temporary files")?;
        let certificates = Certificates::issue(folder.path())?;
        let aws = Aws::start(&certificates.server).await?;
        Ok(Self { aws, certificates, folder, enquiry: None })
    }
}
