//! Paths that a selector takes: those that begin as it says, and for a model those of all models that it is made of.

use super::Elab;
use super::items::Item;
use nnc_grammar::ast::{Def, DefKind, Expr, ExprKind, Name, Param, Selector, SelectorStep};
use nnc_grammar::span::Span;
use std::collections::{BTreeSet, HashSet};

/// What a selector takes.
pub(super) struct Selection<'a> {
    /// As it is written.
    pub(super) selector: &'a Selector,
    /// The models that the one it names applies, directly or through others.
    models: HashSet<&'a str>,
}

impl Selection<'_> {
    /// Whether a path lies in it.
    pub(super) fn takes(&self, path: &str) -> bool {
        let head = path.split('.').next().unwrap_or(path);
        matches(&self.selector.steps, path) || self.models.contains(head)
    }
}

impl<'a> Elab<'a> {
    /// What a selector of the main file takes.
    pub(super) fn selection(&self, selector: &'a Selector) -> Selection<'a> {
        let mut models = HashSet::new();
        if let [SelectorStep::Name(name)] = selector.steps.as_slice()
            && let Some(Item::Def(def)) = self.items.lookup(self.items.main, &name.text)
            && def.kind == DefKind::Model
        {
            models = self.models_of(def);
        }
        Selection { selector, models }
    }

    /// The models that a definition applies, directly or through others.
    pub(super) fn models_of(&self, def: &'a Def) -> HashSet<&'a str> {
        let mut models = HashSet::new();
        self.reach(def, &mut HashSet::new(), &mut models);
        models
    }

    /// Gathers the models that a definition names, and those that definitions which it names do.
    fn reach(&self, def: &'a Def, seen: &mut HashSet<Span>, models: &mut HashSet<&'a str>) {
        if !seen.insert(def.name.span) {
            return;
        }
        let mut names: Vec<&'a str> = vec![];
        let mut note = |seen: super::walk::Seen<'a>| {
            if let super::walk::Seen::Expr(Expr { kind: ExprKind::Name(name), .. }) = seen {
                names.push(name);
            }
        };
        super::walk::walk_block(&def.body, &mut note);
        let defaults = |param: &'a Param| param.default.as_ref();
        for default in def.settings.iter().chain(&def.inputs).filter_map(defaults) {
            super::walk::walk(default, &mut note);
        }
        for name in names {
            if let Some(Item::Def(inner)) = self.items.lookup(def.name.span.source, name) {
                if inner.kind == DefKind::Model {
                    models.insert(&inner.name.text);
                }
                self.reach(inner, seen, models);
            }
        }
    }
}

/// The first step of a selector that no path goes along with, and what the paths that come so far have in its place.
pub(super) fn lost<'s, 'p>(steps: &'s [SelectorStep], paths: &[&'p str]) -> Option<(&'s Name, BTreeSet<&'p str>)> {
    let at = (0..steps.len()).find(|k| !paths.iter().any(|path| matches(&steps[..=*k], path)))?;
    let (name, turns) = match &steps[at] {
        SelectorStep::Name(name) => (name, false),
        SelectorStep::Turn(name, _) => (name, true),
        SelectorStep::Any | SelectorStep::Deep => return None,
    };
    if steps[..at].iter().any(|step| matches!(step, SelectorStep::Deep)) {
        return None;
    }
    let far = paths.iter().filter(|path| matches(&steps[..at], path));
    let parts = far.filter_map(|path| path.split('.').nth(at));
    Some((name, parts.filter_map(|part| if turns { Some(part) } else { part.split('[').next() }).collect()))
}

/// Whether a path lies in what a selector names: its steps match the path's first steps.
fn matches(steps: &[SelectorStep], path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').collect();
    prefix(steps, &parts)
}

fn prefix(steps: &[SelectorStep], parts: &[&str]) -> bool {
    match (steps, parts) {
        ([], _) => true,
        ([SelectorStep::Deep, rest @ ..], _) => (0..=parts.len()).any(|i| prefix(rest, &parts[i..])),
        (_, []) => false,
        ([SelectorStep::Any, rest @ ..], [_, tail @ ..]) => prefix(rest, tail),
        ([SelectorStep::Name(n), rest @ ..], [part, tail @ ..]) => {
            let kind = part.split('[').next().unwrap_or(part);
            (n.text == *part || n.text == kind) && prefix(rest, tail)
        }
        ([SelectorStep::Turn(n, turns), rest @ ..], [part, tail @ ..]) => {
            // The turns of the outer loops: those of loops inside may follow.
            let of_kind = part.strip_prefix(n.text.as_str());
            let turns: String = turns.iter().map(|turn| format!("[{turn}]")).collect();
            of_kind.is_some_and(|of_part| of_part.starts_with(&turns)) && prefix(rest, tail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use nnc_grammar::ast::{Name, SelectorStep};
    use nnc_grammar::span::{SourceId, Span};

    #[test]
    fn selectors_match_leading_steps() {
        let name = |t: &str| SelectorStep::Name(Name { text: t.into(), span: Span::new(SourceId(0), 0, 0) });
        assert!(matches(&[name("Mlp")], "Mlp.dense.w"));
        assert!(matches(&[name("Mlp"), SelectorStep::Any, name("b")], "Mlp.dense_2.b"));
        assert!(matches(&[SelectorStep::Deep, name("b")], "Net.block[1].dense.b"));
        assert!(!matches(&[name("Mlp"), name("dense")], "Mlp.dense_2.w"));
        assert!(!matches(&[name("Mlp"), SelectorStep::Any, SelectorStep::Any, name("w")], "Mlp.dense.w"));
        let turn = |t: &str, turns: &[u32]| match name(t) {
            SelectorStep::Name(name) => SelectorStep::Turn(name, turns.to_vec()),
            other => other,
        };
        assert!(matches(&[name("Net"), turn("f", &[1])], "Net.f[1][0].w"));
        assert!(matches(&[name("Net"), turn("f", &[1, 0]), name("w")], "Net.f[1][0].w"));
        assert!(!matches(&[name("Net"), turn("f", &[1])], "Net.f[11].w"));
        assert!(!matches(&[name("Net"), turn("f", &[1])], "Net.f_2[1].w"));
    }
}
