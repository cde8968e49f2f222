//! Does a JSON value follow a JSON Schema? The part of it that structured outputs use.
//!
//! The schema comes from a client: its size, its depth, the work it asks for and the programs of
//! its patterns are bounded, and whatever cannot be read or finished counts as not followed.
//! Keywords that are not known here are ignored, as the specification says
//! (JSON Schema 2020-12, core, section 4.3.1).

use std::cell::Cell;

use regex::RegexBuilder;
use serde_json::{Map, Value};

/// The longest schema that is read, in bytes.
const SCHEMA_BYTES: usize = 128 * 1024;

/// How deep schemas may lead into each other: stops `$ref` in circles.
const DEPTH: u32 = 64;

/// How many keywords, and entries of their lists, are looked at for one value: stops `anyOf` in
/// `anyOf`.
const STEPS: usize = 50_000;

/// How many patterns are compiled for one value.
const PATTERNS: usize = 16;

/// The largest program of one pattern, in bytes.
const PATTERN_PROGRAM_BYTES: usize = 32 * 1024;

/// The longest string that is matched with a pattern, in bytes.
const PATTERN_TEXT_BYTES: usize = 4 * 1024;

/// The schema cannot be read, or asks for too much.
#[derive(Debug)]
struct Unreadable;

type Followed = Result<bool, Unreadable>;

/// A schema that a client asked for.
#[derive(Debug)]
pub(super) struct Schema(Value);

impl Schema {
    /// Reads a JSON text; `None` when it is none or too long.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > SCHEMA_BYTES {
            return None;
        }
        serde_json::from_str(text).ok().map(Self)
    }

    /// Whether `value` follows it; false also when the schema makes no sense.
    pub(super) fn is_followed_by(&self, value: &Value) -> bool {
        let walk = Walk { root: &self.0, steps: Cell::new(STEPS), patterns: Cell::new(PATTERNS) };
        walk.schema(&self.0, value, DEPTH).unwrap_or(false)
    }
}

/// One value against one schema.
struct Walk<'s> {
    root: &'s Value,
    steps: Cell<usize>,
    patterns: Cell<usize>,
}

impl Walk<'_> {
    fn schema(&self, schema: &Value, value: &Value, depth: u32) -> Followed {
        let depth = depth.checked_sub(1).ok_or(Unreadable)?;
        spend(&self.steps, 1)?;
        let keywords = match schema {
            Value::Bool(all) => return Ok(*all),
            Value::Object(keywords) => keywords,
            _ => return Err(Unreadable),
        };
        for (keyword, argument) in keywords {
            spend(&self.steps, 1 + argument.as_array().map_or(0, Vec::len))?;
            let followed = match keyword.as_str() {
                "$ref" => self.schema(self.referenced(argument)?, value, depth)?,
                "anyOf" => self.count(argument, value, depth)? > 0,
                "oneOf" => self.count(argument, value, depth)? == 1,
                "allOf" => self.count(argument, value, depth)? == list(argument)?.len(),
                "not" => !self.schema(argument, value, depth)?,
                "properties" | "additionalProperties" => {
                    self.members(keywords, keyword, value, depth)?
                }
                "items" => self.items(keywords, value, depth)?,
                "pattern" => self.pattern(argument, value)?,
                _ => plain_keyword(keyword, argument, value)?,
            };
            if !followed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What `#` or `#/…` names; nothing is fetched.
    fn referenced(&self, reference: &Value) -> Result<&Value, Unreadable> {
        let pointer =
            reference.as_str().and_then(|text| text.strip_prefix('#')).ok_or(Unreadable)?;
        self.root.pointer(pointer).ok_or(Unreadable)
    }

    /// How many of a list of schemas the value follows.
    fn count(&self, schemas: &Value, value: &Value, depth: u32) -> Result<usize, Unreadable> {
        let mut followed = 0;
        for schema in list(schemas)? {
            followed += usize::from(self.schema(schema, value, depth)?);
        }
        Ok(followed)
    }

    /// The named properties, or all others.
    fn members(
        &self,
        keywords: &Map<String, Value>,
        keyword: &str,
        value: &Value,
        depth: u32,
    ) -> Followed {
        let known = keywords.get("properties").map(object).transpose()?;
        let others = keywords.get("additionalProperties");
        let Value::Object(members) = value else { return Ok(true) };
        for (name, member) in members {
            let schema = match known.and_then(|known| known.get(name)) {
                Some(schema) => (keyword == "properties").then_some(schema),
                None => others.filter(|_| keyword == "additionalProperties"),
            };
            if let Some(schema) = schema
                && !self.schema(schema, member, depth)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The items after those of `prefixItems`, which are not looked at.
    fn items(&self, keywords: &Map<String, Value>, value: &Value, depth: u32) -> Followed {
        let (Some(schema), Value::Array(items)) = (keywords.get("items"), value) else {
            return Ok(true);
        };
        let before = keywords.get("prefixItems").map(list).transpose()?.map_or(0, Vec::len);
        for item in items.iter().skip(before) {
            if !self.schema(schema, item, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn pattern(&self, pattern: &Value, value: &Value) -> Followed {
        let pattern = pattern.as_str().ok_or(Unreadable)?;
        let Value::String(text) = value else { return Ok(true) };
        spend(&self.patterns, 1)?;
        if text.len() > PATTERN_TEXT_BYTES {
            return Err(Unreadable);
        }
        let regex = RegexBuilder::new(pattern).size_limit(PATTERN_PROGRAM_BYTES).build();
        Ok(regex.map_err(|_| Unreadable)?.is_match(text))
    }
}

/// Takes something from a budget.
fn spend(budget: &Cell<usize>, amount: usize) -> Result<(), Unreadable> {
    budget.set(budget.get().checked_sub(amount).ok_or(Unreadable)?);
    Ok(())
}

/// The keywords that hold no schemas. A keyword for another type of value is followed.
fn plain_keyword(keyword: &str, argument: &Value, value: &Value) -> Followed {
    match keyword {
        "type" => has_type(argument, value),
        "enum" => Ok(list(argument)?.iter().any(|allowed| same(allowed, value))),
        "const" => Ok(same(argument, value)),
        "required" => required(argument, value),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            let limit = argument.as_f64().ok_or(Unreadable)?;
            Ok(value.as_f64().is_none_or(|number| match keyword {
                "minimum" => number >= limit,
                "maximum" => number <= limit,
                "exclusiveMinimum" => number > limit,
                _ => number < limit,
            }))
        }
        "minLength" | "maxLength" | "minItems" | "maxItems" => {
            let limit = argument.as_u64().ok_or(Unreadable)?;
            let size = match value {
                Value::String(text) if keyword.ends_with("Length") => text.chars().count(),
                Value::Array(items) if keyword.ends_with("Items") => items.len(),
                _ => return Ok(true),
            };
            let size = u64::try_from(size).unwrap_or(u64::MAX);
            Ok(if keyword.starts_with("min") { size >= limit } else { size <= limit })
        }
        _ => Ok(true),
    }
}

fn required(names: &Value, value: &Value) -> Followed {
    let mut followed = true;
    for name in list(names)? {
        let name = name.as_str().ok_or(Unreadable)?;
        followed &= value.as_object().is_none_or(|members| members.contains_key(name));
    }
    Ok(followed)
}

/// One type, or a list of them.
fn has_type(types: &Value, value: &Value) -> Followed {
    let Value::Array(types) = types else { return is_a(types, value) };
    for one in types {
        if is_a(one, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_a(name: &Value, value: &Value) -> Followed {
    Ok(match name.as_str().ok_or(Unreadable)? {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        // 1.0 is an integer too (validation, section 6.1.1).
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => return Err(Unreadable),
    })
}

/// Equality of JSON values, in which 1 and 1.0 are one number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || (left.is_f64() || right.is_f64()) && left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let holds = |(name, value)| right.get(name).is_some_and(|other| same(value, other));
            left.len() == right.len() && left.iter().all(holds)
        }
        _ => left == right,
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, Unreadable> {
    value.as_array().ok_or(Unreadable)
}

fn object(value: &Value) -> Result<&Map<String, Value>, Unreadable> {
    value.as_object().ok_or(Unreadable)
}

#[cfg(test)]
mod tests;
