//! From what a person typed to the URL of a store, or what is wrong with it and how it is written.
//!
//! A URL library takes much that nobody means: it drops spaces, and reads `file:x` as `/x`. Such text is refused.

use object_store::ObjectStoreScheme;
use object_store::path::Path as Name;
use url::Url;

use super::wording::names_a_container;

/// What each kind of store looks like.
const FORMS: &str = "`s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `file:///folder`";

/// A URL, which service it means, and the place in it.
pub(super) type Address = (Url, ObjectStoreScheme, Name);

/// Reads a URL. The error is in words, and may hold secrets still.
pub(super) fn read(text: &str) -> Result<Address, String> {
    if text.trim().is_empty() {
        return Err(format!("it is empty: give {FORMS}, or no store at all"));
    }
    if text.trim() != text || text.contains(char::is_control) {
        return Err("a space or a line's end stands before, behind or in it, which no URL has".into());
    }
    refuse_paths(text)?;
    let url = Url::parse(text).map_err(|error| format!("it is no URL ({error}): a store is {FORMS}"))?;
    refuse_secrets(&url)?;
    refuse_lacking_host(&url)?;
    let (scheme, path) = ObjectStoreScheme::parse(&url).map_err(|error| unknown(&url, &error))?;
    if scheme == ObjectStoreScheme::Http {
        return Err(
            "no service is known at this address; one that speaks S3 is `s3://bucket/prefix`, and its address goes \
             into the variable AWS_ENDPOINT"
                .into(),
        );
    }
    Ok((url, scheme, path))
}

/// Folders that are written as paths, or as URLs that mean another one.
fn refuse_paths(text: &str) -> Result<(), String> {
    let place = |path: &str| match Url::from_file_path(path) {
        Ok(url) => format!("`{url}`"),
        Err(()) => "`file:///folder`".to_owned(),
    };
    if text.starts_with('/') {
        return Err(format!("a folder is written as a URL: {}", place(text)));
    }
    let after = text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:")).and_then(|_| text.get(5..));
    if let Some(after) = after {
        let full = match after.strip_prefix("//") {
            Some(after) => after.starts_with('/') || after.starts_with("localhost/"),
            None => after.starts_with('/'),
        };
        if !full {
            return Err(
                "behind `file://` comes the full path of a folder, which begins with `/`: `file:///folder`".into()
            );
        }
        if after.contains(['?', '#']) {
            return Err("in a URL `?` is written `%3F`, and `#` is written `%23`".into());
        }
        return Ok(());
    }
    // One letter before the colon is a drive of Windows.
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| scheme.len() > 1);
    if scheme.is_none() || text.starts_with(['.', '~']) {
        return Err(format!(
            "it is no URL: a store is {FORMS}; a folder of this machine is given by its full path, from `/` on"
        ));
    }
    Ok(())
}

/// What stands in a pipeline is read by everybody, so credentials are taken from the environment alone.
fn refuse_secrets(url: &Url) -> Result<(), String> {
    let user = !url.username().is_empty() && !names_a_container(url);
    if user || url.password().is_some() {
        return Err("it names a user or a password; credentials belong into environment variables".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query; settings and credentials belong into environment variables".into());
    }
    Ok(())
}

fn refuse_lacking_host(url: &Url) -> Result<(), String> {
    let what = match url.scheme() {
        "s3" | "s3a" | "gs" => "bucket",
        scheme if names_a_container(url) && scheme != "https" => "container",
        _ => return Ok(()),
    };
    if url.host_str().is_some_and(|host| !host.is_empty()) {
        return Ok(());
    }
    let scheme = url.scheme();
    Err(format!("it names no {what}; two slashes and then the {what}: `{scheme}://{what}/prefix`"))
}

fn unknown(url: &Url, error: &dyn std::fmt::Display) -> String {
    let known = ["s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "file", "memory", "http", "https"];
    if known.contains(&url.scheme()) {
        format!("its path cannot be a place in a store ({error})")
    } else {
        format!("`{}` is no kind of store that is known; a store is {FORMS}", url.scheme())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        match read(text) {
            Ok(address) => format!("{address:?}"),
            Err(why) => why,
        }
    }

    #[test]
    fn a_path_is_told_as_the_url_that_it_would_be() {
        for (text, url) in [("/data/far", "`file:///data/far`"), ("/my far/#1", "`file:///my%20far/%231`")] {
            assert_eq!(fault(text), format!("a folder is written as a URL: {url}"));
        }
        for text in ["far", "./far", "../far", "~/far", "C:\\far", "bucket/prefix"] {
            assert!(fault(text).contains("from `/` on"), "{text}: {}", fault(text));
        }
        for text in ["file:far", "file://far", "file://~/far", "FILE://./far", "file:", "file://"] {
            assert!(fault(text).contains("comes the full path of a folder"), "{text}: {}", fault(text));
        }
        assert!(fault("file:///data/#1").contains("`%23`"));
    }

    #[test]
    fn what_is_wrong_with_other_urls_is_told() {
        for (text, why) in [
            ("", "it is empty: give `s3://"),
            (" ", "it is empty"),
            (" s3://bucket", "a space"),
            ("s3://buc\nket", "a line's end"),
            ("s3://", "it names no bucket"),
            ("s3:///prefix", "`s3://bucket/prefix`"),
            ("s3:/bucket/prefix", "two slashes"),
            ("s3:bucket", "two slashes"),
            ("gs://", "it names no bucket"),
            ("az://", "it names no container"),
            ("gcs://bucket", "`gcs` is no kind of store"),
            ("host:9000/bucket", "`host` is no kind of store"),
            ("http://localhost:9000/bucket", "AWS_ENDPOINT"),
            ("https://example.org/x", "AWS_ENDPOINT"),
            ("s3://bucket/a//b", "its path cannot be a place"),
            ("s3://user@bucket/x", "environment variables"),
        ] {
            assert!(fault(text).contains(why), "{text:?}: {}", fault(text));
        }
    }

    #[test]
    fn urls_are_read() -> Result<(), String> {
        for (text, place) in [
            ("file:///data/my%20far", "data/my far"),
            ("file:/data/far/", "data/far"),
            ("file://localhost/data", "data"),
            ("s3://bucket", ""),
            ("s3://bucket/größe", "größe"),
            ("memory:///", ""),
            ("https://account.blob.core.windows.net/box/x", "x"),
        ] {
            assert_eq!(read(text)?.2.as_ref(), place, "{text}");
        }
        Ok(())
    }
}
