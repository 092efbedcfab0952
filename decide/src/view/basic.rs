//! Texts, maps and lists, read without guessing, and never more of them than a real object has: mutating admission
//! comes before the validation of a CRD, and a body of 3 MiB holds a million of `{}`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most elements of a list. It is what KubeVirt allows of volumes, networks, interfaces and access credentials (1.8.4,
/// `MaxItems` in core/v1/types.go and schema.go), and each of `dataVolumeTemplates` must be one of the volumes
/// (pkg/storage/admitters/data-volume-template.go). Kubernetes does not count containers, tolerations and owners, which
/// are a handful.
const LIST_MAX: usize = 256;
/// Most labels, and most annotations of those that are kept; Kubernetes does not count them.
pub(super) const NAMES_MAX: usize = 1024;
/// Most resources of one container or guest: each container has two such maps, and each pod many containers.
pub(super) const AMOUNTS_MAX: usize = 128;

/// A string out of the body; [`Cow`] alone is not borrowed by serde when it stands inside an [`Option`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// That a field is there, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present;

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self)
    }
}

/// A quantity as it was written: a string, or a number as JSON has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount<'a>(pub Cow<'a, str>);

impl std::ops::Deref for Amount<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Amount<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }
        }

        deserializer.deserialize_any(Written).map(Self)
    }
}

/// Names and amounts, in the order in which they were written.
pub type Amounts<'a> = Pairs<'a, Amount<'a>, AMOUNTS_MAX>;

/// The entries of a map, `MAX` at most, in the order in which they were written; a `null` entry is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs<'a, V, const MAX: usize>(Vec<(Text<'a>, V)>);

impl<V, const MAX: usize> Default for Pairs<'_, V, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V, const MAX: usize> Pairs<'_, V, MAX> {
    /// The entry of that name; the last one, should a client have written two.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        self.iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// All entries.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Pairs<'a, V, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        pairs::<_, _, MAX>(deserializer, |_| true).map(Self)
    }
}

/// The entries whose name is wanted, `MAX` at most; the values of all others are skipped, however long they are.
pub(super) fn pairs<'de: 'a, 'a, D, V, const MAX: usize>(
    deserializer: D,
    wanted: fn(&str) -> bool,
) -> Result<Vec<(Text<'a>, V)>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Wanted<V, const MAX: usize>(fn(&str) -> bool, PhantomData<V>);

    impl<'de, V: Deserialize<'de>, const MAX: usize> Visitor<'de> for Wanted<V, MAX> {
        type Value = Vec<(Text<'de>, V)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut pairs = Vec::new();
            while let Some(name) = map.next_key::<Text<'de>>()? {
                if !(self.0)(&name) {
                    map.next_value::<IgnoredAny>()?;
                } else if let Some(value) = map.next_value::<Option<V>>()? {
                    within(pairs.len(), MAX)?;
                    pairs.push((name, value));
                }
            }
            Ok(pairs)
        }
    }

    deserializer.deserialize_map(Wanted::<V, MAX>(wanted, PhantomData))
}

/// Whether one more fits beside those that are there.
fn within<E: Error>(there: usize, max: usize) -> Result<(), E> {
    if there < max {
        return Ok(());
    }
    Err(E::custom(format_args!(
        "found more than {max} entries, expected at most {max}"
    )))
}

/// A JSON object, and nothing else: serde would also take a list for the fields in their order, and a patch of such
/// an object would not fit.
#[derive(Debug)]
pub struct Fields<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ByName<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ByName(PhantomData)).map(Self)
    }
}

pub(super) fn fields<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let read: Option<Fields<T>> = Deserialize::deserialize(deserializer)?;
    Ok(read.map(|fields| fields.0))
}

pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let read: Option<List<Fields<T>>> = Deserialize::deserialize(deserializer)?;
    Ok(read.map(|list| list.0.into_iter().map(|fields| fields.0).collect()))
}

pub(super) fn texts<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Vec<Text<'a>>>, D::Error>
where
    D: Deserializer<'de>,
{
    let read: Option<List<Text<'a>>> = Deserialize::deserialize(deserializer)?;
    Ok(read.map(|list| list.0))
}

/// A list of no more than [`LIST_MAX`].
struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Vec<T>, S::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    within(all.len(), LIST_MAX)?;
                    all.push(one);
                }
                Ok(all)
            }
        }

        deserializer
            .deserialize_seq(Elements(PhantomData))
            .map(Self)
    }
}

#[cfg(test)]
mod tests;
