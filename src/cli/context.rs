//! What commands need of the world: the loaded pipeline, the store, the machine, the environment.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nnf::diagnostic::Diagnostic;
use nnf::executor::{ByStage, Choice, Local, LocalOptions, SlurmSetup};
use nnf::gpus::{Gpus, amd_gpus};
use nnf::graph::InstanceId;
use nnf::machine;
use nnf::pipeline::{LoadRequest, Loaded, Memory, Recalled, load, recall, whereabouts};
use nnf::plan::KeyContext;
use nnf::programs::Describer;
use nnf::shell;
use nnf::store::{Owner, RemoteOptions, Store, StoreOptions};

use crate::cli::common::{Common, Place, Places};
use crate::cli::failure::Failure;
use crate::cli::{node, render, sandbox};

/// Most jobs in a cluster's queue, where nothing else is said: enough to have some run, and few enough for those who share
/// the cluster.
const MOST_JOBS: u32 = 100;

/// A loaded pipeline with its store.
pub(crate) struct Context {
    /// Never freed: the program ends when a command does, and a hundred thousand stages take their time.
    pub(crate) loaded: ManuallyDrop<Loaded>,
    pub(crate) store: Store,
    pub(crate) environment: BTreeMap<OsString, OsString>,
    /// The remote tier that the pipeline or the command line names, even if it is not asked.
    pub(crate) url: Option<String>,
    pub(crate) path: OsString,
    /// Where stages run as the pipeline has it, for the keys of what measures.
    /// Where stages run, as a person said, and what follows from it.
    place: Place,
    places: OnceCell<ByStage>,
    /// The name that the pipeline has by itself. In `loaded` stands the one under which the store knows it.
    own_name: String,
    owner: Owner,
}

impl Context {
    pub(crate) fn open(pipeline: &Path, common: &Common) -> Result<Self, Failure> {
        Self::open_recalled(None, pipeline, common)
    }

    /// Opens a pipeline whose memory was found to hold already.
    pub(crate) fn open_recalled(recalled: Option<Recalled>, pipeline: &Path, common: &Common) -> Result<Self, Failure> {
        let loaded = match recalled.and_then(Recalled::load) {
            Some(loaded) => loaded,
            None => match asking(pipeline, common, load) {
                // What is not there may have been moved away by a stage whose engine was killed.
                Err(_) if clear_leftovers(pipeline, common) => asking(pipeline, common, load)?,
                loaded => loaded?,
            },
        };
        Self::of(loaded, common)
    }

    fn of(mut loaded: Loaded, common: &Common) -> Result<Self, Failure> {
        let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let url = url(common, loaded.store.as_ref());
        let far = url.clone().filter(|_| !common.offline).map(remote).transpose()?;
        let store = Store::open(&StoreOptions { local: loaded.root.join("artifacts"), remote: far })?;
        let owner = Owner::new(&loaded.root, &loaded.file, loaded.varies);
        let own_name = std::mem::take(&mut loaded.name);
        loaded.name = store.pipelines().name_of(&own_name, &owner).name;
        store.remote().expect(&loaded.name, &owner);
        let path = search_path();
        let loaded = ManuallyDrop::new(loaded);
        Ok(Context {
            loaded,
            store,
            environment,
            url,
            path,
            own_name,
            owner,
            place: Place::default(),
            places: OnceCell::new(),
        })
    }

    /// This machine, with so many cores or all of them.
    pub(crate) fn local(&self, cores: Option<u32>) -> Local {
        Local::new(LocalOptions {
            cores: cores.unwrap_or_else(|| u32::try_from(machine::cores()).unwrap_or(1)),
            memory: machine::memory_bytes(),
            gpus: Gpus::visible(&self.environment, machine::gpus().len(), amd_gpus()),
            locks: self.locks(),
            sandbox: sandbox::command(),
        })
    }

    /// Has the store keep results under the pipeline's name, and says so where that is another one's.
    pub(crate) fn claim_name(&mut self) -> Result<(), Failure> {
        let claimed = self.store.pipelines().claim_name(&self.own_name, &self.owner)?;
        if let Some(other) = claimed.taken_by {
            let other = other.strip_prefix(&self.loaded.root).unwrap_or(&other);
            render::note(&format!(
                "`{}` is the name of `{}` in this store, so results of this pipeline go by `{}`; `name: …` gives it one \
                 of its own",
                self.own_name,
                other.display(),
                claimed.name
            ));
        }
        self.store.remote().expect(&claimed.name, &self.owner);
        self.loaded.name = claimed.name;
        Ok(())
    }

    /// Where stages run: on so many cores, or as so many jobs, at a time.
    pub(crate) fn executor(&self, places: &Places) -> ByStage {
        let setup = SlurmSetup {
            environment: self.environment.clone(),
            node: node::command(),
            spool: self.store.root().join("slurm/v1"),
            most: places.jobs.unwrap_or(MOST_JOBS),
        };
        let choice = Choice { said: places.place.executor, pipeline: self.loaded.executor };
        ByStage::new(choice, self.local(places.jobs), setup)
    }

    /// Where the locks lie that are this machine's: one place for all users and jobs, whatever their own `TMPDIR` is.
    fn locks(&self) -> PathBuf {
        let named = self.environment.get(OsStr::new("NNF_LOCKS")).filter(|named| !named.is_empty());
        named.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    /// The URL of the remote tier.
    pub(crate) fn far_url(&self) -> Result<&str, Failure> {
        self.url.as_deref().ok_or_else(no_remote)
    }

    /// The store with its remote tier, where this context was opened without it.
    pub(crate) fn far(&self) -> Result<Store, Failure> {
        let far = remote(self.far_url()?.to_owned())?;
        let store = Store::open(&StoreOptions { local: self.loaded.root.join("artifacts"), remote: Some(far) })?;
        store.remote().expect(&self.loaded.name, &self.owner);
        Ok(store)
    }

    /// With stages running where a person says.
    pub(crate) fn at(self, place: Place) -> Self {
        Context { place, places: OnceCell::new(), ..self }
    }

    pub(crate) fn key_context(&self) -> KeyContext<'_> {
        KeyContext::new(
            &self.store,
            &self.loaded.root,
            self.places.get_or_init(|| self.executor(&Places { place: self.place, jobs: None })),
            &self.path,
        )
    }

    /// For each instance whether it is a target or something that they need; all are if none is named.
    pub(crate) fn needed_for(&self, targets: &[InstanceId]) -> Vec<bool> {
        let graph = &self.loaded.graph;
        if targets.is_empty() { vec![true; graph.instances().len()] } else { graph.needed_for(targets) }
    }

    /// The instances that words name; all faults at once.
    pub(crate) fn instances(&self, words: &[String]) -> Result<Vec<InstanceId>, Failure> {
        let mut found = Vec::new();
        let mut faults = Vec::new();
        let named = self.loaded.graph.find_all(words.iter().map(String::as_str));
        for word in words {
            let ids = named.get(word.as_str()).map_or(&[] as &[InstanceId], Vec::as_slice);
            if ids.is_empty() {
                faults.push(self.no_stage(word));
            }
            found.extend(ids);
        }
        if faults.is_empty() { Ok(found) } else { Err(Failure::Wrong(faults)) }
    }

    /// The one instance that a word names.
    pub(crate) fn instance(&self, word: &str) -> Result<InstanceId, Failure> {
        match self.loaded.graph.find(word).as_slice() {
            [] => Err(Failure::Wrong(vec![self.no_stage(word)])),
            [one] => Ok(*one),
            several => {
                let names: Vec<_> = several.iter().map(|id| shell::word(&self.loaded.graph.get(*id).name)).collect();
                Err(Failure::wrong_with_hint(
                    format!("stage `{word}` has several instances"),
                    format!("name one: {}", names.join(", ")),
                ))
            }
        }
    }

    fn no_stage(&self, word: &str) -> Diagnostic {
        let graph = &self.loaded.graph;
        let names = graph.instances().iter().flat_map(|i| [i.stage.as_str(), i.name.as_str()]);
        let fault = Diagnostic::new(format!("the pipeline `{}` has no stage `{word}`", self.loaded.name));
        match nnf::pipeline::nearest(word, names) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("`nnf show` lists all stages"),
        }
    }
}

/// Clears what killed engines left in the store of a pipeline, which puts back what their stages moved; whether there was
/// anything.
fn clear_leftovers(pipeline: &Path, common: &Common) -> bool {
    let Ok(found) = whereabouts(pipeline, &common.set) else { return false };
    let store = Store::open_existing(&StoreOptions { local: found.root.join("artifacts"), remote: None });
    store.and_then(|store| store.maintenance().clear_leftovers()).is_ok_and(|cleared| cleared > 0)
}

/// Has something done with the request for a pipeline.
fn asking<T>(pipeline: &Path, common: &Common, work: impl FnOnce(&LoadRequest<'_>) -> T) -> T {
    let (describer, memory) = (describer(), memory());
    work(&LoadRequest { path: pipeline, overrides: &common.set, programs: &describer, memory: memory.as_ref() })
}

/// The memory of a pipeline, if it holds.
pub(crate) fn recalled(pipeline: &Path, common: &Common) -> Option<Recalled> {
    asking(pipeline, common, recall)
}

pub(crate) fn no_remote() -> Failure {
    Failure::wrong_with_hint("no remote tier is named", "write `store: URL` into the pipeline, or say `--store URL`")
}

/// The URL of the remote tier: as the arguments say, else as the pipeline says.
pub(crate) fn url(common: &Common, pipeline: Option<&String>) -> Option<String> {
    common.store.as_ref().or(pipeline).cloned()
}

/// The search path for programs.
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Finds programs beside this one and in `PATH`.
pub(crate) fn describer() -> Describer {
    let executable = std::env::current_exe().and_then(fs_err::canonicalize).ok();
    Describer {
        beside: executable.and_then(|path| path.parent().map(Path::to_owned)),
        path: search_path(),
        memory: cache_folder().map(|folder| folder.join("describe")),
    }
}

/// Where checked pipelines are remembered. Builds of this program are told apart by what its file looks like.
fn memory() -> Option<Memory> {
    let meta = fs_err::metadata(std::env::current_exe().ok()?).ok()?;
    // Builds that can be reproduced have one time, and may be of one length.
    let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    let build = format!("{} {} {} {times:?}", env!("CARGO_PKG_VERSION"), meta.len(), meta.ino());
    Some(Memory { folder: cache_folder()?.join("pipelines"), build })
}

/// The user's cache folder for this program.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("NNF_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|path| path.join("nn-factory")))
        .or_else(|| set("HOME").map(|path| path.join(".cache/nn-factory")))
}

/// A remote tier, with the settings that the object store's library knows by the names of their variables.
pub(crate) fn remote(url: String) -> Result<RemoteOptions, Failure> {
    const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let settings = std::env::vars_os().filter_map(text);
    let settings = settings.filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
    let mut options = RemoteOptions::new(url, settings.collect());
    if let Some(seconds) = number("NNF_STORE_TIMEOUT")? {
        options.silence = Duration::from_secs_f64(seconds);
    }
    if let Some(retries) = number("NNF_STORE_RETRIES")? {
        options.retries = retries as usize;
    }
    if let Some(seconds) = number("NNF_LEASE_TIMEOUT")? {
        options.lease = Duration::from_secs_f64(seconds);
    }
    Ok(options)
}

/// A variable that holds a number.
fn number(name: &str) -> Result<Option<f64>, Failure> {
    let Some(text) = std::env::var_os(name) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.parse::<f64>().ok());
    match number.filter(|number| (0.0..=86_400.0).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(Failure::wrong(format!("the variable {name} is a number from 0 to 86400"))),
    }
}
