//! Values of the proxy variables, good and bad.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use url::Url;

use super::{Proxies, Proxy, ProxyError, ProxyFault};

fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
    Proxies::of_environment(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

/// `host[:port]` of the proxy for a URL.
fn of(variables: &[(&str, &str)], url: &str) -> Option<String> {
    proxies(variables).unwrap().of(&Url::parse(url).unwrap()).map(|proxy| proxy.host())
}

#[test]
fn each_scheme_has_its_variable_in_upper_or_lower_case() {
    let (plain, secure) = ("http://r.test", "https://r.test");
    for (http, https, all) in
        [("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), ("http_proxy", "https_proxy", "all_proxy")]
    {
        let both = [(http, "http://p1.test:3128"), (https, "p2.test:3128")];
        assert_eq!(of(&both, plain).as_deref(), Some("p1.test:3128"));
        assert_eq!(of(&both, secure).as_deref(), Some("p2.test:3128"));
        assert_eq!(of(&both[..1], secure), None);
        let rest = [(https, "p2.test"), (all, "https://p3.test:8443/")];
        assert_eq!(of(&rest, secure).as_deref(), Some("p2.test"));
        assert_eq!(of(&rest, plain).as_deref(), Some("p3.test:8443"));
    }
    let empty = [("HTTPS_PROXY", " "), ("https_proxy", "HTTP://[fd00::1]:3128")];
    assert_eq!(of(&empty, secure).as_deref(), Some("[fd00::1]:3128"));
    let first = [("HTTPS_PROXY", "p1.test"), ("https_proxy", "not counted:x")];
    assert_eq!(of(&first, secure).as_deref(), Some("p1.test"));
    let unused =
        [("HTTPS_PROXY", "p1.test"), ("HTTP_PROXY", "p1.test"), ("ALL_PROXY", "socks4://x")];
    assert_eq!(of(&unused, plain).as_deref(), Some("p1.test"), "ALL_PROXY has nothing to add");
    assert_eq!(of(&[], secure), None);
    let past = [("HTTPS_PROXY", "p1.test"), ("no_proxy", "*.in.test")];
    assert_eq!(of(&past, "https://a.in.test"), None);
}

#[test]
fn a_socks_proxy_has_a_port_and_resolves_names() {
    for (value, host) in [
        ("socks5://p.test", "p.test:1080"),
        ("socks5h://p.test:9050/", "p.test:9050"),
        ("SOCKS5://jo:pa55@[fd00::1]", "[fd00::1]:1080"),
        ("socks://10.0.0.1:80", "10.0.0.1:80"),
    ] {
        let proxy = Proxy::parse(value).unwrap();
        assert_eq!((proxy.url.scheme(), proxy.host().as_str()), ("socks5h", host), "{value}");
        proxy.for_reqwest().unwrap();
        for variable in ["ALL_PROXY", "https_proxy"] {
            assert_eq!(of(&[(variable, value)], "https://r.test").as_deref(), Some(host));
        }
    }
    assert_eq!(of(&[("HTTPS_PROXY", "socks5://p.test")], "http://r.test"), None);
    let past = [("ALL_PROXY", "socks5://p.test"), ("NO_PROXY", "r.test")];
    assert_eq!(of(&past, "https://r.test"), None);
    assert_eq!(of(&past[..1], "http://127.0.0.1:5000"), None);
}

#[test]
fn a_user_name_and_a_password_are_decoded() {
    let parse = |text| Proxy::parse(text).unwrap().account.unwrap();
    for (text, user, password) in [
        ("http://jo:pa55@p.test", "jo", "pa55"),
        ("jo:pa55@p.test:3128", "jo", "pa55"),
        ("http://j%40o:p%23%3f%2F%25:x@[fd00::1]:1", "j@o", "p#?/%:x"),
        ("http://jo@p.test", "jo", ""),
        ("socks5://jo:pa%3a55@p.test", "jo", "pa:55"),
        ("http://jo:größe%21@p.test", "jo", "größe!"),
    ] {
        let (name, secret) = parse(text);
        assert_eq!((name.as_str(), secret.expose()), (user, password), "{text}");
    }
    assert!(!format!("{:?}", Proxy::parse("http://jo:pa55@p.test")).contains("pa55"));
}

#[test]
fn a_malformed_proxy_names_its_variable_and_never_its_password() {
    let bare = ProxyFault::Bare;
    let scheme = |name: &str| ProxyFault::Scheme(name.to_owned());
    for (value, fault) in [
        ("http://jo:pa55#x@p.test:3128", bare('#')),
        ("http://jo:pa55?x@p.test:3128", bare('?')),
        ("http://jo:pa55/x@p.test:3128", bare('/')),
        ("http://jo:pa55\\x@p.test:3128", bare('\\')),
        ("http://jo:pa55@x@p.test:3128", bare('@')),
        ("jo:pa55#x@p.test:3128", bare('#')),
        ("jo:pa55://x@p.test:3128", bare('/')),
        ("http://jo:pa55%zz@p.test", bare('%')),
        ("http://jo:pa55%@p.test", bare('%')),
        ("http://jo:pa55 x@p.test", bare(' ')),
        ("socks4://jo:pa55@p.test:1080", scheme("socks4")),
        ("socks4a://p.test", scheme("socks4a")),
        ("ftp://jo:pa55@p.test", scheme("ftp")),
        ("socks5://jo:pa55#x@p.test:1080", bare('#')),
        ("socks5h://jo:pa55@:1080", ProxyFault::Host),
        ("socks://jo:pa55@p.test:x", ProxyFault::Port),
        ("http://jo:pa55@", ProxyFault::Host),
        ("http://", ProxyFault::Host),
        ("http://:3128", ProxyFault::Host),
        ("http://jo:pa55@p test:3128", ProxyFault::Host),
        ("http://jo:pa55@[fd00::1:3128", ProxyFault::Port),
        ("http://fd00::1:3128", ProxyFault::Port),
        ("http://jo:pa55@p.test:port", ProxyFault::Port),
        ("http://p.test:0", ProxyFault::Port),
        ("http://p.test:", ProxyFault::Port),
        ("http://p.test:99999", ProxyFault::Port),
        ("http://jo:%ff@p.test", ProxyFault::Encoding),
    ] {
        for variable in
            ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        {
            let error = proxies(&[(variable, value)]).unwrap_err();
            assert_eq!(error, ProxyError { variable, fault: fault.clone() }, "{value}");
            let said = format!("{error} {error:?} {}", error.hint());
            assert!(!said.contains("pa55"), "{said}");
        }
        let hint = ProxyError { variable: "HTTP_PROXY", fault: fault.clone() }.hint();
        assert_eq!(hint.contains("percent-encoded"), matches!(fault, ProxyFault::Bare(_)));
    }
    let garbled = |name: &str| (name == "HTTPS_PROXY").then(|| OsString::from_vec(vec![0xff]));
    let error = Proxies::of_environment(garbled).unwrap_err();
    assert_eq!(error.to_string(), "use HTTPS_PROXY: it is not UTF-8");
}
