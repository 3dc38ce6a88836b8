//! The web page of `longshore serve` in a browser.

use longshore_content::{Image, Index};

use crate::support::Registry;
use crate::support::browser::{Browser, Scheme};

/// A registry with two repositories, one with several tags and platforms.
fn registry() -> Registry {
    let registry = Registry::embedded();
    let image = |platform, seed| Image::new(platform).layer(seed, 50_000).build();
    let index =
        Index::oci().child(&image("linux/amd64", 1)).child(&image("linux/arm64", 2)).build();
    registry.push("team/app", "1.0", &index);
    registry.push("team/app", "2.0-rc.1", &image("windows/amd64", 3));
    registry.push("other/deep/name", "latest", &image("linux/s390x", 4));
    registry
}

/// Returns the texts of the elements with this name.
fn texts(document: &str, element: &str) -> Vec<String> {
    let start = format!("<{element}");
    let starts = document.split(&start).skip(1);
    let inner = starts.filter_map(|part| {
        let (_, rest) = part.split_once('>')?;
        Some(rest.split(&format!("</{element}>")).next()?.to_owned())
    });
    let plain = |text: String| {
        let parts = text.split('<').map(|part| part.rsplit('>').next().unwrap_or_default());
        parts.collect::<String>()
    };
    inner.map(plain).collect()
}

#[test]
fn the_page_lists_repositories_and_leads_to_their_tags() {
    let Some(browser) = Browser::find() else { return };
    let registry = registry();
    let address = format!("http://{}/", registry.address());
    let document = browser.document(&address, Scheme::Light);
    assert_eq!(texts(&document, "h1"), ["2 repositories"], "{document}");
    assert_eq!(texts(&document, "td"), ["other/deep/name", "1", "team/app", "2"], "{document}");
    // As a browser follows the link.
    let link = document.split("href=\"/?repository=team").nth(1).expect("a link");
    let link = link.split('"').next().expect("its end");
    let document = browser.document(&format!("{address}?repository=team{link}"), Scheme::Light);
    assert_eq!(texts(&document, "h1"), ["team/app"], "{document}");
    let cells = texts(&document, "td");
    assert_eq!((cells[0].as_str(), cells[1].as_str()), ("1.0", "linux/amd64, linux/arm64"));
    assert_eq!((cells[4].as_str(), cells[5].as_str()), ("2.0-rc.1", "windows/amd64"));
    assert!(cells[2].starts_with("101.") && cells[6].ends_with(" kB"), "{cells:?}");
    assert!(cells[3].starts_with("sha256:"), "{cells:?}");
}

#[test]
fn the_form_finds_repositories_and_tags() {
    let Some(browser) = Browser::find() else { return };
    let registry = registry();
    let address = format!("http://{}/", registry.address());
    let document = |query: &str| browser.document(&format!("{address}?{query}"), Scheme::Light);
    let found = document("find=APP");
    assert_eq!(texts(&found, "h1"), ["1 of 2 repositories"], "{found}");
    assert_eq!(texts(&found, "td"), ["team/app", "2"], "{found}");
    assert!(found.contains("name=\"find\" value=\"APP\""), "{found}");
    assert_eq!(texts(&document("find=deep+other"), "td"), ["other/deep/name", "1"]);
    assert_eq!(texts(&document("find=nothing"), "h1"), ["0 of 2 repositories"]);
    let tags = document("repository=team%2Fapp&find=rc");
    assert_eq!(texts(&tags, "td")[0], "2.0-rc.1", "{tags}");
    assert_eq!(texts(&tags, "td").len(), 4, "{tags}");
    assert!(tags.contains("name=\"repository\" value=\"team/app\""), "{tags}");
    let odd = document("find=%22%3E%3Cscript%3E");
    assert!(!odd.contains("<script>"), "{odd}");
}

#[test]
fn what_is_not_there_is_said_on_a_page_without_scripts() {
    let Some(browser) = Browser::find() else { return };
    let registry = registry();
    for query in
        ["?repository=team/none", "?repository=%3Cscript%3Edocument.title%3D1%3C/script%3E"]
    {
        let document =
            browser.document(&format!("http://{}/{query}", registry.address()), Scheme::Light);
        assert!(!document.contains("<script>"), "{query}: {document}");
        assert!(!document.contains("team/app"), "{query}: {document}");
    }
}

#[test]
fn the_picture_has_the_table_in_light_and_dark() {
    let Some(browser) = Browser::find() else { return };
    let registry = registry();
    let address = format!("http://{}/?repository=team/app", registry.address());
    let empty = browser.picture("about:blank", Scheme::Light, (800, 400));
    assert_eq!(empty.count("#ffffff"), 800 * 400, "an empty page has one colour");
    for (scheme, page, text) in
        [(Scheme::Light, "#ffffff", "#000000"), (Scheme::Dark, "#121212", "#ffffff")]
    {
        let picture = browser.picture(&address, scheme, (800, 400));
        assert!(picture.count(page) > 800 * 400 / 2, "{scheme:?}: the page");
        assert!(picture.count(text) > 500, "{scheme:?}: the text");
        assert!(picture.colours() > 20, "{scheme:?}: lines and soft edges");
    }
}
