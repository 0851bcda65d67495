//! Kind `coco.colours`: which of five colours each object of a COCO file has, by what was said of it and by its pixels.

mod agreement;
mod agreement_report;
mod attribute;
mod find;
mod instances;
mod merge;
mod named;
mod photo;
mod pixels;
mod reason;
mod region;
mod rle;
mod sheet;
mod splice;
mod summary;
mod synonyms;
mod table;
mod words;
mod work;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType};

/// The kind.
pub(crate) fn offer() -> Offer {
    let kind = Kind::new("coco.colours", "The colours of objects: words of tables and of pixels, merged into five")
        .inputs(inputs())
        .outputs(outputs())
        .parameters(parameters())
        .all_cpus();
    Offer { kind, run: work::run }
}

fn inputs() -> [Input; 5] {
    [
        Input::new("instances", "application/json", "objects: a COCO file with `images`, `annotations`, `categories`"),
        Input::new("images", "inode/directory", "their photos, JPEG or PNG, by `file_name`"),
        Input::new("synonyms", "text/csv", "`word`, `colour`: one of the five, or `none`"),
        Input::new("named_colours", "text/csv", "`word`, `srgb`: colours that pixels are compared with"),
        Input::new(
            "words",
            "application/json",
            "what was said of objects: answers to questions, colours in captions, or a list of words; a table for each label",
        )
        .optional()
        .many(),
    ]
}

fn outputs() -> [Output; 7] {
    [
        Output::new("annotations", "application/json", "the instances, with `colours` (numbers 1–5) for each object"),
        Output::new(
            "table",
            "application/vnd.apache.parquet",
            "objects: image, annotation, category, words, source, colour, conflicts, reason, split",
        ),
        Output::new(
            "crops",
            "text/csv",
            "objects with a colour, as a table for `images.import`: file, box, category, colour; of two with one box the first",
        ),
        Output::new("summary", "text/markdown", "objects by category, colour and split; sources, reasons, words"),
        Output::new("agreement", "text/markdown", "how far sources agree on objects of which both speak"),
        Output::new("agreement_data", "application/json", "the same as numbers"),
        Output::new("sheet", "image/png", "a contact sheet: objects of each colour, with words and source"),
    ]
}

fn parameters() -> [Parameter; 10] {
    [
        Parameter::list(
            "trust",
            ParameterType::String,
            "labels of `words` in falling trust; pixels are always trusted least. Not needed for a single table",
        )
        .default(serde_json::json!([])),
        Parameter::float("least_agreement", 0.0, 1.0, "share of people that have to give a question's main answer")
            .default(0.5),
        Parameter::choice(
            "missing_images",
            &["error", "skip"],
            "what photos do that are not there, cut short or of another size: stop the stage, or say nothing of their objects",
        )
        .default("error"),
        Parameter::float("box_centre", 0.05, 1.0, "share of each side of a box that counts where there is no outline")
            .default(0.5),
        Parameter::float(
            "outline_centre",
            0.05,
            1.0,
            "share of each side of a box in which the pixels of an outline count; 1 for the whole outline",
        )
        .default(1.0),
        Parameter::int("least_pixels", 1, 1_000_000, "objects with fewer pixels get no words from pixels")
            .unit("pixels")
            .default(24),
        Parameter::float("spread", 1.0, 200.0, "distance from the median within which a pixel has the same colour")
            .unit("ΔE76")
            .default(20.0),
        Parameter::float("least_share", 0.0, 1.0, "share of pixels that have to have the same colour").default(0.6),
        Parameter::float("max_distance", 0.0, 200.0, "distance of the median from a named colour beyond which it has no name")
            .unit("ΔE00")
            .default(15.0),
        Parameter::int("tiles", 1, 100, "objects of each colour on the contact sheet").default(12),
    ]
}

#[cfg(test)]
mod tests;
