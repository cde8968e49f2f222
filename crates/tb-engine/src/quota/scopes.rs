//! The limits that one request is under, each with its account.

use std::sync::{Arc, MutexGuard};

use tb_config::Service;
use tb_core::quota::{Account, Reached, Standing};
use tb_core::{KeyId, Limits, Timestamp, UsageRow};

use super::accounts::Scope;
use super::{Ledger, SharedAccount, lock};
use crate::admission::{LimitReached, LimitScope};
use crate::engine::Shared;
use crate::runtime::{RunningModel, Runtime};

/// How many scopes a request has.
pub(super) const SCOPES: usize = 5;

/// The end user of requests that name none: a limit for each user is no limit where it can be
/// left behind with a name.
const NOBODY: &str = "";

/// Where the limits of a scope stand.
enum Source {
    Organisation(Arc<Runtime>),
    Service(Arc<Service>),
    Key(KeyId, Arc<Limits>),
    Users(Arc<Service>),
    Model(Arc<RunningModel>),
}

/// One scope of a request that has limits.
pub(crate) struct Bound {
    source: Source,
    account: SharedAccount,
}

/// The scopes of a request, in the one order in which their accounts are locked.
pub(crate) struct Scopes(pub(super) [Option<Bound>; SCOPES]);

impl Bound {
    pub(super) fn limits(&self) -> &Limits {
        match &self.source {
            Source::Organisation(runtime) => &runtime.snapshot.organisation,
            Source::Service(service) => &service.limits,
            Source::Key(_, limits) => limits,
            Source::Users(service) => &service.user_limits,
            Source::Model(model) => &model.model.limits,
        }
    }

    pub(super) fn scope(&self) -> LimitScope {
        match &self.source {
            Source::Organisation(_) => LimitScope::Organisation,
            Source::Service(service) => LimitScope::Service(service.name.clone()),
            Source::Key(id, _) => LimitScope::Key(*id),
            Source::Users(service) => LimitScope::User(service.name.clone()),
            Source::Model(model) => LimitScope::Model(model.model.name.clone()),
        }
    }

    pub(super) fn reached(&self, reached: Reached) -> Box<LimitReached> {
        LimitReached::of(self.scope(), reached)
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }
}

impl Scopes {
    /// The scopes with limits of the request of `row`; `None` when there are none.
    pub(crate) fn of(
        shared: &Shared,
        (runtime, service): (&Arc<Runtime>, &Arc<Service>),
        model: Option<&Arc<RunningModel>>,
        (row, now): (&UsageRow, Timestamp),
    ) -> Option<Self> {
        let user = || row.user.as_deref().unwrap_or(NOBODY).into();
        let name = || service.name.clone();
        let limited = |limits: &Limits| !limits.is_empty();
        let organisation = limited(&runtime.snapshot.organisation)
            .then(|| (Source::Organisation(Arc::clone(runtime)), Scope::Organisation));
        let service_limits = limited(&service.limits)
            .then(|| (Source::Service(Arc::clone(service)), Scope::Service(name())));
        let key = key_limits(shared, row.key_id)
            .map(|(id, limits)| (Source::Key(id, limits), Scope::Key(id)));
        let users = limited(&service.user_limits)
            .then(|| (Source::Users(Arc::clone(service)), Scope::User(name(), user())));
        let model = model.filter(|model| limited(&model.model.limits)).map(|model| {
            (Source::Model(Arc::clone(model)), Scope::Model(model.model.name.clone()))
        });
        let found = [organisation, service_limits, key, users, model];
        if found.iter().all(Option::is_none) {
            return None;
        }
        let ledger: &Ledger = &shared.quotas;
        let bound =
            |(source, scope)| Bound { source, account: ledger.accounts.account(scope, now) };
        Some(Self(found.map(|found| found.map(bound))))
    }

    /// What is left of requests and tokens, each of the tightest limit.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let standings = self.each().map(|bound| bound.account().standing(bound.limits(), now));
        standings.fold(Standing::default(), Standing::tightest)
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &Bound> {
        self.0.iter().flatten()
    }

    /// All accounts at once: what is found then holds until they are let go.
    pub(super) fn lock(&self) -> [Option<(&Bound, MutexGuard<'_, Account>)>; SCOPES] {
        self.0.each_ref().map(|bound| bound.as_ref().map(|bound| (bound, bound.account())))
    }
}

/// The limits of a key that has some.
fn key_limits(shared: &Shared, id: Option<KeyId>) -> Option<(KeyId, Arc<Limits>)> {
    let id = id?;
    let keys = shared.keys.load();
    let limits = &keys.get(&id)?.scope.limits;
    (!limits.is_empty()).then(|| (id, Arc::new(limits.clone())))
}
