//! The header of a NumPy file: a Python dictionary as text, `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
//!
//! Format: numpy.lib.format, versions 1 to 3.

use crate::dtype::DType;

/// The highest rank that is read.
pub(super) const MAX_RANK: usize = 8;

/// The types of elements, as files have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    F32,
    F64,
}

impl Kind {
    /// The type of that description, or what is wrong with it.
    fn described(text: &str) -> Result<Kind, String> {
        let (order, code) = text.split_at_checked(1).unwrap_or(("", ""));
        let kind = match code {
            "b1" => Some(Kind::Bool),
            "i1" => Some(Kind::I8),
            "u1" => Some(Kind::U8),
            "i2" => Some(Kind::I16),
            "u2" => Some(Kind::U16),
            "i4" => Some(Kind::I32),
            "u4" => Some(Kind::U32),
            "i8" => Some(Kind::I64),
            "u8" => Some(Kind::U64),
            "f2" => Some(Kind::F16),
            "f4" => Some(Kind::F32),
            "f8" => Some(Kind::F64),
            _ => None,
        };
        match (order, kind) {
            ("<", Some(kind)) => Ok(kind),
            ("|" | ">", Some(kind)) if kind.size() == 1 => Ok(kind),
            (">", Some(_)) => Err(format!("its elements are big-endian (`{text}`)")),
            _ => Err(match code.bytes().next() {
                Some(b'U' | b'S') => format!("it holds texts (`{}`)", text.escape_debug()),
                Some(b'O') => "it holds Python objects".to_owned(),
                Some(b'c') => format!("it holds complex numbers (`{}`)", text.escape_debug()),
                _ => format!("its elements are of type `{}`", text.escape_debug()),
            }),
        }
    }

    /// Bytes of an element in the file.
    pub(super) fn size(self) -> usize {
        match self {
            Kind::Bool | Kind::I8 | Kind::U8 => 1,
            Kind::I16 | Kind::U16 | Kind::F16 => 2,
            Kind::I32 | Kind::U32 | Kind::F32 => 4,
            Kind::I64 | Kind::U64 | Kind::F64 => 8,
        }
    }

    /// The type in memory: the next that holds every value.
    pub(super) fn dtype(self) -> DType {
        match self {
            Kind::Bool => DType::Bool,
            Kind::U8 => DType::U8,
            Kind::I8 | Kind::I16 | Kind::U16 | Kind::I32 => DType::I32,
            Kind::U32 | Kind::I64 | Kind::U64 => DType::I64,
            Kind::F16 | Kind::F32 => DType::F32,
            Kind::F64 => DType::F64,
        }
    }
}

/// What the dictionary says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) kind: Kind,
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
}

/// Why a header cannot be used: what is wrong, and what to do.
type Fault = (String, Option<&'static str>);

/// Reads the dictionary.
pub(super) fn parse(text: &str) -> Result<Described, Fault> {
    let malformed = || ("the header is not what NumPy writes".to_owned(), Some("write the file again with numpy.save"));
    let (mut kind, mut fortran, mut shape) = (None, None, None);
    let mut rest = text.trim().strip_prefix('{').ok_or_else(malformed)?;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            let complete = kind.zip(fortran).zip(shape).filter(|_| after.trim().is_empty());
            let ((kind, fortran), shape) = complete.ok_or_else(malformed)?;
            return Ok(Described { kind, fortran, shape });
        }
        let (key, after) = quoted(rest).ok_or_else(malformed)?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(malformed)?.trim_start();
        rest = match key {
            "descr" => {
                if value.starts_with('[') {
                    return Err(("its elements are records".into(), Some("save one array for each field")));
                }
                let (text, after) = quoted(value).ok_or_else(malformed)?;
                let help = "save numbers in the order of this machine: `array.astype(\"float32\")`";
                kind = Some(Kind::described(text).map_err(|what| (what, Some(help)))?);
                after
            }
            "fortran_order" => {
                let (value, after) = match value.strip_prefix("False") {
                    Some(after) => (false, after),
                    None => (true, value.strip_prefix("True").ok_or_else(malformed)?),
                };
                fortran = Some(value);
                after
            }
            "shape" => {
                let (inner, after) =
                    value.strip_prefix('(').and_then(|value| value.split_once(')')).ok_or_else(malformed)?;
                shape = Some(sizes(inner)?.ok_or_else(malformed)?);
                after
            }
            _ => return Err(malformed()),
        };
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None if rest.starts_with('}') => rest,
            None => return Err(malformed()),
        };
    }
}

/// The sizes of `3, 4` or `3,`; nothing where they are no numbers.
fn sizes(text: &str) -> Result<Option<Vec<u64>>, Fault> {
    let text = text.trim();
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() {
        return Ok(Some(Vec::new()));
    }
    if text.split(',').count() > MAX_RANK {
        return Err((format!("the array has more than {MAX_RANK} axes"), None));
    }
    // Python 2 wrote long numbers with an L.
    Ok(text.split(',').map(|size| size.trim().trim_end_matches('L').parse().ok()).collect())
}

/// A text in quotes of either kind, and what follows it. Names in a header need no escapes.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_of_numpy_is_read() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }            \n";
        assert_eq!(parse(text).unwrap(), Described { kind: Kind::F32, fortran: false, shape: vec![3, 4] });
        let text = "{\"shape\": (5L,), \"descr\": \"|b1\", \"fortran_order\": True}";
        assert_eq!(parse(text).unwrap(), Described { kind: Kind::Bool, fortran: true, shape: vec![5] });
        assert!(parse("{'descr':'<i8','fortran_order':False,'shape':()}").unwrap().shape.is_empty());
    }

    #[test]
    fn what_is_no_array_of_numbers_is_named() {
        let what = |descr: &str| {
            parse(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}")).unwrap_err().0
        };
        assert_eq!(what("'>f4'"), "its elements are big-endian (`>f4`)");
        assert_eq!(what("'<U7'"), "it holds texts (`<U7`)");
        assert_eq!(what("'|O'"), "it holds Python objects");
        assert_eq!(what("'<c16'"), "it holds complex numbers (`<c16`)");
        assert_eq!(what("'<M8[ns]'"), "its elements are of type `<M8[ns]`");
        assert_eq!(what("[('x', '<f4')]"), "its elements are records");
        for text in ["", "{", "{}", "{'descr': '<f4'}", "{'shape': (a,)}", "{'descr'", "{'': 1}", "{'shape': (-1,), }"]
        {
            assert_eq!(parse(text).unwrap_err().0, "the header is not what NumPy writes", "{text}");
        }
    }
}
