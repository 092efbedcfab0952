//! Huge pages behind a guest's memory.
//!
//! KubeVirt takes `domain.memory.hugepages` only with memory of whole pages (1.8.4, vmi-create-admitter.go,
//! `validateHugepagesMemoryRequests`), so everything that says how much memory there is is rounded up to them, in one
//! way: what was equal stays equal, as dedicated CPUs need it (`validateMemoryRequestsAndLimits`), what was less stays
//! no more, as limits need it. `maxGuest` is rounded too, since the block in which memory is added to a running guest
//! grows with the page (pkg/liveupdate/memory, `ValidateLiveUpdateMemory`). `cpu.numa` and `cpu.realtime` need huge
//! pages, so they are never worse off than before.
//!
//! A wish that cannot be followed is refused where a person or a profile made it. The policy's default is not a wish of
//! the VM: one that is smaller than a page, or that overcommits its memory, keeps ordinary memory without a word.

use serde_json::{Value, json};

use crate::denial::Denial;
use crate::edit::{Dotted, Edit, Why};
use crate::names;
use crate::pages::PageSize;
use crate::quantity::{NotAQuantity, format_bytes, parse_bytes};
use crate::view::{Domain, Hugepages, Resources};
use crate::warning::Warning;
use crate::wish::Pages;

use super::Mutation;
use super::guest::Guest;
use super::machines::{Asked, Change};

const MEMORY: [&str; 3] = ["spec", "domain", "memory"];
const HUGEPAGES: [&str; 4] = ["spec", "domain", "memory", "hugepages"];
const GUEST: [&str; 4] = ["spec", "domain", "memory", "guest"];
const MAX_GUEST: [&str; 4] = ["spec", "domain", "memory", "maxGuest"];
const REQUEST: [&str; 5] = ["spec", "domain", "resources", "requests", "memory"];
const LIMIT: [&str; 5] = ["spec", "domain", "resources", "limits", "memory"];

/// One field that says how much memory there is; one that says nothing or 0 counts as absent, as it does to KubeVirt.
#[derive(Debug, Clone, Copy)]
struct Amount<'v> {
    path: &'static [&'static str],
    text: &'v str,
    bytes: u64,
}

/// All that is said about memory.
#[derive(Debug)]
struct Amounts<'v> {
    guest: Option<Amount<'v>>,
    request: Option<Amount<'v>>,
    limit: Option<Amount<'v>>,
    max_guest: Option<Amount<'v>>,
}

/// Puts the pages that are wished for behind the memory. Pages that the VM asks for itself win: then there is no wish.
pub(super) fn inject(change: Change<'_>, out: &mut Mutation) -> Result<(), Denial> {
    let guest = &change.now.guest;
    let Some(domain) = &guest.spec.domain else {
        return Ok(());
    };
    if !change.follows(wished, |asked| own_pages(&asked.guest).is_some()) {
        return Ok(());
    }
    let (page, why) = match &change.now.wishes.hugepages {
        Some((Pages::Of(page), why)) => (*page, why),
        Some((Pages::None, _)) => return Ok(()),
        None => {
            warn_of_other_pages(change, out);
            return follow_pages_of_ours(guest, domain, out);
        }
    };
    let amounts = Amounts::of(guest, domain)?;
    if amounts.of_guest().is_none() && guest.has_instancetype() {
        if !matches!(why, Why::Policy(_)) {
            out.warnings.push(Warning::PagesOfInstancetype { page });
        }
        return Ok(());
    }
    match amounts.misfit(guest, page, why) {
        Some(_) if matches!(why, Why::Policy(_)) => return Ok(()),
        Some(misfit) => return Err(misfit),
        None => {}
    }
    amounts.round(guest, page, out)?;
    out.edits.push(pages(domain, guest, page, why));
    Ok(())
}

/// Nothing that is there is taken away, so an annotation that was changed later has to be followed by its user.
fn warn_of_other_pages(change: Change<'_>, out: &mut Mutation) {
    let Asked { guest, wishes } = change.now;
    let there = own_pages(guest).and_then(|pages| pages.page_size.as_deref());
    if let (Some(there), Some(wanted)) = (there, wishes.overruled_pages)
        && wanted.to_string() != there
        && change.touches(wished)
    {
        out.warnings.push(Warning::PagesStay {
            path: dotted(guest, &HUGEPAGES),
            there: there.to_owned(),
            wanted: wanted.to_string(),
        });
    }
}

/// A user who never wrote huge pages may write any other amount of memory later, too, although the pages of last time
/// are there now.
fn follow_pages_of_ours(
    guest: &Guest<'_>,
    domain: &Domain<'_>,
    out: &mut Mutation,
) -> Result<(), Denial> {
    let size = own_pages(guest).and_then(|pages| pages.page_size.as_deref());
    match size.and_then(|size| size.parse().ok()) {
        Some(page) if is_ours(guest, page) => Amounts::of(guest, domain)?.round(guest, page, out),
        Some(_) | None => Ok(()),
    }
}

/// Whether the record on the object says that pages of this size are ours.
fn is_ours(guest: &Guest<'_>, page: PageSize) -> bool {
    let record = guest
        .object
        .and_then(|own| own.annotation(names::INJECTED_ANNOTATION));
    let starts = [true, false].map(|memory| {
        let (path, _, what) = place(memory, page);
        format!("{}={what} (", dotted(guest, path))
    });
    let ours = |entry: &str| starts.iter().any(|start| entry.starts_with(start));
    record.is_some_and(|record| record.split("; ").any(ours))
}

/// What is wished for. A VM whose memory no longer comes from an instancetype can be given pages at last.
fn wished<'v>(asked: &'v Asked<'v>) -> impl PartialEq + use<'v> {
    let Asked { guest, wishes } = asked;
    let wish = (&wishes.named, &wishes.hugepages, wishes.overruled_pages);
    (wish, guest.has_instancetype())
}

fn own_pages<'v>(guest: &Guest<'v>) -> Option<&'v Hugepages<'v>> {
    let memory = guest.spec.domain.as_ref()?.memory.as_ref()?;
    memory.hugepages.as_ref()
}

type Field<'v> = (&'static [&'static str], Option<&'v str>);

/// Every field that says how much memory there is: guest, request, limit, maxGuest.
fn fields<'v>(domain: &'v Domain<'v>) -> [Field<'v>; 4] {
    let memory = domain.memory.as_ref();
    let resources = domain.resources.as_ref();
    let of = |list: fn(&'v Resources<'v>) -> Option<&'v crate::view::Amounts<'v>>| {
        let amounts = resources.and_then(list)?;
        amounts.get("memory").map(|amount| &**amount)
    };
    [
        (&GUEST, memory.and_then(|memory| memory.guest.as_deref())),
        (&REQUEST, of(|resources| resources.requests.as_ref())),
        (&LIMIT, of(|resources| resources.limits.as_ref())),
        (
            &MAX_GUEST,
            memory.and_then(|memory| memory.max_guest.as_deref()),
        ),
    ]
}

impl<'v> Amounts<'v> {
    fn of(guest: &Guest<'_>, domain: &'v Domain<'v>) -> Result<Self, Denial> {
        let read = |(path, text): Field<'v>| {
            let Some(text) = text else {
                return Ok(None);
            };
            let bytes = parse_bytes(text).map_err(|error| unreadable(guest, path, text, error))?;
            let amount = Amount { path, text, bytes };
            Ok(Some(amount).filter(|amount| amount.bytes > 0))
        };
        let [of_guest, request, limit, max_guest] = fields(domain);
        Ok(Self {
            guest: read(of_guest)?,
            request: read(request)?,
            limit: read(limit)?,
            max_guest: read(max_guest)?,
        })
    }

    /// The guest's memory as KubeVirt completes it (pkg/defaults, `setGuestMemory`).
    fn of_guest(&self) -> Option<Amount<'v>> {
        self.guest.or(self.request).or(self.limit)
    }

    /// The pages that the pod will ask for, unless the guest's memory is less (renderresources.go,
    /// `WithMemoryRequests` and `WithHugePages`).
    fn of_pod(&self) -> Option<Amount<'v>> {
        self.request.or(self.limit).or(self.guest)
    }

    fn round(&self, guest: &Guest<'_>, page: PageSize, out: &mut Mutation) -> Result<(), Denial> {
        let all = [self.guest, self.request, self.limit, self.max_guest];
        all.into_iter()
            .flatten()
            .try_for_each(|amount| round(amount, guest, page, out))
    }

    /// Why pages of this size can't be behind this memory.
    fn misfit(&self, guest: &Guest<'_>, page: PageSize, why: &Why) -> Option<Denial> {
        let misfit = |path: &[&'static str], found: String, expected: String| {
            Some(Denial::Impossible {
                path: dotted(guest, path),
                found: format!("{found}, with huge pages of {page} ({why})"),
                expected,
            })
        };
        let (Some(of_guest), Some(of_pod)) = (self.of_guest(), self.of_pod()) else {
            let expected = "the guest's memory, like 4Gi".to_owned();
            return misfit(&GUEST, "nothing".to_owned(), expected);
        };
        if of_guest.bytes < page.bytes() {
            let expected = format!("at least one page, {page}, or smaller pages");
            return misfit(of_guest.path, of_guest.text.to_owned(), expected);
        }
        // The guest would be killed at the first page that its pod did not ask for. KubeVirt itself refuses this for
        // instancetypes only (pkg/instancetype/webhooks, `validateMemoryOvercommitPercentNoHugepages`).
        if of_pod.bytes.div_ceil(page.bytes()) < of_guest.bytes.div_ceil(page.bytes()) {
            let needed = of_guest.text;
            let expected =
                format!("{needed} as the guest has, since huge pages can't be overcommitted");
            return misfit(of_pod.path, of_pod.text.to_owned(), expected);
        }
        None
    }
}

fn round(
    amount: Amount<'_>,
    guest: &Guest<'_>,
    page: PageSize,
    out: &mut Mutation,
) -> Result<(), Denial> {
    let Amount { path, text, bytes } = amount;
    let rounded = bytes
        .checked_next_multiple_of(page.bytes())
        .ok_or_else(|| unreadable(guest, path, text, NotAQuantity))?;
    if rounded == bytes {
        return Ok(());
    }
    let to = format_bytes(rounded);
    out.warnings.push(Warning::Rounded {
        path: dotted(guest, path),
        from: text.to_owned(),
        to: to.clone(),
        page,
    });
    out.edits.push(Edit {
        path: guest.path(path),
        value: to.as_str().into(),
        what: to,
        why: Why::WholePages(page),
    });
    Ok(())
}

/// Path, value and name of the pages, in memory that is there or is made for them.
fn place(memory: bool, page: PageSize) -> (&'static [&'static str], Value, String) {
    let pages = json!({ "pageSize": page.as_str() });
    if memory {
        return (&HUGEPAGES, pages, page.to_string());
    }
    let value = json!({ "hugepages": pages });
    (&MEMORY, value, format!("hugepages {page}"))
}

fn pages(domain: &Domain<'_>, guest: &Guest<'_>, page: PageSize, why: &Why) -> Edit {
    let (path, value, what) = place(domain.memory.is_some(), page);
    Edit {
        path: guest.path(path),
        value,
        what,
        why: why.clone(),
    }
}

fn unreadable(
    guest: &Guest<'_>,
    path: &[&'static str],
    found: &str,
    NotAQuantity: NotAQuantity,
) -> Denial {
    Denial::BadValue {
        path: dotted(guest, path),
        found: found.to_owned(),
        expected: NotAQuantity::EXPECTED,
    }
}

fn dotted(guest: &Guest<'_>, path: &[&'static str]) -> String {
    Dotted(&guest.path(path)).to_string()
}

#[cfg(test)]
mod tests;
