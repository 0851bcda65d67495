//! What only services far away do: conflicts, no conditional puts, answers that break off; and what settings must be.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::store::{ObjectRemote, Remote, RemoteOptions, StoreError};
use nnf_test_s3::{ID, S3, SECRET, Trouble};

/// A store that gives up soon.
fn open(server: &S3) -> ObjectRemote {
    let options = RemoteOptions::new(server.url("store"), server.settings());
    ObjectRemote::open(&RemoteOptions { silence: Duration::from_millis(1500), retries: 2, ..options }).unwrap()
}

fn read(remote: &ObjectRemote, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut bytes = Vec::new();
    Ok(remote.read(name, &mut bytes)?.then_some(bytes))
}

fn count(server: &S3, method: &str) -> usize {
    server.shared.calls.lock().unwrap().iter().filter(|call| call.starts_with(method)).count()
}

#[test]
fn a_conflict_is_no_sign_that_the_object_is_there() {
    let (server, name) = (S3::start(), "test/conflict");
    let remote = open(&server);
    server.trouble("PUT", name, Trouble::Status(409), 2);
    assert!(remote.create(name, b"mine").unwrap(), "it was not there, so it is put again");
    assert_eq!(read(&remote, name).unwrap().unwrap(), b"mine");
    server.trouble("PUT", name, Trouble::Status(409), 1);
    assert!(!remote.create(name, b"late").unwrap(), "it is there");
    assert_eq!(read(&remote, name).unwrap().unwrap(), b"mine");
}

#[test]
fn without_conditional_puts_what_is_there_stays() {
    let server = S3::start();
    let mut settings = server.settings();
    settings.insert("AWS_CONDITIONAL_PUT".into(), "disabled".into());
    let disabled = ObjectRemote::open(&RemoteOptions::new(server.url("store"), settings)).unwrap();
    let refused = open(&server);
    server.trouble("PUT", "test/refused", Trouble::Status(501), 1);
    for (remote, name) in [(&disabled, "test/disabled"), (&refused, "test/refused")] {
        assert!(remote.create(name, b"first").unwrap());
        assert!(!remote.create(name, b"second").unwrap());
        assert_eq!(read(remote, name).unwrap().unwrap(), b"first");
    }
}

#[test]
fn an_answer_that_breaks_off_is_gone_on_with() {
    let (server, bytes) = (S3::start(), vec![7_u8; 100_000]);
    let remote = open(&server);
    assert!(remote.create("test/cut", &bytes).unwrap());
    server.trouble("GET", "test/cut", Trouble::Cut, 6);
    assert!(read(&remote, "test/cut").unwrap().unwrap() == bytes);
    assert!(count(&server, "GET") > 6, "each break is followed by another request");
    server.trouble("GET", "test/cut", Trouble::Spoil, 1);
    assert!(read(&remote, "test/cut").unwrap().unwrap() != bytes, "whoever reads has to look at the digest");
    server.trouble("GET", "test/cut", Trouble::Slow, 1);
    assert!(read(&remote, "test/cut").unwrap().unwrap() == bytes, "slow is not silent");
}

#[test]
fn a_store_that_is_away_for_a_moment_is_asked_again_and_one_that_stays_away_is_named() {
    let server = S3::start();
    let remote = open(&server);
    server.trouble("PUT", "test/away", Trouble::Status(503), 2);
    assert!(remote.create("test/away", b"here").unwrap());
    server.trouble("PUT", "test/lost", Trouble::Silent, 1);
    assert!(remote.create("test/lost", b"here").unwrap(), "an answer that never came");
    server.trouble("GET", "test/away", Trouble::Status(503), 100);
    let error = read(&remote, "test/away").unwrap_err().to_string();
    assert!(error.starts_with("the remote store failed: s3://bucket/store: ") && error.contains("503"), "{error}");
    assert!(!error.contains(SECRET), "{error}");
    assert_eq!(count(&server, "GET"), 3, "once, and two more times");
}

#[test]
fn an_upload_in_parts_whose_end_was_not_acknowledged_is_looked_for() {
    let (server, folder) = (S3::start(), tempfile::tempdir().unwrap());
    let (remote, file) = (open(&server), folder.path().join("large"));
    fs_err::write(&file, vec![1_u8; 9 << 20]).unwrap();
    // The request that puts the parts together; the one before it begins the upload.
    server.trouble("POST", "test/heard", Trouble::Slow, 1);
    server.trouble("POST", "test/heard", Trouble::Mute, 1);
    assert!(remote.put_if_absent("test/heard", &file).unwrap());
    assert_eq!(read(&remote, "test/heard").unwrap().unwrap().len(), 9 << 20);
    server.trouble("PUT", "test/refused", Trouble::Status(403), 1);
    assert!(remote.put_if_absent("test/refused", &file).unwrap_err().to_string().contains("403"));
    assert_eq!(count(&server, "DELETE"), 1, "its parts are removed");
    assert!(!remote.exists("test/refused").unwrap());
}

#[test]
fn wrong_credentials_are_told_without_them() {
    let server = S3::start();
    let mut settings = server.settings();
    settings.insert("AWS_SECRET_ACCESS_KEY".into(), "wrong-and-hushed".into());
    let remote = ObjectRemote::open(&RemoteOptions::new(server.url("store"), settings)).unwrap();
    let error = read(&remote, "test/x").unwrap_err().to_string();
    assert!(error.contains("403") && !error.contains("wrong-and-hushed") && !error.contains(ID), "{error}");
}

#[test]
fn a_bucket_that_is_not_there_is_told_in_words_and_is_no_empty_store() {
    let server = S3::start();
    let remote = open(&server);
    for method in ["GET", "PUT"] {
        server.trouble(method, "bucket", Trouble::NoBucket, 100);
    }
    let errors = [
        read(&remote, "test/x").map(|_| ()).unwrap_err(),
        remote.objects("test").map(|_| ()).unwrap_err(),
        remote.create("test/x", b"mine").map(|_| ()).unwrap_err(),
    ];
    for error in errors.map(|error| error.to_string()) {
        let begin =
            "the remote store failed: s3://bucket/store: there is no such bucket: create it, or correct its name";
        assert!(error.starts_with(begin), "{error}");
        assert!(
            error.contains("(NoSuchBucket: The specified bucket does not exist)") && !error.contains('<'),
            "{error}"
        );
    }
}

/// Names and values of variables.
type Settings<'a> = &'a [(&'a str, &'a str)];

/// What a store says to a URL and settings.
fn refusal(url: &str, settings: &[(&str, &str)]) -> Option<String> {
    let settings: BTreeMap<_, _> = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    match ObjectRemote::open(&RemoteOptions::new(url, settings)) {
        Ok(_) => None,
        Err(error) => {
            assert!(matches!(error, StoreError::BadRemote { .. }), "{error:?}");
            Some(error.to_string())
        }
    }
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let key = r#"{"type":"service_account","private_key":"hushed","private_key_id":"x","client_email":"a@b"}"#;
    let cases: &[(&str, Settings<'_>, &str)] = &[
        ("s3://bucket/x", &[("AWS_ACCESS_KEY_ID", "hushed")], "AWS_SECRET_ACCESS_KEY is not set"),
        ("s3://bucket/x", &[("AWS_SECRET_ACCESS_KEY", "hushed")], "AWS_ACCESS_KEY_ID is not set"),
        ("s3://bucket/x", &[("AWS_ALLOW_HTTP", "perhaps")], "perhaps"),
        ("s3://user:hushed@bucket/x", &[], "credentials belong into environment variables"),
        ("s3://hushed@bucket/x", &[], "credentials belong into environment variables"),
        ("s3://bucket/x?secret=hushed", &[], "credentials belong into environment variables"),
        ("az://box/x", &[], "Account must be specified"),
        ("az://box:hushed@account/x", &[], "credentials belong into environment variables"),
        ("az://box/x", &[("AZURE_STORAGE_ACCOUNT_NAME", "a"), ("AZURE_STORAGE_ACCOUNT_KEY", "hushed!")], "key"),
        ("gs://bucket/x", &[("GOOGLE_SERVICE_ACCOUNT", "/no/such/hushed.json")], "Unable to open service account"),
        ("gs://bucket/x", &[("GOOGLE_SERVICE_ACCOUNT_KEY", "{\"hushed\":1}")], "service account"),
        ("gs://bucket/x", &[("GOOGLE_SERVICE_ACCOUNT_KEY", key)], "pem file"),
    ];
    for (url, settings, why) in cases {
        let said = refusal(url, settings).unwrap_or_else(|| panic!("{url} {settings:?} was opened"));
        assert!(said.to_lowercase().contains(&why.to_lowercase()), "{url} {settings:?}: {said}");
        assert!(!said.contains("hushed"), "{said}");
    }
}

#[test]
fn settings_that_can_be_used_open_without_a_network() {
    let key = r#"{"disable_oauth":true,"gcs_base_url":"http://localhost:1","private_key":"","private_key_id":"","client_email":""}"#;
    let cases: &[(&str, Settings<'_>)] = &[
        ("s3://bucket/x", &[]),
        ("s3://bucket", &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")]),
        ("gs://bucket/x", &[("GOOGLE_SERVICE_ACCOUNT_KEY", key)]),
        ("gs://bucket/x", &[("GOOGLE_SKIP_SIGNATURE", "true")]),
        ("az://box/x", &[("AZURE_STORAGE_ACCOUNT_NAME", "a"), ("AZURE_STORAGE_ACCOUNT_KEY", "aGVsbG8=")]),
        ("abfss://box@account.dfs.core.windows.net/x", &[("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=2")]),
    ];
    for (url, settings) in cases {
        assert_eq!(refusal(url, settings), None);
    }
}
