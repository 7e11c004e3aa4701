//! Literals as PyTorch's test databases print them: JSON lines and Python's `repr` in one grammar, since both nest lists and
//! dictionaries of numbers, texts and names in the same way.

/// A value of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg {
    /// `None`, `null`
    None,
    /// A truth value.
    Bool(bool),
    /// Any number; infinities included.
    Num(f64),
    /// A text, or a bare name.
    Text(String),
    /// A list or a tuple.
    List(Vec<Arg>),
    /// A dictionary, in order.
    Dict(Vec<(String, Arg)>),
}

impl Arg {
    /// The value under a key of a dictionary.
    pub(crate) fn get(&self, key: &str) -> Option<&Arg> {
        match self {
            Arg::Dict(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Arg] {
        match self {
            Arg::List(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a dictionary; none of anything else.
    pub(crate) fn pairs(&self) -> &[(String, Arg)] {
        match self {
            Arg::Dict(pairs) => pairs,
            _ => &[],
        }
    }

    /// A text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Arg::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number; truth values count as 0 and 1, as in Python.
    pub(crate) fn num(&self) -> Option<f64> {
        match self {
            Arg::Num(x) => Some(*x),
            Arg::Bool(x) => Some(f64::from(u8::from(*x))),
            _ => None,
        }
    }
}

/// Reads one literal.
///
/// # Panics
/// On text that is none: goldens are made by a program.
pub(crate) fn parse(text: &str) -> Arg {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value();
    reader.space();
    assert!(reader.at == text.len(), "more than a literal: {text}");
    value
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.space();
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        self.at += if there { c.len_utf8() } else { 0 };
        there
    }

    fn value(&mut self) -> Arg {
        match self.peek() {
            Some('[') => Arg::List(self.list('[', ']')),
            Some('(') => Arg::List(self.list('(', ')')),
            Some('{') => {
                self.eat('{');
                let mut pairs = vec![];
                while !self.eat('}') {
                    let Arg::Text(key) = self.value() else { panic!("a key that is no text: {}", self.text) };
                    assert!(self.eat(':'), "a key without a value: {}", self.text);
                    pairs.push((key, self.value()));
                    self.eat(',');
                }
                Arg::Dict(pairs)
            }
            Some(quote @ ('"' | '\'')) => {
                self.eat(quote);
                let rest = &self.text[self.at..];
                let end = rest.find(quote).unwrap_or_else(|| panic!("a text without an end: {}", self.text));
                self.at += end + 1;
                Arg::Text(rest[..end].to_owned())
            }
            // `<built-in function gelu>`
            Some('<') => {
                let rest = &self.text[self.at..];
                let end = rest.find('>').unwrap_or_else(|| panic!("a name without an end: {}", self.text));
                self.at += end + 1;
                Arg::Text(rest[1..end].to_owned())
            }
            _ => self.word(),
        }
    }

    fn list(&mut self, open: char, close: char) -> Vec<Arg> {
        self.eat(open);
        let mut items = vec![];
        while !self.eat(close) {
            items.push(self.value());
            self.eat(',');
        }
        items
    }

    fn word(&mut self) -> Arg {
        let rest: &'a str = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"+-._".contains(c)).unwrap_or(rest.len());
        assert!(end > 0, "no literal at {rest}");
        self.at += end;
        match &rest[..end] {
            "None" | "null" => Arg::None,
            "True" | "true" => Arg::Bool(true),
            "False" | "false" => Arg::Bool(false),
            "inf" | "Infinity" => Arg::Num(f64::INFINITY),
            "-inf" | "-Infinity" => Arg::Num(f64::NEG_INFINITY),
            "nan" | "NaN" => Arg::Num(f64::NAN),
            // A tensor of one number is in single precision.
            "tensor" => match self.list('(', ')').first() {
                Some(Arg::Num(x)) => Arg::Num(f64::from(*x as f32)),
                _ => panic!("a tensor that is no number: {}", self.text),
            },
            word => word.parse().map_or_else(|_| Arg::Text(word.to_owned()), Arg::Num),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arg, parse};

    #[test]
    fn json_and_python_are_read_alike() {
        let python = parse("(('in', 2, -1e-3), {'p': None, 'q': (True,), 'r': torch.float64, 's': -inf})");
        let json = parse(r#"[["in", 2, -1e-3], {"p": null, "q": [true], "r": "torch.float64", "s": -Infinity}]"#);
        assert_eq!(python, json);
        assert_eq!(python.items()[0].items()[2], Arg::Num(-1e-3));
        assert_eq!(parse("{'lr': tensor(0.0010)}").get("lr"), Some(&Arg::Num(f64::from(0.001f32))));
    }
}
