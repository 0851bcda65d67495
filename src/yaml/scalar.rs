//! What a scalar means: by YAML 1.2's core schema, and by its tag if it has one.

use crate::yaml::node::Value;

/// Why a scalar has no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScalarFault {
    /// A whole number that 64 bits do not hold.
    TooLong,
    /// A number that is infinite, none, or too large for 64 bits.
    NotFinite,
    /// It is not of the type that its tag says.
    NotOfTag(&'static str),
    /// A tag beyond the core schema's.
    UnknownTag(String),
}

/// The handle of the core schema's tags.
const CORE: &str = "tag:yaml.org,2002:";

/// The value of a scalar without quotes and without a tag.
pub(super) fn plain_scalar(text: &str) -> Result<Value, ScalarFault> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(ScalarFault::NotFinite);
    }
    if let Some(whole) = whole_number(text, unsigned) {
        return whole.map(Value::Int).ok_or(ScalarFault::TooLong);
    }
    if !is_float(unsigned) {
        return Ok(Value::Text(text.to_owned()));
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Value::Float(value)),
        Ok(_) => Err(ScalarFault::NotFinite),
        Err(_) => Ok(Value::Text(text.to_owned())),
    }
}

/// Whether it has the form of a number with a point or an exponent, without its sign.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// A whole number, if it has the form of one; nothing within where it is too long.
fn whole_number(text: &str, unsigned: &str) -> Option<Option<i64>> {
    let of = |digits: &str, radix: u32| {
        let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        all.then(|| i64::from_str_radix(digits, radix).ok())
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return of(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return of(digits, 8);
    }
    of(unsigned, 10).map(|_| text.parse().ok())
}

/// The value of a scalar with a tag, which is given in full.
pub(super) fn tagged_scalar(text: &str, tag: &str) -> Result<Value, ScalarFault> {
    let core = tag.strip_prefix(CORE);
    let plain = || plain_scalar(text);
    let fits = |value: Value, is: bool, what| if is { Ok(value) } else { Err(ScalarFault::NotOfTag(what)) };
    match core {
        // `!` alone says: no plain scalar.
        Some("str") => Ok(Value::Text(text.to_owned())),
        _ if tag == "!" => Ok(Value::Text(text.to_owned())),
        Some("int") => plain().and_then(|value| {
            let is = matches!(value, Value::Int(_));
            fits(value, is, "a whole number")
        }),
        Some("float") => match plain()? {
            Value::Int(whole) => Ok(Value::Float(whole as f64)),
            value => {
                let is = matches!(value, Value::Float(_));
                fits(value, is, "a number")
            }
        },
        Some("bool") => plain().and_then(|value| {
            let is = matches!(value, Value::Bool(_));
            fits(value, is, "`true` or `false`")
        }),
        Some("null") => plain().and_then(|value| {
            let is = matches!(value, Value::Null);
            fits(value, is, "`null`")
        }),
        Some("seq") => Err(ScalarFault::NotOfTag("a list")),
        Some("map") => Err(ScalarFault::NotOfTag("a map")),
        _ => Err(ScalarFault::UnknownTag(shown(tag))),
    }
}

/// Whether a list or a map may have a tag: its own of the core schema, or none.
pub(super) fn check_collection(tag: Option<&str>, own: &str) -> Result<(), ScalarFault> {
    match tag.map(|tag| (tag, tag.strip_prefix(CORE))) {
        None | Some(("!", _)) => Ok(()),
        Some((_, Some(name))) if name == own => Ok(()),
        Some((_, Some("str"))) => Err(ScalarFault::NotOfTag("text")),
        Some((_, Some("int" | "float"))) => Err(ScalarFault::NotOfTag("a number")),
        Some((_, Some("bool"))) => Err(ScalarFault::NotOfTag("`true` or `false`")),
        Some((_, Some("null"))) => Err(ScalarFault::NotOfTag("`null`")),
        Some((_, Some("seq"))) => Err(ScalarFault::NotOfTag("a list")),
        Some((_, Some("map"))) => Err(ScalarFault::NotOfTag("a map")),
        Some((tag, _)) => Err(ScalarFault::UnknownTag(shown(tag))),
    }
}

/// A tag as a person writes it.
fn shown(tag: &str) -> String {
    match tag.strip_prefix(CORE) {
        Some(name) => format!("!!{name}"),
        None => tag.to_owned(),
    }
}
