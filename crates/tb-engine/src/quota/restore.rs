//! Accounts filled from usage rows: at a start, and when a new configuration limits what was not
//! counted before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tb_config::Snapshot;
use tb_core::ports::{GroupBy, StoreError, UsageQuery, UsageStore, UsageSum};
use tb_core::quota::{Fresh, Limit, Period, Span};
use tb_core::{Budget, KeyId, Limits, ModelName, NanoUsd, ServiceName, Timestamp};

use super::accounts::{MOST_USERS, Scope};
use super::{Ledger, SharedAccount, lock};
use crate::engine::Engine;

/// The steps in which the past is read, as milliseconds before now: what was used within a step
/// counts as used at its end, so that a window never holds less than it did before.
const STEPS_MS: [i64; 9] = [
    0,
    66_000,
    15 * 60_000,
    35 * 60_000,
    66 * 60_000,
    6 * 3_600_000,
    12 * 3_600_000,
    18 * 3_600_000,
    25 * 3_600_000 + 60_000,
];

impl Engine {
    /// Fills the accounts of everything that has limits from these rows. To be called before the
    /// first request, once the rows of attempts that a crash left open are in the store.
    ///
    /// # Errors
    /// When the store fails.
    pub fn restore_quotas(&self, usage: &dyn UsageStore) -> Result<(), StoreError> {
        self.prepare_quotas(&self.snapshot(), usage)
    }

    /// The same for a configuration that is about to be applied: what it limits and the one
    /// before did not is filled, and nothing else.
    ///
    /// # Errors
    /// When the store fails.
    pub fn prepare_quotas(
        &self,
        snapshot: &Arc<Snapshot>,
        usage: &dyn UsageStore,
    ) -> Result<(), StoreError> {
        let (ledger, now) = (&self.shared.quotas, self.shared.clock.now());
        let keys = self.shared.keys.load();
        let keys = keys.records().map(|key| (key.id, &key.scope.limits));
        for kind in kinds(snapshot, keys) {
            kind.restore(ledger, usage, now)?;
        }
        Ok(())
    }
}

/// Finds the limits of a group of rows, and whose they are.
type Find<'a> = dyn Fn(&[String]) -> Option<(Scope, &'a Limits)> + 'a;

/// Scopes of one kind, which are summed together.
struct Kind<'a> {
    by: Vec<GroupBy>,
    find: Box<Find<'a>>,
    /// All limits that there are.
    limits: Vec<&'a Limits>,
}

fn kinds<'a>(
    snapshot: &'a Snapshot,
    keys: impl Iterator<Item = (KeyId, &'a Limits)>,
) -> Vec<Kind<'a>> {
    let organisation = &snapshot.organisation;
    let services = &snapshot.services;
    let (models, keys): (_, HashMap<KeyId, &Limits>) = (&snapshot.models, keys.collect());
    let first = |group: &[String]| group.first().cloned().unwrap_or_default();
    let all = vec![
        Kind {
            by: Vec::new(),
            limits: vec![organisation],
            find: Box::new(move |_| Some((Scope::Organisation, organisation))),
        },
        Kind {
            by: vec![GroupBy::Service],
            limits: services.values().map(|service| &service.limits).collect(),
            find: Box::new(move |group| {
                let name = ServiceName::from(first(group));
                let limits = &services.get(&name)?.limits;
                Some((Scope::Service(name), limits))
            }),
        },
        Kind {
            by: vec![GroupBy::Key],
            limits: keys.values().copied().collect(),
            find: Box::new(move |group| {
                let id = KeyId::parse(&first(group))?;
                Some((Scope::Key(id), *keys.get(&id)?))
            }),
        },
        Kind {
            by: vec![GroupBy::Service, GroupBy::User],
            limits: services.values().map(|service| &service.user_limits).collect(),
            find: Box::new(move |group| {
                let name = ServiceName::from(first(group));
                let limits = &services.get(&name)?.user_limits;
                Some((Scope::User(name, group.get(1)?.as_str().into()), limits))
            }),
        },
        Kind {
            by: vec![GroupBy::Model],
            limits: models.values().map(|model| &model.limits).collect(),
            find: Box::new(move |group| {
                let name = ModelName::from(first(group));
                let limits = &models.get(&name)?.limits;
                Some((Scope::Model(name), limits))
            }),
        },
    ];
    all.into_iter().filter(|kind| kind.limits.iter().any(|limits| !limits.is_empty())).collect()
}

/// The accounts that are being filled, with what was not counted in them before.
type Filling = HashMap<Scope, (SharedAccount, Fresh)>;

impl Kind<'_> {
    fn restore(
        &self,
        ledger: &Ledger,
        usage: &dyn UsageStore,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut filling = Filling::new();
        self.restore_windows(ledger, usage, (&mut filling, now))?;
        self.restore_budgets(ledger, usage, (&mut filling, now))
    }

    fn restore_windows(
        &self,
        ledger: &Ledger,
        usage: &dyn UsageStore,
        (filling, now): (&mut Filling, Timestamp),
    ) -> Result<(), StoreError> {
        let longest_ms = self.limits.iter().filter_map(|limits| longest(limits)).max();
        let Some(longest_ms) = longest_ms else { return Ok(()) };
        for step in STEPS_MS.windows(2) {
            let [end, begin] = step else { continue };
            // The windows of an account hold a step more than their length.
            if *end > longest_ms + longest_ms / 8 {
                break;
            }
            let until = (*end > 0).then(|| now.plus_ms(-end));
            let at = now.plus_ms(-end - i64::from(*end > 0));
            let since = Some(now.plus_ms(-begin));
            let query = UsageQuery { by: self.by.clone(), since, until };
            for sum in usage.sum(&query)? {
                self.fill(ledger, &sum, (filling, now), |(account, fresh), _| {
                    let tokens = sum.input_tokens.saturating_add(sum.output_tokens);
                    lock(account).restore_use(*fresh, at, (sum.requests, tokens));
                });
            }
        }
        Ok(())
    }

    fn restore_budgets(
        &self,
        ledger: &Ledger,
        usage: &dyn UsageStore,
        (filling, now): (&mut Filling, Timestamp),
    ) -> Result<(), StoreError> {
        let budgets = self.limits.iter().filter_map(|limits| limits.budget.as_ref());
        let mut periods: BTreeMap<_, &Budget> = BTreeMap::new();
        for budget in budgets {
            periods.entry((budget.window.as_str(), &budget.time_zone)).or_insert(budget);
        }
        for period_of in periods.values() {
            let since = Some(Period::of(period_of, now).begin);
            let query = UsageQuery { by: self.by.clone(), since, until: None };
            for sum in usage.sum(&query)? {
                self.fill(ledger, &sum, (filling, now), |(account, fresh), limits| {
                    let own = limits.budget.as_ref().filter(|own| {
                        own.window == period_of.window && own.time_zone == period_of.time_zone
                    });
                    if let (Some(own), true) = (own, fresh.budget) {
                        let spent = NanoUsd(sum.cost.0.saturating_add(sum.estimated_cost.0));
                        lock(account).restore_spent(own, spent);
                    }
                });
            }
        }
        Ok(())
    }

    /// Hands the account of a group to `fill`, where the group has limits.
    fn fill(
        &self,
        ledger: &Ledger,
        sum: &UsageSum,
        (filling, now): (&mut Filling, Timestamp),
        fill: impl FnOnce(&(SharedAccount, Fresh), &Limits),
    ) {
        let Some((scope, limits)) = (self.find)(&sum.group) else { return };
        let is_full = filling.len() >= MOST_USERS && !filling.contains_key(&scope);
        if limits.is_empty() || is_full {
            return;
        }
        let filled = filling.entry(scope.clone()).or_insert_with(|| {
            let account = ledger.accounts.account(scope, now);
            let fresh = lock(&account).prepare(limits, now);
            (account, fresh)
        });
        fill(filled, limits);
    }
}

/// The longest window that is limited, in milliseconds.
fn longest(limits: &Limits) -> Option<i64> {
    let limited = Limit::WINDOWS.iter().filter(|limit| limit.most(limits).is_some());
    let spans = limited.filter_map(|limit| match limit {
        Limit::Requests(span) | Limit::Tokens(span) => Some(Span::ms(*span)),
        _ => None,
    });
    spans.max()
}
