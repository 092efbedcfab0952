//! The objects of a request as text, and the new one after our edits.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use vmberth_decide::mutate::Mutation;

use crate::patch;

/// An object with edits is read as a whole, which takes many times its size. VMs that people write have a tenth of this; of
/// larger ones nothing is said.
const LARGEST: usize = 256 << 10;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    request: Objects<'a>,
}

/// What is written, and what was there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Objects<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
}

/// The objects of a body.
pub(crate) fn objects(body: &[u8]) -> Option<Objects<'_>> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    Some(body.request)
}

/// The object after our edits, as text: only so are its lists read up to a bound.
pub(crate) fn now<'o>(objects: &Objects<'o>, mutation: &Mutation) -> Option<Cow<'o, str>> {
    let object = objects.object?.get();
    if mutation.edits.is_empty() {
        return Some(Cow::Borrowed(object));
    }
    if object.len() > LARGEST {
        return None;
    }
    let mut value: Value = serde_json::from_str(object).ok()?;
    json_patch::patch(&mut value, &patch::of(&mutation.edits)).ok()?;
    Some(Cow::Owned(value.to_string()))
}

/// The object before, on UPDATE.
pub(crate) fn before<'o>(objects: &Objects<'o>) -> Option<&'o str> {
    objects.old_object.map(RawValue::get)
}
