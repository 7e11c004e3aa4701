//! Arguments: positional and named ones find their parameters, defaults fill the rest, and what must be known now is checked.

use super::Elab;
use super::scope::Local;
use super::value::{Bound, Value};
use nnc_grammar::ast::{Arg, DefKind, Expr, ExprKind, Name, Param, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::{SourceId, Span};

/// An argument as it was given: an expression still to be evaluated, or a value that flows in through a pipe.
pub(super) enum Given<'a> {
    /// Written in the call.
    Written(&'a Arg),
    /// From the left of a pipe, or made by the elaborator.
    Flowing(Value<'a>, Span),
}

impl<'a> Given<'a> {
    fn span(&self) -> Span {
        match self {
            Given::Written(arg) => arg.value.span,
            Given::Flowing(_, span) => *span,
        }
    }

    fn name(&self) -> Option<&'a Name> {
        match self {
            Given::Written(arg) => arg.name.as_ref(),
            Given::Flowing(..) => None,
        }
    }
}

/// Who is called, for messages.
pub(super) struct Callee<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where it is declared.
    pub(super) span: Span,
    /// Whose top-level names its defaults see.
    pub(super) source: SourceId,
    /// Whether it owns the layers that its defaults make.
    pub(super) owns: bool,
}

impl<'a> Elab<'a> {
    /// Gives every parameter a value. All mistakes of the call are reported; then nothing is returned.
    pub(super) fn bind_args(
        &mut self,
        callee: &Callee<'a>,
        params: &'a [Param],
        given: Vec<Given<'a>>,
        call: Span,
    ) -> Option<Vec<Bound<'a>>> {
        let mut slots: Vec<Option<Bound<'a>>> = params.iter().map(|_| None).collect();
        let mut ok = true;
        let mut next = 0;
        for arg in given {
            let index = match arg.name() {
                Some(name) => params.iter().position(|p| p.name.text == name.text),
                None => {
                    // An axis argument is given by name only: `over = k`.
                    let position = (next..params.len()).find(|&i| !params[i].over);
                    next = position.map_or(params.len(), |p| p + 1);
                    position
                }
            };
            let Some(index) = index.or_else(|| over_argument(params, arg.name())) else {
                ok = false;
                self.no_such_argument(callee, params, &arg);
                continue;
            };
            if let Some(first) = &slots[index] {
                ok = false;
                let d = Diagnostic::error(
                    codes::DUPLICATE_ARGUMENT,
                    arg.span(),
                    format!("`{}` is given twice", params[index].name.text),
                );
                let d = d.origin(Role::Previous, first.span, "first given here");
                self.report(d);
                continue;
            }
            let span = arg.span();
            let value = self.argument(&params[index], arg);
            ok &= !matches!(value, Value::Invalid);
            slots[index] = Some(Bound { value, span });
        }
        let mut missing: Vec<&Param> = vec![];
        let mut earlier: Vec<(&'a Param, Bound<'a>)> = vec![];
        for (param, slot) in params.iter().zip(&mut slots) {
            match (&param.default, &slot) {
                (_, Some(_)) => {}
                (Some(default), None) => {
                    let value = self.default_value(callee, &earlier, param, default);
                    ok &= !matches!(value, Value::Invalid);
                    *slot = Some(Bound { value, span: default.span });
                }
                (None, None) => missing.push(param),
            }
            earlier.extend(slot.clone().map(|bound| (param, bound)));
        }
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|p| format!("`{}`", p.name.text)).collect();
            let d = Diagnostic::error(
                codes::MISSING_ARGUMENT,
                call,
                format!("`{}` also needs {}", callee.name, names.join(" and ")),
            );
            let d =
                missing.iter().fold(d, |d, p| d.origin(Role::Declaration, p.span, "the parameter is declared here"));
            self.report(d);
            return None;
        }
        if ok { slots.into_iter().collect() } else { None }
    }

    fn argument(&mut self, param: &'a Param, arg: Given<'a>) -> Value<'a> {
        let span = arg.span();
        match arg {
            Given::Written(arg) => self.typed_argument(param, &arg.value),
            Given::Flowing(value, _) => self.check_param(param, value, span),
        }
    }

    /// Evaluates an argument the way its parameter's type asks: words of a choice and axes are not values.
    pub(super) fn typed_argument(&mut self, param: &'a Param, e: &'a Expr) -> Value<'a> {
        match param.ty.as_ref().map(|t| &t.kind) {
            Some(TypeKind::Choice(words)) => self.choice(words, e),
            Some(TypeKind::Scalar(element)) if element.name.text == "axis" => {
                self.axis_set(e).map_or(Value::Invalid, Value::Axes)
            }
            _ if param.over => self.axis_set(e).map_or(Value::Invalid, Value::Axes),
            _ => {
                let value = self.expr(e);
                self.check_param(param, value, e.span)
            }
        }
    }

    fn choice(&mut self, words: &'a [Name], e: &'a Expr) -> Value<'a> {
        let word = match &e.kind {
            ExprKind::Name(word) | ExprKind::Str(word) => Some(word.clone()),
            _ => None,
        };
        // A parameter may be handed on: `padding = padding`. What is no word is not meant, and not used.
        if let Some(word) = &word
            && let Some(Local { value: Value::Text(_), .. }) = self.frame().locals.get(word)
            && let Some(handed) = self.local(word)
        {
            return handed;
        }
        if let Some(word) = word.as_ref().filter(|w| words.iter().any(|c| c.text == **w)) {
            return Value::Text(word.clone());
        }
        // `same | valid | sizes`: a word, or whole numbers.
        let (sizes, words): (Vec<&str>, Vec<&str>) = words.iter().map(|w| w.text.as_str()).partition(|w| *w == "sizes");
        match word {
            Some(word) if sizes.is_empty() || !self.means_something(&word) => self.no_word(Some(word), &words, e.span),
            None if sizes.is_empty() => self.no_word(None, &words, e.span),
            _ => {
                let value = self.expr(e);
                self.whole_numbers(value, e.span, "the setting")
            }
        }
    }

    /// Reports what is none of the words that an argument may be.
    pub(super) fn no_word(&mut self, written: Option<String>, words: &[&str], span: Span) -> Value<'a> {
        let list: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
        let d = Diagnostic::error(codes::WRONG_TYPE, span, format!("one of {} is needed here", list.join(", ")));
        self.fail(match written {
            Some(text) => super::suggest::suggest(d, &Name { text, span }, words.iter().copied()),
            None => d,
        })
    }

    /// A whole number, or a list of them or of pairs of them.
    fn whole_numbers(&mut self, value: Value<'a>, span: Span, what: &str) -> Value<'a> {
        let mut ok = true;
        let items: Vec<&Value<'a>> = match &value {
            Value::List(items) => items
                .iter()
                .flat_map(|i| if let Value::List(pair) = i { pair.iter().collect() } else { vec![i] })
                .collect(),
            one => vec![one],
        };
        for item in items {
            ok &= match item {
                Value::Num(_) => self.int(item, span, what).is_some(),
                Value::Invalid => false,
                other => {
                    self.wrong_kind(other, span, "a whole number, or a list of them,");
                    false
                }
            };
        }
        if ok { value } else { Value::Invalid }
    }

    /// A default is evaluated where the definition stands, and may use the parameters before it.
    fn default_value(
        &mut self,
        callee: &Callee<'a>,
        earlier: &[(&'a Param, Bound<'a>)],
        param: &'a Param,
        default: &'a Expr,
    ) -> Value<'a> {
        let mut frame = self.new_frame(callee.source, callee.span, None, String::new());
        frame.owns = callee.owns;
        for (param, bound) in earlier {
            let local = Local { value: bound.value.clone(), span: param.name.span, from: bound.span };
            frame.locals.insert(param.name.text.clone(), local);
        }
        self.frames.push(frame);
        let value = self.typed_argument(param, default);
        self.frames.pop();
        value
    }

    /// Checks what a parameter's scalar type asks of its value; tensor types are checked once all arguments are bound.
    fn check_param(&mut self, param: &'a Param, value: Value<'a>, span: Span) -> Value<'a> {
        let element = match param.ty.as_ref().map(|t| &t.kind) {
            Some(TypeKind::Scalar(element)) => Some(element),
            _ => None,
        };
        // Elsewhere than in a rate's place a rate is the number it is now.
        let is_rate = element.is_some_and(|e| e.name.text == "rate");
        let is_number = element.is_some_and(|e| e.name.text == "float");
        let value = if is_number || (!is_rate && matches!(value, Value::Rate(_))) {
            self.as_number(value, span)
        } else {
            value
        };
        let (Some(ty), Some(element)) = (&param.ty, element) else { return value };
        let wanted = match (element.name.text.as_str(), &value) {
            (_, Value::Invalid) => return Value::Invalid,
            ("int", _) => {
                return match self.int(&value, span, &format!("`{}`", param.name.text)) {
                    Some(_) => value,
                    None => Value::Invalid,
                };
            }
            ("sizes", _) => return self.whole_numbers(value, span, &format!("`{}`", param.name.text)),
            ("bool", Value::Bool(_)) | ("text", Value::Text(_)) | ("axis", Value::Axes(_)) => return value,
            ("float", Value::Num(_) | Value::Size(_)) => return value,
            ("float", Value::Tensor(t)) if t.rank() == 0 => return value,
            ("rate", Value::Num(_) | Value::Rate(_)) => return value,
            ("rate", Value::Tensor(t)) if t.scalar => return self.as_rate(value),
            ("rate", Value::Closure(c)) if c.def.kind == DefKind::Schedule => return value,
            ("layer", Value::Instance(_)) | ("fn", Value::Def(_) | Value::Primitive(_)) => return value,
            ("initializer", Value::Def(def)) if def.kind == DefKind::Initializer => {
                return self.apply_initializer_def(def, span);
            }
            ("initializer", Value::Closure(c)) if c.def.kind == DefKind::Initializer => return value,
            // A class number: checked with the tensor types.
            ("index", _) => return value,
            ("bool", _) => "`true` or `false`",
            ("text", _) => "a text",
            ("axis", _) => "an axis",
            ("float", _) => "a number",
            ("rate", _) => "a number or a schedule",
            ("layer", _) => "a layer",
            ("fn", _) => "a function",
            ("initializer", _) => "an initializer",
            (other, _) => {
                let d = Diagnostic::error(codes::UNKNOWN_NAME, ty.span, format!("there is no type `{other}`"));
                let known =
                    ["int", "bool", "float", "rate", "axis", "layer", "fn", "initializer", "text", "index", "sizes"];
                let d = super::suggest::suggest(d, &element.name, known.into_iter());
                return self.fail(d);
            }
        };
        let bare = matches!(&value, Value::Def(def) if element.name.text == "layer" && def.kind == DefKind::Layer);
        let without = if bare { " without its settings" } else { "" };
        let d = Diagnostic::error(codes::WRONG_TYPE, span, format!("`{}` must be {wanted}", param.name.text))
            .label(format!("this is {}{without}", value.kind()))
            .origin(Role::Declaration, param.span, "the parameter is declared here");
        self.fail(match &value {
            Value::Def(def) if element.name.text == "rate" && def.kind == DefKind::Schedule => {
                d.help(format!("give it its settings: `{}(…)`", def.name.text))
            }
            Value::Tensor(t) if element.name.text == "float" && t.rank() > 0 => {
                d.note("a `float` is one value; tensors with axes meet by operators, such as `a + t * (b - a)`")
            }
            Value::Def(def) if bare => {
                let needed = def.settings.iter().filter(|p| p.default.is_none()).map(|p| p.name.text.as_str());
                let call = format!("{}({})", def.name.text, needed.collect::<Vec<_>>().join(", "));
                d.help(format!("write `{call}`"))
            }
            _ => d,
        })
    }

    fn no_such_argument(&mut self, callee: &Callee<'a>, params: &'a [Param], arg: &Given<'a>) {
        let signature = format!("`{}` is declared here", callee.name);
        let d = match arg.name() {
            Some(name) => {
                let d = Diagnostic::error(
                    codes::UNKNOWN_ARGUMENT,
                    name.span,
                    format!("`{}` has no argument `{}`", callee.name, name.text),
                );
                let known: Vec<&str> = params.iter().map(|p| p.name.text.as_str()).collect();
                let d = super::suggest::suggest(d, name, known.iter().copied());
                match (d.fixes.is_empty(), known.is_empty()) {
                    (true, false) => d.note(format!("its arguments: {}", known.join(", "))),
                    _ => d,
                }
            }
            None => {
                let takes = match params.len() {
                    0 => "no argument".to_owned(),
                    1 => "one argument".to_owned(),
                    n => format!("{n} arguments"),
                };
                Diagnostic::error(codes::TOO_MANY_ARGUMENTS, arg.span(), format!("`{}` takes {takes}", callee.name))
                    .label("this one is too many")
            }
        };
        self.report(d.origin(Role::Declaration, callee.span, signature));
    }
}

/// `over = k` reaches the parameter declared `over …`, whatever it is called.
fn over_argument(params: &[Param], name: Option<&Name>) -> Option<usize> {
    if name?.text == "over" { params.iter().position(|p| p.over) } else { None }
}
