use super::*;

fn kind(bytes: u64) -> Kind {
    Kind {
        disks: vec![("local".into(), bytes)],
        ..Kind::default()
    }
}

fn vm(name: &str) -> VmName {
    ("edge".into(), name.into())
}

#[test]
fn the_most_frequent_kinds_come_first_and_nothing_is_left_of_those_that_are_gone() {
    let mut index = Index::default();
    for (name, bytes) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
        index.kinds.is(&vm(name), Some(kind(bytes)));
    }
    let first = |index: &Index| index.kinds().map(|it| it.1.disks[0].1).collect::<Vec<_>>();
    assert_eq!(first(&index), [2, 1, 3]);
    index.kinds.is(&vm("b"), Some(kind(3)));
    assert_eq!(first(&index), [3, 1, 2]);
    for name in ["a", "b", "c", "d", "never"] {
        index.kinds.is(&vm(name), None);
    }
    assert_eq!(index, Index::default());
}

#[test]
fn only_so_many_kinds_are_looked_at() {
    let mut index = Index::default();
    for bytes in 1..20 {
        index.kinds.is(&vm(&bytes.to_string()), Some(kind(bytes)));
    }
    assert_eq!(index.kinds().count(), MOST);
}
