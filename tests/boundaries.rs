//! Who may depend on whom: `cargo metadata` and the source against the table of the design.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What no machine-learning crate may name.
const FAR_FROM_ENGINE: &[&str] = &["nnf", "tokio", "object_store", "petgraph", "tracing-subscriber", "anyhow"];

/// For each package: the packages of the workspace that it may name, and outside packages that it must not name.
const RULES: &[(&str, &[&str], &[&str])] = &[
    ("nnf-contract", &[], FAR_FROM_ENGINE),
    ("nnf-fingerprint", &[], FAR_FROM_ENGINE),
    ("nnf", &["nnf-contract"], &["tch", "torch-sys", "polars"]),
    ("nnf-results", &["nnf-contract"], FAR_FROM_ENGINE),
    ("nnf-net", &["nnf-contract"], FAR_FROM_ENGINE),
    ("nnf-problem", &["nnf-contract", "nnf-results", "nnf-net"], FAR_FROM_ENGINE),
    ("nnf-supernet", &["nnf-net"], FAR_FROM_ENGINE),
    ("nnf-training", &["nnf-contract", "nnf-results", "nnf-net", "nnf-problem", "nnf-supernet"], FAR_FROM_ENGINE),
    ("nnf-evaluation", &["nnf-contract", "nnf-results", "nnf-net", "nnf-problem", "nnf-supernet"], FAR_FROM_ENGINE),
    ("nnf-export", &["nnf-contract", "nnf-net"], FAR_FROM_ENGINE),
    ("nnf-device", &["nnf-contract", "nnf-fingerprint", "nnf-results", "nnf-net"], FAR_FROM_ENGINE),
    (
        "nnf-baselines",
        &[
            "nnf-contract",
            "nnf-results",
            "nnf-net",
            "nnf-problem",
            "nnf-supernet",
            "nnf-training",
            "nnf-evaluation",
            "nnf-device",
        ],
        FAR_FROM_ENGINE,
    ),
    (
        "nnf-search",
        &["nnf-contract", "nnf-results", "nnf-net", "nnf-problem", "nnf-supernet", "nnf-evaluation", "nnf-device"],
        FAR_FROM_ENGINE,
    ),
    ("nnf-numvqa", &["nnf-contract", "nnf-results", "nnf-net", "nnf-problem"], FAR_FROM_ENGINE),
    (
        "nnf-numvqa-pretraining",
        &["nnf-contract", "nnf-results", "nnf-net", "nnf-numvqa", "nnf-training"],
        FAR_FROM_ENGINE,
    ),
    ("nnf-report", &["nnf-contract", "nnf-results"], FAR_FROM_ENGINE),
    (
        "nnf-data-prep",
        &["nnf-contract", "nnf-fingerprint"],
        &["nnf", "tch", "torch-sys", "tokio", "object_store", "petgraph"],
    ),
    ("nnf-test-s3", &[], &["nnf", "tch", "torch-sys", "polars"]),
    (
        "nnf-stages",
        &[
            "nnf-contract",
            "nnf-fingerprint",
            "nnf-net",
            "nnf-problem",
            "nnf-training",
            "nnf-evaluation",
            "nnf-export",
            "nnf-device",
            "nnf-baselines",
            "nnf-search",
            "nnf-numvqa",
            "nnf-numvqa-pretraining",
            "nnf-report",
        ],
        &["nnf", "tokio", "object_store", "petgraph"],
    ),
];

/// All that the documents' crate may name.
const CONTRACT_MAY_NAME: &[&str] = &["serde", "serde_json", "thiserror", "tracing"];

/// Outside packages with one place in the engine, and the files that are this place.
const ONE_PLACE: &[(&str, &str)] = &[
    ("petgraph", "src/graph"),
    ("object_store", "src/store/remote/objects"),
    ("tokio", "src/store/remote/objects"),
    ("serde_yaml", "src/yaml"),
    ("pulldown_cmark", "src/page"),
    ("parquet", "src/page"),
];

/// For each part of the engine: the other parts that it may name. Only `cli` may name all.
const PARTS: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("digest", &[]),
    ("gpus", &[]),
    ("lock_file", &[]),
    ("mutex", &[]),
    ("os_error", &[]),
    ("machine", &[]),
    ("shell", &[]),
    ("processes", &["os_error", "shell"]),
    ("record", &["digest"]),
    ("graph", &["diagnostic"]),
    ("yaml", &["diagnostic", "os_error"]),
    ("programs", &["diagnostic", "digest", "processes"]),
    ("key", &["digest", "graph", "record"]),
    ("why", &["key"]),
    ("executor", &["digest", "gpus", "graph", "lock_file", "machine", "mutex", "processes"]),
    ("pipeline", &["diagnostic", "digest", "gpus", "graph", "mutex", "programs", "shell", "yaml"]),
    ("store", &["digest", "key", "lock_file", "mutex", "processes", "record", "shell"]),
    ("plan", &["digest", "executor", "graph", "key", "programs", "record", "store", "why"]),
    ("run", &["digest", "executor", "graph", "pipeline", "plan", "programs", "record", "shell", "store", "why"]),
    ("reporter", &["run"]),
    ("page", &["digest", "executor", "graph", "key", "pipeline", "record", "reporter", "run", "shell", "store", "why"]),
];

/// For each part of the store, from the lowest to what its users have: the other parts that it may name.
const STORE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("apart", &[]),
    ("local", &["error"]),
    ("closure", &["error", "local"]),
    ("working", &["error", "local"]),
    ("remote", &["apart", "closure", "error", "local"]),
    ("tiers", &["error", "local", "remote", "working"]),
    ("content", &["closure", "error", "local", "tiers"]),
    ("whole", &["content", "error", "local"]),
    ("records", &["error", "local", "remote", "tiers"]),
    ("runs", &["error", "local", "tiers", "working"]),
    ("pipelines", &["error", "local", "tiers"]),
    ("owners", &["error", "local", "pipelines"]),
    ("up_to_date", &["local", "pipelines", "records"]),
    ("remote_tier", &["closure", "error", "local", "owners", "records", "remote", "tiers"]),
    ("maintenance", &["closure", "error", "local", "records", "remote", "tiers", "working"]),
    (
        "facade",
        &[
            "apart",
            "content",
            "error",
            "maintenance",
            "pipelines",
            "records",
            "remote",
            "remote_tier",
            "runs",
            "tiers",
            "working",
        ],
    ),
    ("compare", &["error", "facade", "local"]),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut command = std::process::Command::new(env!("CARGO"));
    let output = command.args(["metadata", "--no-deps", "--format-version", "1"]).output().expect("cargo metadata");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    // `kind` is null, or `build` or `dev`.
    let named = |package: &serde_json::Value| {
        list(&package["dependencies"]).iter().filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    list(&metadata["packages"]).iter().map(|package| (name(package), named(package))).collect()
}

#[test]
fn every_package_keeps_to_its_neighbours() {
    let all = dependencies();
    let ruled: BTreeSet<&str> = RULES.iter().map(|(package, ..)| *package).collect();
    assert_eq!(all.keys().map(String::as_str).collect::<BTreeSet<_>>(), ruled, "a rule for each package");
    for (package, may, must_not) in RULES {
        for name in &all[*package] {
            let inside = all.contains_key(name);
            assert!(!inside || may.contains(&name.as_str()), "`{package}` must not depend on `{name}`");
            assert!(!must_not.contains(&name.as_str()), "`{package}` must not depend on `{name}`");
        }
    }
    for name in &all["nnf-contract"] {
        assert!(CONTRACT_MAY_NAME.contains(&name.as_str()), "`nnf-contract` must not depend on `{name}`");
    }
}

#[test]
fn an_outside_package_has_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 10, "the engine's files were found");
    for file in files {
        let name = file.strip_prefix(root).expect("under the root").to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&file).expect("readable");
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (package, place) in ONE_PLACE {
            let uses = |line: &&str| line.contains(&format!("{package}::")) || line.contains(&format!("use {package}"));
            let used = code.iter().any(uses);
            assert!(!used || name.starts_with(place), "{name} uses {package}, which belongs into {place}");
        }
    }
}

#[test]
fn the_parts_of_the_engine_know_each_other_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let other = ["cli", "lib", "main"];
    keep_to(&root.join("src"), "crate::", PARTS, &other);
    keep_to(&root.join("src/store"), "crate::store::", STORE, &["mod", "tests"]);
    // Nobody stands lower than what stands below it.
    for table in [PARTS, STORE] {
        for (position, (part, may)) in table.iter().enumerate() {
            let lower: Vec<&str> = table[..position].iter().map(|(part, _)| *part).collect();
            assert!(may.iter().all(|name| lower.contains(name)), "`{part}` stands above all that it may name");
        }
    }
}

/// Holds each file below a folder against a table of the folder's parts: files, or folders of files.
fn keep_to(folder: &Path, prefix: &str, table: &[(&str, &[&str])], free: &[&str]) {
    let mut files = Vec::new();
    collect(folder, &mut files);
    for file in files {
        let name = file.strip_prefix(folder).expect("in the folder").to_string_lossy().replace('\\', "/");
        let me = name.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let Some((_, may)) = table.iter().find(|(part, _)| *part == me) else {
            assert!(free.contains(&me.as_str()), "{name} belongs to no part that the table names");
            continue;
        };
        if name.contains("/tests/") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("readable");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for after in lines.join("\n").split(prefix).skip(1) {
            for used in first_words(after) {
                let known = used != me && table.iter().any(|(part, _)| *part == used);
                assert!(!known || may.contains(&used), "{name} must not name `{prefix}{used}`");
            }
        }
    }
}

/// The word that a path goes on with, or the words if it goes on with several in braces.
fn first_words(path: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    match path.strip_prefix('{') {
        Some(group) => {
            let words = group.split(';').next().unwrap_or_default().split(',').map(str::trim_start);
            words.map(|text| &text[..word(text)]).collect()
        }
        None => vec![&path[..word(path)]],
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// The engine must start in milliseconds, so it links neither libtorch nor polars.
#[test]
#[cfg(target_os = "linux")]
fn the_engine_links_no_machine_learning() {
    let output = std::process::Command::new("ldd").arg(env!("CARGO_BIN_EXE_nnf")).output().expect("ldd runs");
    let libraries = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(libraries.contains("libc.so"), "ldd lists the libraries: {libraries}");
    for name in ["libtorch", "libc10", "polars", "libcuda", "libgomp"] {
        assert!(!libraries.contains(name), "nnf links {name}:\n{libraries}");
    }
}

/// `make demo` builds the programs alone, and `make test` all the rest. Were a package to have other features there, it and
/// all that stands on it would be compiled twice.
#[test]
fn programs_are_built_from_the_same_packages_as_tests() {
    let packages = |edges: &str| -> BTreeSet<String> {
        let mut command = std::process::Command::new(env!("CARGO"));
        command.args([
            "tree",
            "--offline",
            "--locked",
            "--workspace",
            "--prefix",
            "none",
            "-e",
            edges,
            "-f",
            "{p} {f}",
        ]);
        let output = command.output().expect("cargo tree");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
    };
    let (programs, tests) = (packages("normal,build"), packages("normal,build,dev"));
    assert!(programs.len() > 100, "packages were listed");
    let twice: Vec<&String> = programs.difference(&tests).collect();
    assert!(twice.is_empty(), "compiled twice: {twice:#?}\nname the features where programs are built too");
}
