use vmberth_decide::node::facts::Problem;

use super::*;

#[test]
fn a_root_that_was_not_seen_is_nothing_fresh() {
    let with = |area, path: &str| Facts {
        problems: vec![Problem {
            area,
            path: path.to_owned(),
            reason: "Input/output error (os error 5)".to_owned(),
        }],
        ..Facts::default()
    };
    assert!(root_was_seen(&Facts::default()));
    assert!(root_was_seen(&with(Area::Volumes, "/var/vd/vol3")));
    assert!(root_was_seen(&with(Area::Kubelet, "/")));
    assert!(!root_was_seen(&with(Area::Volumes, "/")));
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    let config = vmberth_decide::node::config::Config::default();
    let roots = Roots::new(missing, crate::roots::KUBELET);
    assert!(!root_was_seen(&crate::scan::scan(&roots, &config)));
}
