//! Files of the engine import each other one way: none is in a circle.
//!
//! A file imports another one when it names something that is defined there, also through a re-export. Modules that a
//! file declares are no import, so a table of contents is free of circles while it defines nothing. Code for tests alone
//! is not looked at.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

#[test]
fn no_files_of_the_engine_import_each_other_in_a_circle() {
    let found = circles(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    assert_eq!(found, Vec::<Vec<String>>::new());
}

#[test]
fn no_files_of_the_command_line_import_each_other_in_a_circle() {
    let found = circles(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs"));
    assert_eq!(found, Vec::<Vec<String>>::new());
}

#[test]
fn a_circle_is_found_through_re_exports_modules_and_full_paths() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a; mod b; mod c; mod d;");
    write("a/mod.rs", "mod one; mod two; pub use one::One;");
    write("a/one.rs", "pub struct One; pub fn f() -> crate::b::B { todo!() }");
    write("a/two.rs", "use super::One; pub(in crate::a) struct Two(One);");
    write("b.rs", "use crate::a::{One}; /* crate::c::x */ pub struct B(One, &'static str); const Q: char = '\"';");
    write("c.rs", "use crate::d; pub fn f() { d::g() }");
    write("d.rs", "#[cfg(test)] mod tests { use crate::c::f; } pub fn g() { r#\"crate::c::f\"#; }");
    assert_eq!(circles(&folder.path().join("lib.rs")), [["a/one.rs", "b.rs"]]);
    write("d.rs", "mod here { use super::{g}; pub fn c() { super::f() } } pub fn f() {} pub fn g() {}");
    write("c.rs", "use crate::d; mod here { use super::super::d::g; } pub fn f() { d::g() }");
    assert_eq!(circles(&folder.path().join("lib.rs")), [["a/one.rs", "b.rs"]], "within a file");
    write("d.rs", "pub fn g() { super::c::f() }");
    assert_eq!(circles(&folder.path().join("lib.rs")), [["a/one.rs", "b.rs"], ["c.rs", "d.rs"]]);
}

/// The circles among files, each sorted, by names from `src`.
fn circles(root: &Path) -> Vec<Vec<String>> {
    let modules = Modules::of(root);
    assert!(modules.files.len() > 1, "the files were found");
    let imports = modules.imports();
    let mut graph = DiGraph::<&Path, ()>::new();
    let files: BTreeSet<&Path> = imports.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let node: BTreeMap<&Path, _> = files.iter().map(|file| (*file, graph.add_node(file))).collect();
    for (from, to) in &imports {
        graph.add_edge(node[from], node[to], ());
    }
    let folder = root.parent().unwrap();
    let name = |node| Path::strip_prefix(graph[node], folder).unwrap().to_string_lossy().into_owned();
    let circles = tarjan_scc(&graph).into_iter().filter(|part| part.len() > 1);
    let mut circles: Vec<Vec<String>> = circles.map(|part| part.into_iter().map(name).collect()).collect();
    circles.iter_mut().for_each(|circle| circle.sort());
    circles.sort();
    circles
}

/// A path of modules from the root of the crate.
type Names = Vec<String>;

/// All modules of a crate that lie in files of their own.
#[derive(Default)]
struct Modules {
    files: BTreeMap<Names, Module>,
}

/// What a file brings into scope, declares and names.
#[derive(Default)]
struct Module {
    file: PathBuf,
    /// What each name that is brought into scope stands for.
    brought: BTreeMap<String, Names>,
    /// All paths of its code, as written.
    named: BTreeSet<Names>,
    /// Modules in files of their own.
    declared: Vec<String>,
}

impl Modules {
    /// The modules of a crate by its root file.
    fn of(root: &Path) -> Self {
        let mut modules = Modules::default();
        modules.add(root, Vec::new(), root.parent().unwrap());
        modules
    }

    /// Adds a file and the modules that it declares, which lie in `below`.
    fn add(&mut self, file: &Path, here: Names, below: &Path) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        Reader {
            words: words(&std::fs::read_to_string(file).unwrap()),
            at: 0,
            module: &mut module,
            braces: 0,
            inner: Vec::new(),
        }
        .read();
        for name in module.declared.clone() {
            let (flat, folder) = (below.join(format!("{name}.rs")), below.join(&name));
            let file = if flat.is_file() { flat } else { folder.join("mod.rs") };
            self.add(&file, [here.clone(), vec![name]].concat(), &folder);
        }
        self.files.insert(here, module);
    }

    /// The file in which what a path names is defined. None for what is not of this crate.
    fn definition(&self, here: &Names, path: &[String], depth: usize) -> Option<&Path> {
        let (first, rest) = path.split_first()?;
        let (mut at, mut rest): (Names, Names) = match first.as_str() {
            "crate" => (Vec::new(), rest.to_vec()),
            "self" => (here.clone(), rest.to_vec()),
            "super" => (here[..here.len().checked_sub(1)?].to_vec(), rest.to_vec()),
            // A name in scope, or a module that this one declares.
            name => match self.files[here].brought.get(name) {
                Some(full) if depth < 16 => return self.definition(here, &[full, rest].concat(), depth + 1),
                _ if self.files.contains_key(&[here.clone(), vec![first.clone()]].concat()) => {
                    (here.clone(), path.to_vec())
                }
                _ => return None,
            },
        };
        while let Some(name) = rest.first().cloned() {
            if name == "super" {
                at.pop();
            } else if self.files.contains_key(&[at.clone(), vec![name.clone()]].concat()) {
                at.push(name);
            } else {
                let module = &self.files[&at];
                return match module.brought.get(&name) {
                    Some(full) if depth < 16 => self.definition(&at, &[full, &rest[1..]].concat(), depth + 1),
                    _ => Some(&module.file),
                };
            }
            rest.remove(0);
        }
        Some(&self.files[&at].file)
    }

    /// Pairs of files of which the first names something of the second.
    fn imports(&self) -> BTreeSet<(&Path, &Path)> {
        let mut imports = BTreeSet::new();
        for (here, module) in &self.files {
            let paths = module.brought.values().chain(&module.named);
            let used = paths.filter_map(|path| self.definition(here, path, 0));
            imports.extend(used.filter(|file| *file != module.file).map(|file| (module.file.as_path(), file)));
        }
        imports
    }
}

/// Reads the words of a file.
struct Reader<'a> {
    words: Vec<String>,
    at: usize,
    module: &'a mut Module,
    /// How many braces are open, and at how many each module began that stands within the file.
    braces: usize,
    inner: Vec<usize>,
}

impl Reader<'_> {
    fn read(mut self) {
        while self.at < self.words.len() {
            match self.word(0) {
                "#" if self.words[self.at..].iter().take(6).eq(["#", "[", "cfg", "(", "test", ")"]) => self.skip_item(),
                // `pub(in crate::store)` imports nothing.
                "pub" if self.word(1) == "(" => self.skip_brackets(1),
                "mod" if self.word(2) == ";" => {
                    self.module.declared.push(self.word(1).to_owned());
                    self.at += 3;
                }
                "use" => {
                    self.at += 1;
                    self.tree(Vec::new());
                }
                "mod" if self.word(2) == "{" => {
                    self.inner.push(self.braces);
                    self.braces += 1;
                    self.at += 3;
                }
                word if is_name(word) => self.path(),
                sign => {
                    match sign {
                        "{" => self.braces += 1,
                        "}" => self.braces = self.braces.saturating_sub(1),
                        _ => {}
                    }
                    if self.inner.last().is_some_and(|began| self.braces <= *began) {
                        self.inner.pop();
                    }
                    self.at += 1;
                }
            }
        }
    }

    /// A path as the file itself would have it: above a module that stands within the file is the file.
    fn of_file(&self, mut path: Names) -> Names {
        let above = path.iter().take_while(|name| *name == "super").count().min(self.inner.len());
        if above > 0 {
            path.splice(..above, ["self".to_owned()]);
        }
        path
    }

    fn word(&self, ahead: usize) -> &str {
        self.words.get(self.at + ahead).map_or("", String::as_str)
    }

    /// Goes behind a pair of brackets and all that is in it.
    fn skip_brackets(&mut self, ahead: usize) {
        self.at += ahead;
        let mut depth = 0;
        while self.at < self.words.len() {
            match self.word(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes behind an item, and the attributes that it has.
    fn skip_item(&mut self) {
        let imports = |reader: &Self| reader.word(0) == "use";
        let mut is_import = false;
        while self.at < self.words.len() {
            is_import |= imports(self);
            match self.word(0) {
                ";" => return self.at += 1,
                "{" if !is_import => return self.skip_brackets(0),
                "(" | "[" | "{" => self.skip_brackets(0),
                _ => self.at += 1,
            }
        }
    }

    /// A path of at least two names.
    fn path(&mut self) {
        let mut path = vec![self.word(0).to_owned()];
        self.at += 1;
        while self.word(0) == "::" && is_name(self.word(1)) {
            path.push(self.word(1).to_owned());
            self.at += 2;
        }
        if path.len() > 1 {
            let path = self.of_file(path);
            self.module.named.insert(path);
        }
    }

    /// A tree of `use`.
    fn tree(&mut self, mut before: Names) {
        while is_name(self.word(0)) && self.word(1) == "::" {
            before.push(self.word(0).to_owned());
            self.at += 2;
        }
        match self.word(0) {
            "{" => {
                self.at += 1;
                while !matches!(self.word(0), "}" | "") {
                    self.tree(before.clone());
                    if self.word(0) == "," {
                        self.at += 1;
                    }
                }
                self.at += 1;
            }
            "*" => {
                let before = self.of_file(before);
                self.module.named.insert(before);
                self.at += 1;
            }
            _ => {
                let name = self.word(0).to_owned();
                let known_as = if self.word(1) == "as" { self.word(2).to_owned() } else { name.clone() };
                self.at += if self.word(1) == "as" { 3 } else { 1 };
                self.bring(&name, known_as, before);
            }
        }
    }

    fn bring(&mut self, name: &str, known_as: String, mut path: Names) {
        let known_as = if known_as == "self" { path.last().cloned().unwrap() } else { known_as };
        if name != "self" {
            path.push(name.to_owned());
        }
        // An outside crate by itself is no path of this one.
        if path.len() > 1 || path[0] != known_as {
            let path = self.of_file(path);
            self.module.named.insert(path.clone());
            self.module.brought.insert(known_as, path);
        }
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The names and signs of a file, without comments, texts, characters and lifetimes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let is_raw =
            matches!(&rest[..name], "r" | "br" | "cr") && rest[name..].trim_start_matches('#').starts_with('"');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if is_raw {
            let marks = rest[name..].find('"').unwrap();
            let end = format!("\"{}", "#".repeat(marks));
            let begin = name + marks + 1;
            rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
        } else if first == '"' {
            ended(rest, '"')
        } else if first == '\'' {
            // A character ends with a quote; a lifetime does not.
            let mut inside = rest[1..].chars();
            let is_character = matches!((inside.next(), inside.next()), (Some('\\'), _) | (_, Some('\'')));
            if is_character {
                ended(rest, '\'')
            } else {
                1 + rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0)
            }
        } else if name > 0 {
            words.push(rest[..name].to_owned());
            name
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                words.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    words
}

/// The length of a text or a character, its quotes included.
fn ended(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}
