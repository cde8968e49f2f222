//! JSON Schema as the subset of OpenAPI 3.0 schemas that Gemini accepts.

use serde_json::{Value, json};

use crate::EncodeError;
use crate::pivot::{Object, invalid, text_at};

/// Keywords that Gemini knows and whose value is kept as it is.
const KEPT: [&str; 15] = [
    "title",
    "description",
    "nullable",
    "required",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "default",
    "example",
];

/// `format` values that Gemini accepts; others are refused there, so they are left out.
const FORMATS: [&str; 7] = ["enum", "date-time", "float", "double", "int32", "int64", "byte"];

/// How many nodes a schema may have once references are put in place: they may refer to each
/// other, so a small text can stand for an endless tree.
const MAX_NODES: usize = 5_000;

/// How deep references may be nested before a recursive type is cut off.
const MAX_REFERENCES: usize = 8;

/// How deep the translated schema may be: references could otherwise multiply the depth.
const MAX_DEPTH: usize = 64;

/// Translates `schema`, which stands at `param` in the request.
///
/// # Errors
/// When references expand to more than 5,000 nodes or more than 64 levels.
pub(super) fn subset(schema: &Value, param: &str) -> Result<Value, EncodeError> {
    let mut cleaner = Cleaner { root: schema, nodes: 0, references: 0, depth: 0 };
    cleaner.node(schema).ok_or_else(|| invalid(param, "the schema is too large for this provider"))
}

#[derive(Debug)]
struct Cleaner<'a> {
    root: &'a Value,
    nodes: usize,
    references: usize,
    depth: usize,
}

impl<'a> Cleaner<'a> {
    /// `None` when there are too many nodes, or they are too deep.
    fn node(&mut self, schema: &'a Value) -> Option<Value> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES || self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth = self.depth.saturating_add(1);
        let node = self.node_inside(schema);
        self.depth = self.depth.saturating_sub(1);
        node
    }

    fn node_inside(&mut self, schema: &'a Value) -> Option<Value> {
        if let Some(reference) = text_at(schema, "$ref") {
            return self.reference(reference);
        }
        let Some(members) = schema.as_object() else {
            return Some(json!({}));
        };
        let mut out = Object::new();
        self.kind(schema, &mut out)?;
        for (key, value) in members {
            match key.as_str() {
                "properties" => self.properties(value, &mut out)?,
                "items" => {
                    let items = self.node(value)?;
                    out.insert("items".to_owned(), items);
                }
                "anyOf" | "oneOf" => self.alternatives(value, &mut out)?,
                "allOf" => self.all(value, &mut out)?,
                "enum" => enumeration(value, &mut out),
                "const" if value.is_string() => {
                    out.insert("enum".to_owned(), json!([value]));
                }
                "format" if value.as_str().is_some_and(|f| FORMATS.contains(&f)) => {
                    out.insert(key.clone(), value.clone());
                }
                key if KEPT.contains(&key) => {
                    out.insert(key.to_owned(), value.clone());
                }
                _ => {}
            }
        }
        Some(Value::Object(out))
    }

    /// Only references into the schema itself; the rest, and what recurs, becomes any object.
    fn reference(&mut self, reference: &str) -> Option<Value> {
        let root = self.root;
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        let Some(target) = target.filter(|_| self.references < MAX_REFERENCES) else {
            return Some(json!({"type": "object"}));
        };
        self.references = self.references.saturating_add(1);
        let node = self.node(target);
        self.references = self.references.saturating_sub(1);
        node
    }

    /// `type` is one word there; `null` among several becomes `nullable`.
    fn kind(&mut self, schema: &'a Value, out: &mut Object) -> Option<()> {
        let kinds = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.as_slice(),
            Some(kind) => std::slice::from_ref(kind),
            None => &[],
        };
        let mut real = kinds.iter().filter(|kind| *kind != "null");
        if kinds.iter().any(|kind| kind == "null") {
            out.insert("nullable".to_owned(), Value::Bool(true));
        }
        if let Some(first) = real.next() {
            out.insert("type".to_owned(), first.clone());
            let others: Vec<Value> = real.map(|kind| json!({"type": kind})).collect();
            if !others.is_empty() {
                out.shift_remove("type");
                let mut any = vec![json!({"type": first})];
                any.extend(others);
                out.insert("anyOf".to_owned(), Value::Array(any));
            }
        }
        Some(())
    }

    fn properties(&mut self, value: &'a Value, out: &mut Object) -> Option<()> {
        let mut properties = Object::new();
        for (name, schema) in value.as_object().into_iter().flatten() {
            properties.insert(name.clone(), self.node(schema)?);
        }
        // Without it the model writes the properties in alphabetical order.
        if properties.len() > 1 {
            out.insert("propertyOrdering".to_owned(), properties.keys().cloned().collect());
        }
        out.insert("properties".to_owned(), Value::Object(properties));
        Some(())
    }

    fn alternatives(&mut self, value: &'a Value, out: &mut Object) -> Option<()> {
        let mut schemas = Vec::new();
        for schema in value.as_array().into_iter().flatten() {
            if text_at(schema, "type") == Some("null") {
                out.insert("nullable".to_owned(), Value::Bool(true));
            } else {
                schemas.push(self.node(schema)?);
            }
        }
        match (schemas.len(), schemas.pop()) {
            (1, Some(Value::Object(only))) => out.extend(only),
            (_, Some(last)) => {
                schemas.push(last);
                out.insert("anyOf".to_owned(), Value::Array(schemas));
            }
            _ => {}
        }
        Some(())
    }

    /// Members of all parts together; a later part wins.
    fn all(&mut self, value: &'a Value, out: &mut Object) -> Option<()> {
        for schema in value.as_array().into_iter().flatten() {
            if let Value::Object(part) = self.node(schema)? {
                out.extend(part);
            }
        }
        Some(())
    }
}

/// Enumerations hold texts there.
fn enumeration(value: &Value, out: &mut Object) {
    let values = value.as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&Value> = values.iter().filter(|value| value.is_string()).collect();
    if !texts.is_empty() {
        out.insert("enum".to_owned(), json!(texts));
    }
    if values.iter().any(Value::is_null) {
        out.insert("nullable".to_owned(), Value::Bool(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_refused_and_puts_references_in_place() {
        let schema = json!({
            "$schema": "x", "type": "object", "additionalProperties": false,
            "properties": {
                "z": {"$ref": "#/$defs/z"},
                "a": {"type": ["string", "null"], "format": "email", "const": "x"},
                "b": {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}]},
            },
            "required": ["z"],
            "$defs": {"z": {"type": "string", "enum": ["p", "q"]}},
        });
        assert_eq!(
            subset(&schema, "p").expect("schema"),
            json!({
                "type": "object",
                "propertyOrdering": ["z", "a", "b"],
                "properties": {
                    "z": {"type": "string", "enum": ["p", "q"]},
                    "a": {"type": "string", "nullable": true, "enum": ["x"]},
                    "b": {"type": "integer", "nullable": true},
                },
                "required": ["z"],
            })
        );
    }

    #[test]
    fn a_recursive_type_is_cut_off() {
        let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object",
            "properties": {"next": {"$ref": "#/$defs/n"}}}}});
        let text = subset(&schema, "p").expect("schema").to_string();
        assert_eq!(text.matches("next").count(), MAX_REFERENCES);
    }

    #[test]
    fn references_cannot_multiply_the_depth() {
        let mut schema = json!({"$ref": "#"});
        for _ in 0..40 {
            schema = json!({"items": schema});
        }
        assert!(matches!(subset(&schema, "p"), Err(EncodeError::Invalid { .. })));
    }

    #[test]
    fn a_schema_that_explodes_is_refused() {
        let wide: Vec<Value> = (0..20).map(|_| json!({"$ref": "#"})).collect();
        let schema = json!({"anyOf": wide});
        assert!(
            matches!(subset(&schema, "p"), Err(EncodeError::Invalid { param, .. }) if param == "p")
        );
    }
}
