//! Folders of photos as people have them, made by hand.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use nnf_contract::Task;
use polars::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A folder of photos, a table and parameters.
struct Try {
    folder: tempfile::TempDir,
    with: Value,
}

impl Try {
    fn new(table: impl AsRef<[u8]>) -> Try {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("photos")).unwrap();
        fs_err::write(folder.path().join("table.csv"), table).unwrap();
        let mut with = json!({});
        for parameter in parameters() {
            with[&parameter.name] = parameter.default.unwrap();
        }
        with["size"] = json!(16);
        with["validation_share"] = json!(0.0);
        with["test_share"] = json!(0.0);
        Try { folder, with }
    }

    fn with(mut self, name: &str, value: Value) -> Try {
        self.with[name] = value;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a photo lies; folders around it are made.
    fn photo(&self, name: &str) -> PathBuf {
        let path = self.path("photos").join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Photos of one colour each, which follows from the name.
    fn photos(self, names: &[&str]) -> Try {
        for name in names {
            let sum = name.bytes().fold(7_u32, |all, byte| all.wrapping_mul(31).wrapping_add(u32::from(byte)));
            let [red, green, blue, _] = sum.to_le_bytes();
            save(&self.photo(name), &RgbImage::from_pixel(24, 20, Rgb([red | 1, green & 0xfe, blue])));
        }
        self
    }

    fn run(&self) -> Result<(), String> {
        let task: Task = serde_json::from_value(json!({
            "version": 1, "kind": "images.import", "with": self.with,
            "in": {"photos": {"one": self.path("photos")}, "table": {"one": self.path("table.csv")}},
            "out": {"images": self.path("images"), "table": self.path("out"), "summary": self.path("summary"),
                    "sheet": self.path("sheet")},
            "events": self.path("events"), "scratch": self.folder.path(), "cpus": 1
        }))
        .unwrap();
        run(&Stage::new(task).unwrap()).map_err(|error| error.to_string())
    }

    fn fault(&self) -> String {
        self.run().unwrap_err()
    }

    fn done(self) -> Try {
        self.run().unwrap();
        self
    }

    fn summary(&self) -> String {
        fs_err::read_to_string(self.path("summary")).unwrap()
    }

    fn column(&self, name: &str) -> Vec<String> {
        let file = fs_err::File::open(self.path("out")).unwrap().into_file();
        let frame = ParquetReader::new(file).finish().unwrap();
        let column = frame.column(name).unwrap().cast(&DataType::String).unwrap();
        column.str().unwrap().iter().map(|value| value.unwrap().to_owned()).collect()
    }

    /// The colour in the middle of a packed photo.
    fn middle(&self, row: usize) -> [u8; 3] {
        let bytes = fs_err::read(self.path("images")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let images = file.tensor("images").unwrap();
        assert_eq!(images.shape()[1..], [16, 16, 3]);
        let at = ((row * 16 + 8) * 16 + 8) * 3;
        images.data()[at..at + 3].try_into().unwrap()
    }
}

fn save(path: &Path, picture: &RgbImage) {
    if path.extension().is_some_and(|ending| ending == "png") {
        picture.save(path).unwrap();
    } else {
        let (width, height) = (picture.width() as u16, picture.height() as u16);
        let encoder = jpeg_encoder::Encoder::new_file(path, 95).unwrap();
        encoder.encode(picture.as_raw(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    }
}

#[test]
fn photos_are_packed_with_what_the_table_says() {
    let table = "file,class,colour,split,group\nb.png,car,red;white,test,\na.jpg,\"garbage, truck\",,train,g\n";
    let one = Try::new(table).photos(&["a.jpg", "b.png", "notes.txt.png.bak"]).done();
    assert_eq!(one.column("file"), ["a.jpg", "b.png"]);
    assert_eq!(one.column("photo"), ["0", "1"]);
    assert_eq!(one.column("split"), ["train", "test"]);
    assert_eq!(one.column("group"), ["g", ""]);
    assert_eq!(one.column("attribute.class"), ["garbage, truck", "car"]);
    assert_eq!(one.column("attribute.colour"), ["", "red;white"]);
    assert_eq!(one.column("width"), ["24", "24"]);
    let original = image::open(one.path("photos/b.png")).unwrap().into_rgb8();
    assert_eq!(one.middle(1), original.get_pixel(12, 10).0);
    assert!(one.summary().contains("| colour | white | 0 | 0 | 1 |"), "{}", one.summary());
}

#[test]
fn rows_may_name_folders_and_the_nearest_counts() {
    let table = "file,class\n.,thing\ndogs,dog\ndogs/small/,puppy\ndogs/small/cat.png,cat\n";
    let names = ["car.png", "dogs/rex.PNG", "dogs/small/a.png", "dogs/small/deep/b.png", "dogs/small/cat.png"];
    let one = Try::new(table).photos(&names).done();
    assert_eq!(
        one.column("file"),
        ["car.png", "dogs/rex.PNG", "dogs/small/a.png", "dogs/small/cat.png", "dogs/small/deep/b.png"]
    );
    assert_eq!(one.column("attribute.class"), ["thing", "dog", "puppy", "cat", "puppy"]);
}

#[test]
fn neither_the_order_of_rows_nor_the_number_of_threads_matters() {
    let names: Vec<String> = (0..40).map(|number| format!("{number}.png")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let table = |names: &mut dyn Iterator<Item = &&str>| {
        names.fold("file,class\n".to_owned(), |all, name| format!("{all}{name},{}\n", name.len()))
    };
    let outputs = |table: String, threads: usize| {
        let one = Try::new(table).photos(&names).with("test_share", json!(0.3));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| one.run().unwrap());
        ["images", "out", "summary", "sheet"].map(|name| fs_err::read(one.path(name)).unwrap())
    };
    assert!(outputs(table(&mut names.iter()), 1) == outputs(table(&mut names.iter().rev()), 3));
}

#[test]
fn exif_greyscale_transparency_depth_and_inks() {
    let one = Try::new("file,class\n.,a\n");
    // Red at the left of a photo that was held sideways: red is at the top when it is shown.
    let halves = RgbImage::from_fn(40, 20, |x, _| Rgb(if x < 20 { [208, 32, 32] } else { [250; 3] }));
    let exif = [&b"II*\0\x08\0\0\0\x01\0"[..], &[0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0], &[0; 4]].concat();
    let mut turned = jpeg_encoder::Encoder::new_file(one.photo("1-turned.jpg"), 95).unwrap();
    turned.add_exif_metadata(&exif).unwrap();
    turned.encode(halves.as_raw(), 40, 20, jpeg_encoder::ColorType::Rgb).unwrap();
    let grey = jpeg_encoder::Encoder::new_file(one.photo("2-grey.jpg"), 95).unwrap();
    grey.encode(&[90; 400], 20, 20, jpeg_encoder::ColorType::Luma).unwrap();
    let png = |name: &str, bytes: &[u8], colour: ExtendedColorType| {
        let file = fs_err::File::create(one.photo(name)).unwrap();
        PngEncoder::new(file).write_image(bytes, 20, 20, colour).unwrap();
    };
    png("3-alpha.png", &[200, 0, 0, 128].repeat(400), ExtendedColorType::Rgba8);
    let deep: Vec<u8> = [10_000_u16, 20_000, 60_000].iter().flat_map(|n| n.to_ne_bytes()).collect();
    png("4-deep.png", &deep.repeat(400), ExtendedColorType::Rgb16);
    let inks = jpeg_encoder::Encoder::new_file(one.photo("5-inks.jpg"), 95).unwrap();
    inks.encode(&[0, 255, 255, 0].repeat(400), 20, 20, jpeg_encoder::ColorType::Cmyk).unwrap();
    let one = one.done();
    assert_eq!((one.column("width")[0].as_str(), one.column("height")[0].as_str()), ("20", "40"));
    let summary = one.summary();
    for said in [
        "Turned upright, as EXIF says: 1\n\n- `1-turned.jpg`",
        "- `2-grey.jpg`",
        "Put on white, since one could see through them: 1\n\n- `3-alpha.png`",
        "Of 16 bits a colour, now of 8: 1\n\n- `4-deep.png`",
        "Of inks (CMYK), turned into colours without their profile: 1\n\n- `5-inks.jpg`",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
    assert_eq!(one.middle(1), [90; 3]);
    assert_eq!(one.middle(2), [227, 127, 127]);
    let near = |found: [u8; 3], wanted: [u8; 3]| found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 6);
    assert!(near(one.middle(3), [39, 78, 233]), "{:?}", one.middle(3));
    assert!(near(one.middle(4), [255, 0, 0]), "magenta and yellow are red: {:?}", one.middle(4));
}

#[test]
fn what_cannot_be_used_is_named_and_limited() {
    let names = ["a.png", "b.png", "c.png", "d.png"];
    let make = || {
        let one = Try::new("file,class\n.,a\nmissing.png,b\nd.PNG,c\n").photos(&names);
        save(&one.photo("cut.jpg"), &RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8, y as u8, 9])));
        let bytes = fs_err::read(one.photo("cut.jpg")).unwrap();
        fs_err::write(one.photo("cut.jpg"), &bytes[..bytes.len() / 2]).unwrap();
        fs_err::write(one.photo("empty.jpg"), "").unwrap();
        fs_err::write(one.photo("phone.jpg"), b"\0\0\0\x18ftypheic\0\0\0\0").unwrap();
        fs_err::write(one.photo("page.png"), "<html>").unwrap();
        one
    };
    let error = make().fault();
    assert!(error.contains(
        "2 of 10 photos, or more, cannot be used, and 0 may be; `missing.png`: there is no such file (line 3)"
    ));
    assert!(
        error.contains("`d.PNG`: there is no such file, but `d.png` (line 4)") && error.contains("`max_unusable`"),
        "{error}"
    );
    assert!(make().with("max_unusable", json!(0.5)).fault().contains("6 of 10 photos, or more"));
    let one = make().with("max_unusable", json!(0.6)).done();
    assert_eq!(one.column("file"), names);
    let summary = one.summary();
    for said in [
        "cannot be used: 6\n",
        "- `cut.jpg`: ",
        "- `empty.jpg`: it is empty",
        "`phone.jpg`: neither JPEG nor PNG, but HEIC",
        "`page.png`: neither JPEG nor PNG, but text",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
}

#[test]
fn doubles_are_packed_once_and_contradictions_never() {
    let table = "file,class\na.png,x\nb.png,x\nc.png,x\nd.png,y\ne.png,x\n";
    let one = Try::new(table).photos(&["a.png", "e.png"]).with("max_unusable", json!(0.5));
    fs_err::copy(one.photo("a.png"), one.photo("b.png")).unwrap();
    fs_err::copy(one.photo("a.png"), one.photo("d.png")).unwrap();
    let pixels = image::open(one.photo("a.png")).unwrap().into_rgb8();
    let mut other = PngEncoder::new(fs_err::File::create(one.photo("c.png")).unwrap());
    other.set_exif_metadata(vec![0; 8]).unwrap();
    other.write_image(pixels.as_raw(), 24, 20, ExtendedColorType::Rgb8).unwrap();
    let one = one.done();
    assert_eq!(one.column("file"), ["a.png", "e.png"]);
    let summary = one.summary();
    for said in [
        "- `b.png`: the same bytes as `a.png`\n",
        "- `c.png`: the same pixels as `a.png`\n",
        "- `d.png`: it is the same photo as `a.png`, with other attributes",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
}

#[cfg(unix)]
#[test]
fn links_hidden_files_and_photos_without_a_row() {
    use std::os::unix::fs::symlink;
    let one = Try::new("file,class\nin,a\nout.png,a\n").photos(&["in/a.png", "b.png", "in/.hidden.png"]);
    save(&one.path("secret.png"), &RgbImage::new(20, 20));
    symlink(one.path("secret.png"), one.photo("out.png")).unwrap();
    symlink(one.photo("b.png"), one.photo("in/link.png")).unwrap();
    symlink(one.path("photos"), one.photo("in/round")).unwrap();
    symlink("nowhere", one.photo("in/broken.png")).unwrap();
    let one = one.with("max_unusable", json!(0.5)).done();
    assert_eq!(one.column("file"), ["in/a.png", "in/link.png"]);
    let summary = one.summary();
    for said in [
        "- `out.png`: it is a link that leads out of the folder (line 3)",
        "- `in/broken.png`: it is a link to nothing",
        "since no row speaks of them: 1\n\n- `b.png`",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
}

#[test]
fn parts_of_a_photo_are_cut_out_and_stay_together() {
    let table = "file,class,box\na.png,red,0 0 20 30\na.png,blue,20 -4 50 60.4\na.png,dot,3 3 2 2\nb.png,all,\n";
    let one = Try::new(table).with("least_side", json!(8)).with("test_share", json!(0.5)).with("seed", json!(3));
    let halves =
        |left: [u8; 3], right: [u8; 3]| RgbImage::from_fn(40, 30, |x, _| Rgb(if x < 20 { left } else { right }));
    save(&one.photo("a.png"), &halves([200, 0, 0], [0, 0, 200]));
    save(&one.photo("b.png"), &halves([9; 3], [99; 3]));
    let one = one.done();
    assert_eq!(one.column("attribute.class"), ["red", "blue", "all"]);
    assert_eq!(one.column("box"), ["0 0 20 30", "20 -4 50 60.4", ""]);
    assert_eq!(one.column("width"), ["20", "20", "40"]);
    assert_eq!((one.middle(0), one.middle(1)), ([200, 0, 0], [0, 0, 200]));
    let splits = one.column("split");
    assert!(splits[0] == splits[1] && splits[0] != splits[2], "{splits:?}");
    assert!(one.summary().contains("too small: 1\n\n- `a.png (3 3 2 2)`: 2×2 pixels"), "{}", one.summary());
    for (row, said) in [
        ("a.png,x,1 2 3", "line 2: `1 2 3` is no box"),
        ("a.png,x,0 0 0 5", "is no box"),
        ("a.png,x,0 0 NaN 5", "is no box"),
        ("a.png,x,50 0 5 5", "`a.png (50 0 5 5)`: its box lies outside of its 24×20 pixels"),
        ("a.png,x,0 0 9 9\na.png,x,0 0 9 9.0", "line 3: `a.png` stands in line 2 too"),
    ] {
        let error = Try::new(format!("file,class,box\n{row}\n")).photos(&["a.png"]).fault();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn tables_that_are_wrong() {
    for (table, said) in [
        ("file,class\n../a.png,x\n", "line 2: the path `../a.png` leads out of the folder by `..`"),
        ("file,class\na/../../b.png,x\n", "leads out of the folder"),
        ("file,class\n..\\a.png,x\n", "leads out of the folder"),
        ("file,class\n/etc/passwd,x\n", "line 2: the path `/etc/passwd` is absolute"),
        ("file,class\nC:\\a.png,x\n", "is absolute"),
        ("file,class\nhttps://a/b.png,x\n", "is an address"),
        ("file,class\na.png,x\n,y\n", "line 3: the path `` is empty"),
        ("file,class\na.png,x\n./a.png,x\n", "line 3: `./a.png` stands in line 2 too"),
        ("file,class\n", "it has no rows"),
        ("file\na.png\n", "it has no column of an attribute"),
        ("file,\na.png,x\n", "a column has no name"),
        ("name,class\na.png,x\n", "no column `file`; there are `name`, `class`"),
        ("file;class\na.png;x\n", "cells are separated by commas"),
        ("file,class\na.png,x,y\n", "line 2 has 3 cells, and the header has 2"),
        ("file,class\na.png,\"x\n", "line 2 begins a quotation that never ends"),
        ("file,class\na.png,x \"y\"\n", "line 2 has a quotation mark within the cell"),
        ("file,class\na.png,\"x\ny\"\n", "has a control character"),
        ("file,class\na.png,\"x\"\"y\"\n", "has a quotation mark"),
        (
            "file,class,split\na.png,x,val\n",
            "line 2: the split `val` is none of `train`, `validation` and `test`; write `validation`",
        ),
        (
            "file,class,split,group\na.png,x,train,g\nb.png,x,test,g\n",
            "group `g` is in two splits, train (line 2) and test (line 3)",
        ),
        ("file,class,split\n.,x,test\n", "none of 2 photos is in the split `train`"),
        ("file,class\nc.png,x\n", "line 2, names `c.png`: there is no such file"),
        ("file,class\nempty,x\n", "line 2, names `empty`: there is no photo in this folder"),
        ("file,class\nB.png,x\n", "there is no such file, but `b.png`"),
    ] {
        let one = Try::new(table).photos(&["a.png", "b.png"]);
        fs_err::create_dir(one.photo("empty")).unwrap();
        let error = one.fault();
        assert!(error.contains(said), "{table:?}: {error}");
    }
    let error = Try::new(b"file,class\na.png,caf\xe9\n").photos(&["a.png"]).fault();
    assert!(error.contains("line 2 is no UTF-8; save it as UTF-8"), "{error}");
    let one = Try::new("\u{feff}file,class\r\n\r\na.png, x \r\n,\r\n").photos(&["a.png"]).done();
    assert_eq!(one.column("attribute.class"), ["x"]);
    let error = Try::new("file,class\na.png,x\n").with("group", json!("person")).photos(&["a.png"]).fault();
    assert!(error.contains("no column `person`; there are `file`, `class`"), "{error}");
    let error = Try::new("file,class\na.png,x\n").with("attributes", json!(["file"])).photos(&["a.png"]).fault();
    assert!(error.contains("`attributes` names `file`, which is the column of files"), "{error}");
    let error =
        Try::new("file,class\na.png,x\n").with("validation_share", json!(0.5)).with("test_share", json!(0.5)).fault();
    assert!(error.contains("leave nothing to train on"), "{error}");
}

#[test]
fn a_picture_that_would_fill_the_memory_is_not_decoded() {
    // A PNG that says that it has 60,000 by 60,000 pixels, and has none.
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0".to_vec();
    let mut crc = flate2::Crc::new();
    crc.update(&header[12..]);
    header.extend(crc.sum().to_be_bytes());
    header.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let error = crate::decode::decode(&header).err().unwrap().to_string();
    assert_eq!(error, "60000×60000 pixels are more than 150000000: make it smaller");
}

/// The table that `pipelines/photos.yaml` ships with; and that it fits the photos, where they are. They are not decoded.
#[test]
#[expect(clippy::print_stderr, reason = "says that it was skipped")]
fn the_table_of_twenty_classes_fits_its_photos_if_they_are_here() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let columns =
        Columns { file: "file", split: "split", group: "group", part: "box", attributes: &[], separator: ";" };
    let manifest = Manifest::read(&project.join("pipelines/photos/imagenet20.csv"), &columns).unwrap();
    assert_eq!(manifest.attributes, ["class", "realm", "kind", "breed", "coat", "size", "place"]);
    assert_eq!(manifest.rows.len(), 60);
    let folder = project.join("../shared/data/imagenet20");
    if !folder.is_dir() {
        eprintln!("skipped: no photos in {}", folder.display());
        return;
    }
    let selection = select::select(&manifest, &folder::list(&folder).unwrap()).unwrap();
    assert!(selection.missing.is_empty() && selection.without_row.is_empty() && selection.unreadable.is_empty());
    let shares = Shares { validation: 0.0, test: 0.0, seed: 1 };
    let splits = assign(&members(&manifest, &selection), shares).unwrap();
    let count = |wanted| splits.iter().filter(|split| **split == wanted).count();
    assert_eq!(Split::ALL.map(count), [6000, 1000, 1000]);
}
