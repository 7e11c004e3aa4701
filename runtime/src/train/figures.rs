//! Figures of a pass: named numbers, vectors and matrices in double precision.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// Its sizes; empty for one number.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub data: Vec<f64>,
}

impl Value {
    /// The number, of a figure that is one.
    pub fn scalar(&self) -> Option<f64> {
        match (self.shape.as_slice(), self.data.as_slice()) {
            ([], [value]) => Some(*value),
            _ => None,
        }
    }
}

/// A tensor as JSON: nested lists, numbers that JSON does not know as `null`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested { shape: &self.shape, data: &self.data }.serialize(serializer)
    }
}

/// The figures of one pass, in the order of the plan. As JSON an object; numbers that JSON does not know are `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub Vec<Value>);

impl Figures {
    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|value| value.name == name)
    }

    /// The number of that name.
    pub fn scalar(&self, name: &str) -> Option<f64> {
        self.get(name)?.scalar()
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for value in &self.0 {
            map.serialize_entry(&value.name, value)?;
        }
        map.end()
    }
}

/// A tensor as nested lists.
struct Nested<'a> {
    shape: &'a [usize],
    data: &'a [f64],
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&size, inner)) = self.shape.split_first() else {
            return self.data.first().serialize(serializer);
        };
        let mut list = serializer.serialize_seq(Some(size))?;
        let each = self.data.len().checked_div(size).unwrap_or(0).max(1);
        for data in self.data.chunks(each) {
            list.serialize_element(&Nested { shape: inner, data })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_nested_lists() {
        let figures = Figures(vec![
            Value { name: "loss".into(), shape: vec![], data: vec![0.1] },
            Value { name: "confusion".into(), shape: vec![2, 2], data: vec![3.0, 1.0, 0.0, f64::NAN] },
            Value { name: "none".into(), shape: vec![0], data: vec![] },
        ]);
        let json = serde_json::to_string(&figures).unwrap();
        assert_eq!(json, r#"{"loss":0.1,"confusion":[[3.0,1.0],[0.0,null]],"none":[]}"#);
        assert_eq!(figures.scalar("loss"), Some(0.1));
        assert_eq!(figures.scalar("confusion"), None);
    }
}
