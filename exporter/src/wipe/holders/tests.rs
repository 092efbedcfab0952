use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use tempfile::TempDir;

use super::super::open;
use super::*;

const FILES: usize = 20_000;

/// A volume with many files.
fn volume() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("volume");
    fs::create_dir(&path).unwrap();
    for number in 0..FILES {
        File::create(path.join(number.to_string())).unwrap();
    }
    root
}

#[test]
fn open_files_are_remembered_up_to_a_bound_and_found_all_the_same() {
    let root = volume();
    let (top, identity) = open::directory(root.path(), "/volume").unwrap();
    let tree = Tree {
        top: &top,
        identity,
        path: "/volume",
    };
    let name = root.path().join("volume/11000");
    let inode = fs::metadata(name).unwrap().ino();
    // Of files elsewhere, so that only the bound and not a find ends the collecting.
    let others = || (1..=100).map(|other| u64::MAX - other);

    for position in [0, 40, 41, 99, 100] {
        let mut open = Open::new(&tree, 40);
        let mut inodes: Vec<u64> = others().collect();
        inodes.insert(position, inode);
        let mut added = Ok(());
        for inode in inodes {
            added = open.add(inode, 7);
            assert!(open.holders.len() <= 40);
            if added.is_err() {
                break;
            }
        }
        let found = added.and_then(|()| tree.each(&mut |entry| open.refuse(entry)));
        let text = found.unwrap_err().to_string();
        assert!(
            text.contains("11000 (in /volume) is held by process 7"),
            "{text}"
        );
    }

    let mut open = Open::new(&tree, 40);
    for inode in others() {
        open.add(inode, 7).unwrap();
    }
    tree.each(&mut |entry| open.refuse(entry)).unwrap();
}

#[test]
fn every_entry_is_shown_once_however_the_directories_lie_in_it() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("volume");
    let mut names = BTreeSet::new();
    for outer in 0..60 {
        for name in [format!("file-{outer}"), format!("{outer}/a/b/file-{outer}")] {
            let file = path.join(&name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            File::create(&file).unwrap();
            names.insert(fs::metadata(&file).unwrap().ino());
        }
        for name in [
            format!("{outer}"),
            format!("{outer}/a"),
            format!("{outer}/a/b"),
        ] {
            names.insert(fs::metadata(path.join(name)).unwrap().ino());
        }
    }
    let (top, identity) = open::directory(root.path(), "/volume").unwrap();
    let tree = Tree {
        top: &top,
        identity,
        path: "/volume",
    };
    let mut shown = Vec::new();
    tree.each(&mut |entry| {
        shown.push(entry.stat.st_ino);
        Ok(())
    })
    .unwrap();
    assert_eq!(shown.len(), 300);
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), names);
}
