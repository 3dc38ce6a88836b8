use serde_json::{Value, json};

use super::{ConfigError, typed};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "https": {"type": "boolean", "default": true},
            "depth": {"type": "integer", "minimum": 1, "maximum": 9},
            "mode": {"type": "string", "enum": ["a", "b"]},
            "ports": {"type": "array", "items": {"type": "integer"}},
        },
    })
}

fn fit(schema: &Value, values: Value) -> Result<Value, ConfigError> {
    let Value::Object(values) = values else {
        panic!("not an object: {values}");
    };
    typed(Some(schema), values).map(Value::Object)
}

#[test]
fn texts_of_the_command_line_get_the_schemas_types() {
    let given = json!({"https": "false", "depth": "3", "mode": "a", "ports": "80, 443"});
    let wanted = json!({"https": false, "depth": 3, "mode": "a", "ports": [80, 443]});
    assert_eq!(fit(&schema(), given), Ok(wanted.clone()));
    assert_eq!(fit(&schema(), wanted.clone()), Ok(wanted), "typed values were changed");
}

#[test]
fn mismatches_name_the_key() {
    for (given, message) in [
        (json!({"https": "yes"}), "`https` must be true or false, not `yes`"),
        (json!({"depth": "10"}), "`depth` must be an integer from 1 to 9, not `10`"),
        (json!({"depth": "x"}), "`depth` must be an integer from 1 to 9, not `x`"),
        (json!({"mode": "c"}), "`mode` must be one of a, b, not `c`"),
        (json!({"mode": 1}), "`mode` must be one of a, b, not `1`"),
        (json!({"ports": "80,x"}), "`ports` must be an integer, not `x`"),
        (json!({"htps": "true"}), "unknown key `htps` (known: https, depth, mode, ports)"),
    ] {
        let error = fit(&schema(), given.clone()).expect_err("a mismatch passed");
        assert_eq!(error.to_string(), message, "for {given}");
    }
}

#[test]
fn required_keys_are_required_and_open_schemas_are_open() {
    let schema = json!({"required": ["a"], "additionalProperties": true});
    assert!(fit(&schema, json!({"b": "1"})).is_err());
    assert_eq!(fit(&schema, json!({"a": "1"})), Ok(json!({"a": "1"})));
    assert_eq!(typed(None, serde_json::Map::new()), Ok(serde_json::Map::new()));
}

#[test]
fn schemas_that_want_secrets_or_more_than_we_know_are_refused() {
    for property in [
        json!({"type": "string", "writeOnly": true}),
        json!({"type": "string", "format": "password"}),
        json!({"type": "array", "items": {"type": "string", "format": "password"}}),
    ] {
        let schema = json!({"properties": {"token": property}});
        let error = fit(&schema, json!({})).expect_err("a secret was accepted");
        assert!(matches!(error, ConfigError::Secret { .. }), "{error}");
    }
    for schema in [
        json!({"properties": {"a": {"$ref": "https://example.com/schema"}}}),
        json!({"properties": {"a": {"type": "void"}}}),
        json!({"oneOf": []}),
        json!({"properties": {"a": {"enum": []}}}),
        json!({"properties": {"a": {"type": "string", "enum": [1, true]}}}),
        json!({"properties": {"a": {"type": "integer", "minimum": 5, "maximum": 1}}}),
        json!({"properties": {"a": {"type": "array", "items": {"enum": []}}}}),
        json!({"properties": {"a": {}}, "required": ["b"]}),
        json!(true),
    ] {
        assert!(fit(&schema, json!({})).is_err(), "{schema} passed");
    }
}
