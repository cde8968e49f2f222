//! What the Responses API offers and this gateway cannot answer for yet: refused, so that
//! nothing is sent that could reach another tenant.

use tb_api::json::{Document, Kind, Value};

use crate::refusal::Refusal;

/// Refuses what cannot be kept apart.
pub(crate) fn check_responses(document: &Document) -> Result<(), Refusal> {
    if document.get("conversation").is_some_and(|value| value.kind != Kind::Null) {
        return Err(refused(
            "conversation",
            "Conversations are not offered here: the gateway does not yet know which service \
             one belongs to. Send `previous_response_id`, or the items themselves.",
        ));
    }
    let input = document.get("input").filter(|value| value.kind == Kind::Array);
    if input.is_some_and(|items| items.elements().any(|item| is_reference(&item))) {
        return Err(refused(
            "input",
            "References to stored items are not offered here: the gateway does not yet know \
             which service one belongs to. Send `previous_response_id`, or the items themselves.",
        ));
    }
    Ok(())
}

/// A reference has an id and nothing that tells what it is; its `type` may be left out.
fn is_reference(item: &Value<'_>) -> bool {
    match item.get("type").filter(|kind| kind.kind != Kind::Null) {
        Some(kind) => kind.as_str().as_deref() == Some("item_reference"),
        None => item.get("id").is_some() && item.get("role").is_none(),
    }
}

fn refused(param: &str, message: &str) -> Refusal {
    Refusal::caller(400, "invalid_request", param, message.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn param(body: &'static str) -> Option<Box<str>> {
        let document = Document::parse(Bytes::from_static(body.as_bytes())).unwrap();
        match check_responses(&document) {
            Err(Refusal::Caller { param, .. }) => param,
            _ => None,
        }
    }

    #[test]
    fn refuses_what_could_not_be_kept_apart() {
        for (body, at_fault) in [
            (r#"{"input":"x","conversation":"conv_1"}"#, "conversation"),
            (r#"{"input":"x","conversation":{"id":"conv_1"}}"#, "conversation"),
            (r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#, "input"),
            (r#"{"input":[{"role":"user","content":"a"},{"id":"msg_1"}]}"#, "input"),
            (r#"{"input":[{"type":null,"id":"msg_1"}]}"#, "input"),
            (r#"{"input":[{"type":"item\u005freference","id":"msg_1"}]}"#, "input"),
        ] {
            assert_eq!(param(body).as_deref(), Some(at_fault), "{body}");
        }
    }

    #[test]
    fn takes_what_names_nothing_stored() {
        for body in [
            r#"{"input":"item_reference","background":false,"conversation":null}"#,
            r#"{"input":[{"role":"user","content":"item_reference"}]}"#,
            r#"{"input":[{"type":"message","id":"msg_1","role":"assistant","content":[]}]}"#,
            r#"{"input":[{"type":"reasoning","id":"rs_1","summary":[]}]}"#,
        ] {
            assert_eq!(param(body), None, "{body}");
        }
    }
}
