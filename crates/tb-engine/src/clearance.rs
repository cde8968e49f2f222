//! The proof that a provider may receive a request, asked for where connections are opened.
//!
//! A [`Clearance`] is made by [`clear`] alone and used up by one sending, so that no way out
//! (first tries, retries, fallback models, embeddings, moderation) goes round the rules. What a
//! provider states about itself is compared anew each time: an agreement may have expired since
//! the request was routed.

use std::sync::Arc;

use tb_config::{ClassRules, DataHandling, Demands, Provider};
use tb_core::{ClassSet, Classes, DataClass, ProviderName, Timestamp};
use tb_providers::{BaseUrl, WireRequest};

/// What a provider lacks to receive a request; the last ones come nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack {
    /// The class is not among those that it may receive.
    Class,
    /// An agreement that has not expired.
    Agreement,
    /// That it keeps nothing.
    ZeroRetention,
    /// That it does not train on it.
    NoTraining,
    /// One of the regions that the class is kept to.
    Region,
}

impl Lack {
    /// The word for it in `passed_over`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Class => "data_class",
            Self::Agreement => "agreement",
            Self::ZeroRetention => "zero_retention",
            Self::NoTraining => "training",
            Self::Region => "region",
        }
    }

    /// The end of the sentence "it lacks …".
    pub(crate) const fn described(self) -> &'static str {
        match self {
            Self::Class => "this class among those that it may receive",
            Self::Agreement => "an agreement (BAA) that has not expired",
            Self::ZeroRetention => "zero retention",
            Self::NoTraining => "the statement that it does not train on what it is sent",
            Self::Region => "one of the regions that this class is kept to",
        }
    }
}

/// What a request without anybody's text is for. Each is reviewed by name: its address comes
/// from the configuration, and nothing of a request is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Whether a provider takes a new key: no body.
    KeyProbe,
    /// The public keys of a token issuer: no body.
    TokenKeys,
    /// A signed checkpoint of the audit log on its way to a witness.
    Checkpoint,
}

impl Errand {
    const fn has_body(self) -> bool {
        matches!(self, Self::Checkpoint)
    }
}

/// That one request may be sent to one place. It is used up by sending.
#[derive(Debug)]
#[must_use]
pub(crate) struct Clearance(Subject);

#[derive(Debug)]
enum Subject {
    /// A request with text, for this provider.
    Provider(Arc<Provider>),
    /// A request without, for this address.
    Errand(Errand, BaseUrl),
}

/// Whom a request is about to be sent to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Recipient<'a> {
    /// A provider.
    Provider(&'a ProviderName),
    /// Somebody whose address the configuration has, for an errand.
    Errand(Errand),
}

impl Clearance {
    /// For a request that holds nobody's text.
    pub(crate) fn without_text(errand: Errand, address: &BaseUrl) -> Self {
        Self(Subject::Errand(errand, address.clone()))
    }

    /// Whether it is for this recipient at this address, and for what is sent.
    pub(crate) fn covers(self, to: Recipient<'_>, address: &BaseUrl, wire: &WireRequest) -> bool {
        match (self.0, to) {
            (Subject::Provider(cleared), Recipient::Provider(name)) => {
                cleared.name == *name && cleared.base_url == *address
            }
            (Subject::Errand(cleared, place), Recipient::Errand(errand)) => {
                let may_hold_it = errand.has_body() || wire.body.is_empty();
                cleared == errand && place == *address && may_hold_it
            }
            _ => false,
        }
    }
}

/// Clears a request of these classes for a provider.
///
/// # Errors
/// What the provider lacks.
pub(crate) fn clear(
    provider: &Arc<Provider>,
    classes: Classes,
    rules: &ClassRules,
    now: Timestamp,
) -> Result<Clearance, Lack> {
    match lack(provider, classes, rules, now) {
        Some(lack) => Err(lack),
        None => Ok(Clearance(Subject::Provider(Arc::clone(provider)))),
    }
}

/// The word for what the provider lacks to receive a request of these classes at this moment, as
/// it stands in `passed_over` of rows; `None` when it may receive it. For reports: what is sent
/// needs the clearance itself.
#[must_use]
pub fn lacking(
    provider: &Provider,
    classes: Classes,
    rules: &ClassRules,
    now: Timestamp,
) -> Option<&'static str> {
    lack(provider, classes, rules, now).map(Lack::as_str)
}

/// What the provider lacks to receive a request of these classes. Whatever it does not state
/// counts against it.
pub(crate) fn lack(
    provider: &Provider,
    classes: Classes,
    rules: &ClassRules,
    now: Timestamp,
) -> Option<Lack> {
    let handling = &provider.handling;
    let may = ClassSet::new(&provider.data_classes, handling.own_classes);
    if !may.contains(classes) {
        return Some(Lack::Class);
    }
    // Each level is one of those below it too: what holds for personal data holds for health.
    let levels = DataClass::ALL.into_iter().filter(|level| *level <= classes.level);
    let of_levels = levels.filter_map(|level| demanded(handling, level, rules, now)).min();
    let own = rules.own.iter().enumerate().filter(|(place, _)| classes.bears(*place));
    let of_own = own.filter_map(|(_, own)| unmet(handling, &own.demands, now)).min();
    of_levels.into_iter().chain(of_own).min()
}

fn demanded(
    handling: &DataHandling,
    level: DataClass,
    rules: &ClassRules,
    now: Timestamp,
) -> Option<Lack> {
    match rules.demands.get(&level) {
        Some(demands) => unmet(handling, demands, now),
        // Without a word of the operator's, health data needs an agreement.
        None if level == DataClass::Health => {
            let demands = Demands { agreement: true, ..Demands::default() };
            unmet(handling, &demands, now)
        }
        None => None,
    }
}

/// The first demand that is not met.
fn unmet(handling: &DataHandling, demands: &Demands, now: Timestamp) -> Option<Lack> {
    let away = !handling.on_premises;
    if demands.agreement && away && agreement(handling, now).is_none() {
        return Some(Lack::Agreement);
    }
    if demands.zero_retention && away && !handling.zero_retention {
        return Some(Lack::ZeroRetention);
    }
    if demands.no_training && away && handling.training_use != Some(false) {
        return Some(Lack::NoTraining);
    }
    let is_there = |region: &String| handling.region.as_ref() == Some(region);
    let is_elsewhere = !demands.regions.is_empty() && !demands.regions.iter().any(is_there);
    is_elsewhere.then_some(Lack::Region)
}

/// The agreement that holds at this moment.
pub(crate) fn agreement(handling: &DataHandling, now: Timestamp) -> Option<&str> {
    let baa = handling.baa.as_ref().filter(|baa| now < baa.expires_at)?;
    Some(&baa.reference)
}

#[cfg(test)]
mod tests;
