//! What an image is made of: the TOML files below `tests/plane/images`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// One image, as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of its file, without the extension.
    #[serde(skip)]
    pub name: String,
    /// Full name with tag, as pods ask for it.
    pub image: String,
    /// Root file system below it: a script in `rootfs/`, or empty for none.
    #[serde(default)]
    pub rootfs: String,
    /// Which feature of `up` needs it: base, cdi, kubevirt, guests.
    pub set: String,
    /// Folders with an owner or mode of their own; others appear by themselves, root's, 0755.
    #[serde(default)]
    pub dir: Vec<Dir>,
    /// Files on top of the root file system.
    #[serde(default)]
    pub copy: Vec<Copy>,
    /// The container's command.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// Its arguments, if the pod gives none.
    #[serde(default)]
    pub command: Vec<String>,
    /// User id, as text; empty is root.
    #[serde(default)]
    pub user: String,
    /// Working folder.
    #[serde(default)]
    pub workdir: String,
    /// Environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Also known by its digest: KubeVirt asks for a containerDisk so when it migrates a guest, and
    /// without a registry nobody else gives the image that name.
    #[serde(default)]
    pub by_digest: bool,
}

/// A folder in an image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dir {
    /// Where.
    pub path: String,
    /// Octal.
    #[serde(default = "executable")]
    pub mode: String,
    /// `uid:gid`.
    #[serde(default = "root")]
    pub owner: String,
}

/// A file in an image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// `go:FAMILY/BINARY`, `file:PATH` below `files/`, `c:NAME.c` compiled from `c/`, `host:PATH`,
    /// or `guest:NAME` for a guest's disk.
    pub from: String,
    /// Path in the image.
    pub to: String,
    /// Octal.
    #[serde(default = "executable")]
    pub mode: String,
    /// `uid:gid`.
    #[serde(default = "root")]
    pub owner: String,
    /// File capabilities, permitted and effective: `cap_net_bind_service`, or empty.
    #[serde(default)]
    pub capability: String,
    /// Left out without complaint if there is no such Go binary.
    #[serde(default)]
    pub optional: bool,
}

fn executable() -> String {
    "0755".to_owned()
}

fn root() -> String {
    "0:0".to_owned()
}

/// Reads all recipes of a folder, in the order of their names.
pub fn recipes(folder: &Path) -> Result<Vec<Recipe>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let mut recipe: Recipe =
            toml::from_str(&text).with_context(|| format!("{} is no recipe", path.display()))?;
        let stem = path.file_stem().unwrap_or_default();
        recipe.name = stem.to_string_lossy().into_owned();
        found.push(recipe);
    }
    if found.is_empty() {
        bail!("no image recipes in {}", folder.display());
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// `0755` to a number.
pub(crate) fn mode(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 8).with_context(|| format!("mode {text:?} is not octal"))
}

/// `uid:gid` to numbers.
pub(crate) fn owner(text: &str) -> Result<(u32, u32)> {
    let (uid, gid) = text
        .split_once(':')
        .with_context(|| format!("owner {text:?}: uid:gid"))?;
    Ok((uid.parse()?, gid.parse()?))
}

/// The extended attribute's value (revision 2, effective) for one capability.
pub(crate) fn capability(name: &str) -> Result<Vec<u8>> {
    let bit = match name {
        "" => return Ok(Vec::new()),
        "cap_net_bind_service" => 10_u32,
        "cap_sys_nice" => 23,
        other => bail!("capability {other:?} is not known here"),
    };
    let words = [0x0200_0001, 1 << bit, 0, 0, 0];
    Ok(words
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipes_of_the_repo_are_sound() -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("images");
        for recipe in recipes(&folder)? {
            let name = &recipe.name;
            assert!(
                ["base", "cdi", "kubevirt", "guests"].contains(&&*recipe.set),
                "{name}"
            );
            // Under a foreign name only what is asked for by that name.
            assert!(
                recipe.image.starts_with("localhost/plane/") || name == "kube-scheduler",
                "{name}: {}",
                recipe.image
            );
            if !recipe.rootfs.is_empty() {
                let script = folder.join("rootfs").join(format!("{}.sh", recipe.rootfs));
                assert!(script.is_file(), "{name}: {}", script.display());
            }
            for dir in &recipe.dir {
                mode(&dir.mode)?;
                owner(&dir.owner)?;
            }
            for copy in &recipe.copy {
                mode(&copy.mode)?;
                owner(&copy.owner)?;
                capability(&copy.capability)?;
                let own = [("file:", "files"), ("c:", "c")];
                for (kind, place) in own {
                    if let Some(path) = copy.from.strip_prefix(kind) {
                        assert!(
                            folder.join(place).join(path).is_file(),
                            "{name}: {}",
                            copy.from
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// vmberth's chart asks for the scheduler of the API server's version.
    #[test]
    fn the_scheduler_for_pods_is_the_clusters() -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let recipes = recipes(&folder.join("images"))?;
        let scheduler = recipes.iter().find(|one| one.name == "kube-scheduler");
        let image = &scheduler.context("no image of kube-scheduler")?.image;
        let (name, version) = image.rsplit_once(':').context("no tag")?;
        assert_eq!(name, "registry.k8s.io/kube-scheduler");
        let family = fs::read_to_string(folder.join("go/kubernetes/family.toml"))?;
        let flag = format!("component-base/version.gitVersion={version} ");
        assert!(family.contains(&flag), "{image}");
        Ok(())
    }

    #[test]
    fn a_capability_is_what_setcap_writes() -> Result<()> {
        let expected = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(capability("cap_net_bind_service")?, expected);
        assert!(capability("cap_of_tea").is_err());
        Ok(())
    }
}
