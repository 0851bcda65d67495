//! From a URL and settings to a store that can be asked. Nothing is sent yet.

use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Name;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::address;
use super::options::RemoteOptions;

/// Longest time in which one request is tried again.
const TRYING: Duration = Duration::from_secs(120);

/// A store and the place in it.
pub(super) type Opened = (Box<dyn ObjectStore>, Name);

/// Opens a store. The error is in words, and may hold secrets still.
pub(super) fn open(options: &RemoteOptions) -> Result<Opened, String> {
    let (url, scheme, path) = address::read(&options.url)?;
    let store: Box<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::Local => {
            let folder = url.to_file_path().map_err(|()| "it is no path of this machine".to_owned())?;
            if fs_err::metadata(&folder).is_ok_and(|found| !found.is_dir()) {
                return Err("there is a file, and a store is a folder".into());
            }
            fs_err::create_dir_all(folder).map_err(|error| error.to_string())?;
            Box::new(LocalFileSystem::new())
        }
        ObjectStoreScheme::Memory => Box::new(InMemory::new()),
        ObjectStoreScheme::AmazonS3 => s3(&url, options)?,
        ObjectStoreScheme::GoogleCloudStorage => google(&url, options)?,
        ObjectStoreScheme::MicrosoftAzure => azure(&url, options)?,
        _ => return Err("no service is known at this address".into()),
    };
    Ok((store, path))
}

fn retry(options: &RemoteOptions) -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(10), base: 2.0 };
    RetryConfig { backoff, max_retries: options.retries, retry_timeout: TRYING }
}

/// A limit on the whole of a request would end every transfer that is large or slow; only silence ends one.
fn client(options: &RemoteOptions) -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(options.silence.min(Duration::from_secs(10)))
        .with_read_timeout(options.silence)
}

/// Sets all settings that a builder knows by their names; the rest are of other services.
macro_rules! built {
    ($builder:ty, $url:expr, $options:expr) => {{
        let mut builder = <$builder>::new()
            .with_client_options(client($options))
            .with_retry(retry($options))
            .with_url($url.to_string());
        for (name, value) in &$options.settings {
            if let Ok(name) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(name, value);
            }
        }
        builder.build().map(|store| Box::new(store) as Box<dyn ObjectStore>).map_err(|error| error.to_string())
    }};
}

fn s3(url: &Url, options: &RemoteOptions) -> Result<Box<dyn ObjectStore>, String> {
    let has = |name: &str| options.settings.keys().any(|known| known.eq_ignore_ascii_case(name));
    let (id, secret) = (has("AWS_ACCESS_KEY_ID"), has("AWS_SECRET_ACCESS_KEY"));
    if id != secret {
        let missing = if id { "AWS_SECRET_ACCESS_KEY" } else { "AWS_ACCESS_KEY_ID" };
        return Err(format!("the variable {missing} is not set, but the other half of the credentials is"));
    }
    built!(AmazonS3Builder, url, options)
}

fn google(url: &Url, options: &RemoteOptions) -> Result<Box<dyn ObjectStore>, String> {
    built!(GoogleCloudStorageBuilder, url, options)
}

fn azure(url: &Url, options: &RemoteOptions) -> Result<Box<dyn ObjectStore>, String> {
    built!(MicrosoftAzureBuilder, url, options)
}
