//! Laws that hold for every object, however strange; `make fuzz` tries them for longer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use vmberth_decide::denial::Denial;
use vmberth_decide::mutate::{LeftAlone, Mutation};
use vmberth_decide::subject::{Kind, View};

use common::applied;
use common::json::{junk, with_another};
use common::objects::{GUESTS, KINDS, guests, objects, of_kinds, spec_of};
use common::policies::worlds;

/// A decision that changes nothing and is no refusal.
fn is_quiet(decision: Option<Result<Mutation, Denial>>) -> bool {
    decision.is_some_and(|decision| decision.is_ok_and(|mutation| mutation.edits.is_empty()))
}

fn is_denial_of_use(denial: &Denial) -> bool {
    let text = denial.to_string();
    let whole = |(place, rest): (&str, &str)| {
        let (found, expected) = rest.split_once(", expected ").unwrap_or_default();
        !place.is_empty() && !found.is_empty() && !expected.is_empty()
    };
    text.split_once(": found ").is_some_and(whole) && denial.code() == 422
}

proptest! {
    /// `applied` stops at every edit that takes something away, or puts something between other elements.
    #[test]
    fn edits_only_add_and_the_second_review_makes_none((kind, object) in objects(), world in worlds()) {
        if let Some(after) = world.admitted(kind, &object) {
            let again = world.decide(kind, &after, None);
            prop_assert!(is_quiet(again.clone()), "{after}\n{again:?}");
        }
    }

    /// The API server calls again after other webhooks (`reinvocationPolicy: IfNeeded`).
    #[test]
    fn second_review_of_an_update_makes_no_edit((kind, old) in objects(), at in any::<Index>(), other in junk(), world in worlds()) {
        let new = with_another(&old, at, other);
        if let Some(Ok(mutation)) = world.decide(kind, &new, Some(&old)) {
            let after = applied(&new, &mutation.edits);
            let again = world.decide(kind, &after, Some(&old));
            prop_assert!(is_quiet(again.clone()), "{new}\n{after}\n{again:?}");
        }
    }

    /// A VM that was refused, or never seen, or that meets a changed policy must be stopped and deleted all the same.
    #[test]
    fn update_that_touches_nothing_of_ours_is_let_through((kind, old) in objects(), world in worlds()) {
        let mut new = old.clone();
        new["status"] = json!({"printableStatus": "Running"});
        if new["metadata"].is_object() {
            new["metadata"]["resourceVersion"] = "2".into();
            new["metadata"]["finalizers"] = json!(["kubevirt.io/virtualMachineControllerFinalize"]);
        }
        if matches!(kind, Kind::VirtualMachine | Kind::ReplicaSet | Kind::Pool) {
            new["spec"]["runStrategy"] = "Halted".into();
            new["spec"]["replicas"] = 2.into();
        }
        let decision = world.decide(kind, &new, Some(&old));
        prop_assert!(is_quiet(decision.clone()), "{decision:?}");
    }

    /// `kubectl apply` of an unchanged manifest, and any controller's update: no fight, no new generation.
    #[test]
    fn admitted_object_is_never_edited_again((kind, object) in objects(), worlds in (worlds(), worlds())) {
        if let Some(stored) = worlds.0.admitted(kind, &object) {
            let later = worlds.1.decide(kind, &stored, Some(&stored));
            prop_assert!(is_quiet(later.clone()), "{later:?}");
        }
    }

    #[test]
    fn every_denial_says_where_what_and_what_else((kind, object) in objects(), at in any::<Index>(), other in junk(), world in worlds()) {
        let changed = with_another(&object, at, other);
        let new = world.decide(kind, &object, None);
        for decision in [new, world.decide(kind, &changed, None), world.decide(kind, &changed, Some(&object))] {
            if let Some(Err(denial)) = decision {
                prop_assert!(is_denial_of_use(&denial), "{denial}");
            }
        }
    }

    /// Also: every patch fits the object, whatever it is.
    #[test]
    fn no_object_panics(kind in prop::sample::select(&KINDS), object in junk(), old in junk(), world in worlds()) {
        world.admitted(kind, &object);
        if let Some(Ok(mutation)) = world.decide(kind, &object, Some(&old)) {
            applied(&object, &mutation.edits);
        }
    }

    #[test]
    fn no_object_with_junk_in_it_panics((kind, object) in objects(), at in any::<Index>(), other in junk(), world in worlds()) {
        let changed = with_another(&object, at, other);
        world.admitted(kind, &changed);
        for (new, old) in [(&changed, &object), (&object, &changed)] {
            if let Some(Ok(mutation)) = world.decide(kind, new, Some(old)) {
                applied(new, &mutation.edits);
            }
        }
    }

    #[test]
    fn no_text_panics(kind in prop::sample::select(&KINDS), text in "\\PC*", object in junk(), cut in any::<Index>()) {
        let json = object.to_string();
        let cut = json.floor_char_boundary(cut.index(json.len() + 1));
        for text in [&*text, &json[..cut]] {
            if View::read(kind, text).is_err() {
                drop(View::misread_at(kind, text));
            }
        }
    }

    #[test]
    fn opt_out_reaches_the_pods_and_nothing_else_is_changed((kind, mut object) in of_kinds(&OPT_OUT), world in worlds()) {
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        if !object["metadata"]["labels"].is_object() {
            object["metadata"]["labels"] = json!({});
        }
        object["metadata"]["labels"]["vmberth.io/inject"] = "false".into();
        for template in ["/spec/template", "/spec/virtualMachineTemplate", "/spec/virtualMachineTemplate/spec/template"] {
            if let Some(template) = object.pointer_mut(template).and_then(Value::as_object_mut) {
                template.remove("metadata");
            }
        }
        let edits = world.edits(kind, &object);
        let after = applied(&object, &edits);
        let template = spec_of(kind).strip_suffix("spec").unwrap().to_owned() + "metadata";
        prop_assert_eq!(&after.pointer(&template).unwrap()["labels"]["vmberth.io/inject"], "false");
        prop_assert!(edits.iter().all(|edit| edit.path.iter().any(|step| step == "metadata")));
        prop_assert!(is_quiet(world.decide(kind, &after, None)));
    }

    #[test]
    fn other_kinds_and_exempt_namespaces_are_left_alone((kind, object) in objects(), mut world in worlds()) {
        let other = world.decide(Kind::Other, &object, None).unwrap();
        prop_assert_eq!(other.unwrap().left_alone, Some(LeftAlone::NotOurs));
        world.policy.exempt_namespaces.insert(common::NAMESPACE.to_owned());
        let exempt = world.decide(kind, &object, None).unwrap();
        prop_assert!(matches!(exempt.unwrap().left_alone, Some(LeftAlone::NotOurs | LeftAlone::ExemptNamespace)));
    }

    /// Same input, same bytes: patches, records and messages depend on nothing else.
    #[test]
    fn same_review_is_decided_the_same((kind, object) in guests(), world in worlds()) {
        prop_assert_eq!(world.decide(kind, &object, None), world.decide(kind, &object, None));
    }
}

const OPT_OUT: [Kind; 6] = [
    GUESTS[0],
    GUESTS[1],
    GUESTS[2],
    GUESTS[3],
    Kind::DataVolume,
    Kind::Claim,
];
