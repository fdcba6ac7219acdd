//! A certificate authority for this run: a root, an intermediate and a leaf for `localhost`. All have RSA keys of 2,048
//! bits, like AWS's endpoints, because verifying them is part of a start.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use pem::Pem;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::OsRng;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a server presents, and what a client needs to verify it.
pub(crate) struct Certificates {
    /// The endpoints' TLS configuration, for HTTP/1.1.
    pub(crate) server: Arc<ServerConfig>,
    /// A PEM file of Mozilla's roots and ours. Functions find Mozilla's roots in Amazon Linux or in boto3, and reading
    /// them is part of a start.
    pub(crate) roots: PathBuf,
    /// A PEM file of our root only. Node has the others compiled in.
    pub(crate) own_root: PathBuf,
}

impl Certificates {
    /// Issues the chain, and writes the roots into `folder`.
    pub(crate) fn issue(folder: &Path) -> Result<Self> {
        let root = CertifiedIssuer::self_signed(authority("Bench Root"), rsa_key()?)?;
        let intermediate = CertifiedIssuer::signed_by(authority("Bench Intermediate"), rsa_key()?, &root)?;
        let leaf_key = rsa_key()?;
        let leaf = CertificateParams::new(["localhost".to_owned()])?.signed_by(&leaf_key, &intermediate)?;

        let chain = vec![leaf.der().clone(), intermediate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        // The cipher suite that AWS's endpoints choose, whatever the client prefers.
        let suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
        let provider = CryptoProvider { cipher_suites: suites, ..ring::default_provider() };
        let mut server = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];

        let own_root = folder.join("own-root.pem");
        fs::write(&own_root, root.pem())?;
        let mozillas = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let mozillas: Vec<_> = mozillas.map(|root| Pem::new("CERTIFICATE", root.to_vec())).collect();
        let roots = folder.join("roots.pem");
        fs::write(&roots, pem::encode_many(&mozillas) + &root.pem())?;
        Ok(Self { server: Arc::new(server), roots, own_root })
    }
}

fn rsa_key() -> Result<KeyPair> {
    let key = RsaPrivateKey::new(&mut OsRng, 2_048)?;
    Ok(KeyPair::try_from(key.to_pkcs8_der()?.as_bytes())?)
}

fn authority(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}
