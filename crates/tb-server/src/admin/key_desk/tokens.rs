//! Changes of admin tokens.

use serde_json::Value;
use tb_core::{AdminTokenRecord, KeyId, NewAdminToken, Role};

use super::{DeskFault, KeyDesk, Repeat};
use crate::admin::key_request::check_name;
use crate::admin::{TokenView, period_ms};

/// An admin token to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What it may do.
    pub role: Role,
    /// A label for people.
    pub name: Option<String>,
    /// For how many milliseconds it is good; `None` = for ever.
    pub period_ms: Option<i64>,
}

impl NewToken {
    /// What was asked for in words.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn checked(
        role: &str,
        name: Option<String>,
        expires: Option<&str>,
    ) -> Result<Self, String> {
        let period = |text: &str| {
            period_ms(text)
                .filter(|ms| *ms > 0)
                .ok_or_else(|| format!("`{text}` is not a duration; write one like 90d or 12h"))
        };
        let name = name.map(check_name).transpose()?;
        Ok(Self { role: role.parse()?, name, period_ms: expires.map(period).transpose()? })
    }
}

impl KeyDesk<'_> {
    /// Makes an admin token. The same call repeated gives the same token.
    ///
    /// # Errors
    /// `Conflict` (`idempotency_conflict`) when the call repeats one that asked for something
    /// else.
    pub fn create_token(
        &self,
        wanted: &NewToken,
        repeat: Option<&Repeat>,
    ) -> Result<NewAdminToken, DeskFault> {
        let seed = self.seed(repeat, &["token.create"])?;
        let mut made = NewAdminToken::from_seed(seed, self.pepper, wanted.role, self.now)?;
        let known = self.store.admin_tokens()?.into_iter().find(|known| known.id == made.record.id);
        if let Some(known) = known {
            let is_same = known.role == wanted.role
                && known.name == wanted.name
                && known.expires_at == wanted.period_ms.map(|ms| known.created_at.plus_ms(ms));
            Repeat::check(is_same, known.created_at, self.now)?;
            return Ok(NewAdminToken { record: known, token: made.token });
        }
        made.record.name.clone_from(&wanted.name);
        made.record.expires_at = wanted.period_ms.map(|ms| self.now.plus_ms(ms));
        let after = self.token_view(&made.record);
        let act = self.act("token.create", made.record.id).with(None, after);
        self.store.put_admin_token(&made.record, &act)?;
        Ok(made)
    }

    /// Revokes an admin token. Doing it twice keeps the first time.
    ///
    /// # Errors
    /// `Unknown`; `Conflict` (`last_owner`) when nobody could make tokens afterwards.
    pub fn revoke_token(&self, id: KeyId) -> Result<AdminTokenRecord, DeskFault> {
        let tokens = self.store.admin_tokens()?;
        let known = tokens.iter().find(|token| token.id == id);
        let known = known.ok_or(DeskFault::Unknown("token"))?;
        if known.revoked_at.is_some() {
            return Ok(known.clone());
        }
        let is_owner =
            |token: &AdminTokenRecord| token.role == Role::Owner && token.is_live(self.now);
        if is_owner(known) && !tokens.iter().any(|token| token.id != id && is_owner(token)) {
            let message = "this is the last token of an owner: make another one first (`tollbar \
                           tokens create --role owner`)";
            return Err(DeskFault::conflict("last_owner", message));
        }
        let revoked = AdminTokenRecord { revoked_at: Some(self.now), ..known.clone() };
        let act = self.act("token.revoke", id);
        let act = act.with(self.token_view(known), self.token_view(&revoked));
        self.store.put_admin_token(&revoked, &act)?;
        Ok(revoked)
    }

    fn token_view(&self, token: &AdminTokenRecord) -> Option<Value> {
        serde_json::to_value(TokenView::new(token, self.now)).ok()
    }
}
