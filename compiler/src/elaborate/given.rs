//! What a predict block is given, `predict NAME(n: int = 16)`, and the forms of its outputs, `as png(grid = 8)`.

use super::Elab;
use super::data::BATCH;
use super::items::Predict;
use super::value::{Axis, Tensor, Value};
use crate::ir::dim::Dim;
use crate::program::{Picture, TextForm};
use nnc_grammar::ast::{Arg, Expr, ExprKind, Param, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_runtime::text::nearest;

impl<'a> Elab<'a> {
    /// Binds the arguments of a block: what the shell gives, or their defaults. Whether all have a value.
    pub(super) fn given(&mut self, block: &Predict<'a>) -> bool {
        let asked = match &self.options.predict {
            Some(name) => block.name.is_some_and(|n| n.text == *name),
            None => self.items.predict.len() == 1,
        };
        let options = self.options;
        let give = if asked { options.give.as_slice() } else { &[] };
        let mut ok = true;
        self.frame().given = block.inputs;
        for param in block.inputs {
            self.usage.declare(&param.name, "argument");
            let Some(default) = &param.default else {
                let headline = format!("the argument `{}` has no default", param.name.text);
                let d = Diagnostic::error(codes::MISSING_ARGUMENT, param.span, headline);
                self.report(d.help("give it one: the block is checked with it, and `--give` replaces it"));
                self.bind(&param.name, Value::Invalid, param.span);
                ok = false;
                continue;
            };
            let value = self.typed_argument(param, default);
            let value = match self.given_by_shell("--give", give, &param.name) {
                Some(text) => {
                    let value = self.shell_value(("--give", &param.name), &value, text);
                    self.allowed(param, value, text)
                }
                None => value,
            };
            match value {
                Value::Num(_) | Value::Bool(_) | Value::Text(_) => {}
                Value::Invalid => ok = false,
                ref other => {
                    self.wrong_kind(other, default.span, "a number, a truth value or a text");
                    ok = false;
                }
            }
            self.bind(&param.name, value, param.span);
        }
        for (name, _) in give.iter().filter(|(name, _)| block.inputs.iter().all(|p| p.name.text != *name)) {
            let headline = format!("`--give {name}=…`: the block has no argument `{name}`");
            let d = Diagnostic::error(codes::BAD_OPTION, block.head, headline);
            let known: Vec<&str> = block.inputs.iter().map(|p| p.name.text.as_str()).collect();
            self.report(match nearest(name, known.iter().copied()) {
                Some(near) => d.help(format!("there is `{near}`")),
                None if known.is_empty() => d.note("it takes none"),
                None => d.note(format!("its arguments: {}", known.join(", "))),
            });
            ok = false;
        }
        ok
    }

    /// Checks what the shell gives against the type of the argument.
    fn allowed(&mut self, param: &'a Param, value: Value<'a>, text: &str) -> Value<'a> {
        let wanted = match (param.ty.as_ref().map(|ty| &ty.kind), &value) {
            (Some(TypeKind::Scalar(element)), Value::Num(n)) if element.name.text == "int" && n.as_int().is_none() => {
                "a whole number".to_owned()
            }
            (Some(TypeKind::Choice(words)), Value::Text(word)) if words.iter().all(|w| w.text != *word) => {
                let words: Vec<String> = words.iter().map(|w| format!("`{}`", w.text)).collect();
                format!("one of {}", words.join(", "))
            }
            _ => return value,
        };
        let headline = format!("`--give {}={text}`: {wanted} is needed", param.name.text);
        let d = Diagnostic::error(codes::BAD_OPTION, param.name.span, headline);
        self.fail(d.label("the argument is declared here"))
    }

    /// The form of an output: `as png(grid = 8)`, `as text(vocab)`. `whole` says that it has no axis of rows.
    pub(super) fn form(
        &mut self,
        form: &'a Expr,
        name: &str,
        whole: bool,
        (pictures, texts): (&mut Vec<Picture>, &mut Vec<TextForm>),
    ) {
        let (called, args) = match &form.kind {
            ExprKind::Call { callee, args } => (callee.as_ref(), args.as_slice()),
            _ => (form, &[][..]),
        };
        match &called.kind {
            ExprKind::Name(n) if n == "png" => pictures.extend(self.picture(form, args, name, whole)),
            ExprKind::Name(n) if n == "text" => texts.extend(self.text_form(form, args, name)),
            _ => {
                let d = Diagnostic::error(codes::UNKNOWN_NAME, form.span, "there is no such form of an output");
                self.report(d.help("outputs are numbers, pictures, `as png(grid = 8)`, or texts, `as text(vocab)`"));
            }
        }
    }

    /// `as png(grid = 8)`: pictures with brightness or three colours from 0 to 1, one a row where the block reads data.
    fn picture(&mut self, form: &'a Expr, args: &'a [Arg], name: &str, whole: bool) -> Option<Picture> {
        let columns = match args {
            [] => None,
            [arg] if arg.name.as_ref().is_some_and(|n| n.text == "grid") => {
                Some(self.count_setting(&arg.value, "`grid`", 1)?)
            }
            [first, ..] => {
                let d = Diagnostic::error(codes::UNKNOWN_ARGUMENT, first.span, "`png` has the argument `grid` alone");
                self.report(d.help("write `png(grid = 8)`: so many pictures lie side by side"));
                return None;
            }
        };
        let Some(Value::Tensor(t)) = self.local(name) else { return None };
        let Some((count, size)) = pictures(&t, whole) else {
            let d = Diagnostic::error(codes::WRONG_RANK, form.span, "this is no picture")
                .label(format!("it is {}", t.show()));
            self.report(d.help(match whole {
                true => "pictures are `[height, width]`, `[n, height, width]` or `[n, height, width, 1 or 3]`",
                false => "pictures of rows are `[batch, height, width]` or `[batch, height, width, 1 or 3]`",
            }));
            return None;
        };
        Some(Picture { output: name.to_owned(), count, size, columns })
    }
}

/// How many pictures these numbers are, and the size of each; none that is free but the number of rows.
fn pictures(t: &Tensor, whole: bool) -> Option<(Option<usize>, [usize; 3])> {
    let by_rows = t.axes.first().is_some_and(|axis| axis.size == Dim::sym(BATCH));
    if !t.dtype.is_float() || whole == by_rows {
        return None;
    }
    let known = |axis: &Axis| axis.size.as_constant().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let sizes: Vec<usize> = t.axes.iter().skip(usize::from(by_rows)).map(known).collect::<Option<_>>()?;
    let (count, size) = match (sizes.as_slice(), whole) {
        (&[h, w], true) => (Some(1), [h, w, 1]),
        (&[n, h, w], true) => (Some(n), [h, w, 1]),
        (&[n, h, w, c], true) => (Some(n), [h, w, c]),
        (&[h, w], false) => (None, [h, w, 1]),
        (&[h, w, c], false) => (None, [h, w, c]),
        _ => return None,
    };
    matches!(size[2], 1 | 3).then_some((count, size))
}
