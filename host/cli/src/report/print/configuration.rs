//! Prints the configuration of an image as text: its labels, its environment and what it runs.

use std::io::{self, Write};

use serde_json::Value;

use crate::report::escape::escape;

/// The fields of `config` (image-spec, config.md, "Properties") and their names in the text.
const FIELDS: [(&str, &str); 9] = [
    ("User", "user"),
    ("WorkingDir", "directory"),
    ("Entrypoint", "entrypoint"),
    ("Cmd", "command"),
    ("ExposedPorts", "port"),
    ("Volumes", "volume"),
    ("StopSignal", "signal"),
    ("Env", "env"),
    ("Labels", "label"),
];

/// Writes one line for each value. `name` tells whose configuration it is.
pub(super) fn write_configuration(
    name: &str,
    document: &Value,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "config      {name}")?;
    for key in ["created", "author"] {
        if let Some(text) = document.get(key).and_then(Value::as_str) {
            write_line(key, text, out)?;
        }
    }
    let config = document.get("config");
    for (key, name) in FIELDS {
        let Some(value) = config.and_then(|config| config.get(key)) else { continue };
        match value {
            Value::Null => {}
            // One command, in the notation of a Dockerfile.
            Value::Array(words) if matches!(key, "Entrypoint" | "Cmd") => {
                if !words.is_empty() {
                    write_line(name, &value.to_string(), out)?;
                }
            }
            Value::Array(items) => {
                items.iter().try_for_each(|item| write_line(name, &text_of(item), out))?;
            }
            Value::Object(labels) if key == "Labels" => {
                for (label, text) in labels {
                    write_line(name, &format!("{label}={}", text_of(text)), out)?;
                }
            }
            // Ports and volumes are the keys of empty objects.
            Value::Object(set) => set.keys().try_for_each(|item| write_line(name, item, out))?,
            other => {
                let text = text_of(other);
                if !text.is_empty() {
                    write_line(name, &text, out)?;
                }
            }
        }
    }
    Ok(())
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn write_line(name: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  {name:<10}  {}", escape(text))
}

#[cfg(test)]
mod tests {
    use super::write_configuration;

    fn text(document: &serde_json::Value) -> String {
        let mut out = Vec::new();
        write_configuration("linux/amd64", document, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_value_has_a_line() {
        let document = serde_json::json!({
            "created": "2026-01-01T00:00:00Z", "author": "me", "os": "linux",
            "config": {
                "User": "1000", "WorkingDir": "", "Entrypoint": ["/bin/app", "-v"], "Cmd": null,
                "ExposedPorts": {"80/tcp": {}, "443/tcp": {}}, "Env": ["A=b c", "D=\u{1b}[1m"],
                "Labels": {"org.example.a": "x", "n": 1},
            },
        });
        insta::assert_snapshot!(text(&document), @r#"
        config      linux/amd64
          created     2026-01-01T00:00:00Z
          author      me
          user        1000
          entrypoint  ["/bin/app","-v"]
          port        80/tcp
          port        443/tcp
          env         A=b c
          env         D=\u{1b}[1m
          label       org.example.a=x
          label       n=1
        "#);
    }

    #[test]
    fn odd_documents_are_no_error() {
        for document in ["null", "[]", "{}", r#"{"config": []}"#, r#"{"config": {"Env": []}}"#] {
            let document = serde_json::from_str(document).unwrap();
            assert_eq!(text(&document), "config      linux/amd64\n", "{document}");
        }
        let odd = serde_json::json!({"created": 1, "config": {"Env": "A=b", "Labels": ["x"]}});
        assert_eq!(text(&odd), "config      linux/amd64\n  env         A=b\n  label       x\n");
    }
}
