//! What all measurements share.

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::aws::Aws;
use crate::certificates::Certificates;

pub(crate) struct Bench {
    pub(crate) aws: Aws,
    pub(crate) certificates: Certificates,
    pub(crate) folder: TempDir,
    /// A recorded enquiry, for the functions that email one.
    pub(crate) enquiry: Option<Value>,
}

impl Bench {
    /// Starts the fake AWS.
    pub(crate) async fn start() -> Result<Self> {
        let folder = TempDir::new().context("there is no folder for temporary files")?;
        let certificates = Certificates::issue(folder.path())?;
        let aws = Aws::start(&certificates.server).await?;
        Ok(Self { aws, certificates, folder, enquiry: None })
    }
}
