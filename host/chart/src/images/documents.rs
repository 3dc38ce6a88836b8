//! Reads the documents of a template.

use std::rc::Rc;

use longshore_plugin_images::{Finding, Origin, Rule, What, find, is_object};
use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::yaml::{Node, Value, read_last};

/// What a template renders, as far as it is YAML.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) findings: Vec<Finding>,
    /// Why Helm would refuse the text, if it would. Images may be missing then.
    pub(super) broken: Option<String>,
}

/// Reads what a template renders. Documents that Helm does not send to a cluster hold no images; a
/// finding says that one was not read.
pub(super) fn read_template(text: &str) -> Read {
    let documents = read_last(text);
    let mut result = Read::default();
    let is_complete = documents.complete;
    for root in documents.whole() {
        match refused(root) {
            Some(why) => {
                let why = format!("line {}: {why}", root.place.line);
                result.broken.get_or_insert(why);
            }
            None => result.findings.extend(of_document(root)),
        }
    }
    for error in documents.errors {
        let message = format!("line {}: {}", error.line, error.message);
        // A duplicate key loses a value, and a syntax error loses a document.
        if is_complete {
            let place = Place { line: error.line, column: error.column };
            result.findings.push(not_read(place, message));
        } else {
            result.broken.get_or_insert(message);
        }
    }
    result
}

/// Why Helm refuses a document; it reads the head of each one.
fn refused(root: &Rc<Node>) -> Option<&'static str> {
    let is_empty = |node: &Node| matches!(node.value, Value::Null);
    if is_empty(root) {
        return None;
    }
    if root.as_mapping().is_none() {
        return Some("the document is not a mapping");
    }
    let metadata = root.get("metadata")?;
    let is_mapping = is_empty(metadata) || metadata.as_mapping().is_some();
    (!is_mapping).then_some("`metadata` is not a mapping")
}

fn of_document(root: &Rc<Node>) -> Vec<Finding> {
    if is_object(root) {
        return find(root);
    }
    match root.value {
        Value::Null => Vec::new(),
        _ => {
            let message =
                format!("line {}: the document is not a Kubernetes object", root.place.line);
            vec![not_read(root.place, message)]
        }
    }
}

fn not_read(place: Place, message: String) -> Finding {
    let origin = Origin { object: String::new(), path: String::new(), rule: Rule::Text };
    Finding { place, origin, what: What::Remark(message) }
}
