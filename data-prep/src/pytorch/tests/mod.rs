//! Checkpoints that torch itself wrote, and damaged and hostile ones of our own.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nnf_contract::{Stage, Task};
use safetensors::SafeTensors;
use serde_json::{Value as Json, json};

mod faults;
mod write;

/// Files that `golden/make.py` made with torch 2.11, and what is in them.
const GOLDEN: [(&str, &[u8], &str); 5] = [
    ("views", include_bytes!("../golden/views.pt"), include_str!("../golden/views.json")),
    ("views-legacy", include_bytes!("../golden/views-legacy.pt"), include_str!("../golden/views-legacy.json")),
    ("types", include_bytes!("../golden/types.pt"), include_str!("../golden/types.json")),
    ("types-legacy", include_bytes!("../golden/types-legacy.pt"), include_str!("../golden/types-legacy.json")),
    ("training", include_bytes!("../golden/training.pt"), include_str!("../golden/training.json")),
];

/// A folder with a checkpoint, and parameters.
struct Try {
    folder: tempfile::TempDir,
    with: Json,
}

/// Type, shape and bytes of a tensor.
type Told = (String, Vec<usize>, Vec<u8>);

impl Try {
    fn new(checkpoint: &[u8]) -> Try {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("model.pt"), checkpoint).unwrap();
        Try { folder, with: json!({"entry": [], "strip": "", "unknown": "refuse", "most_gib": 1}) }
    }

    fn with(mut self, name: &str, value: Json) -> Try {
        self.with[name] = value;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> Result<(), String> {
        let task: Task = serde_json::from_value(json!({
            "version": 1, "kind": "weights.from_pytorch", "with": self.with,
            "in": {"checkpoint": {"one": self.path("model.pt")}},
            "out": {"weights": self.path("weights"), "summary": self.path("summary")},
            "events": self.path("events"), "scratch": self.folder.path(), "cpus": 1
        }))
        .unwrap();
        super::run(&Stage::new(task).unwrap()).map_err(|error| error.to_string())
    }

    fn tensors(&self) -> BTreeMap<String, Told> {
        self.run().unwrap();
        read(&self.path("weights"))
    }

    fn fault(&self) -> String {
        let error = self.run().unwrap_err();
        assert!(error.contains("model.pt: "), "{error}");
        error
    }

    fn text(&self, name: &str) -> String {
        fs_err::read_to_string(self.path(name)).unwrap()
    }
}

fn read(path: &Path) -> BTreeMap<String, Told> {
    let bytes = fs_err::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let told = |view: safetensors::tensor::TensorView<'_>| {
        (format!("{:?}", view.dtype()), view.shape().to_vec(), view.data().to_vec())
    };
    file.tensors().into_iter().map(|(name, view)| (name, told(view))).collect()
}

fn expected(text: &str) -> BTreeMap<String, Told> {
    let hex = |text: &str| {
        let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect::<Vec<u8>>()
    };
    let tensors: BTreeMap<String, Json> = serde_json::from_str(text).unwrap();
    let told = |tensor: &Json| {
        let shape = tensor["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize).collect();
        (tensor["dtype"].as_str().unwrap().to_owned(), shape, hex(tensor["bytes"].as_str().unwrap()))
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), told(tensor))).collect()
}

#[test]
fn what_torch_wrote_is_read_to_the_byte() {
    for (name, checkpoint, tensors) in &GOLDEN[..4] {
        let found = Try::new(checkpoint).tensors();
        let wanted = expected(tensors);
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{name}");
        for (tensor, told) in &wanted {
            assert_eq!(found[tensor], *told, "`{tensor}` of {name}");
        }
    }
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes() {
    let bytes = || {
        let one = Try::new(GOLDEN[0].1);
        one.run().unwrap();
        fs_err::read(one.path("weights")).unwrap()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn weights_are_taken_from_where_a_training_keeps_them() {
    let (_, training, tensors) = GOLDEN[4];
    let error = Try::new(training).fault();
    assert!(error.contains("the file has no tensors of its own; `entry: [model]` has 7"), "{error}");
    let error = Try::new(training).with("entry", json!(["state_dict"])).fault();
    assert!(error.contains("the file has no entry `state_dict`; there are `epoch` (the number 3), `best`"), "{error}");
    let error = Try::new(training).with("entry", json!(["epoch"])).fault();
    assert!(error.contains("the entry `epoch` is the number 3, not a dictionary of weights"), "{error}");
    let wrapped = Try::new(training).with("entry", json!(["model"]));
    assert!(wrapped.tensors().keys().all(|name| name.starts_with("module.")));
    assert!(wrapped.text("events").contains("`strip: module.` takes it off"));
    let plain = Try::new(training).with("entry", json!(["model"])).with("strip", json!("module."));
    assert_eq!(plain.tensors(), expected(tensors));
    assert!(plain.text("summary").contains("Of 7 names the beginning was taken off"), "{}", plain.text("summary"));
    let state = Try::new(training).with("entry", json!(["optimizer", "state", "0"]));
    assert_eq!(state.tensors().keys().collect::<Vec<_>>(), ["exp_avg", "exp_avg_sq", "step"]);
}

#[test]
fn tensors_that_are_one_are_written_for_each_name_and_told() {
    let one = Try::new(GOLDEN[0].1);
    one.run().unwrap();
    let summary = one.text("summary");
    assert!(summary.contains("- `tied`, `whole`\n"), "{summary}");
    assert!(summary.contains("| `transposed` | F32 | [6, 4] |"), "{summary}");
}
