//! Server certificates that are trusted and refused, with the fault that is named.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::{Arc, RootsAndLeaves, aws_lc_rs, common_name};
use crate::http::tls_fault::TlsFault;

/// Certificates of version 1, which rcgen does not make: an authority, a server certificate of
/// version 3 by it, and a self-signed one. They are valid from 2026 to 2100.
const VERSION_1: &str = include_str!("version-1.pem");

/// The checks happen at this time: 2050-01-01.
const NOW: u64 = 2_524_608_000;

type Certificate = CertificateDer<'static>;
type Authority = CertifiedIssuer<'static, KeyPair>;

/// The parameters of a certificate for `r.test` that is valid now.
fn parameters() -> CertificateParams {
    let mut parameters = CertificateParams::new(vec!["r.test".to_owned()]).unwrap();
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2080, 1, 1);
    parameters
}

/// The parameters that Docker's documentation leads to: the server certificate is a CA.
fn docker_s() -> CertificateParams {
    with(parameters, |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))
}

fn with(
    parameters: fn() -> CertificateParams,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    let mut parameters = parameters();
    change(&mut parameters);
    parameters
}

fn self_signed(parameters: CertificateParams) -> Certificate {
    parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

fn authority() -> Authority {
    Authority::self_signed(docker_s(), KeyPair::generate().unwrap()).unwrap()
}

fn issued(parameters: &CertificateParams, authority: &Authority) -> Certificate {
    parameters.signed_by(&KeyPair::generate().unwrap(), authority).unwrap().der().clone()
}

/// Checks the first certificate of `chain` for `r.test`, with these roots beside the platform's.
fn check(chain: &[Certificate], roots: &[Certificate]) -> Result<(), TlsFault> {
    check_for("r.test", chain, roots)
}

/// Checks a certificate that is itself among the roots.
fn check_itself(host: &str, leaf: &Certificate) -> Result<(), TlsFault> {
    check_for(host, std::slice::from_ref(leaf), std::slice::from_ref(leaf))
}

fn check_for(host: &str, chain: &[Certificate], roots: &[Certificate]) -> Result<(), TlsFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = RootsAndLeaves::of(roots.to_vec(), provider).unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let (leaf, intermediates) = chain.split_first().unwrap();
    match verifier.verify_server_cert(leaf, intermediates, &name, &[], now) {
        Ok(_) => Ok(()),
        Err(error) => Err(TlsFault::of(&error).unwrap_or_else(|| panic!("{error}"))),
    }
}

#[test]
fn a_server_certificate_among_the_roots_is_trusted_whatever_it_is() {
    let authority = authority();
    let other = self_signed(docker_s());
    let explicit = with(parameters, |it| it.is_ca = IsCa::ExplicitNoCa);
    for leaf in [
        self_signed(docker_s()),
        self_signed(parameters()),
        self_signed(explicit.clone()),
        issued(&parameters(), &authority),
        issued(&docker_s(), &authority),
        issued(&explicit, &authority),
    ] {
        assert_eq!(check_itself("r.test", &leaf), Ok(()));
        let chain = [leaf];
        let among = [other.clone(), chain[0].clone(), other.clone()];
        assert_eq!(check(&chain, &among), Ok(()));
        assert!(check(&chain, std::slice::from_ref(&other)).is_err());
        assert!(check(&chain, &[]).is_err());
    }
}

#[test]
fn the_chain_of_a_server_may_be_long_and_in_any_order() {
    let root = authority();
    let middle =
        CertifiedIssuer::signed_by(docker_s(), KeyPair::generate().unwrap(), &root).unwrap();
    let leaf = issued(&parameters(), &middle);
    let [root, middle] = [root.der().clone(), middle.der().clone()];
    for chain in
        [[leaf.clone(), middle.clone(), root.clone()], [leaf.clone(), root.clone(), middle.clone()]]
    {
        assert_eq!(check(&chain, std::slice::from_ref(&root)), Ok(()));
        assert_eq!(check(&chain, std::slice::from_ref(&leaf)), Ok(()));
        assert_eq!(check(&chain, &[]), Err(TlsFault::UnknownAuthority));
    }
}

#[test]
fn the_dates_of_a_certificate_among_the_roots_count() {
    for parameters in [parameters, docker_s] {
        let expired = with(parameters, |it| it.not_after = date_time_ymd(2030, 2, 3));
        let leaf = self_signed(expired);
        let fault = check_itself("r.test", &leaf).unwrap_err();
        assert_eq!(fault.to_string(), "it expired on Sun, 03 Feb 2030 00:00:00 GMT");
        let early = with(parameters, |it| it.not_before = date_time_ymd(2060, 2, 3));
        let leaf = self_signed(early);
        let fault = check_itself("r.test", &leaf).unwrap_err();
        assert_eq!(fault.to_string(), "it is not valid before Tue, 03 Feb 2060 00:00:00 GMT");
    }
}

#[test]
fn an_expired_certificate_of_a_ca_is_told_from_that_of_the_server() {
    let root = authority();
    let until = |parameters: fn() -> CertificateParams, year| {
        with(parameters, |it| it.not_after = date_time_ymd(year, 2, 3))
    };
    let key = KeyPair::generate().unwrap();
    let middle = CertifiedIssuer::signed_by(until(docker_s, 2030), key, &root).unwrap();
    let [of_root, of_middle] = [root.der().clone(), middle.der().clone()];
    for (leaf, expected) in [
        (parameters(), "the certificate of its CA expired on Sun, 03 Feb 2030 00:00:00 GMT"),
        (until(parameters, 2031), "it expired on Mon, 03 Feb 2031 00:00:00 GMT"),
    ] {
        let chain = [issued(&leaf, &middle), of_middle.clone()];
        let fault = check(&chain, std::slice::from_ref(&of_root)).unwrap_err();
        assert_eq!(fault.to_string(), expected);
    }
}

#[test]
fn the_name_of_a_certificate_among_the_roots_counts() {
    for parameters in [parameters, docker_s] {
        let leaf = self_signed(parameters());
        let found = check_itself("other.test", &leaf);
        assert_eq!(found, Err(TlsFault::OtherName { names: vec!["r.test".to_owned()] }));
        let found = check_itself("127.0.0.1", &leaf);
        assert_eq!(found, Err(TlsFault::OtherName { names: vec!["r.test".to_owned()] }));
        let leaf = self_signed(with(parameters, |it| it.subject_alt_names.clear()));
        assert_eq!(check_itself("r.test", &leaf), Err(TlsFault::NoName));
    }
    let mut addresses = docker_s();
    addresses.subject_alt_names =
        CertificateParams::new(vec!["10.1.2.3".to_owned(), "*.in.test".to_owned()])
            .unwrap()
            .subject_alt_names;
    let leaf = self_signed(addresses);
    assert_eq!(check_itself("10.1.2.3", &leaf), Ok(()));
    assert_eq!(check_itself("any.in.test", &leaf), Ok(()));
    let names = vec!["10.1.2.3".to_owned(), "*.in.test".to_owned()];
    assert_eq!(check_itself("10.1.2.4", &leaf), Err(TlsFault::OtherName { names }));
}

#[test]
fn the_purpose_of_a_certificate_among_the_roots_counts() {
    let client =
        with(parameters, |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let leaf = self_signed(client);
    let fault = check_itself("r.test", &leaf).unwrap_err();
    assert!(matches!(fault, TlsFault::Certificate(_)), "{fault}");
}

#[test]
fn a_ca_of_its_own_is_told_from_an_unknown_issuer() {
    assert_eq!(check(&[self_signed(docker_s())], &[]), Err(TlsFault::SelfSigned));
    assert_eq!(check(&[self_signed(parameters())], &[]), Err(TlsFault::UnknownAuthority));
    let leaf = issued(&parameters(), &authority());
    assert_eq!(check(&[leaf], &[]), Err(TlsFault::UnknownAuthority));
}

#[test]
fn a_chain_that_lacks_an_intermediate_names_it() {
    let named = |name: &str| {
        with(docker_s, |it| it.distinguished_name.push(DnType::CommonName, name.to_owned()))
    };
    let root = Authority::self_signed(named("Root"), KeyPair::generate().unwrap()).unwrap();
    let by = |name, issuer: &Authority| {
        CertifiedIssuer::signed_by(named(name), KeyPair::generate().unwrap(), issuer).unwrap()
    };
    let upper = by("Upper CA", &root);
    let lower = by("Lower\u{1b} CA", &upper);
    let leaf = issued(&parameters(), &lower);
    let [root, upper, lower] = [root, upper, lower].map(|issuer| issuer.der().clone());
    let lacks = |name: &str| Err(TlsFault::UnknownIssuer { issuer: name.to_owned() });
    let other = authority().der().clone();
    for (sent, expected) in [
        (&[][..], lacks("Lower CA")),
        (&[root.clone(), other.clone()], lacks("Lower CA")),
        (std::slice::from_ref(&lower), lacks("Upper CA")),
        (&[upper.clone(), lower.clone()], Ok(())),
    ] {
        let chain: Vec<_> = std::iter::once(&leaf).chain(sent).cloned().collect();
        assert_eq!(check(&chain, std::slice::from_ref(&root)), expected);
        let unknown = expected.and(lacks("Root"));
        assert_eq!(check(&chain, std::slice::from_ref(&other)), unknown);
    }
    let whole = [leaf.clone(), lower.clone(), upper, root];
    assert_eq!(check(&whole, &[]), Err(TlsFault::UnknownAuthority), "nothing is missing");
    assert_eq!(check(&[leaf, lower.clone()], &[lower]), Ok(()));
}

#[test]
fn a_name_that_is_no_common_name_is_left_out() {
    assert_eq!(common_name(&[6, 3, 0x55, 4, 3, 12, 2, b'A', b'B']).as_deref(), Some("AB"));
    for name in
        [&[][..], &[6, 3, 0x55, 4, 3], &[6, 3, 0x55, 4, 3, 12, 3, b'A'], &[6, 3, 0x55, 4, 10]]
    {
        assert_eq!(common_name(name), None, "{name:?}");
    }
}

#[test]
fn version_1_is_good_for_an_authority_but_names_no_server() {
    let all: Result<Vec<Certificate>, _> =
        CertificateDer::pem_slice_iter(VERSION_1.as_bytes()).collect();
    let [authority, leaf, alone]: [Certificate; 3] = all.unwrap().try_into().unwrap();
    assert_eq!(check(&[leaf], &[authority]), Ok(()));
    assert_eq!(check_itself("r.test", &alone), Err(TlsFault::NoName));
}
