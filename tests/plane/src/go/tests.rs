use super::*;

const TOML: &str = r#"
summary = "two programs"
expected_seconds = 7
ldflags = "-s -w"
env = { GONOSUMDB = "example.org" }

[[binary]]
name = "one"
package = "./one"

[[binary]]
name = "two"
package = "example.org/two"
cgo = true
"#;

fn family(dir: &Path) -> Family {
    fs::create_dir_all(dir.join("sub")).unwrap();
    fs::write(dir.join("family.toml"), TOML).unwrap();
    fs::write(dir.join("go.mod"), "module x\n").unwrap();
    fs::write(dir.join("sub/main.go"), "package main\n").unwrap();
    Family::read(dir).unwrap()
}

fn built(family: &Family, place: &Path) {
    fs::create_dir_all(place).unwrap();
    for binary in &family.binaries {
        fs::write(place.join(&binary.name), "program").unwrap();
    }
    record(family, place).unwrap();
}

#[test]
fn the_file_says_what_to_build() {
    let temp = tempfile::tempdir().unwrap();
    let family = family(&temp.path().join("pair"));
    assert_eq!((family.name.as_str(), family.expected_seconds), ("pair", 7));
    assert_eq!(family.env["GONOSUMDB"], "example.org");
    let [one, two] = family.binaries.as_slice() else {
        panic!("two binaries")
    };
    assert!(!one.cgo);
    assert!(two.cgo);
}

#[test]
fn a_word_that_means_nothing_is_refused() {
    let error = toml::from_str::<Family>(&format!("{TOML}cg0 = true\n")).unwrap_err();
    assert!(error.to_string().contains("cg0"), "{error}");
}

#[test]
fn the_key_changes_with_everything_that_goes_in_and_nothing_else() {
    let temp = tempfile::tempdir().unwrap();
    let (a, b) = (
        family(&temp.path().join("a")),
        family(&temp.path().join("b")),
    );
    let key = a.key_with("go1.26").unwrap();
    assert_eq!(key.len(), 16);
    assert_eq!(key, a.key_with("go1.26").unwrap());
    assert_eq!(
        key,
        b.key_with("go1.26").unwrap(),
        "the place of the folder does not matter"
    );
    assert_ne!(key, a.key_with("go1.27").unwrap());
    fs::rename(b.dir.join("go.mod"), b.dir.join("go.mode")).unwrap();
    assert_ne!(key, b.key_with("go1.26").unwrap(), "a name changed");
    fs::write(a.dir.join("sub/main.go"), "package main \n").unwrap();
    assert_ne!(
        key,
        a.key_with("go1.26").unwrap(),
        "a byte deep in the folder changed"
    );
}

#[test]
fn damage_is_noticed_and_a_copy_is_not_damage() {
    let temp = tempfile::tempdir().unwrap();
    let family = family(&temp.path().join("pair"));
    let place = temp.path().join("place");
    assert!(!verify(&family, &place), "nothing there");
    built(&family, &place);
    assert!(verify(&family, &place));
    fs::write(place.join("one"), "program").unwrap();
    assert!(verify(&family, &place), "same bytes, new time");
    fs::write(place.join("one"), "progra").unwrap();
    assert!(!verify(&family, &place), "cut short");
    fs::write(place.join("one"), "pr0gram").unwrap();
    assert!(!verify(&family, &place), "other bytes, same size");
}

#[test]
fn only_other_keys_of_the_same_family_go() {
    let temp = tempfile::tempdir().unwrap();
    for name in ["kube-11", "kube-22", "kube-virt-11"] {
        fs::create_dir(temp.path().join(name)).unwrap();
    }
    remove_others("kube", &temp.path().join("kube-22")).unwrap();
    let left: Vec<_> = stamp::sorted(temp.path()).unwrap();
    assert_eq!(
        left,
        [
            temp.path().join("kube-22"),
            temp.path().join("kube-virt-11")
        ]
    );
}

#[test]
fn every_family_of_the_repository_is_readable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let families = families(&root).unwrap();
    assert!(
        families
            .iter()
            .any(|f| f.name == "kubevirt" && f.binaries.len() > 10)
    );
    assert!(
        families
            .iter()
            .all(|f| f.dir.join("go.sum").is_file() && !f.ldflags.is_empty())
    );
}
