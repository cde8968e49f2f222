//! The routes of the admin address, one line each: path, who may use which method, handler.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};

use tb_core::Role;

use super::fault::AdminFault;
use super::gate::{self, Gate};
use super::{
    AdminState, audit, budgets, cache, compliance, content, erasure, health, holds, keys,
    operations, overview, prompts, requests, retention, tokens, usage,
};

/// The largest request body: a key's description takes a few hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A method in upper case, and the roles that may use it.
pub type Access = (&'static str, &'static [Role]);

/// Needs no token; so does `/metrics` on loopback, see `gate.rs`.
const OPEN: &[Role] = &[];
/// Looks: usage, health, configuration, what keys there are.
const SEE: &[Role] = &[Role::Viewer, Role::Operator, Role::Auditor, Role::Owner];
/// Runs the gateway: keys, the cache.
const RUN: &[Role] = &[Role::Operator, Role::Owner];
/// Reads the audit log.
const AUDIT: &[Role] = &[Role::Auditor, Role::Owner];
/// Decides who may do what, and what is deleted.
const OWN: &[Role] = &[Role::Owner];

/// A path with what it takes.
pub struct Route {
    /// In the notation of OpenAPI, `/admin/v1/keys/{id}`.
    pub path: &'static str,
    /// What may be done there, and by whom.
    pub access: &'static [Access],
    handler: MethodRouter<Arc<AdminState>>,
}

impl Route {
    /// Its methods, in upper case.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        self.access.iter().map(|(method, _)| *method)
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Every route.
#[must_use]
pub fn routes() -> Vec<Route> {
    let route = |path, access, handler| Route { path, access, handler };
    vec![
        route("/", &[("GET", OPEN)], get(operations::page)),
        route("/healthz", &[("GET", OPEN)], get(operations::healthz)),
        route("/readyz", &[("GET", OPEN)], get(operations::readyz)),
        route("/metrics", &[("GET", SEE)], get(operations::metrics)),
        route("/openapi.json", &[("GET", OPEN)], get(operations::openapi)),
        route("/admin/v1/status", &[("GET", SEE)], get(overview::status)),
        route("/admin/v1/config", &[("GET", SEE)], get(overview::config)),
        route("/admin/v1/services", &[("GET", SEE)], get(overview::services)),
        route("/admin/v1/models", &[("GET", SEE)], get(overview::models)),
        route("/admin/v1/targets", &[("GET", SEE)], get(health::targets)),
        route("/admin/v1/cache", &[("GET", SEE)], get(cache::show)),
        route("/admin/v1/cache/purge", &[("POST", RUN)], post(cache::purge)),
        route("/admin/v1/keys", &[("GET", SEE), ("POST", RUN)], get(keys::list).post(keys::create)),
        route("/admin/v1/keys/report", &[("POST", RUN)], post(keys::report)),
        route(
            "/admin/v1/keys/{id}",
            &[("GET", SEE), ("DELETE", RUN)],
            get(keys::show).delete(keys::revoke),
        ),
        route("/admin/v1/keys/{id}/rotate", &[("POST", RUN)], post(keys::rotate)),
        route(
            "/admin/v1/tokens",
            &[("GET", OWN), ("POST", OWN)],
            get(tokens::list).post(tokens::create),
        ),
        route("/admin/v1/tokens/{id}", &[("DELETE", OWN)], delete(tokens::revoke)),
        route("/admin/v1/audit", &[("GET", AUDIT)], get(audit::list)),
        route("/admin/v1/audit/verify", &[("GET", AUDIT)], get(audit::verify)),
        route("/admin/v1/audit/checkpoint", &[("GET", AUDIT)], get(audit::checkpoint)),
        route("/admin/v1/audit/key", &[("GET", AUDIT)], get(audit::key)),
        route("/admin/v1/audit/{seq}/proof", &[("GET", AUDIT)], get(audit::prove)),
        route("/admin/v1/content", &[("GET", OWN)], get(content::list)),
        route("/admin/v1/content/{request_id}", &[("GET", OWN)], get(content::show)),
        route("/admin/v1/budgets", &[("GET", SEE)], get(budgets::list)),
        route("/admin/v1/compliance", &[("GET", AUDIT)], get(compliance::show)),
        route("/admin/v1/retention", &[("GET", SEE)], get(retention::report)),
        route("/admin/v1/retention/run", &[("POST", OWN)], post(retention::run)),
        route(
            "/admin/v1/holds",
            &[("GET", AUDIT), ("POST", OWN)],
            get(holds::list).post(holds::place),
        ),
        route("/admin/v1/holds/{id}", &[("DELETE", OWN)], delete(holds::lift)),
        route(
            "/admin/v1/prompts",
            &[("GET", SEE), ("POST", RUN)],
            get(prompts::list).post(prompts::register),
        ),
        route("/admin/v1/prompts/{name}", &[("GET", SEE)], get(prompts::show)),
        route("/admin/v1/prompts/{name}/render", &[("POST", RUN)], post(prompts::render)),
        route("/admin/v1/prompts/{name}/labels", &[("POST", RUN)], post(prompts::promote)),
        route("/admin/v1/prompts/{name}/rollback", &[("POST", RUN)], post(prompts::rollback)),
        route("/admin/v1/erasure", &[("POST", OWN)], post(erasure::erase)),
        route("/admin/v1/usage", &[("GET", SEE)], get(usage::sum)),
        route("/admin/v1/requests", &[("GET", SEE)], get(requests::recent)),
        route("/admin/v1/requests/{request_id}", &[("GET", SEE)], get(requests::one)),
    ]
}

/// The service of the admin address.
pub fn router(state: Arc<AdminState>) -> Router {
    let mut router = Router::new();
    let mut access = HashMap::new();
    for route in routes() {
        access.insert(route.path, route.access);
        router = router.route(route.path, route.handler);
    }
    let gate = Arc::new(Gate { state: Arc::clone(&state), access });
    router
        .fallback(async || AdminFault::NotFound("route"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(gate, gate::pass))
        .layer(map_response(no_sniffing))
        .with_state(state)
}

async fn no_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
