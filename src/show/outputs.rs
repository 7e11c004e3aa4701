//! The outputs of a predict block: numbers, and texts that class numbers stand for.

use nnc_compiler::program::TextForm;
use nnc_runtime::train::Value;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::numbers::short;

/// Outputs, of a row or of the block, and those of them that are texts. As JSON an object.
pub(crate) struct Outputs<'a> {
    pub(crate) values: &'a [Value],
    pub(crate) texts: &'a [TextForm],
}

/// A value as it is shown.
enum Shown<'a> {
    Numbers(&'a Value),
    Texts(Vec<String>),
}

impl<'a> Outputs<'a> {
    /// Each with its name.
    fn shown(&self) -> impl Iterator<Item = (&'a str, Shown<'a>)> {
        self.values.iter().map(|value| {
            let text = self.texts.iter().find(|text| text.output == value.name);
            let shown = text.map_or(Shown::Numbers(value), |text| Shown::Texts(texts(value, text)));
            (value.name.as_str(), shown)
        })
    }

    /// In one line: `12  probability 0.01 0.98 0.01`.
    pub(crate) fn row(&self, row: u64) -> String {
        let named = self.shown().map(|(name, shown)| format!("  {name} {}", shown.line()));
        format!("{row}{}\n", named.collect::<String>())
    }

    /// One a line; texts as they are.
    pub(crate) fn lines(&self) -> String {
        let line = |(name, shown): (&str, Shown<'a>)| match shown {
            Shown::Numbers(_) => format!("{name} {}\n", shown.line()),
            Shown::Texts(texts) => texts.iter().map(|text| format!("{text}\n")).collect(),
        };
        self.shown().map(line).collect()
    }
}

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (name, shown) in self.shown() {
            match shown {
                Shown::Numbers(value) => map.serialize_entry(name, value)?,
                Shown::Texts(texts) => match texts.as_slice() {
                    [one] => map.serialize_entry(name, one)?,
                    texts => map.serialize_entry(name, texts)?,
                },
            }
        }
        map.end()
    }
}

impl Shown<'_> {
    fn line(&self) -> String {
        match self {
            Shown::Numbers(value) => value.data.iter().map(|x| short(*x)).collect::<Vec<_>>().join(" "),
            Shown::Texts(texts) => texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" "),
        }
    }
}

/// The texts of a tensor of class numbers, which lie along its last axis.
fn texts(value: &Value, form: &TextForm) -> Vec<String> {
    let length = value.shape.last().copied().unwrap_or(1).max(1);
    // Class numbers are whole and at least 0.
    let text = |numbers: &[f64]| {
        form.encoding.vocabulary.decode(form.encoding.tokens.unit, numbers.iter().map(|n| *n as usize))
    };
    value.data.chunks(length).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_runtime::data::Encoding;
    use nnc_runtime::data::tokens::{Tokens, Unit, Vocabulary};

    #[test]
    fn numbers_and_texts_stand_in_a_line() {
        let value = |name: &str, shape: &[usize], data: &[f64]| Value {
            name: name.into(),
            shape: shape.to_vec(),
            data: data.to_vec(),
        };
        let tokens = Tokens::of(Unit::Chars);
        let vocabulary = Vocabulary::of(&tokens, ["ab"].into_iter());
        let encoding = Encoding { tokens, vocabulary, lengths: (1, 1) }.into();
        let texts = [TextForm { output: "said".into(), encoding }];
        let values = [value("p", &[2], &[0.25, 1.0]), value("said", &[3], &[5.0, 4.0, 0.0])];
        let outputs = Outputs { values: &values, texts: &texts };
        assert_eq!(outputs.row(3), "3  p 0.2500 1  said \"ba\"\n");
        assert_eq!(outputs.lines(), "p 0.2500 1\nba\n");
        assert_eq!(serde_json::to_string(&outputs).unwrap(), r#"{"p":[0.25,1.0],"said":"ba"}"#);
    }
}
