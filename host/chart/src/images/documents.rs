//! Reads the documents of a template.

use std::rc::Rc;

use longshore_plugin_images::{Finding, Origin, Rule, What, find, is_object};
use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::yaml::{Node, Value, read};

/// Returns the findings in what a template renders. Documents that Helm does not send to a cluster
/// hold no images; a finding says that one was not read.
pub(super) fn findings(text: &str) -> Vec<Finding> {
    let documents = read(text);
    let mut findings: Vec<Finding> = documents.whole().iter().flat_map(of_document).collect();
    // A duplicate key loses a value, and a syntax error loses a document.
    findings.extend(documents.errors.into_iter().map(|error| {
        let message = format!("line {}: {}", error.line, error.message);
        not_read(Place { line: error.line, column: error.column }, message)
    }));
    findings
}

fn of_document(root: &Rc<Node>) -> Vec<Finding> {
    if is_object(root) {
        return find(root);
    }
    match root.value {
        Value::Null => Vec::new(),
        _ => {
            let message = format!("line {}: the document is no Kubernetes object", root.place.line);
            vec![not_read(root.place, message)]
        }
    }
}

fn not_read(place: Place, message: String) -> Finding {
    let origin = Origin { object: String::new(), path: String::new(), rule: Rule::Text };
    Finding { place, origin, what: What::Remark(message) }
}
