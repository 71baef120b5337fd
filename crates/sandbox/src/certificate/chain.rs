//! A certificate chain.

use std::time::SystemTime;

use rsa::RsaPrivateKey;
use rsa::rand_core::OsRng;
use x509_cert::builder::Profile;

use super::identity::{DAY, Identity, certify, identity, name};

/// A leaf, the authority that issued it, and the root that issued that.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The self-signed root, `CN=Sandbox Root`.
    pub root: Identity,
    /// The issuing authority, `CN=Sandbox Issuing CA`.
    pub intermediate: Identity,
    /// The certificate that an application signs with.
    pub leaf: Identity,
}

impl Chain {
    /// The full chain as an assertion's `x5c`, leaf first.
    pub fn x5c(&self) -> Vec<String> {
        [&self.leaf, &self.intermediate, &self.root].map(Identity::x5c).into()
    }

    /// The certificates in PEM, leaf first.
    pub fn certificates_pem(&self) -> String {
        [&self.leaf, &self.intermediate, &self.root]
            .map(|identity| identity.certificate_pem.as_str())
            .concat()
    }
}

/// Three 2048-bit keys with certificates valid from yesterday; the leaf `CN={common_name}` expires in a
/// year, the others in ten.
pub fn generate_chain(common_name: &str) -> anyhow::Result<Chain> {
    const ROOT: &str = "Sandbox Root";
    const INTERMEDIATE: &str = "Sandbox Issuing CA";
    let now = SystemTime::now();
    let until = |days: u32| (now - DAY, now + days * DAY);
    let key = || RsaPrivateKey::new(&mut OsRng, 2048);

    let (root_key, intermediate_key, leaf_key) = (key()?, key()?, key()?);
    let root = certify(&root_key, ROOT, Profile::Root, until(3650), &root_key)?;
    let profile = Profile::SubCA {
        issuer: name(ROOT)?,
        path_len_constraint: Some(0),
    };
    let intermediate = certify(&intermediate_key, INTERMEDIATE, profile, until(3650), &root_key)?;
    let profile = Profile::Leaf {
        issuer: name(INTERMEDIATE)?,
        enable_key_agreement: false,
        enable_key_encipherment: false,
    };
    let leaf = certify(&leaf_key, common_name, profile, until(365), &intermediate_key)?;
    Ok(Chain {
        root: identity(&root_key, &root)?,
        intermediate: identity(&intermediate_key, &intermediate)?,
        leaf: identity(&leaf_key, &leaf)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::read::Read;
    use super::*;

    #[test]
    fn each_is_issued_by_the_next() {
        let chain = generate_chain("application").unwrap();
        let [leaf, intermediate, root] =
            [&chain.leaf, &chain.intermediate, &chain.root].map(|made| Read::der(&made.certificate_der).unwrap());
        assert_eq!(leaf.subject(), "CN=application");
        assert!(leaf.is_issued_by(&intermediate));
        assert!(intermediate.is_issued_by(&root));
        assert!(root.is_issued_by(&root));
        assert!(!leaf.is_issued_by(&root));
        // Another authority of the same name.
        let other = generate_chain("application").unwrap().intermediate;
        assert!(!leaf.is_issued_by(&Read::der(&other.certificate_der).unwrap()));
    }
}
