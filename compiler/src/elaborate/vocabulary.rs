//! Vocabularies by the names that fields give them, `index(vocab)`: as sizes in predict blocks, as forms of their outputs,
//! `as text(vocab)`, and for texts that the program itself holds, `chars(prompt, vocab)`.

use super::Elab;
use super::class_field::class_element;
use super::data::Data;
use super::num::Num;
use super::scope::BoundAxis;
use super::value::{Tensor, Value};
use crate::ir::array::Array;
use crate::ir::dim::Dim;
use crate::program::TextForm;
use nnc_grammar::ast::{Arg, Block, Expr, ExprKind, Name, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use nnc_runtime::data::Encoding;
use nnc_runtime::data::tokens::{BEGIN, END, PADDING, UNKNOWN, Unit};
use std::sync::Arc;

/// The most elements of a tensor whose values the program writes out.
const MOST_WRITTEN: usize = 4096;

/// The class numbers that mean the same in every vocabulary.
const MARKS: [(&str, u32); 4] = [("padding", PADDING), ("unknown", UNKNOWN), ("begin", BEGIN), ("end", END)];

/// The name that a field gives to its number of classes.
fn class_name(target: &Target) -> Option<&str> {
    match &class_element(target.ty.as_ref())?.size.as_ref()?.kind {
        ExprKind::Name(name) => Some(name),
        _ => None,
    }
}

impl<'a> Elab<'a> {
    /// The vocabularies that fields of the data blocks in use give a name.
    fn vocabularies(&self) -> Vec<(Data<'a>, &'a str, &'a Expr)> {
        let mut found: Vec<(Data<'a>, &'a str, &'a Expr)> = vec![];
        for data in &self.data {
            for (target, e) in &data.fields {
                if let Some(name) = class_name(target)
                    && self.token_call(e).is_some()
                {
                    found.push((data.clone(), name, e));
                }
            }
        }
        found
    }

    fn encoding_of(&mut self, data: &Data<'a>, e: &'a Expr) -> Option<Arc<Encoding>> {
        let (known, call) = (data.known.as_ref()?, self.token_call(e)?);
        Some(self.tokenised((data.name, known), call, e.span, &|d| d)?.encoding)
    }

    /// Makes the vocabularies that a predict block mentions sizes in it, also those of fields that it does not mention.
    pub(super) fn bind_vocabularies(&mut self, body: &'a Block) {
        let mut mentioned: Vec<&str> = vec![];
        super::walk::walk_block(body, &mut |seen| {
            if let super::walk::Seen::Expr(e) = seen
                && let ExprKind::Name(name) = &e.kind
            {
                mentioned.push(name);
            }
        });
        for (data, name, e) in self.vocabularies() {
            let known = self.frame().dims.contains_key(name) || self.frame().locals.contains_key(name);
            if known || !mentioned.contains(&name) {
                continue;
            }
            if let Some(encoding) = self.encoding_of(&data, e) {
                let size = Dim::from(encoding.vocabulary.size());
                self.frame().dims.insert(name.to_owned(), BoundAxis::of(size, e.span));
            }
        }
    }

    /// The vocabulary that an expression names.
    fn vocabulary(&mut self, e: &'a Expr) -> Option<Arc<Encoding>> {
        let known = self.vocabularies();
        if let ExprKind::Name(name) = &e.kind
            && let Some((data, _, field)) = known.iter().find(|(_, own, _)| own == name)
        {
            // A size is used where its name is.
            self.local(name);
            return self.encoding_of(data, field);
        }
        let d = Diagnostic::error(codes::UNKNOWN_NAME, e.span, "the name of a vocabulary is needed here");
        let names: Vec<&str> = known.iter().map(|(_, name, _)| *name).collect();
        let d = match &e.kind {
            ExprKind::Name(text) => {
                let name = Name { text: text.clone(), span: e.span };
                super::suggest::suggest(d, &name, names.iter().copied())
            }
            _ => d,
        };
        let d = d.note("a field of texts names it: `text: index(vocab)[batch, time] = chars(text)`");
        self.report(if names.is_empty() { d } else { d.note(format!("vocabularies: {}", names.join(", "))) });
        None
    }

    /// `vocab.begin`: the number of a mark, in a block that uses a vocabulary of this name.
    pub(super) fn mark_of(&mut self, name: &str, member: &Name) -> Option<Value<'a>> {
        // The text of a definition knows no vocabularies: there a size may bear the name of one.
        let block = self.frames.len() == 1 && !self.frame().locals.contains_key(name);
        if !block || !self.vocabularies().iter().any(|(_, own, _)| *own == name) {
            return None;
        }
        self.local(name);
        if let Some((_, number)) = MARKS.iter().find(|(mark, _)| *mark == member.text) {
            return Some(Value::Num(Num::int(i64::from(*number))));
        }
        let headline = format!("the vocabulary `{name}` has no mark `{}`", member.text);
        let d = super::suggest::suggest(
            Diagnostic::error(codes::UNKNOWN_NAME, member.span, headline),
            member,
            MARKS.iter().map(|m| m.0),
        );
        let marks: Vec<&str> = MARKS.iter().map(|m| m.0).collect();
        Some(self.fail(if d.fixes.is_empty() { d.note(format!("marks: {}", marks.join(", "))) } else { d }))
    }

    /// `as text(vocab)`: class numbers as the text that they stand for, along the last axis.
    pub(super) fn text_form(&mut self, form: &'a Expr, args: &'a [Arg], name: &str) -> Option<TextForm> {
        let [Arg { name: None, value, .. }] = args else {
            let d = Diagnostic::error(codes::MISSING_ARGUMENT, form.span, "`text` takes a vocabulary");
            self.report(d.help("write `as text(vocab)`, with the name that a field has for it: `index(vocab)`"));
            return None;
        };
        let encoding = self.vocabulary(value)?;
        let Some(Value::Tensor(t)) = self.local(name) else { return None };
        if t.axes.is_empty() || t.classes.as_ref() != Some(&Dim::from(encoding.vocabulary.size())) {
            let d = Diagnostic::error(codes::WRONG_TYPE, form.span, "these are no class numbers of the vocabulary");
            let d = d.label(format!("this is {}", t.show()));
            self.report(d.help("a text is `index(vocab)[.., time]`: `index(x, vocab)` makes class numbers of numbers"));
            return None;
        }
        Some(TextForm { output: name.to_owned(), encoding })
    }

    /// `chars(prompt, vocab)`: the class numbers of a text that is known before the program runs.
    pub(super) fn encoded(&mut self, unit: Unit, args: &'a [Arg], span: Span) -> Value<'a> {
        let [Arg { name: None, value: text, .. }, Arg { name: None, value: vocabulary, .. }] = args else {
            let d = Diagnostic::error(
                codes::MISSING_ARGUMENT,
                span,
                format!("`{}` takes a text and a vocabulary here", unit.name()),
            );
            return self
                .fail(d.help(format!("write `{}(prompt, vocab)`; in a data block it takes a column", unit.name())));
        };
        let written = match self.expr(text) {
            Value::Text(written) => written,
            other => return self.wrong_kind(&other, text.span, "a text"),
        };
        let Some(encoding) = self.vocabulary(vocabulary) else { return Value::Invalid };
        if encoding.tokens.unit != unit {
            let own = encoding.tokens.unit.name();
            let d = Diagnostic::error(codes::WRONG_KIND, vocabulary.span, format!("this is a vocabulary of `{own}`"));
            return self.fail(d.help(format!("write `{own}(…)`")));
        }
        let mut numbers = vec![];
        encoding.vocabulary.encode(&encoding.tokens, &written, &mut numbers);
        let size = Dim::from(encoding.vocabulary.size());
        self.written_out(&numbers, size, span)
    }

    /// A vector of these class numbers.
    fn written_out(&mut self, numbers: &[u32], classes: Dim, span: Span) -> Value<'a> {
        if numbers.is_empty() || numbers.len() > MOST_WRITTEN {
            let d = Diagnostic::error(codes::OUT_OF_RANGE, span, format!("this text has {} tokens", numbers.len()));
            return self.fail(d.note(format!("1 to {MOST_WRITTEN} can be written in a program")));
        }
        let numbers = ndarray::Array1::from_iter(numbers.iter().map(|n| *n as i32)).into_dyn();
        let t = self.constant_array(&Array::I32(numbers), span);
        Value::Tensor(Tensor { classes: Some(classes), ..t })
    }
}
