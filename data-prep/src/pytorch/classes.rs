//! The names that a dictionary of weights needs: a list, and nothing that is not in it is known.

use std::rc::Rc;

use safetensors::Dtype;

/// A name of Python that a pickle refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    OrderedDict,
    /// How a tensor is put together of a storage, an offset, a shape and strides.
    RebuildTensor(Rebuild),
    /// How a parameter is put together: it is its tensor.
    RebuildParameter,
    /// A tensor of a class of its own, or with attributes.
    RebuildFromType,
    Tensor,
    Size,
    /// A storage of numbers of this type; without one, of bytes.
    Storage(Option<Dtype>),
    Dtype(Dtype),
    /// It calls nothing and holds no weights: what it makes is left out.
    Harmless(&'static str),
    /// Any other, which is never called.
    Unknown(Rc<str>),
}

/// The forms in which tensors were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rebuild {
    V1,
    V2,
    /// Its type stands among the arguments, since its storage is of bytes.
    V3,
}

const HARMLESS: [&str; 16] = [
    "torch.device",
    "collections.Counter",
    "collections.defaultdict",
    "builtins.set",
    "builtins.frozenset",
    "builtins.complex",
    "builtins.bytearray",
    "builtins.slice",
    "builtins.range",
    "builtins.list",
    "__builtin__.set",
    "__builtin__.frozenset",
    "__builtin__.complex",
    "__builtin__.bytearray",
    "__builtin__.list",
    "_codecs.encode",
];

impl Class {
    pub(crate) fn named(module: &str, name: &str) -> Class {
        let full = format!("{module}.{name}");
        match full.as_str() {
            "collections.OrderedDict" | "builtins.dict" | "__builtin__.dict" => Class::OrderedDict,
            "torch._utils._rebuild_tensor" => Class::RebuildTensor(Rebuild::V1),
            "torch._utils._rebuild_tensor_v2" => Class::RebuildTensor(Rebuild::V2),
            "torch._utils._rebuild_tensor_v3" => Class::RebuildTensor(Rebuild::V3),
            "torch._utils._rebuild_parameter"
            | "torch._utils._rebuild_parameter_with_state"
            | "torch.nn.parameter.Parameter"
            | "torch.nn.parameter.Buffer" => Class::RebuildParameter,
            "torch._tensor._rebuild_from_type_v2" => Class::RebuildFromType,
            "torch.Tensor" | "torch._tensor.Tensor" => Class::Tensor,
            "torch.Size" => Class::Size,
            _ => Class::of_numbers(module, name)
                .or_else(|| HARMLESS.into_iter().find(|known| *known == full).map(Class::Harmless))
                .unwrap_or_else(|| Class::Unknown(full.into())),
        }
    }

    /// A storage or a type of numbers.
    fn of_numbers(module: &str, name: &str) -> Option<Class> {
        if let Some(kind) =
            name.strip_suffix("Storage").filter(|_| matches!(module, "torch" | "torch.storage" | "torch.cuda"))
        {
            return if kind == "Untyped" {
                Some(Class::Storage(None))
            } else {
                storage(kind).map(|d| Class::Storage(Some(d)))
            };
        }
        if module == "torch" { dtype(name).map(Class::Dtype) } else { None }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Class::OrderedDict => "OrderedDict".into(),
            Class::RebuildTensor(_) | Class::Tensor | Class::RebuildFromType => "Tensor".into(),
            Class::RebuildParameter => "Parameter".into(),
            Class::Size => "Size".into(),
            Class::Storage(_) => "Storage".into(),
            Class::Dtype(dtype) => format!("{dtype:?}"),
            Class::Harmless(name) => (*name).to_owned(),
            Class::Unknown(name) => name.to_string(),
        }
    }
}

/// What to do about a class that is not known.
pub(crate) fn advice(name: &str) -> &'static str {
    let contains = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if contains(&["_rebuild_qtensor", "torch.QInt", "torch.QUInt", "torch.qint", "torch.quint"]) {
        "quantised tensors are not read: save them as floating numbers, by `tensor.dequantize()`"
    } else if contains(&["_rebuild_sparse"]) {
        "sparse tensors are not read: save them as dense ones, by `tensor.to_dense()`"
    } else if contains(&["ComplexDouble", "torch.complex128", "ComplexHalf", "torch.complex32"]) {
        "safetensors has no such numbers: save them as `complex64`"
    } else if contains(&["_rebuild_meta_tensor", "_rebuild_wrapper_subclass", "_rebuild_device_tensor"]) {
        "such a tensor holds no numbers of its own: save it as an ordinary tensor on the CPU"
    } else {
        "no code of a checkpoint is run. Save the weights alone, by `torch.save(model.state_dict(), path)`, or leave out what is \
         no weights with `unknown: skip`"
    }
}

fn storage(kind: &str) -> Option<Dtype> {
    Some(match kind {
        "Float" => Dtype::F32,
        "Double" => Dtype::F64,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::BOOL,
        "ComplexFloat" => Dtype::C64,
        _ => return None,
    })
}

fn dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "float32" | "float" => Dtype::F32,
        "float64" | "double" => Dtype::F64,
        "float16" | "half" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "int64" | "long" => Dtype::I64,
        "int32" | "int" => Dtype::I32,
        "int16" | "short" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "bool" => Dtype::BOOL,
        "complex64" => Dtype::C64,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        "float8_e8m0fnu" => Dtype::F8_E8M0,
        "float8_e4m3fnuz" => Dtype::F8_E4M3FNUZ,
        "float8_e5m2fnuz" => Dtype::F8_E5M2FNUZ,
        _ => return None,
    })
}

/// Bytes of a number; types of less than a byte are not in the lists above.
pub(crate) fn bytes_of(dtype: Dtype) -> u64 {
    (dtype.bitsize() / 8).max(1) as u64
}
