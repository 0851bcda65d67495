//! Where stages run, and what Slurm is told: what cannot be meant is refused, with its place and what to do about it.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/faults.rs"]
mod faults;
mod support;

use faults::faults;

#[test]
fn executors_and_what_slurm_is_told() {
    let pipeline = "executor: slrum
slurm: { partiton: long, account: 'two words', qos: '', arguments: --nice }
stages:
  a:
    run: [touch, '{out.y}']
    out: { y: }
    executor: [local]
    slurm:
      partition: \"a\\tb\"
      qos: 1.5
      arguments: [-C, skylake, '--array=1-9', '--mem=4G', '--constraint=skylake', \"${params.x}\"]
  b: { run: [touch, '{out.y}'], out: { y: }, executor: kubernetes, slurm: fast }
params: { x: --wrap=rm }
";
    insta::assert_snapshot!(faults(pipeline), @r#"
    error: there is no executor `slrum`
     --> pipeline.yaml:1:11
      |
    1 | executor: slrum
      |           ^^^^^
    hint: did you mean `slurm`?

    error: `slurm` has no key `partiton`
     --> pipeline.yaml:2:10
      |
    2 | slurm: { partiton: long, account: 'two words', qos: '', arguments: --nice }
      |          ^^^^^^^^
    hint: did you mean `partition`?

    error: `account` is one word, but here stands `two words`
     --> pipeline.yaml:2:35
      |
    2 | slurm: { partiton: long, account: 'two words', qos: '', arguments: --nice }
      |                                   ^^^^^^^^^^^

    error: `qos` is one word, but here stands ``
     --> pipeline.yaml:2:53
      |
    2 | slurm: { partiton: long, account: 'two words', qos: '', arguments: --nice }
      |                                                     ^^

    error: `arguments` is a list, but here stands text
     --> pipeline.yaml:2:68
      |
    2 | slurm: { partiton: long, account: 'two words', qos: '', arguments: --nice }
      |                                                                    ^^^^^^
    hint: write it as `[--constraint=skylake, --nice]`

    error: `executor` is text, but here stands a list
     --> pipeline.yaml:7:15
      |
    7 |     executor: [local]
      |               ^^^^^^^

    error: `partition` is one word, but here stands `a\tb`
     --> pipeline.yaml:9:18
      |
    9 |       partition: "a\tb"
      |                  ^^^^^^

    error: `-C` is no argument of `sbatch`
      --> pipeline.yaml:11:19
       |
    11 |       arguments: [-C, skylake, '--array=1-9', '--mem=4G', '--constraint=skylake', "${params.x}"]
       |                   ^^
    hint: write each as one word with two dashes, `--constraint=skylake`

    error: `skylake` is no argument of `sbatch`
      --> pipeline.yaml:11:23
       |
    11 |       arguments: [-C, skylake, '--array=1-9', '--mem=4G', '--constraint=skylake', "${params.x}"]
       |                       ^^^^^^^
    hint: write each as one word with two dashes, `--constraint=skylake`

    error: `--array=1-9` is what `nnf` says to `sbatch` itself
      --> pipeline.yaml:11:32
       |
    11 |       arguments: [-C, skylake, '--array=1-9', '--mem=4G', '--constraint=skylake', "${params.x}"]
       |                                ^^^^^^^^^^^^^
    hint: leave it out

    error: `--mem=4G` is what `nnf` says to `sbatch` itself
      --> pipeline.yaml:11:47
       |
    11 |       arguments: [-C, skylake, '--array=1-9', '--mem=4G', '--constraint=skylake', "${params.x}"]
       |                                               ^^^^^^^^^^
    hint: say it by `needs: { memory: SIZE }`

    error: `--wrap=rm` is what `nnf` says to `sbatch` itself
      --> pipeline.yaml:11:83
       |
    11 |       arguments: [-C, skylake, '--array=1-9', '--mem=4G', '--constraint=skylake', "${params.x}"]
       |                                                                                   ^^^^^^^^^^^^^
    hint: leave it out

    error: there is no executor `kubernetes`
      --> pipeline.yaml:12:56
       |
    12 |   b: { run: [touch, '{out.y}'], out: { y: }, executor: kubernetes, slurm: fast }
       |                                                        ^^^^^^^^^^
    hint: known: local, slurm

    error: `slurm` is a map, but here stands text
      --> pipeline.yaml:12:75
       |
    12 |   b: { run: [touch, '{out.y}'], out: { y: }, executor: kubernetes, slurm: fast }
       |                                                                           ^^^^

    14 faults; nothing was run
    "#);
}
