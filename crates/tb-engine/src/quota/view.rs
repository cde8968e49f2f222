//! Limits and what is used of them, for operators.

use tb_core::quota::{Account, Limit};
use tb_core::{Limits, Timestamp};

use super::accounts::Scope;
use super::{Ledger, lock};
use crate::admission::LimitScope;
use crate::engine::Engine;

/// Of the end users of a service so many are shown: those that used the most of a limit.
const SHOWN_USERS: usize = 100;

/// One limit of one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// Whose it is.
    pub scope: LimitScope,
    /// The end user, by the name that is kept, where it is one's.
    pub user: Option<String>,
    /// Which limit.
    pub limit: Limit,
    /// The kind of period (`day`, `week`, `month`, `quarter`) and the zone of a budget.
    pub period: Option<(&'static str, String)>,
    /// Used: requests, tokens, nano-dollars.
    pub used: u64,
    /// Reserved by attempts under way.
    pub reserved: u64,
    /// The most.
    pub most: u64,
    /// When all of it is there again; `None` for requests at the same time.
    pub resets_at: Option<Timestamp>,
}

impl BudgetView {
    /// The setting that holds the limit.
    #[must_use]
    pub fn setting(&self) -> String {
        self.scope.setting(self.limit)
    }
}

impl Engine {
    /// Every limit with what is used of it: of the organisation, of services and models by name,
    /// of keys, and of the end users that used the most.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetView> {
        let (snapshot, ledger) = (self.snapshot(), &self.shared.quotas);
        let now = self.shared.clock.now();
        let mut rows = Vec::new();
        let mut add = |scope: LimitScope, own: &Scope, limits: &Limits| {
            if !limits.is_empty() {
                rows.extend(ledger.gauges((&scope, own), limits, now));
            }
        };
        add(LimitScope::Organisation, &Scope::Organisation, &snapshot.organisation);
        let mut services: Vec<_> = snapshot.services.values().collect();
        services.sort_by(|one, other| one.name.cmp(&other.name));
        for service in &services {
            let name = service.name.clone();
            add(LimitScope::Service(name.clone()), &Scope::Service(name), &service.limits);
        }
        let keys = self.shared.keys.load();
        let mut limited: Vec<_> = keys.records().collect();
        limited.sort_by_key(|key| key.id);
        for key in limited {
            add(LimitScope::Key(key.id), &Scope::Key(key.id), &key.scope.limits);
        }
        let mut models: Vec<_> = snapshot.models.values().collect();
        models.sort_by(|one, other| one.name.cmp(&other.name));
        for model in models {
            let name = model.name.clone();
            add(LimitScope::Model(name.clone()), &Scope::Model(name), &model.limits);
        }
        for service in services.iter().filter(|service| !service.user_limits.is_empty()) {
            let scope = LimitScope::User(service.name.clone());
            rows.extend(ledger.user_gauges(&scope, &service.name, (&service.user_limits, now)));
        }
        rows
    }
}

impl Ledger {
    fn gauges(
        &self,
        (scope, own): (&LimitScope, &Scope),
        limits: &Limits,
        now: Timestamp,
    ) -> Vec<BudgetView> {
        match self.accounts.known(own) {
            Some(account) => views(scope, None, (&mut lock(&account), limits, now)),
            None => views(scope, None, (&mut Account::default(), limits, now)),
        }
    }

    fn user_gauges(
        &self,
        scope: &LimitScope,
        service: &tb_core::ServiceName,
        (limits, now): (&Limits, Timestamp),
    ) -> Vec<BudgetView> {
        let mut users: Vec<_> = self
            .accounts
            .users(service)
            .into_iter()
            .map(|(name, account)| views(scope, Some(&name), (&mut lock(&account), limits, now)))
            .collect();
        users.sort_by_cached_key(|rows| std::cmp::Reverse(rows.iter().map(share).max()));
        users.truncate(SHOWN_USERS);
        users.into_iter().flatten().collect()
    }
}

/// What is used of a limit, in millionths.
fn share(view: &BudgetView) -> u128 {
    u128::from(view.used.saturating_add(view.reserved)) * 1_000_000 / u128::from(view.most.max(1))
}

fn views(
    scope: &LimitScope,
    user: Option<&str>,
    (account, limits, now): (&mut Account, &Limits, Timestamp),
) -> Vec<BudgetView> {
    let gauges = account.gauges(limits, now).into_iter();
    let views = gauges.map(|gauge| BudgetView {
        scope: scope.clone(),
        user: user.map(str::to_owned),
        limit: gauge.limit,
        period: limits
            .budget
            .as_ref()
            .filter(|_| gauge.limit == Limit::Budget)
            .map(|budget| (budget.window.as_str(), budget.time_zone.to_string())),
        used: gauge.used,
        reserved: gauge.reserved,
        most: gauge.most,
        resets_at: gauge.resets_at,
    });
    views.collect()
}
