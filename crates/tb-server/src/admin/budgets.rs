//! Limits and budgets with what is used of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use tb_core::quota::Limit;
use tb_engine::{BudgetView, LimitScope};

use super::AdminState;

/// One limit of one scope.
#[derive(Debug, Clone, Serialize)]
struct BudgetRow {
    scope: &'static str,
    /// The service, the key's id or the model; nothing for the organisation.
    name: Option<String>,
    user: Option<String>,
    limit_name: String,
    limit: &'static str,
    unit: &'static str,
    period: Option<&'static str>,
    time_zone: Option<String>,
    used: u64,
    reserved: u64,
    value: u64,
    resets_at: Option<String>,
}

impl From<BudgetView> for BudgetRow {
    fn from(view: BudgetView) -> Self {
        let name = match &view.scope {
            LimitScope::Organisation | LimitScope::Gateway => None,
            LimitScope::Service(name) | LimitScope::User(name) => Some(name.to_string()),
            LimitScope::Key(id) => Some(id.to_string()),
            LimitScope::Model(name) => Some(name.to_string()),
        };
        let (unit, divisor) = match view.limit {
            Limit::Requests(_) | Limit::Concurrent => ("requests", 1),
            Limit::Tokens(_) => ("tokens", 1),
            Limit::Budget => ("micro_usd", 1_000),
        };
        Self {
            scope: view.scope.label(),
            name,
            limit_name: view.setting(),
            limit: view.limit.key(),
            unit,
            used: view.used / divisor,
            reserved: view.reserved / divisor,
            value: view.most / divisor,
            resets_at: view.resets_at.map(tb_core::Timestamp::to_rfc3339),
            period: view.period.as_ref().map(|(kind, _)| *kind),
            time_zone: view.period.map(|(_, zone)| zone),
            user: view.user,
        }
    }
}

/// `GET /admin/v1/budgets`: every limit with what is used and reserved of it.
pub(crate) async fn list(State(state): State<Arc<AdminState>>) -> Json<Value> {
    let rows: Vec<BudgetRow> = state.engine.budgets().into_iter().map(BudgetRow::from).collect();
    Json(json!({ "schema_version": 1, "rows": rows }))
}
