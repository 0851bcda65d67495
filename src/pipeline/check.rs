//! Parameters against the types that a kind declares.

use nnf_contract::{Kind, Parameter, ParameterType};
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::interpolate::{Scope, what};
use crate::pipeline::reading::Faults;
use crate::pipeline::suggest;
use crate::yaml::{Entry, Node, Value};

/// The parameters of a stage: resolved, checked, of the declared types, with defaults. `place` is where the stage stands.
pub(crate) fn parameters(
    kind: &Kind,
    written: &[Entry],
    scope: &Scope<'_>,
    stage: (&str, &Place),
    faults: &mut Faults,
) -> Map<String, Json> {
    let owner = format!("kind `{}`", kind.name);
    for entry in written {
        if !kind.parameters.iter().any(|p| p.name == entry.key) {
            faults.push(unknown(&owner, &entry.key, &kind.parameters, &entry.place));
        }
    }
    let mut with = Map::new();
    for parameter in &kind.parameters {
        let entry = written.iter().find(|entry| entry.key == parameter.name);
        // An optional parameter may be given as null, which is how a pipeline's own parameter leaves it out.
        let value = entry.map(|entry| (scope.resolve(&entry.value, faults), entry));
        match (value, &parameter.default) {
            (Some((Json::Null, _)), None) if parameter.optional => {}
            (Some((value, entry)), _) => {
                let mut check = Check { path: parameter.name.clone(), faults };
                if let Some(value) = check.value(&value, parameter, Some(&entry.value), &entry.value.place) {
                    with.insert(parameter.name.clone(), value);
                }
            }
            (None, Some(default)) => {
                with.insert(parameter.name.clone(), default.clone());
            }
            (None, None) if parameter.optional => {}
            (None, None) => {
                let message = format!("stage `{}` lacks parameter `{}`: {}", stage.0, parameter.name, parameter.doc);
                let hint = format!("add `{}` under `with`; it is {}", parameter.name, expects(parameter));
                faults.push(Diagnostic::new(message).at(stage.1).hint(hint));
            }
        }
    }
    with
}

fn unknown(owner: &str, name: &str, known: &[Parameter], place: &Place) -> Diagnostic {
    let fault = Diagnostic::new(format!("{owner} has no parameter `{name}`")).at(place);
    match suggest::hint(name, known.iter().map(|p| p.name.as_str())) {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

struct Check<'a> {
    /// The parameter's name, and the way into it.
    path: String,
    faults: &'a mut Faults,
}

impl Check<'_> {
    fn value(&mut self, value: &Json, parameter: &Parameter, node: Option<&Node>, place: &Place) -> Option<Json> {
        let place = node.map_or(place, |node| &node.place);
        let result = match (&parameter.kind, value) {
            (ParameterType::Bool, Json::Bool(_)) | (ParameterType::String, Json::String(_)) => Some(value.clone()),
            (ParameterType::Int { min, max }, Json::Number(number)) => {
                return self.int(number, (*min, *max), parameter, place);
            }
            (ParameterType::Float { min, max }, Json::Number(number)) => {
                return self.float(number, (*min, *max), parameter, place);
            }
            (ParameterType::Choice { of }, Json::String(word)) => return self.choice(word, of, place),
            (ParameterType::List { items, min_length }, Json::Array(values)) => {
                return self.list(values, (items, *min_length), parameter, node, place);
            }
            (ParameterType::Record { fields }, Json::Object(map)) => return self.record(map, fields, node, place),
            _ => None,
        };
        if result.is_none() {
            let message = format!("`{}` is {}, but here stands {}", self.path, expects(parameter), shown(value));
            let fault = Diagnostic::new(message).at(place);
            self.faults.push(match slip(&parameter.kind, value) {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
        }
        result
    }

    fn int(
        &mut self,
        number: &serde_json::Number,
        range: (Option<i64>, Option<i64>),
        parameter: &Parameter,
        place: &Place,
    ) -> Option<Json> {
        // 2.0 is the whole number 2; 2.5 is none.
        let whole = number.as_i64().or_else(|| {
            let value = number.as_f64()?;
            (value.fract() == 0.0 && value.abs() < 9e15).then(|| value.to_string().parse().ok()).flatten()
        });
        match whole {
            Some(value) if range.0.is_none_or(|min| value >= min) && range.1.is_none_or(|max| value <= max) => {
                Some(Json::from(value))
            }
            Some(value) => self.out_of_range(&value.to_string(), parameter, place),
            None => {
                let message = format!("`{}` is {}, but here stands {number}", self.path, expects(parameter));
                self.faults.push(Diagnostic::new(message).at(place));
                None
            }
        }
    }

    fn float(
        &mut self,
        number: &serde_json::Number,
        range: (Option<f64>, Option<f64>),
        parameter: &Parameter,
        place: &Place,
    ) -> Option<Json> {
        let value = number.as_f64()?;
        // Written as a float always, so that 1 and 1.0 are one value; and -0.0 is 0.0.
        if range.0.is_none_or(|min| value >= min) && range.1.is_none_or(|max| value <= max) {
            return serde_json::Number::from_f64(value + 0.0).map(Json::Number);
        }
        self.out_of_range(&number.to_string(), parameter, place)
    }

    fn out_of_range(&mut self, value: &str, parameter: &Parameter, place: &Place) -> Option<Json> {
        let message = format!("`{}` is {}, but here stands {value}", self.path, expects(parameter));
        self.faults.push(Diagnostic::new(message).at(place));
        None
    }

    fn choice(&mut self, word: &str, of: &[String], place: &Place) -> Option<Json> {
        if of.iter().any(|known| known == word) {
            return Some(Json::from(word));
        }
        let message = format!("`{}` is one of {}, but here stands `{word}`", self.path, of.join(", "));
        let fault = Diagnostic::new(message).at(place);
        self.faults.push(match suggest::nearest(word, of.iter().map(String::as_str)) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        });
        None
    }

    fn list(
        &mut self,
        values: &[Json],
        (items, min_length): (&ParameterType, usize),
        parameter: &Parameter,
        node: Option<&Node>,
        place: &Place,
    ) -> Option<Json> {
        if values.len() < min_length {
            let message = format!("`{}` has {} items, but needs at least {min_length}", self.path, values.len());
            self.faults.push(Diagnostic::new(message).at(place));
            return None;
        }
        let nodes = match node.map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes.as_slice(),
            _ => &[],
        };
        let item = Parameter { kind: items.clone(), default: None, optional: false, ..parameter.clone() };
        let mut checked = Vec::with_capacity(values.len());
        for (position, value) in values.iter().enumerate() {
            let path = std::mem::take(&mut self.path);
            self.path = format!("{path}[{position}]");
            checked.push(self.value(value, &item, nodes.get(position), place));
            self.path = path;
        }
        checked.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
    }

    fn record(
        &mut self,
        map: &Map<String, Json>,
        fields: &[Parameter],
        node: Option<&Node>,
        place: &Place,
    ) -> Option<Json> {
        let entries = match node.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        let faults_before = self.faults.len();
        for name in map.keys().filter(|name| !fields.iter().any(|field| field.name == **name)) {
            let at = entries.iter().find(|entry| entry.key == *name).map_or(place, |entry| &entry.place);
            let owner = format!("`{}`", self.path);
            self.faults.push(unknown(&owner, name, fields, at));
        }
        let mut checked = Map::new();
        for field in fields {
            let value = map.get(&field.name).filter(|value| !(value.is_null() && field.optional));
            match (value, &field.default) {
                (Some(value), _) => {
                    let path = std::mem::take(&mut self.path);
                    self.path = format!("{path}.{}", field.name);
                    let node = entries.iter().find(|entry| entry.key == field.name).map(|entry| &entry.value);
                    if let Some(value) = self.value(value, field, node, place) {
                        checked.insert(field.name.clone(), value);
                    }
                    self.path = path;
                }
                (None, Some(default)) => {
                    checked.insert(field.name.clone(), default.clone());
                }
                (None, None) if field.optional => {}
                (None, None) => {
                    let message = format!("`{}` lacks `{}`: {}", self.path, field.name, field.doc);
                    self.faults.push(Diagnostic::new(message).at(place));
                }
            }
        }
        (self.faults.len() == faults_before).then_some(Json::Object(checked))
    }
}

/// What a parameter expects, in words.
pub(crate) fn expects(parameter: &Parameter) -> String {
    let unit = parameter.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let range = |min: Option<String>, max: Option<String>| match (min, max) {
        (Some(min), Some(max)) => format!(" from {min} to {max}{unit}"),
        (Some(min), None) => format!(" of at least {min}{unit}"),
        (None, Some(max)) => format!(" of at most {max}{unit}"),
        (None, None) if unit.is_empty() => String::new(),
        (None, None) => format!(" of{unit}"),
    };
    match &parameter.kind {
        ParameterType::Bool => "`true` or `false`".into(),
        ParameterType::Int { min, max } => {
            format!("a whole number{}", range(min.map(|n| n.to_string()), max.map(|n| n.to_string())))
        }
        ParameterType::Float { min, max } => {
            format!("a number{}", range(min.map(|n| n.to_string()), max.map(|n| n.to_string())))
        }
        ParameterType::String => "text".into(),
        ParameterType::Choice { of } => format!("one of {}", of.join(", ")),
        ParameterType::List { items, min_length } => {
            let least = if *min_length > 0 { format!(" of at least {min_length}") } else { String::new() };
            let item = Parameter { kind: (**items).clone(), ..parameter.clone() };
            format!("a list{least}, each {}", expects(&item))
        }
        ParameterType::Record { fields } => {
            let field = |field: &Parameter| format!("`{}` ({})", field.name, expects(field));
            format!("a map with {}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What to do about the usual slips of YAML: quotes too many or too few, and the words of YAML 1.1.
fn slip(kind: &ParameterType, value: &Json) -> Option<String> {
    match (kind, value) {
        (ParameterType::String | ParameterType::Choice { .. }, Json::Bool(_) | Json::Number(_)) => {
            Some(format!("write it in quotes: `'{value}'`"))
        }
        (ParameterType::Int { .. } | ParameterType::Float { .. }, Json::String(text))
            if text.parse::<f64>().is_ok() =>
        {
            Some("leave the quotes out".into())
        }
        (ParameterType::Bool, Json::String(text)) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => Some("write it as `true`".into()),
            "no" | "off" | "false" => Some("write it as `false`".into()),
            _ => None,
        },
        _ => None,
    }
}

pub(crate) fn shown(value: &Json) -> String {
    match value {
        Json::String(text) if text.chars().count() <= 40 => format!("the text `{text}`"),
        Json::Bool(_) | Json::Number(_) => format!("{} ({value})", what(value)),
        _ => what(value).into(),
    }
}
