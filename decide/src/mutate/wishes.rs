//! What is wanted of one instance: its annotations first, then profiles, then the policy.

use crate::denial::Denial;
use crate::edit::Why;
use crate::names;
use crate::policy::Policy;
use crate::profile::Profile;
use crate::view::Metadata;
use crate::warning::Warning;
use crate::wish::{AddressWish, NotAWish, Pages, VfWish};

use super::Mutation;
use super::guest::Guest;
use super::machines::{Asked, Change};

/// Everything that is wanted of one instance, each with its reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Wishes {
    /// The profile that the VM names itself.
    pub(super) named: Option<String>,
    /// Pages behind the memory.
    pub(super) hugepages: Option<(Pages, Why)>,
    /// What the annotation asks for although the VM has pages already; those win.
    pub(super) overruled_pages: Option<Pages>,
    /// Virtual functions.
    pub(super) vfs: Option<(Vec<VfWish>, Why)>,
    /// Static addresses, and where the annotation stands.
    pub(super) addresses: Option<(Vec<AddressWish>, String)>,
    /// Secret with public keys of ssh.
    pub(super) ssh_keys: Option<(String, Why)>,
}

/// Where annotations may stand: the innermost first, with the path that messages name.
type Sources<'v> = [(&'static str, Option<&'v Metadata<'v>>)];

impl Wishes {
    /// Reads annotations and profiles. Labels of the innermost metadata choose profiles, since those are the
    /// instance's own.
    pub(super) fn of(guest: &Guest<'_>, policy: &Policy) -> Result<Self, Denial> {
        let sources = &*guest.sources;
        let place = sources.first().map_or("", |(path, _)| path);
        let profiles = profiles(sources, policy)?;
        let memory = guest
            .spec
            .domain
            .as_ref()
            .and_then(|domain| domain.memory.as_ref());
        let own_pages = memory.is_some_and(|memory| memory.hugepages.is_some());
        let hugepages = parsed(sources, names::HUGEPAGES_ANNOTATION, Pages::parse)?;
        let vfs = parsed(sources, names::VFS_ANNOTATION, VfWish::parse_list)?;
        let addresses = parsed(
            sources,
            names::ADDRESSES_ANNOTATION,
            AddressWish::parse_list,
        )?;
        let ssh_keys = parsed(sources, names::SSH_KEYS_ANNOTATION, |text| {
            let name = text.trim();
            let fits = names::is_credential_secret(name);
            fits.then(|| name.to_owned())
                .ok_or(NotAWish(names::CREDENTIAL_SECRET_EXPECTED))
        })?;
        let of_policy = || {
            let page = policy.hugepages?;
            Some((Pages::Of(page), Why::Policy("hugepages")))
        };
        let named = annotation(sources, names::PROFILE_ANNOTATION);
        Ok(Self {
            named: named.map(|(_, name)| name.to_owned()),
            overruled_pages: hugepages
                .as_ref()
                .filter(|_| own_pages)
                .map(|(pages, _)| *pages),
            hugepages: match hugepages {
                // What the VM says itself wins, so profiles may differ there.
                _ if own_pages => None,
                Some((pages, _)) => Some((pages, Why::Annotation(names::HUGEPAGES_ANNOTATION))),
                None => agreed(place, &profiles, "hugepages", |profile| profile.hugepages)?
                    .or_else(of_policy),
            },
            vfs: match vfs {
                Some((vfs, _)) => Some((vfs, Why::Annotation(names::VFS_ANNOTATION))),
                None => agreed(place, &profiles, "vfs", |profile| profile.vfs.clone())?,
            },
            addresses,
            ssh_keys: match ssh_keys {
                Some((name, _)) => Some((name, Why::Annotation(names::SSH_KEYS_ANNOTATION))),
                None => agreed(place, &profiles, "sshKeys", |profile| {
                    profile.ssh_keys.clone()
                })?,
            },
        })
    }
}

/// Annotations under our name that do nothing, if this change brings them: unknown ones, and those on metadata that no
/// instance inherits.
pub(super) fn warn_of_idle(change: Change<'_>, out: &mut Mutation) {
    if change.touches(not_inherited) {
        let instead = change
            .now
            .guest
            .sources
            .first()
            .map_or("", |(path, _)| path);
        let warnings = not_inherited(change.now).into_iter().map(|name| {
            let path = format!("metadata.annotations[{name}]");
            Warning::NotInherited { path, instead }
        });
        out.warnings.extend(warnings);
    }
    if !change.touches(unknown) {
        return;
    }
    let warnings = unknown(change.now).into_iter().map(|(path, name)| {
        let path = format!("{path}.annotations[{name}]");
        Warning::UnknownAnnotation { path }
    });
    out.warnings.extend(warnings);
}

fn not_inherited<'v>(asked: &'v Asked<'v>) -> Vec<&'v str> {
    let annotations = asked
        .guest
        .not_inherited
        .and_then(|outer| outer.annotations.as_ref());
    let names = annotations
        .into_iter()
        .flat_map(|annotations| annotations.names());
    names.filter(|name| names::WISHES.contains(name)).collect()
}

fn unknown<'v>(asked: &'v Asked<'v>) -> Vec<(&'static str, &'v str)> {
    let is_unknown = |name: &str| {
        name.starts_with(names::OWN_PREFIX)
            && name != names::INJECTED_ANNOTATION
            && !names::WISHES.contains(&name)
    };
    let sources = asked.guest.sources.iter();
    let all = sources.flat_map(|(path, metadata)| {
        let annotations = metadata.and_then(|metadata| metadata.annotations.as_ref());
        let names = annotations
            .into_iter()
            .flat_map(|annotations| annotations.names());
        names.map(move |name| (*path, name))
    });
    all.filter(|(_, name)| is_unknown(name)).collect()
}

/// The innermost annotation of that name, read, and its path.
fn parsed<T>(
    sources: &Sources<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, NotAWish>,
) -> Result<Option<(T, String)>, Denial> {
    let Some((path, text)) = annotation(sources, name) else {
        return Ok(None);
    };
    let wish = if text.len() > LONGEST {
        Err(NotAWish("at most 1024 characters"))
    } else {
        parse(text)
    };
    match wish {
        Ok(wish) => Ok(Some((wish, path))),
        // Who pastes a key instead of a name must not find it in a log.
        Err(NotAWish(expected)) if name == names::SSH_KEYS_ANNOTATION => Err(Denial::Impossible {
            path,
            found: format!("something else ({} bytes, not shown)", text.len()),
            expected: expected.to_owned(),
        }),
        Err(NotAWish(expected)) => Err(Denial::BadValue {
            path,
            found: text.to_owned(),
            expected,
        }),
    }
}

/// Longest annotation that is read. The API server's own limit is asked only after us.
const LONGEST: usize = 1024;

/// The innermost annotation of that name, and its path.
pub(super) fn annotation<'v>(sources: &Sources<'v>, name: &str) -> Option<(String, &'v str)> {
    sources.iter().find_map(|(path, metadata)| {
        let text = metadata.as_ref()?.annotation(name)?;
        Some((format!("{path}.annotations[{name}]"), text))
    })
}

/// The named profile first, then all that select the instance.
fn profiles<'p>(sources: &Sources<'_>, policy: &'p Policy) -> Result<Vec<&'p Profile>, Denial> {
    let mut chosen = Vec::new();
    if let Some((path, name)) = annotation(sources, names::PROFILE_ANNOTATION) {
        let named = policy.profiles.iter().find(|profile| profile.name == name);
        chosen.push(named.ok_or_else(|| {
            Denial::UnknownProfile {
                path,
                found: name.to_owned(),
                known: policy
                    .profiles
                    .iter()
                    .map(|known| known.name.clone())
                    .collect(),
            }
        })?);
    }
    let labels = sources
        .first()
        .and_then(|(_, metadata)| metadata.as_ref()?.labels.as_ref());
    let named = chosen.first().map(|profile| profile.name.clone());
    let selected = policy.profiles.iter().filter(|profile| {
        let selects = |selector: &crate::profile::Selector| selector.selects(labels);
        named.as_ref() != Some(&profile.name) && profile.selector.as_ref().is_some_and(selects)
    });
    chosen.extend(selected);
    Ok(chosen)
}

/// What the profiles want that say something of this field; none may want anything else.
fn agreed<T: PartialEq>(
    path: &'static str,
    profiles: &[&Profile],
    field: &'static str,
    of: impl Fn(&Profile) -> Option<T>,
) -> Result<Option<(T, Why)>, Denial> {
    let mut first: Option<(T, &Profile)> = None;
    for profile in profiles {
        match (&first, of(profile)) {
            (_, None) => {}
            (None, Some(wish)) => first = Some((wish, profile)),
            (Some((wish, _)), Some(other)) if *wish == other => {}
            (Some((_, earlier)), Some(_)) => {
                return Err(Denial::ProfilesDiffer {
                    path,
                    field,
                    first: earlier.name.clone(),
                    second: profile.name.clone(),
                });
            }
        }
    }
    Ok(first.map(|(wish, profile)| (wish, Why::Profile(profile.name.clone()))))
}

#[cfg(test)]
mod tests;
