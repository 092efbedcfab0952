use super::*;

const RESOURCE: &str = "intel.com/intel_sriov_vm";

fn vm(name: &str) -> VmName {
    ("default".into(), name.into())
}

fn held(amount: u64) -> Held {
    Held {
        amount,
        until: 20_000 * 86_400 + 16 * 3_600 + 45 * 60 + 10,
    }
}

fn vfs(needs: u64, when: When, supply: &Supply, of: &str) -> Result<(), String> {
    let counted = Counted::Vfs(RESOURCE.into());
    enough(&counted, needs, when, Some(supply), Some(&vm(of))).map_err(|it| it.to_string())
}

fn supply() -> Supply {
    Supply {
        total: 8,
        unusable: 2,
        allocated: 4,
        held: [(vm("vm7"), held(1))].into(),
    }
}

#[test]
fn refusal_has_all_numbers() {
    assert_eq!(
        vfs(2, When::Now, &supply(), "vm1").unwrap_err(),
        "needs 2 VFs intel.com/intel_sriov_vm: 1 free of 8, 4 allocated, 2 unusable, 1 held for default/vm7 until 16:45:10 UTC"
    );
    let pages = Counted::Pages(PageSize::Gi1);
    let error = enough(&pages, 4, When::Later, None, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "will need 4 huge pages of 1Gi: 0 of 0 can be used"
    );
}

#[test]
fn one_is_no_plural() {
    let said = |of: Counted| {
        enough(&of, 1, When::Now, None, None)
            .unwrap_err()
            .to_string()
    };
    let vf = said(Counted::Vfs(RESOURCE.into()));
    assert_eq!(vf, "needs 1 VF intel.com/intel_sriov_vm: 0 free of 0");
    let page = said(Counted::Pages(PageSize::Mi2));
    assert_eq!(page, "needs 1 huge page of 2Mi: 0 free of 0");
}

#[test]
fn two_holders_are_named_and_the_rest_is_counted() {
    let supply = Supply {
        held: [("a", 1), ("b", 0), ("c", 2), ("d", 1), ("vm1", 3)]
            .map(|(name, amount)| (vm(name), held(amount)))
            .into(),
        total: 8,
        ..Supply::default()
    };
    assert_eq!(
        vfs(6, When::Now, &supply, "vm1").unwrap_err(),
        "needs 6 VFs intel.com/intel_sriov_vm: 4 free of 8, 1 held for default/a until 16:45:10 UTC, 2 held for default/c until 16:45:10 UTC, 1 held for others"
    );
}

#[test]
fn what_is_kept_for_a_vm_is_free_to_it() {
    assert_eq!(vfs(1, When::Now, &supply(), "vm1"), Ok(()));
    assert_eq!(vfs(2, When::Now, &supply(), "vm7"), Ok(()));
    assert!(vfs(3, When::Now, &supply(), "vm7").is_err());
}

#[test]
fn what_is_needed_later_may_be_had_by_others_now() {
    assert_eq!(vfs(6, When::Later, &supply(), "vm1"), Ok(()));
    assert!(vfs(7, When::Later, &supply(), "vm1").is_err());
}

#[test]
fn more_promises_than_there_is_are_no_panic() {
    let supply = Supply {
        allocated: u64::MAX,
        ..supply()
    };
    assert_eq!(supply.free_for(None), 0);
}
