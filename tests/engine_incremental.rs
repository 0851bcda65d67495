//! The engine's promise: after any edits an incremental run leaves the same bytes as a clean one, runs nothing that did
//! not change, and a second run starts nothing.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use ran::ran;
use support::Project;

const STAGES: usize = 6;
const FILES: usize = 2;

/// A stage writes a digest of its parameter and inputs; a rough one drops most of it, so that its bytes often stay.
#[derive(Clone, Debug)]
struct Stage {
    reads_stages: Vec<usize>,
    reads_file: Option<usize>,
    parameter: u8,
    rough: bool,
    optional: bool,
    there: bool,
}

#[derive(Clone, Debug)]
enum Edit {
    Parameter(usize, u8),
    File(usize, u8),
    Reads(usize, Vec<usize>),
    Toggle(usize),
    Target(usize),
}

#[derive(Clone, Debug)]
struct World {
    stages: Vec<Stage>,
    files: Vec<u8>,
}

fn stage(at: usize) -> impl Strategy<Value = Stage> {
    let file = proptest::option::of(0..FILES);
    (
        vec(0..at.max(1), 0..3),
        file,
        0..3_u8,
        any::<bool>(),
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.9),
    )
        .prop_map(move |(mut reads_stages, reads_file, parameter, rough, optional, there)| {
            reads_stages.retain(|from| *from < at);
            Stage { reads_stages, reads_file, parameter, rough, optional, there }
        })
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..STAGES, 0..3_u8).prop_map(|(at, value)| Edit::Parameter(at, value)),
        (0..FILES, 0..3_u8).prop_map(|(at, value)| Edit::File(at, value)),
        (0..STAGES, vec(0..STAGES, 0..3)).prop_map(|(at, from)| Edit::Reads(at, from)),
        (0..STAGES).prop_map(Edit::Toggle),
        (0..STAGES).prop_map(Edit::Target),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let stages: Vec<_> = (0..STAGES).map(|at| stage(at).boxed()).collect();
    (stages, vec(0..3_u8, FILES)).prop_map(|(mut stages, files)| {
        stages[0].there = true;
        World { stages, files }
    })
}

impl World {
    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Parameter(at, value) => self.stages[*at].parameter = *value,
            Edit::File(at, value) => self.files[*at] = *value,
            Edit::Reads(at, from) => {
                self.stages[*at].reads_stages = from.iter().copied().filter(|from| from < at).collect();
            }
            Edit::Toggle(at) if *at > 0 => self.stages[*at].there ^= true,
            Edit::Toggle(_) | Edit::Target(_) => {}
        }
    }

    /// What a stage is in the pipeline, without its name; the inputs are those that are there.
    fn yaml_of(&self, stage: &Stage) -> String {
        let digest = if stage.rough { "cksum | cut -c 1 | tr 0-9 aaaaabbbbb" } else { "cksum" };
        let keep = if stage.optional { "case $(cut -c 1 $TMPDIR/d) in [2468]) exit;; esac; " } else { "" };
        let script = format!("(echo {{with.p}}; cat \"$@\" /dev/null) | {digest} > $TMPDIR/d; {keep}mv $TMPDIR/d $0");
        let parts: Vec<String> = self.reads(stage).iter().map(|from| format!("i{from}: s{from}.x")).collect();
        let (word, file) =
            stage.reads_file.map_or_else(Default::default, |f| (", '{in.f}'".to_owned(), format!(", f: 'file:f{f}'")));
        format!(
            "    run: [sh, -c, '{script}', '{{out.x}}', '{{in.parts}}'{word}]\n    in: {{ parts: {{ {} }}{file} }}\n    \
             with: {{ p: {} }}\n    out: {{ x: {{ media: text/plain, optional: {} }} }}\n",
            parts.join(", "),
            stage.parameter,
            stage.optional
        )
    }

    fn reads(&self, stage: &Stage) -> BTreeSet<usize> {
        stage.reads_stages.iter().copied().filter(|from| self.stages[*from].there).collect()
    }

    fn there(&self) -> impl Iterator<Item = (usize, &Stage)> {
        self.stages.iter().enumerate().filter(|(_, stage)| stage.there)
    }

    fn write(&self, project: &Project) {
        let stages: String = self.there().map(|(at, stage)| format!("  s{at}:\n{}", self.yaml_of(stage))).collect();
        project.write("pipeline.yaml", format!("stages:\n{stages}"));
        for (at, value) in self.files.iter().enumerate() {
            project.write(&format!("f{at}"), format!("{value}\n"));
        }
    }

    /// All that can change what each stage writes, by the words of the pipeline and the bytes that the stage reads.
    fn works(&self, results: &BTreeMap<usize, Option<String>>) -> BTreeSet<String> {
        let work = |(_, stage): (usize, &Stage)| {
            let inputs: Vec<_> = self.reads(stage).into_iter().map(|from| (from, &results[&from])).collect();
            let file = stage.reads_file.map(|file| self.files[file]);
            let text = self.yaml_of(stage).replace("file:f1", "file:f0");
            format!("{text}{inputs:?}{file:?}")
        };
        self.there().map(work).collect()
    }

    fn results(&self, project: &Project) -> BTreeMap<usize, Option<String>> {
        let latest = project.path("artifacts/latest/pipeline");
        let read = |at: usize| fs_err::read_to_string(latest.join(format!("s{at}/x.txt"))).ok();
        self.there().map(|(at, _)| (at, read(at))).collect()
    }
}

fn check(mut world: World, edits: &[Edit]) {
    let project = Project::new("");
    let mut done = BTreeSet::new();
    for step in 0..=edits.len() {
        let edit = step.checked_sub(1).map(|at| &edits[at]);
        edit.into_iter().for_each(|edit| world.apply(edit));
        world.write(&project);
        let mut started = 0;
        if let Some(Edit::Target(at)) = edit
            && world.stages[*at].there
        {
            started += ran(&project, &[&format!("s{at}")]).stages.len();
        }
        started += ran(&project, &[]).stages.len();
        let results = world.results(&project);
        let clean = Project::new("");
        world.write(&clean);
        ran(&clean, &[]);
        assert_eq!(results, world.results(&clean), "an incremental run left other bytes than a clean one");
        let works = world.works(&results);
        assert_eq!(started, works.difference(&done).count(), "what ran is what was never done before");
        done.extend(works);
        assert_eq!(ran(&project, &[]).stages, [""; 0], "a second run started something");
    }
}

/// Few cases, because each runs many processes; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_incremental_run_equals_a_clean_one(world in world(), edits in vec(edit(), 3)) {
        check(world, &edits);
    }
}
