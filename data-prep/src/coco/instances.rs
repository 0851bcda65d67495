//! A COCO `instances.json`: its images, categories and objects, checked.
//!
//! Ids are unique and lead somewhere; whatever else an entry holds is left alone. It does not look at photos.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::coco::reason::Reason;
use crate::outside;

#[derive(Debug, thiserror::Error)]
pub(crate) enum InstancesError {
    #[error("instances: {0}")]
    Read(String),
    #[error("instances: no COCO instances, or cut short: {0}")]
    Json(String),
    #[error("instances: id {id} belongs to two {what}: {first}, and {second}")]
    Twice { what: &'static str, id: i64, first: String, second: String },
    #[error("instances: annotation {annotation} is of {what} {id}, which is not in the file")]
    Dangling { annotation: i64, what: &'static str, id: i64 },
    #[error("instances: annotation {0} has colours already; begin with a file that has not been coloured")]
    Coloured(i64),
}

/// All of a file, in its order.
#[derive(Debug)]
pub(crate) struct Instances {
    /// The file as it was read.
    pub(crate) text: String,
    pub(crate) images: Vec<Image>,
    pub(crate) categories: Vec<Category>,
    pub(crate) objects: Vec<Object>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: i64,
    pub(crate) file_name: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    #[serde(default = "all")]
    pub(crate) split: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Category {
    pub(crate) id: i64,
    pub(crate) name: String,
}

/// One annotation.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) id: i64,
    /// Position of its image.
    pub(crate) image: usize,
    /// Position of its category.
    pub(crate) category: usize,
    /// Left, top, width, height, in pixels; or why the object is not to be coloured.
    pub(crate) place: Result<[f64; 4], Reason>,
    pub(crate) segmentation: Value,
}

#[derive(Deserialize)]
struct RawFile {
    images: Vec<Image>,
    annotations: Vec<RawObject>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct RawObject {
    id: i64,
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    bbox: Value,
    #[serde(default)]
    segmentation: Value,
    #[serde(default)]
    iscrowd: u8,
    colours: Option<IgnoredAny>,
    colour_source: Option<IgnoredAny>,
    colour_words: Option<IgnoredAny>,
    colour_reason: Option<IgnoredAny>,
}

fn all() -> String {
    "all".to_owned()
}

impl Instances {
    pub(crate) fn read(path: &Path) -> Result<Self, InstancesError> {
        let text = outside::text(path).map_err(InstancesError::Read)?;
        let raw: RawFile = outside::json(&text).map_err(InstancesError::Json)?;
        let image_of = positions("images", &raw.images, |i| i.id, |i| format!("`{}`", i.file_name))?;
        let category_of = positions("categories", &raw.categories, |c| c.id, |c| format!("`{}`", c.name))?;
        let place = |o: &RawObject| format!("one in image {} of category {}", o.image_id, o.category_id);
        positions("annotations", &raw.annotations, |o| o.id, place)?;
        let mut objects = Vec::with_capacity(raw.annotations.len());
        for object in raw.annotations {
            let dangling = |what, id| InstancesError::Dangling { annotation: object.id, what, id };
            let marks = [&object.colours, &object.colour_source, &object.colour_words, &object.colour_reason];
            if marks.iter().any(|mark| mark.is_some()) {
                return Err(InstancesError::Coloured(object.id));
            }
            objects.push(Object {
                id: object.id,
                image: *image_of.get(&object.image_id).ok_or_else(|| dangling("image", object.image_id))?,
                category: *category_of
                    .get(&object.category_id)
                    .ok_or_else(|| dangling("category", object.category_id))?,
                place: if object.iscrowd == 0 { bbox(&object.bbox) } else { Err(Reason::Crowd) },
                segmentation: object.segmentation,
            });
        }
        Ok(Instances { text, images: raw.images, categories: raw.categories, objects })
    }

    pub(crate) fn image(&self, object: &Object) -> &Image {
        &self.images[object.image]
    }

    pub(crate) fn category(&self, object: &Object) -> &Category {
        &self.categories[object.category]
    }
}

/// Positions by id; two entries with one id are an error that shows both.
fn positions<T>(
    what: &'static str,
    entries: &[T],
    id: impl Fn(&T) -> i64,
    show: impl Fn(&T) -> String,
) -> Result<BTreeMap<i64, usize>, InstancesError> {
    let mut found: BTreeMap<i64, usize> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        let show = |position: usize| format!("{} (no. {})", show(&entries[position]), position + 1);
        if let Some(former) = found.insert(id(entry), position) {
            return Err(InstancesError::Twice { what, id: id(entry), first: show(former), second: show(position) });
        }
    }
    Ok(found)
}

fn bbox(value: &Value) -> Result<[f64; 4], Reason> {
    let items = value.as_array().ok_or(Reason::NoBox)?;
    let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
    let place: [f64; 4] = numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(Reason::NoBox)?;
    if place[2] > 0.0 && place[3] > 0.0 { Ok(place) } else { Err(Reason::EmptyBox) }
}
