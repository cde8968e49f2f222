//! Request schemas as trees, and requests made from them that fill chosen fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::planted::Planted;

/// A schema with its references resolved.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A string; the one that is written when nothing is planted.
    Text(String),
    /// A file of a form.
    File,
    /// A number; the one that is written when nothing is planted.
    Number(i64),
    /// `true`, `false` or `null`.
    Plain(Json),
    Object(Vec<Member>),
    Array(Box<Node>),
    OneOf(Vec<Node>),
}

#[derive(Debug, Clone)]
pub(super) struct Member {
    key: String,
    required: bool,
    node: Node,
}

/// A route of a schema file.
pub(super) struct Route {
    pub(super) path: String,
    pub(super) is_form: bool,
    pub(super) root: Node,
}

/// The routes of a file of `tests/fixtures/guard_contract`.
pub(super) fn routes(file: &str) -> Vec<Route> {
    let file: Json = serde_json::from_str(file).unwrap();
    let routes = file["routes"].as_array().unwrap();
    routes
        .iter()
        .map(|route| Route {
            path: route["path"].as_str().unwrap().to_owned(),
            is_form: route["content_type"] == "multipart/form-data",
            root: Reader { schemas: &file["schemas"], within: Vec::new() }
                .node(&route["schema"])
                .unwrap(),
        })
        .collect()
}

struct Reader<'a> {
    schemas: &'a Json,
    /// The named schemas that are being read, outermost first.
    within: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    /// `None` where a schema is inside itself for the second time.
    fn node(&mut self, schema: &'a Json) -> Option<Node> {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            if self.within.iter().filter(|outer| **outer == name).count() > 1 {
                return None;
            }
            assert!(self.schemas[name].is_object(), "no schema {name}");
            self.within.push(name);
            let node = self.node(&self.schemas[name]);
            self.within.pop();
            return node;
        }
        let mut node = self.own(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            node = merged(node, self.node(part));
        }
        for arms in [&schema["oneOf"], &schema["anyOf"]] {
            if let Some(arms) = arms.as_array() {
                let arms: Vec<Node> = arms.iter().filter_map(|arm| self.node(arm)).collect();
                node = merged(node, (!arms.is_empty()).then_some(Node::OneOf(arms)));
            }
        }
        node
    }

    /// What a schema says itself, its unions apart.
    fn own(&mut self, schema: &'a Json) -> Option<Node> {
        let combined = ["allOf", "oneOf", "anyOf"].iter().any(|key| schema.get(*key).is_some());
        match &schema["type"] {
            Json::String(kind) => self.of_type(kind, schema, combined),
            Json::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Json::as_str);
                Some(Node::OneOf(kinds.filter_map(|k| self.of_type(k, schema, combined)).collect()))
            }
            _ if schema.get("properties").is_some() => self.of_type("object", schema, combined),
            _ if combined => None,
            // Anything may stand here, a text too.
            _ => Some(Node::Text(usual(schema))),
        }
    }

    fn of_type(&mut self, kind: &str, schema: &'a Json, combined: bool) -> Option<Node> {
        Some(match kind {
            "string" if schema["format"] == "binary" => Node::File,
            "string" => Node::Text(usual(schema)),
            "number" | "integer" => Node::Number(schema["minimum"].as_i64().unwrap_or(1).max(1)),
            "boolean" => Node::Plain(json!(false)),
            "null" => Node::Plain(Json::Null),
            "array" => Node::Array(Box::new(match schema.get("items") {
                Some(items) => self.node(items)?,
                None => Node::Text("x".to_owned()),
            })),
            "object" => Node::Object(self.members(schema, combined)),
            other => unreachable!("unknown type {other}"),
        })
    }

    fn members(&mut self, schema: &'a Json, combined: bool) -> Vec<Member> {
        let required = schema["required"].as_array();
        let is_required = |key: &str| required.is_some_and(|keys| keys.contains(&json!(key)));
        let mut members = Vec::new();
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(node) = self.node(value) {
                members.push(Member { key: key.clone(), required: is_required(key), node });
            }
        }
        let open = match &schema["additionalProperties"] {
            Json::Bool(false) => None,
            more @ Json::Object(_) => self.node(more),
            // An object of which nothing is said holds anything.
            _ if members.is_empty() && !combined => Some(Node::Text("x".to_owned())),
            _ => None,
        };
        let open = open.map(|node| Member { key: "anything".to_owned(), required: false, node });
        members.extend(open);
        members
    }
}

/// What is written when nothing is planted.
fn usual(schema: &Json) -> String {
    let word = schema["const"].as_str().or_else(|| schema["enum"][0].as_str());
    word.unwrap_or(if schema["format"] == "uri" { "https://example.com/" } else { "x" }).to_owned()
}

/// What fits both schemas. A member that both have is that of the one or of the other.
fn merged(one: Option<Node>, other: Option<Node>) -> Option<Node> {
    Some(match (one, other) {
        (None, node) | (node, None) => return node,
        (Some(Node::OneOf(arms)), Some(other)) => Node::OneOf(
            arms.into_iter().filter_map(|arm| merged(Some(arm), Some(other.clone()))).collect(),
        ),
        (Some(one), Some(Node::OneOf(arms))) => Node::OneOf(
            arms.into_iter().filter_map(|arm| merged(Some(one.clone()), Some(arm))).collect(),
        ),
        (Some(Node::Object(mut members)), Some(Node::Object(more))) => {
            for member in more {
                match members.iter_mut().find(|known| known.key == member.key) {
                    Some(known) => {
                        let arms = vec![member.node, known.node.clone()];
                        known.node = Node::OneOf(arms);
                        known.required |= member.required;
                    }
                    None => members.push(member),
                }
            }
            Node::Object(members)
        }
        (Some(_), Some(other)) => other,
    })
}

impl Node {
    /// The paths of all fields in which something can be planted.
    pub(super) fn fields(&self) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        self.collect("", &mut fields);
        fields
    }

    fn collect(&self, path: &str, fields: &mut BTreeSet<String>) {
        match self {
            Self::Text(_) | Self::File | Self::Number(_) => drop(fields.insert(path.to_owned())),
            Self::Plain(_) => {}
            Self::Object(members) => {
                for member in members {
                    member.node.collect(&format!("{path}{}/", member.key), fields);
                }
            }
            Self::Array(element) => element.collect(&format!("{path}[]/"), fields),
            Self::OneOf(arms) => {
                for (number, arm) in arms.iter().enumerate() {
                    arm.collect(&format!("{path}|{number}/"), fields);
                }
            }
        }
    }
}

/// Makes a request that fills as many of the wanted fields as fit into one.
pub(super) struct Builder<'a> {
    /// The fields that are still to be filled.
    pub(super) wanted: BTreeSet<String>,
    /// What was planted, by field.
    pub(super) planted: Vec<(String, Planted)>,
    pub(super) plant: &'a mut dyn FnMut() -> Planted,
}

impl Builder<'_> {
    pub(super) fn build(&mut self, node: &Node, path: &str) -> Json {
        match node {
            Node::Text(usual) => match self.planted(path) {
                Some(planted) if usual.contains("://") => {
                    json!(format!("{usual}{}", planted.text()))
                }
                Some(planted) => json!(planted.text()),
                None => json!(usual),
            },
            Node::File => match self.planted(path) {
                Some(planted) => json!({ "file": planted.text() }),
                None => json!({ "file": "x.png" }),
            },
            Node::Number(usual) => match self.planted(path) {
                Some(planted) => json!(planted.card.parse::<u64>().unwrap()),
                None => json!(usual),
            },
            Node::Plain(value) => value.clone(),
            Node::Object(members) => {
                let mut object = Map::new();
                for member in members {
                    let path = format!("{path}{}/", member.key);
                    if member.required || self.wants(&path) {
                        object.insert(member.key.clone(), self.build(&member.node, &path));
                    }
                }
                Json::Object(object)
            }
            Node::Array(element) => {
                let path = format!("{path}[]/");
                let mut elements = vec![self.build(element, &path)];
                // Another element for what did not fit into the ones before.
                while self.wants(&path) {
                    elements.push(self.build(element, &path));
                }
                Json::Array(elements)
            }
            Node::OneOf(arms) => {
                let path = |arm: usize| format!("{path}|{arm}/");
                let arm = (0..arms.len()).find(|arm| self.wants(&path(*arm))).unwrap_or_default();
                self.build(&arms[arm], &path(arm))
            }
        }
    }

    fn planted(&mut self, path: &str) -> Option<Planted> {
        self.wanted.remove(path).then(|| {
            let planted = (self.plant)();
            self.planted.push((path.to_owned(), planted.clone()));
            planted
        })
    }

    fn wants(&self, path: &str) -> bool {
        self.wanted.range(path.to_owned()..).next().is_some_and(|field| field.starts_with(path))
    }
}
