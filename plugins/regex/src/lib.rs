//! The rewrite `regex`: replaces parts of the destination that match regular expressions.
//!
//! ```text
//! ^([^/]+)/(?:library|bitnami)/(.*)$ => $1/hub/$2
//! -alpine$ => -musl
//! ```
//!
//! A pattern is matched against the complete destination, `registry/repository[:tag][@digest]`.
//! Every match is replaced.

use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde::Deserialize;

use rule::Rule;

mod rule;

longshore_plugin_sdk::export_rewrite!(Rules);

/// The rules in order.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    apply: Apply,
}

/// Selects which rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Apply {
    /// Applies the first rule that matches.
    #[default]
    First,
    /// Applies all rules in order, each to the result of the previous one.
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    rules: Written,
    #[serde(default)]
    apply: Apply,
}

/// The rules as written in the configuration.
#[derive(Deserialize)]
#[serde(untagged, expecting = "rules must be lines `PATTERN => REPLACEMENT` or a list")]
enum Written {
    Lines(String),
    List(Vec<WrittenRule>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a rule must be `PATTERN => REPLACEMENT` or a table with pattern and replacement"
)]
enum WrittenRule {
    Line(String),
    Table { pattern: String, replacement: String },
}

impl Rewrite for Rules {
    /// Parses `{"rules": …, "apply": "first"}`.
    fn from_config(json: &str) -> Result<Self, String> {
        let Config { rules, apply } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let rules: Vec<Rule> = match rules {
            Written::Lines(text) => (1..)
                .zip(text.lines())
                .filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'))
                .map(|(number, line)| {
                    Rule::of_line(line).map_err(|error| format!("line {number} of rules: {error}"))
                })
                .collect::<Result<_, _>>()?,
            Written::List(rules) => (1..)
                .zip(rules)
                .map(|(number, rule)| {
                    let rule = match rule {
                        WrittenRule::Line(line) => Rule::of_line(&line),
                        WrittenRule::Table { pattern, replacement } => {
                            Rule::new(&pattern, &replacement)
                        }
                    };
                    rule.map_err(|error| format!("rule {number}: {error}"))
                })
                .collect::<Result<_, _>>()?,
        };
        if rules.is_empty() {
            return Err("there are no rules".into());
        }
        Ok(Self { rules, apply })
    }

    fn apply(&self, item: Item) -> Verdict {
        let mut destination = item.destination;
        for rule in &self.rules {
            let Some(replaced) = rule.replaced(&destination) else { continue };
            destination = replaced;
            if self.apply == Apply::First {
                break;
            }
        }
        Verdict::Destination(destination)
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::rewrite::{Artifact, Item, Rewrite as _, Verdict};

    use super::Rules;

    fn replaced(json: &str, destination: &str) -> String {
        let rules = Rules::from_config(json).expect("valid rules");
        let item = Item {
            artifact: Artifact::Image,
            source: "docker.io/library/mysql:8".into(),
            destination: destination.into(),
            attributes: Vec::new(),
        };
        match rules.apply(item) {
            Verdict::Destination(destination) => destination,
            other => panic!("not a destination: {other:?}"),
        }
    }

    #[test]
    fn groups_are_substituted_and_other_text_is_kept() {
        let json = r##"{"rules":"# move\n^([^/]+)/(?:bitnami|library)/(.*)$ => $1/hub/$2\n"}"##;
        for (before, after) in [
            ("h:5000/bitnami/redis:7", "h:5000/hub/redis:7"),
            ("h/library/a@sha256:0", "h/hub/a@sha256:0"),
            ("h/team/a:1", "h/team/a:1"),
        ] {
            assert_eq!(replaced(json, before), after);
        }
        let named = r#"{"rules":[{"pattern":"(?<team>[a-z]+)/x","replacement":"${team}/y"}]}"#;
        assert_eq!(replaced(named, "h/ab/x:1"), "h/ab/y:1");
        assert_eq!(replaced(r#"{"rules":["a => $$b"]}"#, "h/aa"), "h/$b$b");
        assert_eq!(replaced(r#"{"rules":["-alpine$ =>"]}"#, "h/a:1-alpine"), "h/a:1");
    }

    #[test]
    fn the_first_rule_that_matches_is_the_only_one_unless_all_are_wanted() {
        let first = r#"{"rules":["x => y","a => b","b => c"]}"#;
        let all = r#"{"rules":["x => y","a => b","b => c"],"apply":"all"}"#;
        assert_eq!(replaced(first, "h/a:1"), "h/b:1");
        assert_eq!(replaced(all, "h/a:1"), "h/c:1");
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        for (json, part) in [
            ("{}", "rules"),
            (r#"{"rules":""}"#, "no rules"),
            (r#"{"rules":[]}"#, "no rules"),
            (r#"{"rules":"\na b"}"#, "line 2 of rules: expected PATTERN => REPLACEMENT"),
            (r#"{"rules":["a => b","( => b"]}"#, "rule 2: pattern `(`: "),
            (r#"{"rules":["a{2000}{2000} => b"]}"#, "rule 1: pattern `a{2000}{2000}`: "),
            (r#"{"rules":["(a) => $2"]}"#, "rule 1: the pattern has no group `2`"),
            (r#"{"rules":["(a) => $1x"]}"#, "no group `1x`; write ${…}"),
            (r#"{"rules":["(a) => ${b}"]}"#, "no group `b`"),
            (r#"{"rules":[" => b"]}"#, "the pattern is empty"),
            (r#"{"rules":1}"#, "PATTERN => REPLACEMENT"),
            (r#"{"rules":["a => b"],"apply":"twice"}"#, "twice"),
            (r#"{"rules":["a => b"],"mode":"all"}"#, "mode"),
        ] {
            let message = Rules::from_config(json).expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
            assert!(!message.contains('\n'), "{json}: {message:?}");
        }
    }
}
