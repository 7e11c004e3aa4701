//! The table of diagnostic codes: one row a mistake, `kebab-case`, with the sentence that explains it.

use serde::{Serialize, Serializer};

/// A row of [`ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// The name shown in brackets: `error[shape-mismatch]`.
    pub name: &'static str,
    /// One sentence: what the mistake is.
    pub meaning: &'static str,
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

macro_rules! codes {
    ($($id:ident $name:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $id: Code = Code { name: $name, meaning: $meaning };)*
        /// Every code, in the order of the table.
        pub const ALL: &[Code] = &[$($id),*];
    };
}

codes! {
    SYNTAX "syntax" "The text does not follow the grammar here.";
    UNCLOSED "unclosed" "A bracket or block is opened and never closed.";
    STRAY_CLOSER "stray-closer" "A closing bracket has no opener.";
    BAD_NUMBER "bad-number" "A number is not written as the language writes numbers.";
    BAD_CHARACTER "bad-character" "A character that has no meaning in the language.";
    BAD_STRING "bad-string" "A string is not closed on its line or has an unknown escape.";
    TOO_DEEP "too-deep" "Brackets, blocks or definitions are nested too deeply.";
    EMPTY_FILE "empty-file" "The file declares nothing.";
    NOT_UTF8 "not-utf8" "The file is not UTF-8 text.";
    BAD_VERSION "bad-version" "The file asks for a language version this program does not have.";
    UNKNOWN_NAME "unknown-name" "A name is used that nothing declares.";
    UNKNOWN_ARGUMENT "unknown-argument" "A call names an argument that the definition does not have.";
    MISSING_ARGUMENT "missing-argument" "A call leaves out an argument that has no default.";
    TOO_MANY_ARGUMENTS "too-many-arguments" "A call gives more arguments than the definition has.";
    DUPLICATE_ARGUMENT "duplicate-argument" "An argument is given twice.";
    DUPLICATE_NAME "duplicate-name" "A name is declared twice in one place.";
    UNKNOWN_SETTING "unknown-setting" "A setting that this block does not have.";
    DUPLICATE_SETTING "duplicate-setting" "A setting is given twice.";
    MISSING_SETTING "missing-setting" "A block lacks a setting that it needs.";
    MISPLACED "misplaced" "A statement stands in a block that does not accept it.";
    UNUSED "unused" "A name is declared and never used.";
    WRONG_KIND "wrong-kind" "A thing of one kind is used where another kind is needed.";
    WRONG_TYPE "wrong-type" "A value has the wrong type.";
    NOT_CONSTANT "not-constant" "A value must be known before the program runs.";
    NOT_WHOLE "not-whole" "A whole number is needed.";
    OUT_OF_RANGE "out-of-range" "A value lies outside the range it must have.";
    SHAPE_MISMATCH "shape-mismatch" "Two shapes that must agree do not.";
    AXIS_MISMATCH "axis-mismatch" "Two axes with different names meet.";
    UNKNOWN_AXIS "unknown-axis" "A tensor has no axis of this name.";
    AMBIGUOUS_AXIS "ambiguous-axis" "A tensor holds the axis name twice.";
    WRONG_RANK "wrong-rank" "A tensor has the wrong number of axes.";
    BROADCAST "broadcast" "Two tensors meet whose axes do not line up; nothing is stretched silently.";
    STRETCH_ESCAPES "stretch-escapes" "A stretch axis is returned or stored.";
    UNDETERMINED_SIZE "undetermined-size" "Nothing determines a size.";
    WRONG_RESULT "wrong-result" "The result does not have the declared type.";
    NOT_DIFFERENTIABLE "not-differentiable" "A gradient is asked of an operation that has none.";
    NOT_SCALAR "not-scalar" "A loss or metric is not one number.";
    NO_GRADIENT "no-gradient" "A parameter is optimised that the loss does not reach.";
    UNOPTIMIZED "unoptimized" "A parameter is neither optimised nor frozen.";
    OPTIMIZED_TWICE "optimized-twice" "A parameter stands in two optimize lines of one phase.";
    EMPTY_SELECTION "empty-selection" "A selection matches no parameter.";
    TWO_SETTINGS "two-settings" "A model is applied with two different settings.";
    STALE_VALUE "stale-value" "A value bound before `then` depends on a parameter changed since.";
    RECURSION "recursion" "A definition contains itself without end.";
    UNSUPPORTED "unsupported" "A construct of the language that this version does not build yet.";
    BAD_OPTION "bad-option" "An option set from the shell does not exist or does not fit.";
    ASSERTION "assertion" "An assertion of the program is false.";
    DATA "data" "The data cannot be read or does not fit its declaration.";
    WEIGHTS "weights" "A weights file cannot be read or does not fit the model.";
    NOT_FINITE "not-finite" "The loss is not a finite number.";
    TOO_LARGE "too-large" "A size overflows or exceeds what can be run.";
    FILE "file" "A file cannot be read or written.";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn names_are_unique_and_kebab_case() {
        for (i, code) in ALL.iter().enumerate() {
            assert!(
                code.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                code.name
            );
            assert!(ALL[..i].iter().all(|other| other.name != code.name), "{} twice", code.name);
            assert!(code.meaning.ends_with('.'), "{}", code.name);
        }
    }
}
