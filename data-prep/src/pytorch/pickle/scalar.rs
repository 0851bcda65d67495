//! Numbers and texts of a pickle. Of fractions only that they are some: no weight is one.

use std::io::BufRead;
use std::rc::Rc;

use crate::pytorch::pickle::{Done, Pickle, PickleError, op, shown};
use crate::pytorch::value::{Value, Values};

impl<R: BufRead> Pickle<'_, R> {
    pub(super) fn number(&mut self, code: u8) -> Result<bool, PickleError> {
        match code {
            op::NONE => self.stack.push(Values::NONE),
            op::NEWTRUE => self.stack.push(Values::TRUE),
            op::NEWFALSE => self.stack.push(Values::FALSE),
            op::BININT => {
                let number = i32::from_le_bytes(self.bytes.array()?);
                self.push(Value::Int(i64::from(number)))?;
            }
            op::BININT1 => {
                let number = self.bytes.byte()?;
                self.push(Value::Int(i64::from(number)))?;
            }
            op::BININT2 => {
                let number = u16::from_le_bytes(self.bytes.array()?);
                self.push(Value::Int(i64::from(number)))?;
            }
            op::LONG1 => {
                let count = self.bytes.byte()?;
                self.long(u64::from(count))?;
            }
            op::LONG4 => {
                let count = u32::from_le_bytes(self.bytes.array()?);
                self.long(u64::from(count))?;
            }
            op::INT | op::LONG => self.decimal()?,
            op::BINFLOAT => {
                self.bytes.array::<8>()?;
                self.push(Value::Float)?;
            }
            op::FLOAT => {
                self.bytes.line()?;
                self.push(Value::Float)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A whole number in two's complement, the lowest byte first.
    fn long(&mut self, count: u64) -> Done {
        let bytes = self.bytes.vec(count)?;
        if bytes.len() > 8 {
            return self.push(Value::Long(bytes.into()));
        }
        let negative = bytes.last().is_some_and(|highest| highest & 0x80 != 0);
        let mut all = [if negative { 0xff } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(&bytes);
        self.push(Value::Int(i64::from_le_bytes(all)))
    }

    /// A whole number as text; `00` and `01` are truth values.
    fn decimal(&mut self) -> Done {
        let line = self.bytes.line()?;
        match line.as_slice() {
            b"00" => self.stack.push(Values::FALSE),
            b"01" => self.stack.push(Values::TRUE),
            _ => {
                let text = String::from_utf8_lossy(&line);
                let Ok(number) = text.trim_end_matches('L').parse() else {
                    return Err(self.damaged(format!("`{}` is no whole number", shown(&text))));
                };
                self.push(Value::Int(number))?;
            }
        }
        Ok(())
    }

    pub(super) fn text(&mut self, code: u8) -> Result<bool, PickleError> {
        let count = match code {
            op::SHORT_BINUNICODE | op::SHORT_BINBYTES | op::SHORT_BINSTRING => u64::from(self.bytes.byte()?),
            op::BINUNICODE | op::BINBYTES | op::BINSTRING => u64::from(u32::from_le_bytes(self.bytes.array()?)),
            op::BINUNICODE8 | op::BINBYTES8 | op::BYTEARRAY8 => u64::from_le_bytes(self.bytes.array()?),
            op::UNICODE | op::STRING => {
                let line = self.bytes.line()?;
                let line = if code == op::STRING { line.trim_ascii().trim_quotes() } else { &line };
                let text = self.utf8(line.to_vec())?;
                self.push(Value::Text(text))?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        let bytes = self.bytes.vec(count)?;
        match code {
            op::SHORT_BINBYTES | op::BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => self.push(Value::Bytes)?,
            _ => {
                let text = self.utf8(bytes)?;
                self.push(Value::Text(text))?;
            }
        }
        Ok(true)
    }

    pub(super) fn utf8(&self, bytes: Vec<u8>) -> Result<Rc<str>, PickleError> {
        String::from_utf8(bytes).map(Rc::from).map_err(|_| self.damaged("a text of it is no UTF-8"))
    }
}

/// Text between quotes of one kind.
trait TrimQuotes {
    fn trim_quotes(&self) -> &Self;
}

impl TrimQuotes for [u8] {
    fn trim_quotes(&self) -> &Self {
        match self {
            [first @ (b'"' | b'\''), inner @ .., last] if first == last => inner,
            _ => self,
        }
    }
}
