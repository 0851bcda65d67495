//! What is known by name: sorted, and in one piece, since there are many such maps and most have one or two entries.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by name, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByName<V>(Box<[(String, V)]>);

impl<V> ByName<V> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        let found = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name));
        found.ok().map(|at| &self.0[at].1)
    }

    /// Whether a name has a value.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &V)> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// All names.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(name, _)| name)
    }

    /// All values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<V> Default for ByName<V> {
    fn default() -> Self {
        ByName(Box::default())
    }
}

impl<V> From<BTreeMap<String, V>> for ByName<V> {
    fn from(map: BTreeMap<String, V>) -> Self {
        ByName(map.into_iter().collect())
    }
}

impl<V> FromIterator<(String, V)> for ByName<V> {
    /// Of several values of one name the last one stays.
    fn from_iter<I: IntoIterator<Item = (String, V)>>(entries: I) -> Self {
        let mut entries: Vec<(String, V)> = entries.into_iter().collect();
        if !entries.is_sorted_by(|(one, _), (next, _)| one < next) {
            return entries.into_iter().collect::<BTreeMap<_, _>>().into();
        }
        entries.shrink_to_fit();
        ByName(entries.into())
    }
}

impl<'a, V> IntoIterator for &'a ByName<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (String, V)>, fn(&'a (String, V)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl<V: Serialize> Serialize for ByName<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for ByName<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
    type Value = ByName<V>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // A document that lies about its length takes no memory for it.
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(16));
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_holds_what_a_map_does(entries: Vec<(String, u8)>, other: String) {
            let map: BTreeMap<_, _> = entries.iter().cloned().collect();
            let found: ByName<u8> = entries.into_iter().collect();
            proptest::prop_assert!(found.iter().eq(&map) && (&found).into_iter().eq(&map));
            proptest::prop_assert_eq!(found.get(&other), map.get(&other));
            for name in map.keys() {
                proptest::prop_assert_eq!(found.get(name), map.get(name));
            }
            let text = serde_json::to_string(&found).unwrap();
            proptest::prop_assert_eq!(&text, &serde_json::to_string(&map).unwrap());
            proptest::prop_assert_eq!(serde_json::from_str::<ByName<u8>>(&text).unwrap(), found);
        }
    }
}
