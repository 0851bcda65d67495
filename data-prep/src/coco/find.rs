//! Finds the object that an entry of a table means: by id, or as the only one of a category in an image.
//!
//! Crowds and objects without a box are never meant.

use std::collections::BTreeMap;

use crate::coco::instances::Instances;

/// Why an entry leads to no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Miss {
    /// Its image, or annotation, is not among the instances.
    Elsewhere,
    /// It names no category of the instances.
    Category,
    /// The image has no object of that category, or the annotation is a crowd or has no box.
    Nothing,
    /// The image has several.
    Several,
    /// People do not agree on the answer.
    Disputed,
}

impl Miss {
    pub(crate) fn doc(self) -> &'static str {
        match self {
            Miss::Elsewhere => "not among these instances",
            Miss::Category => "of no category here",
            Miss::Nothing => "no such object in the image",
            Miss::Several => "several such objects in the image",
            Miss::Disputed => "people do not agree",
        }
    }
}

/// An index of instances.
pub(crate) struct Finder<'a> {
    instances: &'a Instances,
    by_id: BTreeMap<i64, usize>,
    /// Image and category to positions of objects.
    by_place: BTreeMap<(i64, i64), Vec<usize>>,
    images: std::collections::BTreeSet<i64>,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(instances: &'a Instances) -> Self {
        let mut by_place: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for (position, object) in instances.objects.iter().enumerate().filter(|(_, object)| object.place.is_ok()) {
            let key = (instances.image(object).id, instances.category(object).id);
            by_place.entry(key).or_default().push(position);
        }
        let by_id = instances.objects.iter().enumerate().map(|(position, object)| (object.id, position)).collect();
        Finder { instances, by_id, by_place, images: instances.images.iter().map(|image| image.id).collect() }
    }

    pub(crate) fn by_id(&self, id: i64) -> Result<usize, Miss> {
        let position = *self.by_id.get(&id).ok_or(Miss::Elsewhere)?;
        if self.instances.objects[position].place.is_ok() { Ok(position) } else { Err(Miss::Nothing) }
    }

    /// The only object of an image that is of one of the categories.
    pub(crate) fn only(&self, image: i64, categories: &[i64]) -> Result<usize, Miss> {
        if !self.images.contains(&image) {
            return Err(Miss::Elsewhere);
        }
        let found = categories.iter().filter_map(|category| self.by_place.get(&(image, *category))).flatten();
        match found.collect::<Vec<_>>()[..] {
            [] => Err(Miss::Nothing),
            [only] => Ok(*only),
            _ => Err(Miss::Several),
        }
    }

    pub(crate) fn category_named(&self, name: &str) -> Option<i64> {
        let category = self.instances.categories.iter().find(|category| category.name == name.trim())?;
        Some(category.id)
    }

    /// All categories whose names stand in a text as whole words.
    pub(crate) fn categories_in(&self, text: &str) -> Vec<i64> {
        let plain = |text: &str| {
            let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            format!(" {} ", words.collect::<Vec<_>>().join(" ").to_lowercase())
        };
        let text = plain(text);
        let named = self.instances.categories.iter().filter(|category| text.contains(&plain(&category.name)));
        named.map(|category| category.id).collect()
    }
}
