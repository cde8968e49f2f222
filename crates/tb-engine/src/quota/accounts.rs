//! The accounts by scope, sharded and bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tb_core::{KeyId, ModelName, ServiceName, Timestamp};

use super::{SharedAccount, lock};

/// The most end users that have accounts. Callers name them, so there may be any number; 200,000
/// accounts take about 200 MB where every window is limited.
pub(super) const MOST_USERS: usize = 200_000;

const SHARDS: usize = 16;

/// Of the users of a full shard this part is forgotten at once, so that the search for those
/// that were used least recently is worth it.
const FORGOTTEN_PART: usize = 16;

/// Whose account it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Organisation,
    Service(ServiceName),
    Key(KeyId),
    /// An end user of a service, by the name that is kept.
    User(ServiceName, Arc<str>),
    Model(ModelName),
}

/// Every account.
pub(super) struct Accounts {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    most_users: usize,
}

#[derive(Default)]
struct Shard {
    accounts: HashMap<Scope, SharedAccount>,
    users: usize,
}

impl Default for Accounts {
    fn default() -> Self {
        Self::with_users(MOST_USERS)
    }
}

impl Accounts {
    /// No accounts yet, and room for so many end users.
    pub(super) fn with_users(most_users: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, hasher: RandomState::new(), most_users }
    }

    /// The account of `scope`; made when it is new. As long as the caller holds it, it stays the
    /// one of this scope.
    pub(super) fn account(&self, scope: Scope, now: Timestamp) -> SharedAccount {
        let mut shard = self.shard(&scope);
        if let Some(known) = shard.accounts.get(&scope) {
            return Arc::clone(known);
        }
        if matches!(scope, Scope::User(..)) {
            let most = self.most_users / SHARDS;
            if shard.users >= most {
                shard.make_room(most - most / FORGOTTEN_PART, now);
            }
            shard.users += 1;
        }
        let account = SharedAccount::default();
        shard.accounts.insert(scope, Arc::clone(&account));
        account
    }

    /// The account of `scope`, when there is one.
    pub(super) fn known(&self, scope: &Scope) -> Option<SharedAccount> {
        self.shard(scope).accounts.get(scope).cloned()
    }

    /// The accounts of all end users of a service, with their names.
    pub(super) fn users(&self, service: &ServiceName) -> Vec<(Arc<str>, SharedAccount)> {
        let mut users = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            users.extend(shard.accounts.iter().filter_map(|(scope, account)| match scope {
                Scope::User(own, name) if own == service => {
                    Some((Arc::clone(name), Arc::clone(account)))
                }
                _ => None,
            }));
        }
        users
    }

    fn shard(&self, scope: &Scope) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.shards;
        let hash = usize::try_from(self.hasher.hash_one(scope) >> 32).unwrap_or(0);
        let shard = self.shards.get(hash % SHARDS).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Forgets end users until there are no more than `enough`: those whose accounts say nothing,
    /// and where that is not enough those of the service with the most users that were used least
    /// recently. So a service whose callers make names up loses its own users and not those of
    /// others. One with a request under way is held by it, and stays.
    fn make_room(&mut self, enough: usize, now: Timestamp) {
        self.retain_users(|_, account| !lock(account).is_idle(now));
        while self.users > enough {
            let before = self.users;
            if let Some(crowd) = self.crowd() {
                self.forget_oldest(&crowd, before - enough);
            }
            if self.users == before {
                return;
            }
        }
    }

    /// The service with the most users that nobody holds.
    fn crowd(&self) -> Option<ServiceName> {
        let mut users: HashMap<&ServiceName, usize> = HashMap::new();
        for (scope, account) in &self.accounts {
            if let (Scope::User(service, _), true) = (scope, is_unused(scope, account)) {
                *users.entry(service).or_default() += 1;
            }
        }
        users.into_iter().max_by_key(|(_, users)| *users).map(|(service, _)| service.clone())
    }

    /// Forgets so many users of a service, or more where some were used at the same moment.
    fn forget_oldest(&mut self, crowd: &ServiceName, number: usize) {
        let is_theirs =
            |scope: &Scope| matches!(scope, Scope::User(service, _) if service == crowd);
        let unused = self.accounts.iter();
        let unused = unused.filter(|(scope, one)| is_theirs(scope) && is_unused(scope, one));
        let mut moments: Vec<_> = unused.map(|(_, one)| lock(one).last_used()).collect();
        if let Some(last) = number.min(moments.len()).checked_sub(1) {
            let (_, latest, _) = moments.select_nth_unstable(last);
            let latest = *latest;
            self.retain_users(|scope, one| !is_theirs(scope) || lock(one).last_used() > latest);
        }
    }

    fn retain_users(&mut self, keep: impl Fn(&Scope, &SharedAccount) -> bool) {
        self.accounts.retain(|scope, account| !is_unused(scope, account) || keep(scope, account));
        let is_user = |scope: &&Scope| matches!(scope, Scope::User(..));
        self.users = self.accounts.keys().filter(is_user).count();
    }
}

/// Whether it is the account of an end user that nobody holds. It is cloned under the lock of
/// its shard only.
fn is_unused(scope: &Scope, account: &SharedAccount) -> bool {
    matches!(scope, Scope::User(..)) && Arc::strong_count(account) == 1
}

#[cfg(test)]
mod tests {
    use tb_core::Limits;

    use super::*;

    fn user(number: usize) -> Scope {
        Scope::User(ServiceName::from("bot"), number.to_string().into())
    }

    fn use_one(accounts: &Accounts, number: usize, now: i64) -> SharedAccount {
        let limits = Limits { requests_per_day: Some(9), ..Limits::default() };
        let account = accounts.account(user(number), Timestamp(now));
        let mut own = lock(&account);
        own.may_enter(&limits, Timestamp(now)).unwrap();
        own.enter(Timestamp(now));
        own.leave();
        drop(own);
        account
    }

    #[test]
    fn the_least_recently_used_users_are_forgotten_and_never_one_in_use() {
        let accounts = Accounts::with_users(1_600);
        let held = use_one(&accounts, 0, 1);
        for number in 1..10_000 {
            drop(use_one(&accounts, number, 1 + i64::try_from(number).unwrap()));
        }
        let known = accounts.users(&ServiceName::from("bot"));
        assert!((1_450..=1_616).contains(&known.len()), "{}", known.len());
        assert!(Arc::ptr_eq(&accounts.known(&user(0)).unwrap(), &held));
        assert!((9_300..10_000).all(|number| accounts.known(&user(number)).is_some()));
        assert!((1..7_000).all(|number| accounts.known(&user(number)).is_none()));
    }

    #[test]
    fn accounts_that_say_nothing_are_forgotten_first() {
        let accounts = Accounts::with_users(1_600);
        for number in 0..1_000 {
            drop(use_one(&accounts, number, 1));
        }
        for number in 1_000..20_000 {
            drop(accounts.account(user(number), Timestamp(2)));
        }
        assert!((0..1_000).all(|number| accounts.known(&user(number)).is_some()));
    }

    #[test]
    fn names_that_one_service_makes_up_drive_out_no_users_of_another() {
        let accounts = Accounts::with_users(1_600);
        let own =
            |number: usize| Scope::User(ServiceName::from("other"), number.to_string().into());
        for number in 0..200 {
            lock(&accounts.account(own(number), Timestamp(1))).enter(Timestamp(1));
        }
        for number in 0..20_000 {
            drop(use_one(&accounts, number, 5 + i64::try_from(number).unwrap()));
        }
        assert!((0..200).all(|number| accounts.known(&own(number)).is_some()));
        assert!(accounts.users(&ServiceName::from("bot")).len() <= 1_616);
    }

    #[test]
    fn other_scopes_are_never_forgotten() {
        let accounts = Accounts::with_users(160);
        let service = Scope::Service(ServiceName::from("bot"));
        let own = accounts.account(service.clone(), Timestamp(1));
        let own = Arc::downgrade(&own);
        (0..5_000).for_each(|number| drop(use_one(&accounts, number, 5)));
        assert!(own.upgrade().is_some() && accounts.known(&service).is_some());
    }
}
