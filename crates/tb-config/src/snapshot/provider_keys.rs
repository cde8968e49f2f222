//! A configuration in which some providers have other keys than the file says: a key that its
//! provider refuses is not switched to.

use std::sync::Arc;

use super::{Model, Provider, Snapshot};

impl Snapshot {
    /// The same with this provider in the place of the one of its name, also where models are
    /// served by it.
    #[must_use]
    pub fn with_provider(&self, provider: Provider) -> Self {
        let (provider, mut changed) = (Arc::new(provider), self.clone());
        for model in changed.models.values_mut() {
            if model.targets.iter().any(|target| target.provider.name == provider.name) {
                *model = Arc::new(served_by(model, &provider));
            }
        }
        changed.providers.insert(provider.name.clone(), provider);
        changed
    }
}

fn served_by(model: &Model, provider: &Arc<Provider>) -> Model {
    let mut model = model.clone();
    for target in &mut model.targets {
        if target.provider.name == provider.name {
            target.provider = Arc::clone(provider);
        }
    }
    model
}
