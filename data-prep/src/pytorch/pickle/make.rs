//! What a pickle asks to be made by calls: dictionaries, storages, tensors, parameters. Nothing is called.

use std::io::BufRead;
use std::rc::Rc;

use crate::pytorch::classes::{Class, Rebuild};
use crate::pytorch::pickle::{Done, Pickle, PickleError, op, shown};
use crate::pytorch::tensor::{Storage, Tensor};
use crate::pytorch::value::{Id, Value, Values};

impl<R: BufRead> Pickle<'_, R> {
    pub(super) fn call(&mut self, code: u8) -> Result<bool, PickleError> {
        match code {
            op::GLOBAL => {
                let (module, name) = (self.bytes.line()?, self.bytes.line()?);
                let (module, name) = (self.utf8(module)?, self.utf8(name)?);
                self.class(&module, &name)?;
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.values.text(module), self.values.text(name)) else {
                    return Err(self.damaged("the name of a class is no text"));
                };
                let (module, name) = (Rc::clone(module), Rc::clone(name));
                self.class(&module, &name)?;
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.made(class, arguments)?;
            }
            op::NEWOBJ_EX => {
                let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.made(class, arguments)?;
            }
            op::OBJ | op::INST => self.old_object(code)?,
            op::BUILD => {
                // A dictionary of weights has versions of its modules as its state; of what is not made none is needed.
                self.pop()?;
                self.top()?;
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(storage)?;
            }
            op::PERSID => return Err(self.damaged("a storage is named in a way that torch never used")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Objects in the way of protocols 0 and 1: all above the mark is the class and its arguments.
    fn old_object(&mut self, code: u8) -> Done {
        let mut items = self.above_mark()?;
        let class = if code == op::INST {
            let (module, name) = (self.bytes.line()?, self.bytes.line()?);
            let (module, name) = (self.utf8(module)?, self.utf8(name)?);
            self.class(&module, &name)?;
            self.pop()?
        } else if items.is_empty() {
            return Err(self.damaged("an object without a class is asked for"));
        } else {
            items.remove(0)
        };
        self.push(Value::Tuple(items))?;
        let arguments = self.pop()?;
        self.made(class, arguments)
    }

    /// What a call of a class would give, by its class alone.
    fn made(&mut self, class: Id, arguments: Id) -> Done {
        let class = match self.values.get(class) {
            Value::Class(class) => class.clone(),
            Value::Other(name) => Class::Unknown(Rc::clone(name)),
            _ => {
                let what = format!("{} is called, which is no class", self.values.describe(class));
                return Err(self.damaged(what));
            }
        };
        let Some(count) = self.values.tuple(arguments).map(<[Id]>::len) else {
            return Err(self.damaged("what a class is called with is no tuple"));
        };
        self.copies(count)?;
        let items = self.values.tuple(arguments).map(<[Id]>::to_vec).unwrap_or_default();
        match class {
            Class::OrderedDict => self.dictionary(&items),
            Class::RebuildTensor(form) => self.tensor(form, &items),
            Class::RebuildParameter => match items.first() {
                Some(first) if matches!(self.values.get(*first), Value::Tensor(_) | Value::Other(_)) => {
                    self.stack.push(*first);
                    Ok(())
                }
                _ => Err(self.damaged("a parameter without a tensor")),
            },
            Class::RebuildFromType => self.of_own_type(&items),
            Class::Size => match items.first() {
                Some(sizes) if self.values.tuple(*sizes).is_some() => {
                    self.stack.push(*sizes);
                    Ok(())
                }
                _ => Err(self.damaged("a shape that is no tuple")),
            },
            Class::Harmless(name) => self.push(Value::Other(name.into())),
            Class::Unknown(name) => self.push(Value::Other(name)),
            Class::Tensor | Class::Storage(_) | Class::Dtype(_) => {
                Err(self.damaged(format!("`{}` is called, which no checkpoint does", class.name())))
            }
        }
    }

    /// An ordered dictionary, perhaps of a list of pairs.
    fn dictionary(&mut self, items: &[Id]) -> Done {
        let Some(first) = items.first() else { return self.push(Value::Dict(Vec::new())) };
        let count = match self.values.get(*first) {
            Value::Dict(entries) => entries.len(),
            Value::List(pairs) | Value::Tuple(pairs) => pairs.len(),
            _ => 0,
        };
        self.copies(count)?;
        let entries = match self.values.get(*first) {
            Value::Dict(entries) => Some(entries.clone()),
            Value::List(pairs) | Value::Tuple(pairs) => {
                let pair = |id: &Id| match self.values.get(*id) {
                    Value::List(pair) | Value::Tuple(pair) => <[Id; 2]>::try_from(pair.as_slice()).ok(),
                    _ => None,
                };
                pairs.iter().map(|id| pair(id).map(|[key, value]| (key, value))).collect()
            }
            _ => None,
        };
        match entries {
            Some(entries) => self.push(Value::Dict(entries)),
            None => Err(self.damaged("a dictionary is made of what are no pairs")),
        }
    }

    /// `(function, class, arguments, state)`: a tensor that has attributes, or is of a class of its own.
    fn of_own_type(&mut self, items: &[Id]) -> Done {
        let [function, class, arguments, ..] = *items else {
            return Err(self.damaged("a tensor of its own class without arguments"));
        };
        match (self.values.get(class), self.values.get(function)) {
            // No other function, so that this does not go on and on.
            (Value::Class(Class::Tensor | Class::RebuildParameter), Value::Class(Class::RebuildTensor(_))) => {
                self.made(function, arguments)
            }
            (Value::Class(class), _) => {
                let name = class.name();
                self.push(Value::Other(name.into()))
            }
            _ => Err(self.damaged("a tensor of a class that is none")),
        }
    }

    /// `("storage", class, key, place, count)`, and in old files the part of another storage that it is.
    fn storage(&mut self, id: Id) -> Result<Value, PickleError> {
        self.copies(self.values.tuple(id).map_or(0, <[Id]>::len))?;
        let items = self.values.tuple(id).map(<[Id]>::to_vec).unwrap_or_default();
        let kind = items.first().and_then(|first| self.values.text(*first)).map(Rc::clone);
        match (kind.as_deref(), items.as_slice()) {
            (Some("module"), _) => Err(PickleError::Class {
                class: "the source of a module".into(),
                at: self.bytes.at().saturating_sub(1),
                advice: crate::pytorch::classes::advice(""),
            }),
            (Some("storage"), [_, class, key, _, count, rest @ ..]) => {
                let Some((key, count)) = self.values.text(*key).map(Rc::clone).zip(self.values.int(*count)) else {
                    return Err(self.damaged("a storage without a key and a length"));
                };
                let dtype = match self.values.get(*class) {
                    Value::Class(Class::Storage(dtype)) => *dtype,
                    Value::Class(Class::Unknown(name)) => return Ok(Value::Other(Rc::clone(name))),
                    _ => return Err(self.damaged("a storage of an unknown class")),
                };
                let (count, begin) = self.part(rest, count)?;
                Ok(Value::Storage(Rc::new(Storage { key, dtype, count, begin })))
            }
            _ => Err(self.damaged("a storage is named in a way that is not known")),
        }
    }

    /// Length and begin of a storage: the whole, or `(key, begin, length)` of it.
    fn part(&self, rest: &[Id], count: i64) -> Result<(u64, u64), PickleError> {
        let view = rest.first().and_then(|view| self.values.tuple(*view));
        let (count, begin) = match view {
            Some([_, begin, length]) => (self.values.int(*length), self.values.int(*begin)),
            _ => (Some(count), Some(0)),
        };
        let whole = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok());
        whole(count).zip(whole(begin)).ok_or_else(|| self.damaged("a storage of a length that is none"))
    }

    fn tensor(&mut self, form: Rebuild, items: &[Id]) -> Done {
        let [storage, offset, shape, strides, rest @ ..] = items else {
            return Err(self.damaged("a tensor without a storage, an offset, a shape and strides"));
        };
        let storage = match self.values.get(*storage) {
            Value::Storage(storage) => Rc::clone(storage),
            Value::Other(name) => {
                let other = Value::Other(Rc::clone(name));
                return self.push(other);
            }
            _ => return Err(self.damaged("a tensor that is of no storage")),
        };
        // Behind the storage: whether it needs a gradient, hooks, then its type in the newest form, then what else is said.
        let (dtype, more) = match form {
            Rebuild::V3 => match rest.get(2).map(|dtype| self.values.get(*dtype)) {
                Some(Value::Class(Class::Dtype(dtype))) => (Some(*dtype), rest.get(3)),
                Some(Value::Class(Class::Unknown(name))) => {
                    let other = Value::Other(Rc::clone(name));
                    return self.push(other);
                }
                _ => (None, None),
            },
            Rebuild::V1 | Rebuild::V2 => (storage.dtype, rest.get(2)),
        };
        let Some(dtype) = dtype else { return Err(self.damaged("a tensor of an unknown type of numbers")) };
        self.refuse_lazy(more.copied())?;
        let numbers = |id: Id| {
            let items = self.values.tuple(id).filter(|items| items.len() <= 1000)?;
            items.iter().map(|item| self.values.int(*item)).collect::<Option<Vec<i64>>>()
        };
        let (Some(offset), Some(shape), Some(strides)) = (self.values.int(*offset), numbers(*shape), numbers(*strides))
        else {
            return Err(self.damaged("a tensor whose offset, shape or strides are no whole numbers"));
        };
        self.copies(shape.len() + strides.len())?;
        let at = self.bytes.at().saturating_sub(1);
        let tensor =
            Tensor::new(storage, dtype, offset, &shape, &strides).map_err(|error| PickleError::Tensor { at, error })?;
        self.push(Value::Tensor(Box::new(tensor)))
    }

    /// What is stored may be the negative or the conjugate of what is meant.
    fn refuse_lazy(&self, more: Option<Id>) -> Done {
        let entries = more.and_then(|more| self.values.dict(more)).unwrap_or_default();
        let lazy = entries.iter().find(|(key, value)| {
            *value == Values::TRUE && self.values.text(*key).is_some_and(|key| matches!(&**key, "conj" | "neg"))
        });
        match lazy.and_then(|(key, _)| self.values.text(*key)) {
            Some(key) => Err(PickleError::Class {
                class: format!("a tensor with the mark `{}`", shown(key)),
                at: self.bytes.at().saturating_sub(1),
                advice: "its numbers are stored before a step that is still to be done: save it after `tensor.resolve_conj()` \
                         and `tensor.resolve_neg()`",
            }),
            None => Ok(()),
        }
    }
}
