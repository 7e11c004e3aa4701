//! Items and whole files.

use super::layout::{Entry, lines};
use super::stmts::Class;
use super::{INDENT, Printer, WIDTH, width};
use crate::ast::*;
use crate::lex::escape;

impl Printer<'_> {
    /// A whole file.
    pub(super) fn file(&mut self, file: &File) -> String {
        let mut entries: Vec<Entry> = vec![];
        if let Some((version, span)) = file.version {
            self.leading(&mut entries, 0, span.start as usize);
            let trailing = self.take_trailing(span.end as usize);
            entries.push(Entry { trailing, ..Entry::line(false, format!("nn {version}")) });
        }
        let mut block_above = false;
        for item in &file.items {
            let first = entries.len();
            self.leading(&mut entries, 0, item.span.start as usize);
            if self.text.is_none()
                && let Some(doc) = &item.doc
            {
                entries.extend(doc.lines().map(|l| Entry::line(false, format!("/// {l}").trim_end().to_owned())));
            }
            let blank = self.blank_before(item.span.start as usize);
            let entry = self.item(item, blank);
            // What stood inside where no line of its own is printed goes above, and above the documentation, which
            // must stay next to its item.
            let inside = self.take(item.span.start as usize, item.span.end as usize, |_, _| true);
            entries.splice(first..first, inside.into_iter().map(|(_, text)| Entry::line(false, text)));
            let trailing = self.take_trailing(item.span.end as usize);
            entries.push(Entry { trailing, ..entry });
            let block = has_block(&item.kind);
            if (block || block_above) && first > 0 {
                entries[first].blank = true;
            }
            block_above = block;
        }
        self.leading(&mut entries, 0, usize::MAX);
        lines(entries, 0)
    }

    fn item(&mut self, item: &Item, blank: bool) -> Entry {
        let bind = |class, cells: Vec<String>, rest| Entry { blank, class, cells, rest, trailing: None };
        match &item.kind {
            ItemKind::Use { path, names, .. } => {
                Entry::line(blank, format!("use {} {{ {} }}", escape(path), self.names(names)))
            }
            ItemKind::Const { name, value } => {
                let value = self.value(value, false, 0, width(&name.text) + 3, WIDTH);
                bind(Class::Bind, vec![name.text.clone(), "=".to_owned()], value)
            }
            ItemKind::Setting { name, value } => {
                let value = self.value(value, false, 0, width(&name.text) + 2, WIDTH);
                bind(Class::Setting, vec![format!("{}:", name.text)], value)
            }
            ItemKind::Option { name, value, range } => {
                let mut text = format!("option {} = ", name.text);
                text += &self.value(value, false, 0, width(&text), WIDTH);
                if let Some(range) = range {
                    text += " in ";
                    text += &self.value(range, false, 0, super::last_column(&text, 0), WIDTH);
                }
                Entry::line(blank, text)
            }
            ItemKind::Def(def) => {
                let head = self.head(def);
                self.with_body(blank, head, &def.body)
            }
            ItemKind::Data { name, body } => self.with_body(blank, format!("data {}", name.text), body),
            ItemKind::Train { name, on, body } => {
                let mut head = "train".to_owned();
                if let Some(name) = name {
                    head += &format!(" {}", name.text);
                }
                if !on.is_empty() {
                    head += &format!(" on {}", self.names(on));
                }
                self.with_body(blank, head, body)
            }
            ItemKind::Predict { name, inputs, on, body } => {
                let mut head = "predict".to_owned();
                if let Some(name) = name {
                    head += &format!(" {}", name.text);
                }
                if !inputs.is_empty() {
                    head += &self.params(inputs, false);
                }
                if let Some(on) = on {
                    head += &format!(" on {}", on.text);
                }
                self.with_body(blank, head, body)
            }
            ItemKind::Invalid(_) => Entry::line(blank, String::new()),
        }
    }

    fn with_body(&mut self, blank: bool, head: String, body: &Block) -> Entry {
        // A tree alone has no lines of its own: bodies of items then always have several.
        let flat = if self.text.is_some() { self.flat_block(body) } else { None };
        let text = match flat {
            Some(flat) if width(&head) + 1 + width(&flat) <= WIDTH && !head.contains('\n') => format!("{head} {flat}"),
            _ => format!("{head} {}", self.block(body, 0)),
        };
        Entry::line(blank, text)
    }

    /// What stands before the body of a definition; lists that make it too wide have a line for each parameter.
    fn head(&self, def: &Def) -> String {
        let name = format!("{} {}", def.kind.keyword(), def.name.text);
        let result = match def.result.as_ref().and_then(|r| self.ty(r)) {
            Some(result) => format!(" -> {result}"),
            None => String::new(),
        };
        let build = |broken: (bool, bool)| {
            let settings = if def.two_lists { self.params(&def.settings, broken.0) } else { String::new() };
            format!("{name}{settings}{}{result}", self.params(&def.inputs, broken.1))
        };
        let fits = |text: &str| text.lines().all(|l| width(l) + 2 <= WIDTH);
        let tries = [(false, false), (false, true), (true, true)];
        let texts: Vec<String> = tries.into_iter().map(build).collect();
        texts.iter().find(|t| fits(t)).or(texts.last()).cloned().unwrap_or_default()
    }

    fn params(&self, params: &[Param], broken: bool) -> String {
        let texts: Vec<String> = params.iter().filter_map(|p| self.param(p)).collect();
        if !broken || texts.is_empty() {
            return format!("({})", texts.join(", "));
        }
        let pad = " ".repeat(INDENT);
        let lines: String = texts.iter().map(|t| format!("{pad}{t},\n")).collect();
        format!("(\n{lines})")
    }
}

fn has_block(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::Def(_)
            | ItemKind::Data { .. }
            | ItemKind::Train { .. }
            | ItemKind::Predict { .. }
            | ItemKind::Invalid(_)
    )
}
