//! `[guard]` and what services say of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tb_core::{DataClass, ModelName, Surface};
use tb_guard::{
    Action, Actions, Characters, DEFAULT_THRESHOLD, Guard, GuardFault, GuardSettings, Keywords,
    Kind,
};

/// `[guard]`
#[derive(Debug, Clone)]
pub struct GuardRules {
    /// What is looked for, for all services.
    pub guard: Arc<Guard>,
    /// What is done for services that say nothing of their own.
    pub policy: Arc<GuardPolicy>,
}

impl GuardRules {
    /// The rules of a file that says nothing of the guard: it is on, with its defaults.
    ///
    /// # Errors
    /// None for these settings; see [`Guard::new`].
    pub fn standard() -> Result<Self, GuardFault> {
        let guard = Arc::new(Guard::new(&GuardSettings::default())?);
        Ok(Self { guard, policy: Arc::default() })
    }
}

/// What the guard does for one service: `[guard]`, overlaid with `[services.NAME.guard]`.
#[derive(Debug, Clone)]
pub struct GuardPolicy {
    /// `enabled`: whether texts are looked at and changed at all. Limits, moderation and keywords
    /// hold in any case.
    pub enabled: bool,
    /// `on_error`: a text cannot be looked at because the guard itself failed.
    pub on_error: OnTrouble,
    /// `opaque`: part of a text cannot be looked at (encoded too often).
    pub opaque: OnTrouble,
    /// `attachments`: images, audio and files, which the guard cannot read.
    pub attachments: OnTrouble,
    /// `actions`, on what is sent.
    pub actions: Actions,
    /// Kinds of the operator's own detectors that are meant for other services.
    pub not_ours: HashSet<Kind>,
    /// `answers`: the kinds that are looked for in what models write, and what is done. Empty:
    /// answers are not looked at. `tokenize` and `hash` are not among the actions.
    pub answers: HashMap<Kind, Action>,
    /// `data_classes`: a request with such a finding has at least that class.
    pub data_classes: HashMap<Kind, DataClass>,
    /// `limits`
    pub limits: InputLimits,
    /// `characters`
    pub characters: Characters,
    /// `injection`
    pub injection: InjectionPolicy,
    /// `keywords`
    pub keywords: Arc<KeywordFilter>,
    /// `moderation`
    pub moderation: Option<Arc<Moderation>>,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            on_error: OnTrouble::Block,
            opaque: OnTrouble::Block,
            attachments: OnTrouble::Allow,
            actions: Actions::default(),
            not_ours: HashSet::new(),
            answers: HashMap::new(),
            data_classes: HashMap::new(),
            limits: InputLimits::default(),
            characters: Characters::default(),
            injection: InjectionPolicy::default(),
            keywords: Arc::default(),
            moderation: None,
        }
    }
}

/// What is done with what cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnTrouble {
    /// The request is refused.
    Block,
    /// It goes on, and that is reported.
    Allow,
}

/// `limits` of the guard: how much one request may send. `None`: no limit but `max_body`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputLimits {
    /// On every route.
    pub all: TextLimits,
    /// On one route; what is not set there is taken from `all`.
    pub by_route: HashMap<Surface, TextLimits>,
}

/// Limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextLimits {
    /// Unicode characters of all its texts together.
    pub characters: Option<u64>,
    /// Estimated tokens of what it sends.
    pub tokens: Option<u64>,
    /// Messages, or items of `input`.
    pub messages: Option<u64>,
    /// Images.
    pub images: Option<u64>,
}

impl InputLimits {
    /// The limits on a route.
    #[must_use]
    pub fn of(&self, surface: Surface) -> TextLimits {
        let all = self.all;
        let own = self.by_route.get(&surface).copied().unwrap_or_default();
        TextLimits {
            characters: own.characters.or(all.characters),
            tokens: own.tokens.or(all.tokens),
            messages: own.messages.or(all.messages),
            images: own.images.or(all.images),
        }
    }
}

/// What is done on a suspicion that is not an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Nobody looks.
    Off,
    /// It is counted and noted.
    Report,
    /// The request is refused.
    Block,
}

/// `injection`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InjectionPolicy {
    /// What is done.
    pub reaction: Reaction,
    /// From this score on, 0 to 1.
    pub threshold: f32,
}

impl Default for InjectionPolicy {
    fn default() -> Self {
        Self { reaction: Reaction::Report, threshold: DEFAULT_THRESHOLD.max(0.5) }
    }
}

/// `keywords`: word lists, compiled together.
#[derive(Debug, Default)]
pub struct KeywordFilter {
    /// All lists.
    pub keywords: Keywords,
    /// The name of each list and what is done when a word of it is there.
    pub lists: Vec<(String, Reaction)>,
}

/// `moderation`: a model judges texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Moderation {
    /// A name of `[models]`.
    pub model: ModelName,
    /// How it is asked.
    pub form: ModerationForm,
    /// What callers send is judged.
    pub before: bool,
    /// What models answer is judged.
    pub after: bool,
    /// From this score on a category counts, 0 to 1.
    pub threshold: f64,
    /// The same for single categories.
    pub thresholds: HashMap<String, f64>,
    /// What is done with what is judged harmful.
    pub reaction: Reaction,
    /// What is done when no judgement comes.
    pub on_failure: OnTrouble,
    /// How long a judgement may take.
    pub timeout: Duration,
}

/// How a moderation model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModerationForm {
    /// `/v1/moderations`.
    Moderations,
    /// A chat model that answers `safe`, or `unsafe` and a line of categories.
    Chat,
}
