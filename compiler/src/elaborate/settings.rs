//! The file's settings, its constants, and its options with what the shell sets.

use super::Elab;
use super::items::Item;
use super::num::Num;
use super::value::Value;
use crate::ir::types::DType;
use nnc_grammar::ast::{Expr, ExprKind, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::{SourceId, Span};
use nnc_runtime::text::nearest;

const SETTINGS: [&str; 1] = ["precision"];

impl<'a> Elab<'a> {
    /// `precision: f64`
    pub(super) fn settings(&mut self) {
        let mut seen: Vec<&Name> = vec![];
        for (name, value) in &self.items.settings {
            if let Some(first) = seen.iter().find(|n| n.text == name.text) {
                let d = Diagnostic::error(codes::DUPLICATE_SETTING, name.span, format!("`{}` is set twice", name.text));
                let d = d.origin(Role::Previous, first.span, "first set here");
                self.report(d);
                continue;
            }
            seen.push(name);
            match (name.text.as_str(), &value.kind) {
                ("precision", ExprKind::Name(word)) if word == "f32" => self.precision = DType::F32,
                ("precision", ExprKind::Name(word)) if word == "f64" => self.precision = DType::F64,
                ("precision", ExprKind::Name(word)) if word == "bf16" => {
                    self.unsupported(value.span, "bf16 precision");
                }
                ("precision", _) => {
                    let d = Diagnostic::error(codes::WRONG_TYPE, value.span, "the precision is `f32` or `f64`");
                    self.report(d);
                }
                _ => {
                    let d = Diagnostic::error(
                        codes::UNKNOWN_SETTING,
                        name.span,
                        format!("a file has no setting `{}`", name.text),
                    );
                    let d = super::suggest::suggest(d, name, SETTINGS.into_iter());
                    self.report(d.note("settings of a file: precision"));
                }
            }
        }
    }

    /// Gives every option its value: what the shell sets, or its default.
    pub(super) fn options(&mut self) {
        let items = self.items;
        let mut known: Vec<&Name> = vec![];
        let own: Vec<(&'a str, Item<'a>)> = items.own(items.main).collect();
        for (_, item) in &own {
            let Item::Option(name, default, range) = item else { continue };
            known.push(name);
            self.usage.declare(name, "option");
            let value = self.constant_expr(items.main, default);
            let set = self.given_by_shell("--set", &self.options.set, name);
            let chosen = match set {
                Some(text) => self.shell_value(("--set", name), &value, text),
                None => value.clone(),
            };
            if let Some(written) = range
                && let Some(range) = self.in_file(items.main, written, |this| this.range_of(written))
            {
                self.check_range((name, default, written), &range, &value, None);
                if let Some(text) = set {
                    self.check_range((name, default, written), &range, &chosen, Some(text));
                }
            }
            let value = chosen;
            self.constants.insert(name.span, Some(value));
        }
        for (_, item) in &own {
            match item {
                Item::Const(name, _) => self.usage.declare(name, "constant"),
                Item::Def(def) => self.usage.declare(&def.name, def.kind.keyword()),
                Item::Data(name, _) => self.usage.declare(name, "data block"),
                Item::Option(..) | Item::Invalid(_) => {}
            }
        }
        for (name, _) in &self.options.set {
            // One report a name, however often it is set.
            if known.iter().any(|k| k.text == *name) {
                continue;
            }
            // The shell has no place in the text: the report points at the options there are, or at the start.
            let near = nearest(name, known.iter().map(|k| k.text.as_str()));
            let meant = known.iter().find(|k| Some(k.text.as_str()) == near).or(known.first());
            let at = meant.map_or(Span::new(items.main, 0, 1), |k| k.span);
            let d = Diagnostic::error(codes::BAD_OPTION, at, format!("`--set {name}=…`: there is no option `{name}`"));
            let list: Vec<String> = known.iter().map(|k| format!("`{}`", k.text)).collect();
            let d = match near {
                Some(near) => d.help(format!("there is `{near}`")),
                None if list.is_empty() => d.help("declare one: `option lr = 0.01`"),
                None => d.help(format!("options of this file: {}", list.join(", "))),
            };
            self.report(d);
        }
    }

    /// What the shell gives a name under a flag; that is one value.
    pub(super) fn given_by_shell(&mut self, flag: &str, all: &'a [(String, String)], name: &Name) -> Option<&'a str> {
        let mut texts = all.iter().filter(|(given, _)| *given == name.text).map(|(_, text)| text.as_str());
        let first = texts.next()?;
        if let Some(second) = texts.next() {
            let (name, at) = (&name.text, name.span);
            let headline = format!("`{flag} {name}={first}` and `{flag} {name}={second}`: one value is needed");
            self.report(Diagnostic::error(codes::BAD_OPTION, at, headline).label("it is declared here"));
        }
        Some(first)
    }

    /// The text of the shell, given under a flag, as a value of the default's kind.
    pub(super) fn shell_value(&mut self, (flag, name): (&str, &Name), default: &Value<'a>, text: &str) -> Value<'a> {
        let (value, wanted) = match default {
            Value::Num(_) => {
                let (negative, digits) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
                let number = Num::parse(digits).ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()));
                (number.map(|n| Value::Num(if negative { n.neg() } else { n })), "a number")
            }
            Value::Bool(_) => (text.parse::<bool>().ok().map(Value::Bool), "`true` or `false`"),
            Value::Text(_) => (Some(Value::Text(text.to_owned())), "a text"),
            Value::Invalid => return Value::Invalid,
            other => {
                (None, if matches!(other, Value::List(_)) { "a list, which the shell cannot set" } else { "a value" })
            }
        };
        value.unwrap_or_else(|| {
            let d = Diagnostic::error(
                codes::BAD_OPTION,
                name.span,
                format!("`{flag} {}={text}`: {wanted} is needed", name.text),
            );
            self.fail(d.label("it is declared here"))
        })
    }

    /// What a top-level name of a source denotes.
    pub(super) fn item(&mut self, source: SourceId, name: &str, at: Span) -> Option<Value<'a>> {
        let item = self.items.lookup(source, name)?;
        self.usage.mark(item.span());
        Some(match item {
            Item::Def(def) => Value::Def(def),
            Item::Const(name, value) => self.constant_item(name, value),
            Item::Option(name, value, _) => match self.constants.get(&name.span).cloned() {
                Some(known) => known.unwrap_or(Value::Invalid),
                // An option of a used file has its default.
                None => self.constant_item(name, value),
            },
            Item::Data(data, _) => {
                let d = Diagnostic::error(codes::WRONG_KIND, at, format!("the data block `{}` is no value", data.text));
                self.fail(d.help(format!("a block that is `on {0}` sees its fields, `{0}.name`", data.text)))
            }
            Item::Invalid(_) => Value::Invalid,
        })
    }

    fn constant_item(&mut self, name: &'a Name, value: &'a Expr) -> Value<'a> {
        match self.constants.get(&name.span).cloned() {
            Some(Some(known)) => return known,
            Some(None) => {
                let d = Diagnostic::error(
                    codes::RECURSION,
                    name.span,
                    format!("the constant `{}` depends on itself", name.text),
                );
                return self.fail(d);
            }
            None => {}
        }
        self.constants.insert(name.span, None);
        let value = self.constant_expr(name.span.source, value);
        self.constants.insert(name.span, Some(value.clone()));
        value
    }

    /// Evaluates something at the top level of a source.
    fn in_file<T>(&mut self, source: SourceId, e: &'a Expr, evaluate: impl FnOnce(&mut Self) -> T) -> T {
        let frame = self.new_frame(source, e.span, None, String::new());
        self.frames.push(frame);
        let value = evaluate(self);
        self.frames.pop();
        value
    }

    /// An expression at the top level of a source.
    fn constant_expr(&mut self, source: SourceId, e: &'a Expr) -> Value<'a> {
        match self.in_file(source, e, |this| this.expr(e)) {
            Value::Tensor(t) => {
                let d =
                    Diagnostic::error(codes::NOT_CONSTANT, e.span, "a constant must be known before the program runs");
                self.fail(d.label(format!("this is {}", Value::Tensor(t).kind())))
            }
            other => other,
        }
    }
}
