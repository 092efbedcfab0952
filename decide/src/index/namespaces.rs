//! Namespaces, and what a disk without a VM stands for.

use std::sync::Arc;

use super::{Index, replace};
use crate::demand::{Needs, Unclear};
use crate::event::{Namespace, ObjectName};

impl Index {
    pub(super) fn namespace_is(&mut self, name: &Arc<str>, namespace: Option<Namespace>) {
        if self.namespaces.get(name) == namespace.as_ref() {
            return;
        }
        replace(&mut self.namespaces, name, namespace);
        self.has_gained();
    }

    /// What the VM will need that a disk without one stands for: as its claim says, else its namespace, else the policy.
    ///
    /// # Errors
    /// If there is no such profile.
    pub(crate) fn needs_of_disk(&self, claim: &ObjectName) -> Result<Needs, Unclear> {
        let own = self.claims.get(claim).and_then(|it| it.profile.as_deref());
        self.needs_of_profile(own, &claim.0)
    }

    /// The same of a disk in this namespace that names this profile itself, or none.
    ///
    /// # Errors
    /// If there is no such profile.
    pub(crate) fn needs_of_profile(
        &self,
        own: Option<&str>,
        namespace: &str,
    ) -> Result<Needs, Unclear> {
        let of_namespace = || self.namespaces.get(namespace).map(|it| it.profile.as_ref());
        let named = own.or_else(of_namespace);
        let Some(name) = named.or(self.policy.disk_profile.as_deref()) else {
            return Ok(Needs::default());
        };
        let profile = self.policy.profile(name);
        let profile = profile.ok_or_else(|| Unclear::Profile(name.to_owned()))?;
        Ok(Needs::of_profile(profile, &self.policy, namespace))
    }
}
