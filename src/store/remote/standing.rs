//! What stands under a key in the remote tier itself, whatever a pipeline's head says.

use crate::digest::Key;
use crate::record::Record;
use crate::store::StoreError;
use crate::store::local::records;
use crate::store::remote::names;
use crate::store::remote::objects::Remote;

/// What stands under a key.
pub(crate) enum Standing {
    /// Nothing, or what is damaged.
    None,
    /// A record that a newer version of this program wrote.
    Newer,
    Record(Box<Record>),
}

impl Standing {
    pub(crate) fn of(remote: &dyn Remote, key: &Key) -> Result<Self, StoreError> {
        let mut bytes = Vec::new();
        if !remote.read(&names::record(key), &mut bytes)? {
            return Ok(Standing::None);
        }
        Ok(match records::parse(&bytes, key) {
            Some(record) => Standing::Record(Box::new(record)),
            None if records::is_newer(&bytes) => Standing::Newer,
            None => Standing::None,
        })
    }
}
