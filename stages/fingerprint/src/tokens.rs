//! The tokens of one crate, without what cannot change its results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item, Meta};

use crate::FingerprintError;

/// Digest of a crate's code: the tokens of all modules reached from `src/lib.rs` and `src/main.rs`, the tokens of
/// `build.rs`, and the bytes of every other file under `src`, which `include_str!` and its like may read.
///
/// # Errors
/// When a file cannot be read, or is not Rust.
pub fn digest_crate(folder: &Path) -> Result<blake3::Hash, FingerprintError> {
    let mut files = BTreeMap::new();
    for root in ["src/lib.rs", "src/main.rs", "build.rs"] {
        let path = folder.join(root);
        if path.is_file() {
            add_module(&path, true, &mut files)?;
        }
    }
    add_data(&folder.join("src"), &mut files)?;
    let mut hasher = blake3::Hasher::new();
    for (path, content) in &files {
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        for part in [name.as_bytes(), content.as_slice()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Ok(hasher.finalize())
}

/// Adds the tokens of a file and of the modules that it declares. `owns_folder` tells whether its modules lie beside
/// it (`lib.rs`, `mod.rs`) or in a folder of its name.
fn add_module(path: &Path, owns_folder: bool, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<(), FingerprintError> {
    let text = fs_err::read_to_string(path)?;
    let mut file = syn::parse_file(&text).map_err(|error| FingerprintError::Syntax { file: path.to_owned(), error })?;
    Strip.visit_file_mut(&mut file);
    files.insert(path.to_owned(), file.to_token_stream().to_string().into_bytes());
    let parent = path.parent().unwrap_or(Path::new("."));
    let folder = if owns_folder { parent.to_owned() } else { path.with_extension("") };
    add_children(path, &folder, &file.items, files)
}

fn add_children(
    path: &Path,
    folder: &Path,
    items: &[Item],
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
) -> Result<(), FingerprintError> {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let name = module.ident.to_string();
        match &module.content {
            Some((_, inner)) => add_children(path, &folder.join(&name), inner, files)?,
            None => {
                let beside = path.parent().unwrap_or(Path::new("."));
                let named = path_attribute(&module.attrs).map(|p| beside.join(p));
                let flat = folder.join(format!("{name}.rs"));
                let nested = folder.join(&name).join("mod.rs");
                match named {
                    Some(file) => add_module(&file, true, files)?,
                    None if flat.is_file() => add_module(&flat, false, files)?,
                    None if nested.is_file() => add_module(&nested, true, files)?,
                    None => return Err(FingerprintError::NoModule { file: path.to_owned(), module: name }),
                }
            }
        }
    }
    Ok(())
}

fn add_data(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<(), FingerprintError> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_data(&path, files)?;
        } else if path.extension().is_none_or(|e| e != "rs") {
            files.insert(path.clone(), fs_err::read(&path)?);
        }
    }
    Ok(())
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Takes out documentation, lint levels, and everything that is compiled for tests only.
struct Strip;

impl VisitMut for Strip {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        const SILENT: [&str; 6] = ["doc", "allow", "expect", "warn", "deny", "forbid"];
        attributes.retain(|a| !SILENT.iter().any(|name| a.path().is_ident(name)));
        for attribute in attributes {
            self.visit_attribute_mut(attribute);
        }
    }

    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !item_attributes(item).iter().any(is_test_only));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !item_attributes(item).iter().any(is_test_only));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|inner| match inner {
            syn::ImplItem::Fn(function) => !function.attrs.iter().any(is_test_only),
            syn::ImplItem::Const(constant) => !constant.attrs.iter().any(is_test_only),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, item);
    }
}

fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, or `#[cfg(all(…))]` with `test` among the conditions.
fn is_test_only(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition))
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated)
            .is_ok_and(|conditions| conditions.iter().any(needs_test)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn digest(files: &[(&str, &str)]) -> blake3::Hash {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        digest_crate(folder.path()).unwrap()
    }

    #[test]
    fn comments_docs_layout_lints_and_tests_do_not_count() {
        let plain = digest(&[("src/lib.rs", "pub fn f(x: i32) -> i32 { x + 1 }")]);
        let dressed = digest(&[(
            "src/lib.rs",
            "//! Header.\n#![warn(missing_docs)]\n/// Doc.\npub fn f(x: i32)\n -> i32 {\n // why\n #[expect(lint)]\n x + 1 }\n\
             #[cfg(test)] mod tests { #[test] fn g() {} }\n#[cfg(all(test, unix))] fn h() {}\n#[cfg(test)] use a::b;",
        )]);
        let test_file = digest(&[
            ("src/lib.rs", "pub fn f(x: i32) -> i32 { x + 1 }\n#[cfg(test)] mod tests;"),
            ("src/tests.rs", "fn anything() {}"),
        ]);
        assert_eq!(plain, dressed);
        assert_eq!(plain, test_file);
    }

    #[test]
    fn code_in_any_reached_file_counts() {
        let of = |inner: &str, data: &str| {
            digest(&[
                ("src/lib.rs", "mod a; mod b { mod c; }"),
                ("src/a.rs", "mod d;"),
                ("src/a/d.rs", "pub const X: u8 = 1;"),
                ("src/b/c/mod.rs", inner),
                ("src/table.csv", data),
            ])
        };
        let base = of("fn f() -> u8 { 1 }", "1");
        assert_eq!(base, of("fn f() -> u8 { /* one */ 1 }", "1"));
        assert_ne!(base, of("fn f() -> u8 { 2 }", "1"));
        assert_ne!(base, of("fn f() -> u8 { 1 }", "2"));
    }

    #[test]
    fn a_missing_module_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("src")).unwrap();
        fs_err::write(folder.path().join("src/lib.rs"), "mod gone;").unwrap();
        assert!(digest_crate(folder.path()).unwrap_err().to_string().ends_with("no file for `mod gone`"));
    }
}
