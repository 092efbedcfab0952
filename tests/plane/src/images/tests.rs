use super::*;
use crate::cmd::Cmd;

/// A folder like `tests/plane/images`, with one root file system and two images.
fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let at = |path: &str| folder.path().join(path);
    for dir in ["images/rootfs", "images/files", "go"] {
        fs::create_dir_all(at(dir))?;
    }
    fs::write(at("images/rootfs/lib.sh"), "")?;
    fs::write(
        at("images/rootfs/small.sh"),
        "mkdir $1/tmp; echo base > $1/tmp/base\n",
    )?;
    fs::write(at("images/files/conf"), "a = 1\n")?;
    fs::write(at("go/server"), "a binary")?;
    for name in ["one", "two"] {
        let recipe = format!(
            r#"
            image = "localhost/plane/{name}:1"
            rootfs = "small"
            set = "base"
            user = "1001"
            entrypoint = ["/server"]
            by_digest = {}
            [[copy]]
            from = "go:family/server"
            to = "/server"
            [[copy]]
            from = "file:conf"
            to = "/etc/{name}"
            mode = "0644"
            "#,
            name == "two"
        );
        fs::write(at(&format!("images/{name}.toml")), recipe)?;
    }
    Ok(folder)
}

/// Builds and says how many progress lines there were: none if all came from the cache.
fn run(folder: &Path) -> Result<(Archive, usize)> {
    let said = std::cell::Cell::new(0);
    let images = folder.join("images");
    let inputs = Inputs {
        images: &images,
        cache: &folder.join("cache"),
        log: &folder.join("log"),
        go: &|_, binary| Some(folder.join("go").join(binary)).filter(|path| path.is_file()),
        progress: &|_| said.set(said.get() + 1),
    };
    let archive = build(&recipes(&images)?, &inputs)?
        .pop()
        .context("one archive")?;
    Ok((archive, said.get()))
}

fn read(archive: &Path, path: &str) -> Result<String> {
    Cmd::new("tar").arg("-xOf").arg(archive).arg(path).output()
}

#[test]
fn images_of_a_set_share_their_root_file_system() -> Result<()> {
    let folder = folder()?;
    let (archive, _) = run(folder.path())?;
    assert_eq!(
        archive.images,
        ["localhost/plane/one:1", "localhost/plane/two:1"]
    );
    let index: serde_json::Value = serde_json::from_str(&read(&archive.path, "index.json")?)?;
    let names: Vec<_> = index["manifests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["annotations"]["io.containerd.image.name"].as_str())
        .collect();
    // Two plain names, and two digests of the one that wants them.
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(
        names
            .iter()
            .filter(|n| n.starts_with("localhost/plane/two@sha256:"))
            .count(),
        2
    );
    let list = Cmd::new("tar").arg("-tf").arg(&archive.path).output()?;
    // The shared layer, and of each image a layer, a configuration and a manifest.
    assert_eq!(
        list.lines()
            .filter(|line| line.starts_with("blobs/sha256/"))
            .count(),
        7,
        "{list}"
    );
    for line in list
        .lines()
        .filter(|line| line.starts_with("blobs/sha256/"))
    {
        let blob = folder.path().join("blob");
        Cmd::new("sh")
            .args(["-c", "tar -xOf \"$1\" \"$2\" > \"$3\"", "sh"])
            .args([archive.path.as_os_str(), line.as_ref(), blob.as_os_str()])
            .run()?;
        let sum = Cmd::new("sha256sum").arg(&blob).output()?;
        let name = line.rsplit('/').next().unwrap_or_default();
        assert!(sum.starts_with(name), "{line}: {sum}");
    }
    Ok(())
}

#[test]
fn the_cache_is_used_and_not_trusted_blindly() -> Result<()> {
    let folder = folder()?;
    let (first, said) = run(folder.path())?;
    assert_eq!(said, 2, "one root file system, one set");
    let bytes = fs::read(&first.path)?;
    assert_eq!(run(folder.path())?.1, 0, "all from the cache");

    fs::write(&first.path, "cut off")?;
    let (again, said) = run(folder.path())?;
    assert_eq!(
        (said, fs::read(&again.path)?),
        (1, bytes),
        "damaged: the same bytes again"
    );

    fs::write(folder.path().join("images/files/conf"), "a = 2\n")?;
    let (changed, said) = run(folder.path())?;
    assert_eq!(said, 1);
    assert_ne!(changed.path, first.path);
    assert!(!first.path.exists(), "the older one is gone");

    fs::write(
        folder.path().join("images/rootfs/small.sh"),
        "echo new > $1/new\n",
    )?;
    assert_eq!(run(folder.path())?.1, 2, "root file system and set");
    Ok(())
}

#[test]
fn what_is_missing_is_named() -> Result<()> {
    let folder = folder()?;
    fs::remove_file(folder.path().join("go/server"))?;
    let words = format!("{:#}", run(folder.path()).unwrap_err());
    assert!(words.contains("family/server is not built"), "{words}");

    fs::write(folder.path().join("go/server"), "a binary")?;
    fs::write(
        folder.path().join("images/rootfs/small.sh"),
        "echo no disk left >&2; exit 1\n",
    )?;
    let words = format!("{:#}", run(folder.path()).unwrap_err());
    assert!(
        words.contains("root file system small") && words.contains("no disk left"),
        "{words}"
    );
    Ok(())
}
