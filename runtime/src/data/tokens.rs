//! From text to class numbers: how a text is cut into tokens, and the vocabulary that numbers them.
//!
//! Four numbers are the same in every vocabulary: [`PADDING`], [`UNKNOWN`], [`BEGIN`] and [`END`]. The tokens of the training
//! text follow: characters by code point, words from the most frequent to the rarest, equally frequent ones by code point.

use std::collections::HashMap;
use std::fmt;

/// What fills the places behind the end of a row.
pub const PADDING: u32 = 0;
/// Any token that the vocabulary lacks.
pub const UNKNOWN: u32 = 1;
/// Put before a text by `begin = true`.
pub const BEGIN: u32 = 2;
/// Put behind a text by `end = true`.
pub const END: u32 = 3;
/// How the four are written where tokens are shown.
const SPECIAL: [&str; 4] = ["", "\u{fffd}", "", ""];

/// What one token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// One Unicode scalar value.
    Chars,
    /// A run of letters, digits and apostrophes, or any other single character that is no space.
    Words,
}

/// How a column of text becomes class numbers: `words(review, most = 10000, cut = 200)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// What one token is.
    pub unit: Unit,
    /// The most class numbers of the vocabulary, the four fixed ones included.
    pub most: Option<usize>,
    /// Tokens of a longer text that are kept, from its begin; the marks of begin and end come on top.
    pub cut: Option<usize>,
    /// Whether upper case is made lower.
    pub lower: bool,
    /// Whether [`BEGIN`] stands before the text.
    pub begin: bool,
    /// Whether [`END`] stands behind it.
    pub end: bool,
}

impl Unit {
    /// The function of a data block that cuts so.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Chars => "chars",
            Unit::Words => "words",
        }
    }
}

impl Tokens {
    /// Plain tokens of this unit.
    pub const fn of(unit: Unit) -> Tokens {
        Tokens { unit, most: None, cut: None, lower: false, begin: false, end: false }
    }

    /// The call as a data block writes it.
    pub fn call(&self, column: &str) -> String {
        let number = |name: &str, n: Option<usize>| n.map_or(String::new(), |n| format!(", {name} = {n}"));
        let flag = |name: &str, set: bool| if set { format!(", {name} = true") } else { String::new() };
        let (most, cut) = (number("most", self.most), number("cut", self.cut));
        let (lower, begin, end) = (flag("lower", self.lower), flag("begin", self.begin), flag("end", self.end));
        format!("{}({column}{most}{cut}{lower}{begin}{end})", self.unit.name())
    }

    /// The number of tokens that a text has, marks included.
    pub fn count(&self, text: &str) -> usize {
        let mut count = usize::from(self.begin) + usize::from(self.end);
        self.each(text, &mut |_| count += 1);
        count
    }

    /// Calls `token` for every token of the text, without the marks.
    fn each(&self, text: &str, token: &mut dyn FnMut(&str)) {
        let lowered;
        let text = if self.lower {
            lowered = text.to_lowercase();
            &lowered
        } else {
            text
        };
        let mut left = self.cut.unwrap_or(usize::MAX);
        let mut rest = text;
        while left > 0 {
            let Some(length) = self.next(&mut rest) else { return };
            // `next` gives the length of a head of `rest` that ends where a character does.
            let (one, behind) = rest.split_at(length);
            token(one);
            rest = behind;
            left -= 1;
        }
    }

    /// The length in bytes of the first token of `rest`, which is moved to its begin.
    fn next(&self, rest: &mut &str) -> Option<usize> {
        if self.unit == Unit::Words {
            *rest = rest.trim_start();
        }
        let first = rest.chars().next()?;
        let inner = |c: char| c.is_alphanumeric() || c == '\'' || c == '\u{2019}';
        match self.unit {
            Unit::Words if inner(first) => Some(rest.find(|c: char| !inner(c)).unwrap_or(rest.len())),
            _ => Some(first.len_utf8()),
        }
    }
}

/// The tokens that have numbers of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// By class number; the fixed ones are empty, or the replacement character for an unknown token.
    tokens: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Vocabulary {
    /// The vocabulary of `texts`.
    pub fn of<'t>(tokens: &Tokens, texts: impl Iterator<Item = &'t str>) -> Vocabulary {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for text in texts {
            tokens.each(text, &mut |token| match counts.get_mut(token) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(token.to_owned(), 1);
                }
            });
        }
        let mut found: Vec<(String, u64)> = counts.into_iter().collect();
        found.sort_unstable_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        found.truncate(tokens.most.unwrap_or(usize::MAX).saturating_sub(SPECIAL.len()));
        if tokens.unit == Unit::Chars {
            found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        let named = SPECIAL.iter().map(|s| (*s).to_owned());
        let tokens: Vec<String> = named.chain(found.into_iter().map(|(token, _)| token)).collect();
        let numbers = tokens.iter().enumerate().skip(SPECIAL.len());
        // A vocabulary of more than u32::MAX tokens would not fit in memory.
        let numbers = numbers.map(|(number, token)| (token.clone(), number as u32)).collect();
        Vocabulary { tokens, numbers }
    }

    /// How many class numbers there are, at least 4.
    pub fn size(&self) -> usize {
        self.tokens.len()
    }

    /// What tells it from others in a file of weights: its size and a checksum of its tokens in order.
    pub fn digest(&self) -> String {
        format!("{} {:08x}", self.size(), crc32fast::hash(self.to_string().as_bytes()))
    }

    /// The token of a class number; nothing for padding and marks.
    pub fn token(&self, number: usize) -> Option<&str> {
        self.tokens.get(number).map(String::as_str)
    }

    /// The text that class numbers stand for, up to the first mark of an end: characters side by side, words with a space between.
    /// What is filled up and the mark of a begin are left out.
    pub fn decode(&self, unit: Unit, numbers: impl Iterator<Item = usize>) -> String {
        let mut text = String::new();
        for number in numbers.take_while(|number| *number != END as usize) {
            let token = self.token(number).unwrap_or(SPECIAL[UNKNOWN as usize]);
            if unit == Unit::Words && !text.is_empty() && !token.is_empty() {
                text.push(' ');
            }
            text.push_str(token);
        }
        text
    }

    /// Adds the class numbers of a text.
    pub fn encode(&self, tokens: &Tokens, text: &str, numbers: &mut Vec<u32>) {
        numbers.extend(tokens.begin.then_some(BEGIN));
        tokens.each(text, &mut |token| numbers.push(self.numbers.get(token).copied().unwrap_or(UNKNOWN)));
        numbers.extend(tokens.end.then_some(END));
    }
}

impl fmt::Display for Vocabulary {
    /// One line a token, escaped so that a token may be a line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| writeln!(f, "{}", token.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tokens: &Tokens, vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut numbers = vec![];
        vocabulary.encode(tokens, text, &mut numbers);
        assert_eq!(tokens.count(text), numbers.len());
        numbers
    }

    #[test]
    fn characters_are_numbered_by_code_point() {
        let tokens = Tokens::of(Unit::Chars);
        let vocabulary = Vocabulary::of(&tokens, ["b\u{e9}a", "aa\n"].into_iter());
        assert_eq!(vocabulary.size(), 8);
        assert_eq!(numbers(&tokens, &vocabulary, "ab\u{e9}\nz"), [5, 6, 7, 4, UNKNOWN]);
        assert_eq!((vocabulary.token(4), vocabulary.token(8)), (Some("\n"), None));
        let other = Vocabulary::of(&tokens, ["b\u{e9}c", "cc\n"].into_iter());
        assert!(vocabulary.digest().starts_with("8 ") && vocabulary.digest() != other.digest());
    }

    #[test]
    fn words_are_numbered_by_how_often_they_occur() {
        let tokens = Tokens { lower: true, begin: true, end: true, ..Tokens::of(Unit::Words) };
        let vocabulary = Vocabulary::of(&tokens, ["The cat, the dog.", "the  cat's 2"].into_iter());
        let listed: Vec<&str> = (4..vocabulary.size()).filter_map(|n| vocabulary.token(n)).collect();
        assert_eq!(listed, ["the", ",", ".", "2", "cat", "cat's", "dog"]);
        assert_eq!(numbers(&tokens, &vocabulary, " THE bird "), [BEGIN, 4, UNKNOWN, END]);
        assert_eq!(vocabulary.decode(Unit::Words, [2, 4, 0, 8, 1, 99, 3, 4].into_iter()), "the cat \u{fffd} \u{fffd}");
        assert_eq!(vocabulary.decode(Unit::Chars, [4, 5].into_iter()), "the,");
        assert_eq!(numbers(&tokens, &vocabulary, ""), [BEGIN, END]);
    }

    #[test]
    fn a_vocabulary_keeps_the_most_frequent_and_a_text_its_head() {
        let tokens = Tokens { most: Some(6), cut: Some(2), ..Tokens::of(Unit::Words) };
        let vocabulary = Vocabulary::of(&tokens, ["b a", "a b", "c a"].into_iter());
        assert_eq!((vocabulary.size(), vocabulary.token(4), vocabulary.token(5)), (6, Some("a"), Some("b")));
        assert_eq!(numbers(&tokens, &vocabulary, "c b a"), [UNKNOWN, 5]);
        assert_eq!(tokens.call("line"), "words(line, most = 6, cut = 2)");
    }
}
