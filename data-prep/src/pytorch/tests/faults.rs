//! What is wrong with a file is told, in bounded memory and without a panic; and nothing of it is run.

use serde_json::json;

use super::write::{View, archive, checkpoint, dict, entry, int, numbers, text};
use super::{GOLDEN, Try};

fn fault_of(pickle: &[u8]) -> String {
    Try::new(&checkpoint(pickle)).fault()
}

fn fault_of_view(view: &View<'_>) -> String {
    fault_of(&dict(&[entry("w", view)]))
}

#[test]
fn a_right_one_of_our_own_is_read() {
    for packed in [false, true] {
        let pickle = dict(&[entry("w", &View { strides: &[1, 2], ..View::default() })]);
        let one = Try::new(&archive(&[("a/data.pkl", &pickle), ("a/data/0", &numbers(4))], packed));
        let tensors = one.tensors();
        let wanted: Vec<u8> = [0_f32, 2.0, 1.0, 3.0].into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!(tensors["w"], ("F32".into(), vec![2, 2], wanted), "packed: {packed}");
    }
}

#[test]
fn no_code_is_run_and_what_asks_for_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let command = format!("touch {}", mark.display());
    let calls = [
        [b"\x80\x02cposix\nsystem\n(".to_vec(), text(&command), b"tR.".to_vec()].concat(),
        [b"\x80\x04".to_vec(), text("os"), text("system"), b"\x93(".to_vec(), text(&command), b"tR.".to_vec()].concat(),
        [b"(".to_vec(), text(&command), b"ios\nsystem\n.".to_vec()].concat(),
        [b"(cbuiltins\neval\n".to_vec(), text("1"), b"o.".to_vec()].concat(),
    ];
    for (call, name) in calls.iter().zip(["posix.system", "os.system", "os.system", "builtins.eval"]) {
        let error = fault_of(call);
        assert!(error.contains(&format!("it asks for `{name}` (byte ")) && error.contains("state_dict()"), "{error}");
        let error = Try::new(&checkpoint(call)).with("unknown", json!("skip")).fault();
        assert!(error.contains(&format!("the file is an object of `{name}`")), "{error}");
    }
    assert!(!mark.exists());
}

#[test]
fn other_classes_beside_the_weights_are_left_out_on_request() {
    let options = [text("args"), b"cargparse\nNamespace\n)\x81}".to_vec(), text("lr"), int(1), b"sb".to_vec()].concat();
    let pickle = dict(&[options, entry("w", &View::default())]);
    let error = fault_of(&pickle);
    assert!(error.contains("it asks for `argparse.Namespace`") && error.contains("`unknown: skip`"), "{error}");
    let one = Try::new(&checkpoint(&pickle)).with("unknown", json!("skip"));
    assert_eq!(one.tensors().keys().collect::<Vec<_>>(), ["w"]);
    assert!(one.text("summary").contains("- `args`: an object of `argparse.Namespace`"), "{}", one.text("summary"));
}

#[test]
fn classes_have_advice_of_their_own() {
    for (class, said) in [
        ("ctorch._utils\n_rebuild_qtensor\n.", "quantised tensors are not read"),
        ("ctorch._utils\n_rebuild_sparse_tensor\n.", "sparse tensors are not read"),
        ("ctorch\nComplexDoubleStorage\n.", "save them as `complex64`"),
        ("ctorchvision.models.resnet\nResNet\n.", "`torch.save(model.state_dict(), path)`"),
    ] {
        let error = fault_of(class.as_bytes());
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn tensors_that_do_not_fit_their_storage() {
    let view = View::default;
    for (view, said) in [
        (
            View { offset: 1, ..view() },
            "it lies beyond its storage: it reaches up to number 5 of storage `0`, which has 4",
        ),
        (View { strides: &[3, 1], ..view() }, "it reaches up to number 5"),
        (View { offset: -1, ..view() }, "negative"),
        (View { shape: &[2, -2], ..view() }, "negative"),
        (View { strides: &[-2, 1], ..view() }, "negative"),
        (View { shape: &[2], ..view() }, "its shape has 1 sizes and 2 strides"),
        (View { shape: &[1 << 62, 1 << 62], strides: &[0, 0], ..view() }, "more numbers than can be counted"),
        (View { shape: &[i64::MAX, 2], ..view() }, "more numbers than can be counted"),
        (View { shape: &[1 << 32, 1], strides: &[0, 0], ..view() }, "raise that if they are meant"),
        (View { shape: &[1; 65], strides: &[1; 65], ..view() }, "it has 65 dimensions"),
        (View { key: "7", ..view() }, "tensor `w` is of storage `7`, but there is no `a/data/7`"),
        (View { key: "../0", ..view() }, "there is no `a/data/../0`"),
        (View { count: 8, ..view() }, "`a/data/0` has 16 bytes where its pickle says 32"),
        (View { count: i64::MAX, ..view() }, "more numbers than can be counted"),
        (View { class: "DoubleStorage", ..view() }, "`a/data/0` has 16 bytes where its pickle says 32"),
    ] {
        let error = fault_of_view(&view);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn tensors_without_numbers_lie_anywhere() {
    let view = View { offset: i64::MAX, shape: &[0, 2], strides: &[i64::MAX, 1], ..View::default() };
    let one = Try::new(&checkpoint(&dict(&[entry("w", &view)])));
    assert_eq!(one.tensors()["w"], ("F32".into(), vec![0, 2], Vec::new()));
}

#[test]
fn pickles_that_are_damaged() {
    for (pickle, said) in [
        (&b""[..], "it ends in the middle"),
        (b"\x80\x02}", "it ends in the middle"),
        (b".", "a value is needed, and there is none"),
        (b"\x80\x09.", "a pickle of version 9"),
        (b"h\x05.", "place 5 of its memo is asked for, where nothing was put"),
        (b"gx\n.", "`x` is no place of its memo"),
        (b"q\x01.", "a value is needed"),
        (b"t.", "there is no mark"),
        (b"}(K\x01u.", "an entry of a dictionary has no value"),
        (b"(K\x01K\x02K\x03u.", "a value is needed"),
        (b"]K\x01K\x02s.", "an entry is set of what is no dictionary"),
        (b"}K\x01a.", "something is added to what is no list"),
        (b"X\xff\xff\xff\xffabc.", "more than 67108864 bytes"),
        (b"X\x00\x00\x00\x02abc.", "it ends in the middle"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "more than 67108864 bytes"),
        (b"X\x01\x00\x00\x00\xff.", "no UTF-8"),
        (b"\xff.", "there is no instruction 0xff"),
        (b"K\x01)R.", "the number 1 is called, which is no class"),
        (b"ccollections\nOrderedDict\nK\x01R.", "is no tuple"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "a tensor without a storage"),
        (b"ctorch._utils\n_rebuild_parameter\n)R.", "a parameter without a tensor"),
        (b"ctorch\nFloatStorage\n)R.", "which no checkpoint does"),
        (b"K\x01Q.", "a storage is named in a way that is not known"),
        (b"Ix\n.", "`x` is no whole number"),
    ] {
        let error = fault_of(pickle);
        assert!(error.contains(said), "{pickle:?}: {error}");
    }
}

#[test]
fn names_that_stand_twice_or_cannot_be_kept() {
    let w = || entry("w", &View::default());
    let error = fault_of(&dict(&[w(), w()]));
    assert!(error.contains("the file has the tensor `w` twice"), "{error}");
    let both = dict(&[w(), entry("module.w", &View::default())]);
    let error = Try::new(&checkpoint(&both)).with("strip", json!("module.")).fault();
    assert!(error.contains("has the tensor `w` twice after `strip`"), "{error}");
    for (name, said) in [("", "is empty"), ("__metadata__", "is `__metadata__`"), (&"n".repeat(10_001), "longer than")]
    {
        let error = fault_of(&dict(&[entry(name, &View::default())]));
        assert!(error.contains(said), "{error}");
    }
    let number = entry("w", &View::default()).split_off(6);
    let error = fault_of(&dict(&[[int(7), number].concat()]));
    assert!(error.contains("a tensor under the number 7"), "{error}");
}

#[test]
fn nesting_sharing_and_size_take_bounded_memory() {
    let nested = [b"]".repeat(1_000_000), b"a".repeat(999_999), b".".to_vec()].concat();
    assert!(fault_of(&nested).contains("the file is a list of 1"));
    let marks = [b"(".repeat(1_000_000), b".".to_vec()].concat();
    assert!(fault_of(&marks).contains("a value is needed"));
    // A list that holds itself, and a long one that is asked for again and again.
    assert!(fault_of(b"]q\x00h\x00a.").contains("the file is a list of 1"));
    let pairs = [b"K\x01K\x02\x86q\x01]q\x00(".to_vec(), b"h\x01".repeat(100_000), b"e".to_vec()].concat();
    let long = [pairs, b"ccollections\nOrderedDict\nh\x00\x85R".repeat(200)];
    assert!(fault_of(&[long.concat(), b".".to_vec()].concat()).contains("more than 8000000 values"));
    assert!(fault_of(&[b"]".repeat(9_000_000), b".".to_vec()].concat()).contains("more than 8000000 values"));
    // A megabyte that unpacks to a gigabyte, beside a pickle that speaks of four numbers.
    let zeros = vec![0; 64 << 20];
    let pickle = dict(&[entry("w", &View::default())]);
    let bomb = archive(&[("a/data.pkl", &pickle), ("a/data/0", &zeros)], true);
    assert!(bomb.len() < 1 << 20);
    assert!(Try::new(&bomb).fault().contains("has 67108864 bytes where its pickle says 16"));
    let bomb = archive(&[("a/data.pkl", &vec![b'N'; 65 << 20])], true);
    assert!(Try::new(&bomb).fault().contains("its pickle has more than 67108864 bytes"));
}

#[test]
fn archives_that_are_none_of_ours() {
    let pickle = dict(&[entry("w", &View::default())]);
    let numbers = numbers(4);
    let with = |entries: &[(&str, &[u8])]| {
        let all: Vec<(&str, &[u8])> = [("a/data.pkl", pickle.as_slice()), ("a/data/0", &numbers)]
            .into_iter()
            .chain(entries.iter().copied())
            .collect();
        Try::new(&archive(&all, false))
    };
    assert!(with(&[("a/constants.pkl", b"")]).fault().contains("it is TorchScript"));
    assert!(with(&[("a/byteorder", b"big")]).fault().contains("big-endian"));
    assert!(with(&[("b/data.pkl", b"")]).fault().contains("several checkpoints (`a` and `b`)"));
    assert!(Try::new(&archive(&[("readme", b"")], false)).fault().contains("no checkpoint: it has no `data.pkl`"));
    let mut damaged = checkpoint(&pickle);
    let at = damaged.windows(16).position(|window| window == numbers).unwrap();
    damaged[at] ^= 1;
    assert!(Try::new(&damaged).fault().contains("`a/data/0` is damaged (its checksum is wrong)"));
    // Two entries of one name: the library that writes archives refuses it, so one is renamed afterwards.
    let twice = with(&[("a/data/1", &numbers)]);
    let mut bytes = fs_err::read(twice.path("model.pt")).unwrap();
    while let Some(at) = bytes.windows(8).position(|window| window == b"a/data/1") {
        bytes[at + 7] = b'0';
    }
    assert!(Try::new(&bytes).fault().contains("two entries have one name"));
}

#[test]
fn files_that_are_something_else() {
    let tar = [vec![b'x'; 257], b"ustar\0".to_vec(), vec![0; 300]].concat();
    for (bytes, said) in [
        (&b""[..], "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
        (b"\x08\0\0\0\0\0\0\0{}      ", "it is a safetensors file already"),
        (b"\x1f\x8b\x08\0", "compressed by gzip"),
        (b"<!doctype html>", "a page of HTML"),
        (&tar, "a tar archive"),
        (b"\x80\x02}.", "it begins with a dictionary of 0"),
        (b"hello", "neither a zip archive nor a pickle that `torch.save` wrote"),
        (b"PK\x03\x04 and so on", "cut short or damaged"),
    ] {
        let error = Try::new(bytes).fault();
        assert!(error.contains(said), "{error}");
    }
    let folder = Try::new(b"");
    fs_err::remove_file(folder.path("model.pt")).unwrap();
    fs_err::create_dir(folder.path("model.pt")).unwrap();
    assert!(folder.fault().contains("it is a folder"));
}

#[test]
fn old_files_that_are_damaged() {
    let old = GOLDEN[1].1;
    let at = |needle: &[u8]| old.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut big = old.to_vec();
    let flag = at(b"little_endian") + b"little_endian".len();
    let flag = flag + big[flag..].iter().position(|byte| *byte == 0x88).unwrap();
    big[flag] = 0x89;
    assert!(Try::new(&big).fault().contains("big-endian"));
    let mut version = old.to_vec();
    let place = at(b"M\xe9\x03.");
    version[place + 1] = 0xea;
    assert!(Try::new(&version).fault().contains("version the number 1002"));
    assert!(Try::new(&old[..old.len() - 1]).fault().contains("1 bytes are missing: it is cut short"));
}

#[test]
fn cut_short_anywhere_is_told_and_a_flipped_bit_never_ends_the_program() {
    for (name, checkpoint, _) in GOLDEN {
        for length in (0..checkpoint.len()).step_by(37) {
            let error = Try::new(&checkpoint[..length]).run();
            assert!(error.is_err(), "{name} of {length} bytes");
        }
        for at in (0..checkpoint.len()).step_by(23) {
            let mut bytes = checkpoint.to_vec();
            bytes[at] ^= 1 << (at % 8);
            let one = Try::new(&bytes);
            if one.run().is_ok() {
                super::read(&one.path("weights"));
            }
        }
    }
}
