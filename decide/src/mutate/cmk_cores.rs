//! Cores of CMK asked for by a VM: a mistake that admission can still tell. CMK wraps a container's command, and nothing
//! can wrap the guest's (facts: domain 1).

use crate::edit::{Dotted, Token};
use crate::names;
use crate::view::Resources;
use crate::warning::Warning;

use super::Mutation;
use super::machines::{Asked, Change};

/// One warning for each of CMK's resources that the guest asks for.
pub(super) fn check(change: Change<'_>, out: &mut Mutation) {
    if !change.touches(asked) {
        return;
    }
    for (list, resource) in asked(change.now) {
        let mut path = change
            .now
            .guest
            .path(&["spec", "domain", "resources", list]);
        path.push(Token::Owned(resource.to_owned()));
        let path = Dotted(&path).to_string();
        out.warnings.push(Warning::CmkCores { path });
    }
}

fn asked<'v>(asked: &'v Asked<'v>) -> Vec<(&'static str, &'v str)> {
    let domain = asked.guest.spec.domain.as_ref();
    let resources: Option<&Resources<'v>> = domain.and_then(|domain| domain.resources.as_ref());
    let Some(resources) = resources else {
        return Vec::new();
    };
    let lists = [
        ("requests", &resources.requests),
        ("limits", &resources.limits),
    ];
    let of_cmk = |(list, amounts): (&'static str, &'v Option<_>)| {
        let amounts: Option<&'v crate::view::Amounts<'v>> = amounts.as_ref();
        let names = amounts.into_iter().flat_map(|amounts| amounts.iter());
        names
            .map(|(name, _)| name)
            .filter(|name| name.starts_with(names::CMK_CORES_PREFIX))
            .map(move |name| (list, name))
    };
    lists.into_iter().flat_map(of_cmk).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::mutate::testing::{Cluster, admitted, quiet, vm};
    use crate::subject::Kind;

    #[test]
    fn each_of_cmks_resources_is_warned_of_and_stays() {
        let cores = json!({"cmk.intel.com/exclusive-cores": "2", "cpu": "1"});
        let spec = json!({"domain": {"resources": {"requests": cores, "limits": cores}}});
        let object = vm(&json!({}), &spec);
        let (after, told) = admitted(Kind::VirtualMachine, &object, &quiet(), &Cluster::default());
        assert_eq!(after, object);
        assert_eq!(told.matches("CMK can't pin a VM").count(), 2, "{told}");
        let path = "spec.template.spec.domain.resources.limits[cmk.intel.com/exclusive-cores]";
        assert!(told.contains(path), "{told}");
    }
}
