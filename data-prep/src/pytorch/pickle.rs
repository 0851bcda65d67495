//! Reads a pickle: a small stack machine whose instructions make values and call nothing.
//!
//! Its instructions are those that Python's `pickletools` describes, protocols 0 to 5. Where a pickle asks to call
//! something, what it is decides: an ordered dictionary, a tensor or a parameter is made by the rules of `make`, anything
//! else is refused by name or stands as an object of which only the class is known.

mod make;
mod op;
mod scalar;

use std::collections::HashMap;
use std::io::BufRead;

use crate::pytorch::classes::{Class, advice};
use crate::pytorch::reader::{Bytes, ReadError};
use crate::pytorch::tensor::TensorError;
use crate::pytorch::value::{Id, Value, Values};

#[derive(Debug, thiserror::Error)]
pub(crate) enum PickleError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("byte {at} of its pickle: {what}: it is damaged, or no checkpoint; bring it again")]
    Damaged { at: u64, what: String },
    #[error("it asks for `{class}` (byte {at} of its pickle): {advice}")]
    Class { class: String, at: u64, advice: &'static str },
    #[error("a tensor of it (byte {at} of its pickle): {error}; it is damaged: bring it again")]
    Tensor { at: u64, error: TensorError },
    #[error("its pickle makes more than {0} values, which no dictionary of weights needs")]
    Many(usize),
}

/// What happens to classes that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refuse,
    Skip,
}

/// The machine.
pub(crate) struct Pickle<'a, R> {
    bytes: &'a mut Bytes<R>,
    values: &'a mut Values,
    unknown: Unknown,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// How many values were copied: a pickle of a few bytes may ask for a long list again and again.
    copied: usize,
}

type Done = Result<(), PickleError>;

/// Runs one pickle to its end, and gives what it has made.
pub(crate) fn read<R: BufRead>(bytes: &mut Bytes<R>, values: &mut Values, unknown: Unknown) -> Result<Id, PickleError> {
    let mut machine =
        Pickle { bytes, values, unknown, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), copied: 0 };
    loop {
        let code = machine.bytes.byte()?;
        if code == op::STOP {
            return machine.pop();
        }
        machine.step(code)?;
    }
}

impl<R: BufRead> Pickle<'_, R> {
    fn step(&mut self, code: u8) -> Done {
        if self.number(code)?
            || self.text(code)?
            || self.container(code)?
            || self.stack_and_memo(code)?
            || self.call(code)?
        {
            return Ok(());
        }
        Err(self.damaged(format!("there is no instruction {code:#04x} of pickles here")))
    }

    fn damaged(&self, what: impl Into<String>) -> PickleError {
        PickleError::Damaged { at: self.bytes.at().saturating_sub(1), what: what.into() }
    }

    fn push(&mut self, value: Value) -> Done {
        let id = self.values.add(value).ok_or(PickleError::Many(Values::MOST))?;
        self.stack.push(id);
        Ok(())
    }

    /// Counts what is copied.
    fn copies(&mut self, count: usize) -> Done {
        self.copied = self.copied.saturating_add(count);
        if self.copied > Values::MOST { Err(PickleError::Many(Values::MOST)) } else { Ok(()) }
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.damaged("a value is needed, and there is none"));
        }
        self.stack.pop().ok_or_else(|| self.damaged("a value is needed, and there is none"))
    }

    fn top(&self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(|own| own.last());
        top.copied().ok_or_else(|| self.damaged("a value is needed, and there is none"))
    }

    /// What lies above the last mark, which goes.
    fn above_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("there is no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn last(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        Ok(items)
    }

    fn container(&mut self, code: u8) -> Result<bool, PickleError> {
        match code {
            op::EMPTY_TUPLE => self.push(Value::Tuple(Vec::new()))?,
            op::EMPTY_LIST => self.push(Value::List(Vec::new()))?,
            op::EMPTY_DICT => self.push(Value::Dict(Vec::new()))?,
            op::EMPTY_SET => self.push(Value::Set)?,
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let items = self.last(usize::from(code - op::TUPLE1) + 1)?;
                self.push(Value::Tuple(items))?;
            }
            op::TUPLE => {
                let items = self.above_mark()?;
                self.push(Value::Tuple(items))?;
            }
            op::LIST => {
                let items = self.above_mark()?;
                self.push(Value::List(items))?;
            }
            op::DICT => {
                let items = self.above_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(items)?;
            }
            op::FROZENSET => {
                self.above_mark()?;
                self.push(Value::Set)?;
            }
            op::APPEND => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.above_mark()?;
                self.append(items)?;
            }
            op::SETITEM => {
                let items = self.last(2)?;
                self.set_items(items)?;
            }
            op::SETITEMS => {
                let items = self.above_mark()?;
                self.set_items(items)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn append(&mut self, items: Vec<Id>) -> Done {
        let list = self.top()?;
        match self.values.get_mut(list) {
            Some(Value::List(own)) => own.extend(items),
            Some(Value::Set | Value::Other(_)) => {}
            _ => return Err(self.damaged("something is added to what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Id>) -> Done {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.damaged("an entry of a dictionary has no value"));
        }
        match self.values.get_mut(dict) {
            Some(Value::Dict(own)) => own.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            Some(Value::Other(_)) => {}
            _ => return Err(self.damaged("an entry is set of what is no dictionary")),
        }
        Ok(())
    }

    fn stack_and_memo(&mut self, code: u8) -> Result<bool, PickleError> {
        match code {
            op::PROTO => {
                let version = self.bytes.byte()?;
                if version > 5 {
                    return Err(
                        self.damaged(format!("it says that it is a pickle of version {version}; 5 is the newest"))
                    );
                }
            }
            op::FRAME => drop(self.bytes.array::<8>()?),
            op::MARK => self.marks.push(self.stack.len()),
            op::POP_MARK => drop(self.above_mark()?),
            op::POP if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            op::POP => drop(self.pop()?),
            op::DUP => {
                let top = self.top()?;
                self.stack.push(top);
            }
            op::BINPUT => {
                let index = self.bytes.byte()?;
                self.put(u32::from(index))?;
            }
            op::LONG_BINPUT => {
                let index = u32::from_le_bytes(self.bytes.array()?);
                self.put(index)?;
            }
            op::MEMOIZE => self.put(u32::try_from(self.memo.len()).unwrap_or(u32::MAX))?,
            op::PUT => {
                let index = self.index()?;
                self.put(index)?;
            }
            op::BINGET => {
                let index = self.bytes.byte()?;
                self.get(u32::from(index))?;
            }
            op::LONG_BINGET => {
                let index = u32::from_le_bytes(self.bytes.array()?);
                self.get(index)?;
            }
            op::GET => {
                let index = self.index()?;
                self.get(index)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The index of a memo as text.
    fn index(&mut self) -> Result<u32, PickleError> {
        let line = self.bytes.line()?;
        let text = String::from_utf8_lossy(&line);
        text.parse().map_err(|_| self.damaged(format!("`{}` is no place of its memo", shown(&text))))
    }

    fn put(&mut self, index: u32) -> Done {
        let top = self.top()?;
        if self.memo.len() >= Values::MOST {
            return Err(PickleError::Many(Values::MOST));
        }
        self.memo.insert(index, top);
        Ok(())
    }

    fn get(&mut self, index: u32) -> Done {
        let Some(id) = self.memo.get(&index) else {
            return Err(self.damaged(format!("place {index} of its memo is asked for, where nothing was put")));
        };
        self.stack.push(*id);
        Ok(())
    }

    /// The class of a name; one that is not known is refused or left out.
    fn class(&mut self, module: &str, name: &str) -> Done {
        let class = Class::named(module, name);
        match (&class, self.unknown) {
            (Class::Unknown(full), Unknown::Refuse) => Err(PickleError::Class {
                class: shown(full),
                at: self.bytes.at().saturating_sub(1),
                advice: advice(full),
            }),
            _ => self.push(Value::Class(class)),
        }
    }
}

/// The beginning of a text that a file gives, without what could not be shown.
fn shown(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let short: String = clean.clone().take(100).collect();
    if clean.count() > 100 { format!("{short}…") } else { short }
}
