//! Who may do what at the admin address: every role, route, method and owner.

use http::StatusCode;
use serde_json::json;
use tb_core::ports::KeyStore;
use tb_core::{Pepper, Role};
use tb_server::admin::{Route, routes};
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest};

use crate::admin::{Admin, Answer, CONFIG, JSON, act, new_token};

/// What each route is for, said once more and by hand: who may use which method.
const EXPECTED: &[(&str, &str, &[Role])] = {
    use Role::{Auditor, Operator, Owner, Viewer};
    const SEE: &[Role] = &[Viewer, Operator, Auditor, Owner];
    const RUN: &[Role] = &[Operator, Owner];
    const AUDIT: &[Role] = &[Auditor, Owner];
    const OWN: &[Role] = &[Owner];
    &[
        ("GET", "/metrics", SEE),
        ("GET", "/admin/v1/status", SEE),
        ("GET", "/admin/v1/config", SEE),
        ("GET", "/admin/v1/services", SEE),
        ("GET", "/admin/v1/models", SEE),
        ("GET", "/admin/v1/targets", SEE),
        ("GET", "/admin/v1/cache", SEE),
        ("POST", "/admin/v1/cache/purge", RUN),
        ("GET", "/admin/v1/keys", SEE),
        ("POST", "/admin/v1/keys", RUN),
        ("POST", "/admin/v1/keys/report", RUN),
        ("GET", "/admin/v1/keys/{id}", SEE),
        ("DELETE", "/admin/v1/keys/{id}", RUN),
        ("POST", "/admin/v1/keys/{id}/rotate", RUN),
        ("GET", "/admin/v1/tokens", OWN),
        ("POST", "/admin/v1/tokens", OWN),
        ("DELETE", "/admin/v1/tokens/{id}", OWN),
        ("GET", "/admin/v1/usage", SEE),
        ("GET", "/admin/v1/requests", SEE),
        ("GET", "/admin/v1/requests/{request_id}", SEE),
        ("GET", "/admin/v1/audit", AUDIT),
        ("GET", "/admin/v1/prompts", SEE),
        ("POST", "/admin/v1/prompts", RUN),
        ("GET", "/admin/v1/prompts/{name}", SEE),
        ("POST", "/admin/v1/prompts/{name}/render", RUN),
        ("POST", "/admin/v1/prompts/{name}/labels", RUN),
        ("POST", "/admin/v1/prompts/{name}/rollback", RUN),
    ]
};

/// The tokens of all roles, and one that opens nothing.
fn tokens(admin: &Admin) -> Vec<(Option<Role>, String)> {
    let pepper = Pepper::from_bytes(&[7; 32]);
    let mut tokens = vec![
        (None, String::new()),
        (None, new_token(&Pepper::from_bytes(&[8; 32]), Role::Owner).token.expose().to_owned()),
    ];
    for role in Role::ALL {
        let made = new_token(&pepper, role);
        admin.store.put_admin_token(&made.record, &act()).unwrap();
        tokens.push((Some(role), made.token.expose().to_owned()));
    }
    admin.keys.reload().unwrap();
    tokens
}

async fn ask(admin: &Admin, token: &str, method: &str, path: &str) -> Answer {
    let request = http::Request::builder().method(method).uri(path).header("host", "10.0.0.1:8788");
    let request = request.header("authorization", format!("Bearer {token}"));
    admin.send(request.header("content-type", JSON), "{}").await
}

fn is_allowed(route: &Route, method: &str, role: Role) -> Option<bool> {
    let (_, roles) = route.access.iter().find(|(known, _)| *known == method)?;
    Some(roles.is_empty() || roles.contains(&role))
}

#[tokio::test]
async fn each_role_reaches_its_routes_and_no_other_whatever_the_object() {
    // Not loopback: there is no route that is open because of it.
    let admin = Admin::at("10.0.0.1:8788", CONFIG);
    let made = admin.make(&json!({ "service": "bot" })).await.json();
    let own = made["id"].as_str().unwrap().to_owned();
    let made = admin.make(&json!({ "service": "lab" })).await.json();
    let other = made["id"].as_str().unwrap().to_owned();
    let objects = [own.as_str(), other.as_str(), "00000000", "x", "'%20OR%201"];
    let mut checked = 0;
    for (role, token) in tokens(&admin) {
        for route in routes() {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
                for object in objects {
                    // What would end the objects of the next round is tried on others.
                    let object = if method == "DELETE" { objects[2] } else { object };
                    let path = route.path.replace("{id}", object);
                    let path = path.replace("{request_id}", object).replace("{seq}", object);
                    let answer = ask(&admin, &token, method, &path).await;
                    let seen = answer.status;
                    let what = format!("{role:?} {method} {path}: {seen} {}", answer.text);
                    let known = if method == "HEAD" { "GET" } else { method };
                    let is_open = route.access.iter().any(|(_, roles)| roles.is_empty());
                    match role {
                        _ if is_open => assert_ne!(seen, StatusCode::UNAUTHORIZED, "{what}"),
                        None => assert_eq!(seen, StatusCode::UNAUTHORIZED, "{what}"),
                        Some(role) => match is_allowed(&route, known, role) {
                            None => assert_eq!(seen, StatusCode::METHOD_NOT_ALLOWED, "{what}"),
                            Some(false) => assert_eq!(seen, StatusCode::FORBIDDEN, "{what}"),
                            Some(true) => assert!(
                                seen != StatusCode::FORBIDDEN && seen != StatusCode::UNAUTHORIZED,
                                "{what}"
                            ),
                        },
                    }
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 2_000, "{checked}");
}

#[test]
fn the_table_of_roles_says_what_was_meant() {
    let routes = routes();
    for (method, path, roles) in EXPECTED {
        let route = routes.iter().find(|route| route.path == *path).expect(path);
        for role in Role::ALL {
            let expected = Some(roles.contains(&role));
            assert_eq!(is_allowed(route, method, role), expected, "{role:?} {method} {path}");
        }
    }
    for route in &routes {
        for (method, roles) in route.access {
            let what = format!("{method} {}", route.path);
            // Nothing below /admin is open, and viewers and auditors change nothing.
            assert_eq!(
                roles.is_empty(),
                !route.path.starts_with("/admin") && what != "GET /metrics"
            );
            let is_reading = *method == "GET";
            assert!(is_reading || !roles.contains(&Role::Viewer), "{what}");
            assert!(is_reading || !roles.contains(&Role::Auditor), "{what}");
            assert!(roles.is_empty() || roles.contains(&Role::Owner), "{what}");
            let is_audit = route.path.starts_with("/admin/v1/audit");
            assert!(!is_audit || !roles.contains(&Role::Viewer), "{what}");
            assert!(!is_audit || !roles.contains(&Role::Operator), "{what}");
        }
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_looks_the_same_whether_the_object_exists() {
    let admin = Admin::at("10.0.0.1:8788", CONFIG);
    let made = admin.make(&json!({ "service": "bot" })).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let (_, viewer) =
        tokens(&admin).into_iter().find(|(role, _)| *role == Some(Role::Viewer)).unwrap();
    for method in ["DELETE", "POST"] {
        let end = if method == "POST" { "/rotate" } else { "" };
        let path = |id: &str| format!("/admin/v1/keys/{id}{end}");
        let real = ask(&admin, &viewer, method, &path(&id)).await;
        let missing = ask(&admin, &viewer, method, &path("00000000")).await;
        assert_eq!(real.status, StatusCode::FORBIDDEN);
        assert_eq!(real.json()["error"]["code"], "role_not_allowed");
        assert_eq!((real.status, real.text), (missing.status, missing.text));
    }
}

const STORED: &str = r#"{"id":"resp_1","object":"response","status":"completed","output":[],
    "usage":{"input_tokens":1,"output_tokens":1}}"#;

#[test]
fn responses_are_there_for_their_own_service_only() {
    let provider = FakeProvider::start(|_| FakeReply::json(200, STORED));
    let mut app = TestApp::start(&format!(
        r#"
        [providers.up]
        dialect = "openai"
        base_url = "{}"
        api_keys = []
        data_classes = ["public", "internal"]
        [models.m]
        targets = [{{ provider = "up", model = "x" }}]
        [services.a]
        purposes = ["one"]
        models = ["m"]
        [services.b]
        purposes = ["one"]
        models = ["m"]
        "#,
        provider.url()
    ));
    let own = app.make_key("a", |_| {});
    let colleague = app.make_key("a", |_| {});
    let stranger = app.make_key("b", |_| {});
    let body = r#"{"model":"m","input":"hi","store":true}"#;
    let made = TestRequest::post("/v1/responses", body).key(&own).send(app.address);
    assert_eq!(made.status, 200);
    let ask = |key: &str, method: &'static str, path: &str| {
        let response = TestRequest::new(method, path).key(key).send(app.address);
        let mut body = if response.status == 200 { json!(null) } else { response.json() };
        body["error"]["tollbar"]["request_id"] = json!("");
        let text = body.to_string().replace("resp_1", "ID").replace("resp_2", "ID");
        (response.status, text)
    };
    let seen = provider.requests().len();
    for (method, end) in [("GET", ""), ("DELETE", ""), ("POST", "/cancel")] {
        let foreign = ask(&stranger, method, &format!("/v1/responses/resp_1{end}"));
        let missing = ask(&stranger, method, &format!("/v1/responses/resp_2{end}"));
        assert_eq!(foreign.0, 404, "{method}");
        assert_eq!(foreign, missing, "{method}: another's looks like none");
    }
    assert_eq!(provider.requests().len(), seen, "nothing was asked on a stranger's behalf");
    assert_eq!(ask(&colleague, "GET", "/v1/responses/resp_1").0, 200);
    assert_eq!(ask(&own, "GET", "/v1/responses/resp_1").0, 200);
}
