//! What an instance needs that is counted: virtual functions and huge pages.
//!
//! The numbers are those of the launcher pod, before there is one (facts: kubevirt-cdi 2): functions by the resource of each
//! network, pages of the guest's memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::ObjectName;
use crate::fit::counted::{Amounts, Counted, When};
use crate::pages::PageSize;
use crate::policy::{Policy, VfPool};
use crate::profile::Profile;
use crate::quantity::parse_bytes;
use crate::surroundings::{NetworkKnown, NetworkName, Surroundings};
use crate::view::placed::{Domain, InstanceSpec};
use crate::view::{Interface, Network};
use crate::wish::Pages;

/// Why nobody can say yet what an instance needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// KubeVirt would wait for it, too.
    #[error("NetworkAttachmentDefinition {0} is not there")]
    Network(String),
    /// The scheduler has heard of it before us.
    #[error("claim {0} is not known yet")]
    Claim(String),
    /// Which of several nodes kube-scheduler took for the VM's last pod, nobody has seen yet.
    #[error("another disk of the VM was just placed, where is not known yet")]
    Promised,
    /// Somebody mistyped it, or took it out of the policy.
    #[error("profile {0} is not in the policy")]
    Profile(String),
    /// The watch is not complete.
    #[error("NetworkAttachmentDefinitions are not known yet")]
    Networks,
}

/// What an instance says that it needs; what its networks mean is asked when it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The network of each virtual function.
    networks: Vec<NetworkName>,
    /// Resources that are requested by name.
    written: Vec<(Arc<str>, u64)>,
    /// Huge pages behind the memory.
    pages: Option<(PageSize, u64)>,
}

impl Needs {
    /// What this spec says.
    #[must_use]
    pub fn of(spec: &InstanceSpec<'_>, namespace: &str) -> Self {
        Self {
            networks: networks_of_functions(spec)
                .map(|network| NetworkName::of(network, namespace))
                .collect(),
            written: written(spec),
            pages: spec.domain.as_ref().and_then(pages),
        }
    }

    /// What a VM of this profile will need, as far as the profile says: of pages, that there are some.
    #[must_use]
    pub fn of_profile(profile: &Profile, policy: &Policy, namespace: &str) -> Self {
        let mut needs = Self::default();
        for wish in profile.vfs.iter().flatten() {
            let is_meant = |pool: &&VfPool| match &wish.network {
                None => true,
                Some(network) => pool.network == *network,
            };
            match (policy.vf_pools.iter().find(is_meant), &wish.network) {
                (Some(pool), _) => {
                    let resource = pool.resource.as_str().into();
                    needs.written.push((resource, wish.count.into()));
                }
                (None, Some(network)) => {
                    let network = NetworkName::of(network, namespace);
                    let networks = std::iter::repeat_n(network, wish.count.into());
                    needs.networks.extend(networks);
                }
                (None, None) => {}
            }
        }
        let pages = profile
            .hugepages
            .or_else(|| policy.hugepages.map(Pages::Of));
        if let Some(Pages::Of(size)) = pages {
            needs.pages = Some((size, 1));
        }
        needs
    }

    /// Whether one of its functions is of this network.
    #[must_use]
    pub fn names(&self, (namespace, name): &ObjectName) -> bool {
        self.networks.iter().any(|it| it.is(namespace, name))
    }

    /// All of it, needed at that time.
    ///
    /// # Errors
    /// If one of its networks is not known.
    pub fn amounts(&self, surroundings: &dyn Surroundings, when: When) -> Result<Amounts, Unclear> {
        for network in &self.networks {
            match network.known(surroundings) {
                NetworkKnown::Resource(_) | NetworkKnown::WithoutResource => {}
                NetworkKnown::Missing => return Err(Unclear::Network(network.to_string())),
                NetworkKnown::Unwatched => return Err(Unclear::Networks),
            }
        }
        Ok(self.known(surroundings, when))
    }

    /// The same without what nobody can say yet: functions of networks that are not known.
    #[must_use]
    pub fn known(&self, surroundings: &dyn Surroundings, when: When) -> Amounts {
        let mut amounts: BTreeMap<Counted, u64> = BTreeMap::new();
        for network in &self.networks {
            if let NetworkKnown::Resource(resource) = network.known(surroundings) {
                let count = amounts.entry(Counted::Vfs(resource.into())).or_default();
                *count = count.saturating_add(1);
            }
        }
        for (resource, count) in &self.written {
            // A person who writes the number beside the network means the same functions.
            let known = amounts
                .entry(Counted::Vfs(Arc::clone(resource)))
                .or_default();
            *known = (*known).max(*count);
        }
        if let Some((size, pages)) = self.pages {
            amounts.insert(Counted::Pages(size), pages);
        }
        amounts
            .into_iter()
            .filter(|(_, amount)| *amount > 0)
            .map(|(of, amount)| (of, (amount, when)))
            .collect()
    }
}

/// Of each interface that is a virtual function, as it is written.
fn networks_of_functions<'s>(spec: &'s InstanceSpec<'_>) -> impl Iterator<Item = &'s str> {
    let devices = spec.domain.iter().filter_map(|it| it.devices.as_ref());
    let interfaces = devices.filter_map(|it| it.interfaces.as_deref()).flatten();
    let networks = spec.networks.as_deref().unwrap_or_default();
    let functions = interfaces.filter(|interface| interface.sriov.is_some());
    functions.filter_map(move |interface: &Interface<'_>| {
        let of = |network: &&Network<'_>| network.name == interface.name;
        let multus = networks.iter().find(of)?.multus.as_ref()?;
        multus.network_name.as_deref()
    })
}

/// Resources that are requested by name, or limited, which is the same to Kubernetes; of pages it matters only what is behind
/// the guest.
fn written(spec: &InstanceSpec<'_>) -> Vec<(Arc<str>, u64)> {
    let resources = spec.domain.iter().filter_map(|it| it.resources.as_ref());
    let amounts = resources.flat_map(|it| [it.limits.as_ref(), it.requests.as_ref()]);
    let mut written: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for (name, amount) in amounts.flatten().flat_map(|it| it.iter()) {
        let units = parse_bytes(amount).ok();
        let counted = units.and_then(|units| Counted::of_resource(name, units));
        if let Some((Counted::Vfs(resource), count)) = counted {
            written.insert(resource, count);
        }
    }
    written.into_iter().collect()
}

/// Pages behind the guest: of what it sees, or of what is requested if that is no more.
fn pages(domain: &Domain<'_>) -> Option<(PageSize, u64)> {
    let memory = domain.memory.as_ref()?;
    let size: PageSize = memory
        .hugepages
        .as_ref()?
        .page_size
        .as_deref()?
        .parse()
        .ok()?;
    let guest = memory.guest.as_deref();
    let resources = domain.resources.as_ref();
    let request = resources.and_then(|it| it.requests.as_ref()?.get("memory").map(|it| &**it));
    let bytes = |text: Option<&str>| {
        text.and_then(|text| parse_bytes(text).ok())
            .filter(|it| *it > 0)
    };
    let bytes = [bytes(guest), bytes(request)].into_iter().flatten().min()?;
    Some((size, bytes.div_ceil(size.bytes())))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::surroundings::{ClaimKnown, Nothing};

    const POOL: &str = "intel.com/intel_sriov_vm";

    /// A cluster with one network, in `edge`.
    struct One;

    impl Surroundings for One {
        fn network(&self, namespace: &str, name: &str) -> NetworkKnown<'_> {
            match (namespace, name) {
                ("edge", "vm-net") => NetworkKnown::Resource(POOL),
                ("edge", "bridge") => NetworkKnown::WithoutResource,
                _ => NetworkKnown::Missing,
            }
        }

        fn class_of_claim(&self, _: &str, _: &str) -> ClaimKnown<'_> {
            ClaimKnown::Unwatched
        }
    }

    fn needs(spec: &Value, surroundings: &dyn Surroundings) -> Result<Vec<(String, u64)>, Unclear> {
        let text = spec.to_string();
        let spec: InstanceSpec<'_> = serde_json::from_str(&text).unwrap();
        let amounts = Needs::of(&spec, "edge").amounts(surroundings, When::Now)?;
        let told = amounts
            .iter()
            .map(|(of, (amount, _))| (of.to_string(), *amount));
        Ok(told.collect())
    }

    fn functions(networks: &[&str]) -> Value {
        let interface = |at: usize| json!({"name": format!("n{at}"), "sriov": {}});
        let network = |(at, name): (usize, &&str)| json!({"name": format!("n{at}"), "multus": {"networkName": name}});
        let mut interfaces: Vec<Value> = (0..networks.len()).map(interface).collect();
        interfaces.push(json!({"name": "default", "masquerade": {}}));
        let networks: Vec<Value> = networks.iter().enumerate().map(network).collect();
        json!({"domain": {"devices": {"interfaces": interfaces}}, "networks": networks})
    }

    #[test]
    fn each_function_is_one_of_its_networks_resource() {
        let spec = functions(&["vm-net", "edge/vm-net", "bridge"]);
        let vfs = format!("VFs {POOL}");
        assert_eq!(needs(&spec, &One), Ok(vec![(vfs, 2)]));
    }

    #[test]
    fn network_that_nobody_knows_makes_it_unclear() {
        let spec = functions(&["vm-net", "other/net"]);
        let missing = Unclear::Network("other/net".to_owned());
        assert_eq!(needs(&spec, &One), Err(missing));
        assert_eq!(needs(&spec, &Nothing), Err(Unclear::Networks));
    }

    #[test]
    fn functions_that_are_requested_as_well_count_once() {
        let mut spec = functions(&["vm-net"]);
        spec["domain"]["resources"] =
            json!({"requests": {POOL: "2", "memory": "1Gi", "devices.kubevirt.io/kvm": "0"}});
        assert_eq!(needs(&spec, &One), Ok(vec![(format!("VFs {POOL}"), 2)]));
    }

    #[rstest]
    #[case::guest(json!({"memory": {"guest": "4Gi", "hugepages": {"pageSize": "1Gi"}}}), &[("huge pages of 1Gi", 4)])]
    #[case::request(json!({"memory": {"hugepages": {"pageSize": "2Mi"}}, "resources": {"requests": {"memory": "64Mi"}}}), &[("huge pages of 2Mi", 32)])]
    #[case::less_is_requested(json!({"memory": {"guest": "64Mi", "hugepages": {"pageSize": "2Mi"}}, "resources": {"requests": {"memory": "32Mi"}}}), &[("huge pages of 2Mi", 16)])]
    #[case::more_is_requested(json!({"memory": {"guest": "64Mi", "hugepages": {"pageSize": "2Mi"}}, "resources": {"requests": {"memory": "96Mi"}}}), &[("huge pages of 2Mi", 32)])]
    #[case::none(json!({"memory": {"guest": "4Gi"}}), &[])]
    #[case::unknown_size(json!({"memory": {"guest": "4Gi", "hugepages": {"pageSize": "4Ki"}}}), &[])]
    #[case::unreadable(json!({"memory": {"guest": "much", "hugepages": {"pageSize": "2Mi"}}}), &[])]
    fn pages_of_the_guests_memory(#[case] domain: Value, #[case] expected: &[(&str, u64)]) {
        let found = needs(&json!({"domain": domain}), &Nothing).unwrap();
        let expected: Vec<(String, u64)> = expected
            .iter()
            .map(|(of, amount)| ((*of).to_owned(), *amount))
            .collect();
        assert_eq!(found, expected);
    }
}
