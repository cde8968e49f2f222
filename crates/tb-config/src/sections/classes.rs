//! `[data_classes]`, and the lists of classes of providers and services.

use std::collections::BTreeMap;
use std::str::FromStr;

use tb_core::DataClass;
use tb_core::classes::MAX_OWN_CLASSES;

use super::providers::check_name;
use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::{At, Section};
use crate::redact::quoted;
use crate::snapshot::{ClassRules, Demands, OwnClass, Provider};
use crate::value::{Choice, Mistake, Word};

/// The names of all classes of the operator's, also of faulty ones, and what is asked of
/// providers.
pub(super) struct Classes {
    own: Vec<String>,
    pub(super) rules: ClassRules,
}

/// A list of classes as it was read.
pub(super) struct Listed {
    pub(super) built_in: Vec<DataClass>,
    /// A bit for each of the operator's own.
    pub(super) own: u32,
    pub(super) written: Vec<At<String>>,
}

impl Classes {
    pub(super) fn read(root: &Section<'_>) -> Self {
        let mut sections = root.named("data_classes");
        sections.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut demands = BTreeMap::new();
        for class in DataClass::ALL {
            let at = sections.iter().position(|(name, _)| name == class.as_str());
            let written = at.map(|at| sections.remove(at).1);
            let section = written.or_else(|| root.unwritten("data_classes", class.as_str()));
            demands.extend(section.and_then(|section| Some((class, built_in(class, &section)?))));
        }
        let names = sections.iter().map(|(name, _)| name.clone()).collect();
        let own = sections.iter().filter_map(|(name, section)| own(name, section)).collect();
        if let Some((_, first_too_many)) = sections.get(MAX_OWN_CLASSES) {
            root.reader.report(
                &first_too_many.place,
                Code::OutOfRange,
                format!("there are more than {MAX_OWN_CLASSES} classes of your own"),
                "one class for what is asked of providers is enough; join those that ask the same",
            );
        }
        Self { own: names, rules: ClassRules { own, demands } }
    }

    /// `data_classes` of a provider or service. `None` was reported; unknown ones are reported
    /// and left out.
    pub(super) fn list(&self, section: &Section<'_>) -> Option<Listed> {
        let written = section.list::<String>("data_classes")?;
        let mut listed = Listed { built_in: Vec::new(), own: 0, written: Vec::new() };
        for class in written {
            if let Ok(built_in) = DataClass::from_str(&class.value) {
                listed.built_in.push(built_in);
            } else if let Some(bit) = self.bit(&class.value) {
                listed.own |= bit;
            } else {
                section.reader.fault(&class.place, self.unknown(&class.value));
                continue;
            }
            listed.written.push(class);
        }
        Some(listed)
    }

    /// `None` when there is no such class, or no bit for it, which was reported.
    fn bit(&self, name: &str) -> Option<u32> {
        let index = self.own.iter().position(|own| own == name)?;
        Some(u32::try_from(index).ok().and_then(|index| 1_u32.checked_shl(index)).unwrap_or(0))
    }

    fn unknown(&self, name: &str) -> Mistake {
        let known: Vec<&str> =
            DataClass::WORDS.iter().copied().chain(self.own.iter().map(String::as_str)).collect();
        let words: Vec<_> = known.iter().map(|word| quoted(word)).collect();
        let message = format!("{} is not one of {}", quoted(name), words.join(", "));
        let help = "use one of these words, or add [data_classes.NAME] with a `level`";
        Mistake::new(Code::UnknownClass, message, help).with_nearest(nearest(name, known))
    }

    /// Whether this provider might receive that class: it lists it and its level, and is what
    /// they and the levels below ask for. An agreement counts whenever it expires: there is no clock here.
    pub(super) fn may_receive(&self, provider: &Provider, class: &str) -> bool {
        let built_in = |class: DataClass| {
            let mut demands = self.rules.demands.range(..=class);
            provider.data_classes.contains(&class)
                && demands.all(|(_, demands)| meets(provider, demands))
        };
        if let Ok(class) = DataClass::from_str(class) {
            return built_in(class);
        }
        let Some(bit) = self.bit(class) else { return true };
        let Some(own) = self.rules.own.iter().find(|own| *own.name == *class) else { return true };
        provider.handling.own_classes & bit != 0
            && built_in(own.level)
            && meets(provider, &own.demands)
    }
}

fn meets(provider: &Provider, demands: &Demands) -> bool {
    let handling = &provider.handling;
    let region = handling.region.as_ref();
    (!demands.agreement || handling.baa.is_some() || handling.on_premises)
        && (!demands.zero_retention || handling.zero_retention || handling.on_premises)
        && (!demands.no_training || handling.training_use == Some(false) || handling.on_premises)
        && (demands.regions.is_empty() || region.is_some_and(|own| demands.regions.contains(own)))
}

fn built_in(class: DataClass, section: &Section<'_>) -> Option<Demands> {
    if let Some(place) = section.written_at("level") {
        let message = format!("`level` has no effect: `{}` is a level itself", class.as_str());
        section.reader.report(&place, Code::NoEffect, message, "remove it");
    }
    let agreed = class == DataClass::Health;
    let demands = demands(section, if agreed { "true" } else { "false" })?;
    if let (true, false, Some(place)) = (agreed, demands.agreement, section.written_at("agreement"))
    {
        section.reader.report(
            &place,
            Code::NoAgreement,
            "health data may go to providers without an agreement",
            "leave `agreement` out, unless no data of this class is protected by law",
        );
    }
    Some(demands)
}

fn own(name: &str, section: &Section<'_>) -> Option<OwnClass> {
    check_name(name, section);
    let known = DataClass::WORDS.iter().find(|word| word.eq_ignore_ascii_case(name));
    if let Some(known) = known {
        let message = format!("{} differs from a built-in class only in case", quoted(name));
        let mistake = Mistake::new(Code::BadName, message, "choose another name");
        let nearest = Some((*known).to_owned());
        section.reader.fault(&section.place, mistake.with_nearest(nearest));
    }
    let level = section.optional::<Word<DataClass>>("level");
    if section.written_at("level").is_none() {
        section.missing("level");
    }
    let demands = demands(section, "false");
    Some(OwnClass { name: name.into(), level: level?.value.0, demands: demands? })
}

fn demands(section: &Section<'_>, agreement: &str) -> Option<Demands> {
    let agreement = section.value_or::<bool>("agreement", agreement);
    let zero_retention = section.value::<bool>("zero_retention");
    let no_training = section.value::<bool>("no_training");
    let regions = section.list::<String>("regions");
    Some(Demands {
        agreement: agreement?.value,
        zero_retention: zero_retention?.value,
        no_training: no_training?.value,
        regions: regions?.into_iter().map(|region| region.value).collect(),
    })
}
