//! What a pickle makes, as values that name each other by number.
//!
//! Numbers and not references: a pickle may make a list that holds itself, and nesting of any depth.

use std::rc::Rc;

use crate::pytorch::classes::Class;
use crate::pytorch::tensor::{Storage, Tensor};

/// A value's number.
pub(crate) type Id = u32;

/// A value.
#[derive(Debug)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number that 64 bits do not hold, as its bytes from the lowest on.
    Long(Rc<[u8]>),
    Float,
    Text(Rc<str>),
    Bytes,
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Set,
    Class(Class),
    Storage(Rc<Storage>),
    Tensor(Box<Tensor>),
    /// An object that was not made, of which nothing but its class is known.
    Other(Rc<str>),
}

/// All values of a pickle.
#[derive(Debug)]
pub(crate) struct Values(Vec<Value>);

impl Values {
    /// More are not made: damaged or hostile files could fill the memory.
    pub(crate) const MOST: usize = 8_000_000;
    pub(crate) const NONE: Id = 0;
    pub(crate) const FALSE: Id = 1;
    pub(crate) const TRUE: Id = 2;

    pub(crate) fn new() -> Self {
        Values(vec![Value::None, Value::Bool(false), Value::Bool(true)])
    }

    /// A number for a value; nothing when there are too many.
    pub(crate) fn add(&mut self, value: Value) -> Option<Id> {
        if self.0.len() >= Self::MOST {
            return None;
        }
        self.0.push(value);
        Id::try_from(self.0.len() - 1).ok()
    }

    pub(crate) fn get(&self, id: Id) -> &Value {
        self.0.get(id as usize).unwrap_or(&Value::None)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Value> {
        self.0.get_mut(id as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    pub(crate) fn text(&self, id: Id) -> Option<&Rc<str>> {
        if let Value::Text(text) = self.get(id) { Some(text) } else { None }
    }

    pub(crate) fn int(&self, id: Id) -> Option<i64> {
        if let Value::Int(number) = self.get(id) { Some(*number) } else { None }
    }

    pub(crate) fn tuple(&self, id: Id) -> Option<&[Id]> {
        if let Value::Tuple(items) = self.get(id) { Some(items) } else { None }
    }

    pub(crate) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        if let Value::Dict(entries) = self.get(id) { Some(entries) } else { None }
    }

    /// What a value is, in words.
    pub(crate) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Value::None => "`None`".into(),
            Value::Bool(true) => "`True`".into(),
            Value::Bool(false) => "`False`".into(),
            Value::Int(number) => format!("the number {number}"),
            Value::Long(_) | Value::Float => "a number".into(),
            Value::Text(_) => "a text".into(),
            Value::Bytes => "bytes".into(),
            Value::Tuple(items) => format!("a tuple of {}", items.len()),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Dict(entries) => format!("a dictionary of {}", entries.len()),
            Value::Set => "a set".into(),
            Value::Class(class) => format!("the class `{}`", class.name()),
            Value::Storage(_) => "a storage".into(),
            Value::Tensor(_) => "a tensor".into(),
            Value::Other(class) => format!("an object of `{class}`"),
        }
    }
}
