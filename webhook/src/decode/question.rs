//! The question of a review, in one pass over its bytes.
//!
//! The API server writes kind and operation before the objects (k8s.io/api, admission/v1, `AdmissionRequest`, in the
//! order of its type), so an object can be decoded where it stands. That saves a third of the time of a launcher pod's
//! review, which would go into finding its object's end first (docs/adr/0004).

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use vmberth_decide::subject::{Kind, Operation, View};
use vmberth_decide::view::{Fields, Text};

/// The fields that are used. `IN_PLACE` decodes the objects at once where it can; else they stay raw, so that it can be
/// said where one is wrong.
#[derive(Default)]
pub(super) struct Question<'a, const IN_PLACE: bool> {
    pub(super) uid: Option<Text<'a>>,
    kind: Option<GroupVersionKind<'a>>,
    sub_resource: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) operation: Option<Text<'a>>,
    pub(super) dry_run: Option<bool>,
    pub(super) object: Option<Part<'a>>,
    pub(super) old_object: Option<Part<'a>>,
}

/// An object, or its bytes.
#[allow(
    clippy::large_enum_variant,
    reason = "there are two of them in a review; a box would be an allocation for nothing"
)]
pub(super) enum Part<'a> {
    Raw(&'a RawValue),
    Read(View<'a>),
    /// The old object of anything but an update, which decides nothing.
    Skipped,
}

#[derive(Deserialize)]
struct GroupVersionKind<'a> {
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
}

impl GroupVersionKind<'_> {
    fn known(&self) -> Kind {
        let [group, version, kind] = [&self.group, &self.version, &self.kind]
            .map(|text| text.as_deref().unwrap_or_default());
        Kind::of(group, version, kind)
    }
}

impl<const IN_PLACE: bool> Question<'_, IN_PLACE> {
    /// What the object is; that of a subresource is another one than its kind says.
    pub(super) fn kind(&self) -> Option<Kind> {
        let kind = self.kind.as_ref()?.known();
        let whole = self.sub_resource.as_deref().unwrap_or_default().is_empty();
        Some(if whole { kind } else { Kind::Other })
    }

    fn operation(&self) -> Option<Operation> {
        self.operation.as_ref()?.parse().ok()
    }
}

impl<'de: 'a, 'a, const IN_PLACE: bool> Deserialize<'de> for Question<'a, IN_PLACE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Filled<const IN_PLACE: bool>;

        impl<'de, const IN_PLACE: bool> Visitor<'de> for Filled<IN_PLACE> {
            type Value = Question<'de, IN_PLACE>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut question = Question::default();
                while let Some(field) = map.next_key::<Text<'de>>()? {
                    question.fill(&field, &mut map)?;
                }
                Ok(question)
            }
        }

        deserializer.deserialize_map(Filled)
    }
}

impl<'de, const IN_PLACE: bool> Question<'de, IN_PLACE> {
    fn fill<M: MapAccess<'de>>(&mut self, field: &str, map: &mut M) -> Result<(), M::Error> {
        match field {
            "uid" => set(&mut self.uid, "uid", map.next_value()?),
            "kind" => {
                let kind: Option<Fields<GroupVersionKind<'de>>> = map.next_value()?;
                set(&mut self.kind, "kind", kind.map(|fields| fields.0))
            }
            "subResource" => set(&mut self.sub_resource, "subResource", map.next_value()?),
            "name" => set(&mut self.name, "name", map.next_value()?),
            "namespace" => set(&mut self.namespace, "namespace", map.next_value()?),
            "operation" => set(&mut self.operation, "operation", map.next_value()?),
            "dryRun" => set(&mut self.dry_run, "dryRun", map.next_value()?),
            "object" => {
                let object = part(self.kind().filter(|_| IN_PLACE), map)?;
                set(&mut self.object, "object", object)
            }
            "oldObject" => {
                let old = match self.operation() {
                    Some(Operation::Update) => part(self.kind().filter(|_| IN_PLACE), map)?,
                    Some(_) => map.next_value().map(|IgnoredAny| Some(Part::Skipped))?,
                    None => part(None, map)?,
                };
                set(&mut self.old_object, "oldObject", old)
            }
            _ => map.next_value().map(|IgnoredAny| ()),
        }
    }
}

fn set<T, E: Error>(slot: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), E> {
    if slot.is_some() {
        return Err(E::duplicate_field(name));
    }
    *slot = value;
    Ok(())
}

fn part<'de, M: MapAccess<'de>>(
    kind: Option<Kind>,
    map: &mut M,
) -> Result<Option<Part<'de>>, M::Error> {
    match kind {
        Some(kind) => Ok(map.next_value_seed(Maybe(kind))?.map(Part::Read)),
        None => Ok(map.next_value::<Option<&RawValue>>()?.map(Part::Raw)),
    }
}

/// An object or `null`.
struct Maybe(Kind);

impl<'de> DeserializeSeed<'de> for Maybe {
    type Value = Option<View<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Maybe {
    type Value = Option<View<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}
