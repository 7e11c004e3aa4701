//! What PyTorch calls the modules of a program: `init SEL from … as torch("net.3")`, `name given as torch("in_proj_*")`.
//!
//! The names of a module are a text with a `*`, which stands for what the module owns: `net.3.*`. Modules in modules follow one
//! another, each in the place of the star before it.

use super::Elab;
use super::items::Item;
use super::names::snake_case;
use super::value::Value;
use crate::program::{Called, Role as StateRole};
use nnc_grammar::ast::{Arg, DefKind, Expr, ExprKind, Name, Selector, SelectorStep};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::checkpoint::full_name;
use std::collections::BTreeSet;

/// The system whose layouts are known.
const TORCH: &str = "torch";

impl<'a> Elab<'a> {
    /// Whether a word names the system whose layouts are known.
    pub(super) fn is_torch(&mut self, word: &str, span: Span) -> bool {
        if word != TORCH {
            let d = Diagnostic::error(codes::UNKNOWN_NAME, span, format!("no layout is called `{word}`"));
            self.report(d.help("`torch` is the layout that is known: names and shapes of PyTorch"));
        }
        word == TORCH
    }

    /// The names that `torch("net.3")` tells; none of `torch` alone.
    fn told(&mut self, form: &'a Expr) -> Option<Option<String>> {
        let (system, argument) = match &form.kind {
            ExprKind::Call { callee, args } => match args.as_slice() {
                [Arg { name: None, value, .. }] => (callee.as_ref(), Some(value)),
                _ => {
                    let d = Diagnostic::error(codes::MISSING_ARGUMENT, form.span, "one name in quotes belongs here");
                    self.report(d.help("write `as torch(\"net.3\")`, as the file calls it"));
                    return None;
                }
            },
            _ => (form, None),
        };
        let word = if let ExprKind::Name(word) = &system.kind { word } else { "" };
        if !self.is_torch(word, system.span) {
            return None;
        }
        match argument.map(|argument| (self.expr(argument), argument.span)) {
            None => Some(None),
            Some((Value::Text(text), _)) => Some(Some(if text.contains('*') { text } else { join(&text, "*") })),
            Some((other, span)) => {
                self.wrong_kind(&other, span, "a name in quotes, as the file has it,");
                None
            }
        }
    }

    /// `name given as torch("in_proj_*")`: what a layer of this body is called.
    pub(super) fn call_part(&mut self, part: &'a Name, form: &'a Expr) {
        let path = match self.frame() {
            frame if frame.def.is_some_and(|d| matches!(d.kind, DefKind::Layer | DefKind::Model)) => frame.path.clone(),
            _ => {
                let d = Diagnostic::error(codes::MISPLACED, part.span, "only a layer or a model has parts with names");
                return self.report(d);
            }
        };
        match self.told(form) {
            Some(Some(told)) => {
                // A layer that is given has the name that it was given with.
                let step = match self.frame().locals.get(&part.text).map(|local| &local.value) {
                    Some(Value::Instance(instance)) => instance.step.borrow().clone(),
                    _ => None,
                };
                let step = step.unwrap_or_else(|| part.text.clone());
                self.called.insert(join(&path, &step), (told, part.span));
            }
            Some(None) => {
                let d = Diagnostic::error(codes::MISSING_ARGUMENT, form.span, "the name is missing");
                self.report(d.help(format!("write `name {} as torch(\"…\")`", part.text)));
            }
            None => {}
        }
    }

    /// Reports names of layers that there are not. A layer of the library that is given another one cannot know what that is called.
    pub(super) fn check_called(&mut self) {
        let is = |path: &str, part: &str| {
            path.strip_prefix(part).is_some_and(|turns| turns.is_empty() || turns.starts_with('['))
        };
        let lost = |(part, (_, at)): &(&String, &(String, Span))| {
            !self.items.is_library(at.source) && !self.made.keys().any(|path| is(path, part))
        };
        let lost: Vec<(String, Span)> =
            self.called.iter().filter(lost).map(|(part, (_, at))| (part.clone(), *at)).collect();
        for (part, at) in lost {
            let (body, name) = part.rsplit_once('.').unwrap_or(("", &part));
            let inside = self.made.keys().filter_map(|path| path.strip_prefix(body)?.strip_prefix('.'));
            let steps: BTreeSet<&str> = inside.filter_map(|path| path.split(['.', '[']).next()).collect();
            let d = Diagnostic::error(codes::UNKNOWN_NAME, at, format!("no layer of `{body}` is called `{name}`"));
            let name = Name { text: name.to_owned(), span: at };
            let d = super::suggest::suggest(d, &name, steps.iter().copied());
            let listed = steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
            self.report(if steps.is_empty() { d } else { d.note(format!("layers: {listed}")) });
        }
    }

    /// What a file calls the states, given by number, that `init SEL from … as torch("net.3")` selects. The text stands in the place
    /// of what the selector names; other models that it applies are parts of it by their names.
    pub(super) fn called(&mut self, form: &'a Expr, target: &'a Selector, states: &[u32]) -> Option<Called> {
        let told = self.told(form)?;
        let several = target.steps.iter().any(|step| matches!(step, SelectorStep::Any | SelectorStep::Deep));
        let root = match target.steps.first() {
            Some(SelectorStep::Name(name)) => Some(name.text.clone()),
            _ => self.root(),
        };
        let paths: Vec<&str> = states.iter().map(|number| self.states[*number as usize].path.as_str()).collect();
        let module = |path: &&str| match &told {
            Some(told) if path.split('.').next() == root.as_deref() => {
                let start = full_name(told, &join(&dotted(turns_left(&target.steps, owner(path))), "*"));
                self.names_inside(owner(path), target.steps.len(), start)
            }
            told => full_name(told.as_deref().unwrap_or("*"), &self.in_program(owner(path), root.as_deref())),
        };
        let modules: Vec<String> = paths.iter().map(module).collect();
        let name = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
        let mut seen = BTreeSet::new();
        let again = paths.iter().zip(&modules).any(|(path, module)| !seen.insert((module.clone(), name(path))));
        if again || (several && told.is_some()) {
            let d = Diagnostic::error(codes::WRONG_KIND, form.span, "one name cannot stand for several parts");
            let d = d.origin(Role::Declaration, target.span, "these are selected");
            self.report(d.help("write a line for each part, such as `init Net.block[0] from … as torch(\"net.3\")`"));
            return None;
        }
        Some(Called { modules, told: told.is_some() })
    }

    /// The names of a module, by the path of its layer, in a network built like the whole program. A model that is part of another
    /// is named as its layers are.
    pub(super) fn in_program(&self, path: &str, root: Option<&str>) -> String {
        let head = path.split('.').next().unwrap_or(path);
        let start = if root == Some(head) { "*".to_owned() } else { join(&snake_case(head), "*") };
        self.names_inside(path, 1, start)
    }

    /// The names of the module at a path, where those of its first steps are known.
    fn names_inside(&self, path: &str, known: usize, start: String) -> String {
        let mut names = start;
        let mut end = 0;
        for (number, step) in path.split('.').enumerate() {
            end += step.len() + usize::from(number > 0);
            if number < known {
                continue;
            }
            let (layer, turns) = step.split_at(step.find('[').unwrap_or(step.len()));
            let behind = join(&dotted(turns), "*");
            let told = path.get(..end - turns.len()).and_then(|path| self.called.get(path));
            let own = told.map_or_else(|| join(layer, &behind), |(told, _)| full_name(told, &behind));
            names = full_name(&names, &own);
        }
        names
    }

    /// The model of which everything is a part, if there is one: in PyTorch its name is no part of any name.
    pub(super) fn root(&self) -> Option<String> {
        let held = self.states.iter().filter(|s| matches!(s.role, StateRole::Parameter | StateRole::Statistic));
        let heads: BTreeSet<&str> = held.filter_map(|state| state.path.split('.').next()).collect();
        let takes_all = |head: &&&str| match self.items.lookup(self.items.main, head) {
            Some(Item::Def(def)) if def.kind == DefKind::Model => {
                let models = self.models_of(def);
                heads.iter().all(|other| other == *head || models.contains(other))
            }
            _ => false,
        };
        heads.iter().find(takes_all).map(|head| (*head).to_owned())
    }
}

/// The path of the layer that owns a state.
pub(super) fn owner(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(owner, _)| owner)
}

/// A name in a module; either may be empty.
fn join(module: &str, name: &str) -> String {
    let dot = if module.is_empty() || name.is_empty() { "" } else { "." };
    format!("{module}{dot}{name}")
}

/// Turns of loops as PyTorch says them: `[1][0]` is `1.0`.
fn dotted(turns: &str) -> String {
    turns.replace("][", ".").replace(['[', ']'], "")
}

/// The turns that the last step of a selection leaves of the path of a layer that it selects, or selects something in.
fn turns_left<'p>(steps: &[SelectorStep], path: &'p str) -> &'p str {
    let taken = match steps.last() {
        Some(SelectorStep::Name(Name { text, .. })) => text.len(),
        Some(SelectorStep::Turn(Name { text, .. }, turns)) => {
            text.len() + turns.iter().map(|turn| format!("[{turn}]").len()).sum::<usize>()
        }
        Some(SelectorStep::Any | SelectorStep::Deep) | None => 0,
    };
    path.split('.').nth(steps.len().saturating_sub(1)).and_then(|step| step.get(taken..)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_grammar::span::SourceId;

    #[test]
    fn turns_stand_behind_a_selection() {
        let name = |text: &str| Name { text: text.into(), span: Span::new(SourceId(0), 0, 0) };
        let part = |text: &str| SelectorStep::Name(name(text));
        let left = |steps: &[SelectorStep], path| dotted(turns_left(steps, path));
        assert_eq!(left(&[part("Net")], "Net.block[1].dense"), "");
        assert_eq!(left(&[part("Net"), part("block")], "Net.block[1][12].dense"), "1.12");
        assert_eq!(left(&[part("Net"), SelectorStep::Turn(name("block"), vec![1])], "Net.block[1][0].dense"), "0");
        assert_eq!(left(&[part("Net"), part("dense"), part("w")], "Net.dense"), "");
    }
}
