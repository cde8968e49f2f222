//! The routes of the admin address, one line each.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use super::fault::AdminFault;
use super::{AdminState, cache, gate, health, keys, operations, overview, requests, usage};

/// The largest request body: a key's description takes a few hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A path with what it takes.
pub struct Route {
    /// In the notation of OpenAPI, `/admin/v1/keys/{id}`.
    pub path: &'static str,
    /// In upper case.
    pub methods: &'static [&'static str],
    handler: MethodRouter<Arc<AdminState>>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Every route.
#[must_use]
pub fn routes() -> Vec<Route> {
    let route = |path, methods, handler| Route { path, methods, handler };
    vec![
        route("/", &["GET"], get(operations::page)),
        route("/healthz", &["GET"], get(operations::healthz)),
        route("/readyz", &["GET"], get(operations::readyz)),
        route("/metrics", &["GET"], get(operations::metrics)),
        route("/openapi.json", &["GET"], get(operations::openapi)),
        route("/admin/v1/status", &["GET"], get(overview::status)),
        route("/admin/v1/config", &["GET"], get(overview::config)),
        route("/admin/v1/services", &["GET"], get(overview::services)),
        route("/admin/v1/models", &["GET"], get(overview::models)),
        route("/admin/v1/targets", &["GET"], get(health::targets)),
        route("/admin/v1/cache", &["GET"], get(cache::show)),
        route("/admin/v1/cache/purge", &["POST"], post(cache::purge)),
        route("/admin/v1/keys", &["GET", "POST"], get(keys::list).post(keys::create)),
        route("/admin/v1/keys/{id}", &["GET", "DELETE"], get(keys::show).delete(keys::revoke)),
        route("/admin/v1/usage", &["GET"], get(usage::sum)),
        route("/admin/v1/requests", &["GET"], get(requests::recent)),
        route("/admin/v1/requests/{request_id}", &["GET"], get(requests::one)),
    ]
}

/// The service of the admin address.
pub fn router(state: Arc<AdminState>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(async || AdminFault::NotFound("route"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&state), gate::pass))
        .layer(map_response(no_sniffing))
        .with_state(state)
}

async fn no_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
