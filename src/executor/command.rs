//! One command to carry out, as data: it can be written into a file for whoever carries it out on another machine.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::executor::Bounds;
use crate::graph::Needs;

/// A command line with all that it runs in.
///
/// Its environment may hold secrets (see `secret`): a file with it is nobody else's to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Whose work it is, for lists of jobs.
    pub name: String,
    /// The program by its absolute path, and its arguments.
    #[serde(with = "text::list")]
    pub argv: Vec<OsString>,
    /// The folder of the attempt, where the executor may keep what it needs for this one.
    #[serde(with = "text::path")]
    pub attempt: PathBuf,
    /// Its whole environment, but for what the executor adds to tell it which GPUs are its own.
    #[serde(with = "text::map")]
    pub env: BTreeMap<OsString, OsString>,
    /// Variables of `env` whose values are nobody else's to see.
    pub secret: BTreeSet<String>,
    /// Folder to start in.
    #[serde(with = "text::path")]
    pub folder: PathBuf,
    /// The file to which its standard output and standard error are appended. It is there already.
    #[serde(with = "text::path")]
    pub log: PathBuf,
    /// The file to which it appends events.
    #[serde(with = "text::path")]
    pub events: PathBuf,
    /// A file whose appearance asks it to stop; for stages that keep checkpoints.
    #[serde(with = "text::maybe_path")]
    pub cancel: Option<PathBuf>,
    /// A folder that no other attempt has, named in its environment as `NNF_SCRATCH`, by which what it starts is known.
    #[serde(with = "text::path")]
    pub scratch: PathBuf,
    /// Longest time that it may take.
    pub timeout: Option<Duration>,
    /// What it takes of a machine.
    pub needs: Needs,
    /// All that it may reach besides the system's own folders, if it may not reach everything.
    pub bounds: Option<Bounds>,
}

/// Words and paths of the system as JSON: text where they are UTF-8, else their bytes.
pub(crate) mod text {
    use std::ffi::{OsStr, OsString};
    use std::fmt;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    use serde::de::{SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    struct Written<'a>(&'a OsStr);

    impl Serialize for Written<'_> {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self.0.to_str() {
                Some(text) => to.serialize_str(text),
                None => to.collect_seq(self.0.as_bytes()),
            }
        }
    }

    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    struct Read(OsString);

    impl<'de> Deserialize<'de> for Read {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Either;
            impl<'de> Visitor<'de> for Either {
                type Value = Read;
                fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                    to.write_str("text, or a list of bytes")
                }
                fn visit_str<E>(self, text: &str) -> Result<Read, E> {
                    Ok(Read(text.into()))
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Read, A::Error> {
                    let mut bytes = Vec::new();
                    while let Some(byte) = list.next_element()? {
                        bytes.push(byte);
                    }
                    Ok(Read(OsString::from_vec(bytes)))
                }
            }
            from.deserialize_any(Either)
        }
    }

    pub(crate) mod path {
        use super::{Deserialize, Deserializer, Read, Serialize, Serializer, Written};
        use std::path::{Path, PathBuf};

        pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
            Written(path.as_os_str()).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
            Ok(Read::deserialize(from)?.0.into())
        }
    }

    pub(crate) mod maybe_path {
        use super::{Deserialize, Deserializer, Read, Serialize, Serializer, Written};
        use std::path::PathBuf;

        #[expect(clippy::ref_option, reason = "serde passes the field")]
        pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
            path.as_ref().map(|path| Written(path.as_os_str())).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
            Ok(Option::<Read>::deserialize(from)?.map(|read| read.0.into()))
        }
    }

    pub(crate) mod list {
        use super::{Deserialize, Deserializer, OsString, Read, Serializer, Written};

        pub(crate) fn serialize<S: Serializer>(words: &[OsString], to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(words.iter().map(|word| Written(word)))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<OsString>, D::Error> {
            Ok(Vec::<Read>::deserialize(from)?.into_iter().map(|read| read.0).collect())
        }
    }

    /// As a list of pairs: a name need not be UTF-8 either.
    pub(crate) mod map {
        use super::{Deserialize, Deserializer, OsString, Read, Serializer, Written};
        use std::collections::BTreeMap;

        type Words = BTreeMap<OsString, OsString>;

        pub(crate) fn serialize<S: Serializer>(words: &Words, to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(words.iter().map(|(name, value)| (Written(name), Written(value))))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
            let pairs = Vec::<(Read, Read)>::deserialize(from)?;
            Ok(pairs.into_iter().map(|(name, value)| (name.0, value.0)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::graph::CpuNeed;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_command_survives_being_written_down_whatever_its_bytes_are() {
        let odd = || OsString::from_vec(vec![b'/', 0xff, 0xfe, b'"', b'\n']);
        let command = Command {
            name: "train[seed=1]".into(),
            argv: vec!["/bin/sh".into(), odd()],
            attempt: "/attempt".into(),
            env: [("PATH".into(), odd()), (odd(), "ü".into())].into(),
            secret: ["TOKEN".to_owned()].into(),
            folder: odd().into(),
            log: "/log".into(),
            events: odd().into(),
            cancel: Some(odd().into()),
            scratch: "/scratch".into(),
            timeout: Some(Duration::from_millis(1500)),
            needs: Needs { cpus: CpuNeed::All, memory: 1 << 40, gpus: 2 },
            bounds: Some(Bounds { read: ["/a".into()].into(), ..Bounds::default() }),
        };
        for command in [Command { cancel: None, bounds: None, timeout: None, ..command.clone() }, command] {
            let text = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command, "{text}");
        }
    }
}
