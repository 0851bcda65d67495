//! What may be said of a remote store: URLs and errors without secrets.

use std::collections::BTreeMap;

/// Longest text of an error of a service.
const LONGEST: usize = 500;
/// Settings whose names contain one of these hold secrets.
const SECRET: [&str; 7] = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "CREDENTIAL", "SERVICE_ACCOUNT"];

/// Replaces secrets that are known by their value.
#[derive(Clone, Debug, Default)]
pub(super) struct Redactor(Vec<String>);

impl Redactor {
    pub(super) fn new(settings: &BTreeMap<String, String>) -> Self {
        let secret = |name: &str| SECRET.iter().any(|part| name.to_ascii_uppercase().contains(part));
        let secrets = settings.iter().filter(|(name, value)| secret(name) && value.len() >= 4);
        let mut values: Vec<String> = secrets.map(|(_, value)| value.clone()).collect();
        // A secret may begin with another one.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Redactor(values)
    }

    /// One line without queries, which carry signatures, and without any known secret.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.lines().next().unwrap_or_default().to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), "…");
        }
        let words = text
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| if word.contains("://") { word.split(['?', '#']).next().unwrap_or_default() } else { word });
        words.collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
    }
}

/// A URL without user, password and query; other text as it is, up to what may be secret.
#[must_use]
pub fn public(text: &str) -> String {
    let bare = |url: &url::Url| url.username().is_empty() && url.password().is_none() && !text.contains(['?', '#']);
    match url::Url::parse(text) {
        // As it was typed; a library's form of it may be another.
        Ok(url) if bare(&url) => text.to_owned(),
        Ok(mut url) if !url.cannot_be_a_base() => {
            let _ = url.set_password(None);
            if !names_a_container(&url) {
                let _ = url.set_username("");
            }
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        }
        _ => {
            let text = text.split(['?', '#']).next().unwrap_or_default();
            text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"))
        }
    }
}

/// In URLs of Azure the container stands where others have a user: `abfss://container@account.dfs.core.windows.net`.
pub(super) fn names_a_container(url: &url::Url) -> bool {
    matches!(url.scheme(), "az" | "adl" | "azure" | "abfs" | "abfss")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_signatures_are_left_out() {
        let settings = [("AWS_SECRET_ACCESS_KEY", "hush-hush"), ("AWS_REGION", "us-east-1"), ("X_TOKEN", "hush")];
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let said = "GET http://host/x?sig=abc failed: hush-hush, hush, us-east-1?\nStringToSign: abc";
        assert_eq!(Redactor::new(&settings).clean(said), "GET http://host/x failed: …, …, us-east-1?");
        assert_eq!(public("abfss://box:pass@account/x?sig=1#2"), "abfss://box@account/x");
        assert_eq!(public("s3://user:pass@bucket/x?sig=1"), "s3://bucket/x");
        assert_eq!(public("/data/my far"), "/data/my far");
        assert_eq!(public("file:far"), "file:far", "as it was typed");
        assert_eq!(public("user:pass@host/x?sig=1"), "…@host/x");
        assert_eq!(public("s3://key:pass@"), "…@");
    }
}
