//! A tree as indented lines: one node a line, children below it, types in their own notation. The text depends on the tree
//! alone, so it is stable and shows whether two trees are the same but for places.

use crate::ast::*;
use crate::lex::escape;
use crate::print::{print_layout, print_selectors, print_type};

/// The tree of a file.
pub fn dump(file: &File) -> String {
    let mut dump = Dump { out: String::new(), depth: 0 };
    if let Some((version, _)) = file.version {
        dump.line(&format!("nn {version}"));
    }
    for item in &file.items {
        if let Some(doc) = &item.doc {
            doc.lines().for_each(|l| dump.line(format!("/// {l}").trim_end()));
        }
        dump.item(&item.kind);
    }
    dump.out
}

/// The tree of an expression.
pub fn dump_expr(expr: &Expr) -> String {
    let mut dump = Dump { out: String::new(), depth: 0 };
    dump.expr("", expr);
    dump.out
}

struct Dump {
    out: String,
    depth: usize,
}

fn join(names: &[Name], mark: &str) -> String {
    names.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(mark)
}

fn target(target: &Target) -> String {
    match &target.ty {
        Some(ty) => format!("{}: {}", target.name.text, print_type(ty)),
        None => target.name.text.clone(),
    }
}

impl Dump {
    fn line(&mut self, text: &str) {
        self.out += &"  ".repeat(self.depth);
        self.out += text;
        self.out.push('\n');
    }

    /// A line, and what `inside` writes below it.
    fn node(&mut self, text: &str, inside: impl FnOnce(&mut Dump)) {
        self.line(text);
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    fn item(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Use { path, names, .. } => self.line(&format!("use {} {}", escape(path), join(names, ", "))),
            ItemKind::Const { name, value } => self.node(&format!("const {}", name.text), |d| d.expr("", value)),
            ItemKind::Option { name, value, range } => self.node(&format!("option {}", name.text), |d| {
                d.expr("", value);
                range.iter().for_each(|r| d.expr("in ", r));
            }),
            ItemKind::Setting { name, value } => self.node(&format!("setting {}", name.text), |d| d.expr("", value)),
            ItemKind::Def(def) => self.node(&format!("{} {}", def.kind.keyword(), def.name.text), |d| {
                if def.two_lists {
                    d.params("settings", &def.settings);
                }
                d.params("inputs", &def.inputs);
                def.result.iter().for_each(|r| d.line(&format!("result {}", print_type(r))));
                d.block("body", &def.body);
            }),
            ItemKind::Data { name, body } => self.block(&format!("data {}", name.text), body),
            ItemKind::Train { name, on, body } => {
                let name = name.as_ref().map_or("", |n| n.text.as_str());
                self.block(format!("train {name} on {}", join(on, ", ")).trim_end(), body);
            }
            ItemKind::Predict { name, inputs, on, body } => {
                let (name, on) = (name.as_ref(), on.as_ref());
                let text = |n: Option<&Name>| n.map_or(String::new(), |n| format!(" {}", n.text));
                self.node(&format!("predict{}", text(name)), |d| {
                    on.iter().for_each(|o| d.line(&format!("on {}", o.text)));
                    d.params("inputs", inputs);
                    d.block("body", body);
                });
            }
            ItemKind::Invalid(name) => {
                let name = name.as_ref().map_or("", |n| n.text.as_str());
                self.line(format!("invalid {name}").trim_end());
            }
        }
    }

    fn params(&mut self, title: &str, params: &[Param]) {
        self.node(title, |d| {
            for param in params {
                let mut text = format!("{}{}", if param.over { "over " } else { "" }, param.name.text);
                if let Some(ty) = &param.ty {
                    text += &format!(": {}", print_type(ty));
                }
                d.node(&text, |d| param.default.iter().for_each(|v| d.expr("= ", v)));
            }
        });
    }

    fn block(&mut self, title: &str, block: &Block) {
        self.node(title, |d| block.stmts.iter().for_each(|s| d.stmt(&s.kind)));
    }

    fn stmt(&mut self, kind: &StmtKind) {
        match kind {
            StmtKind::Bind { targets, value, form } => {
                let targets = targets.iter().map(target).collect::<Vec<_>>().join(", ");
                self.node(&format!("bind {targets}"), |d| {
                    d.expr("", value);
                    form.iter().for_each(|f| d.expr("as ", f));
                });
            }
            StmtKind::Setting { name, value } => self.node(&format!("setting {}", name.text), |d| d.expr("", value)),
            StmtKind::Param { name, ty, init, condition, layout } => {
                self.node(&format!("param {}: {}", name.text, print_type(ty)), |d| {
                    d.expr("", init);
                    condition.iter().for_each(|c| d.expr("if ", c));
                    layout.iter().for_each(|l| d.line(&print_layout(l)));
                });
            }
            StmtKind::State { name, ty, init, layout } => {
                self.node(&format!("state {}: {}", name.text, print_type(ty)), |d| {
                    d.expr("", init);
                    layout.iter().for_each(|l| d.line(&print_layout(l)));
                });
            }
            StmtKind::Var { target: t, value } => self.node(&format!("var {}", target(t)), |d| d.expr("", value)),
            StmtKind::Update { name, value } => self.node(&format!("update {}", name.text), |d| d.expr("", value)),
            StmtKind::Fit { name, value } => self.node(&format!("fit {}", name.text), |d| d.expr("", value)),
            StmtKind::Loss { name, value, weight } | StmtKind::Metric { name, value, weight } => {
                let word = if matches!(kind, StmtKind::Loss { .. }) { "loss" } else { "metric" };
                let name = name.as_ref().map_or("", |n| n.text.as_str());
                self.node(format!("{word} {name}").trim_end(), |d| {
                    d.expr("", value);
                    weight.iter().for_each(|e| d.expr("weight", e));
                });
            }
            StmtKind::Optimize { selectors, condition, on, with } => {
                self.node(&format!("optimize {}", print_selectors(selectors)), |d| {
                    condition.iter().for_each(|c| d.expr("if ", c));
                    on.iter().for_each(|o| d.line(&format!("on {}", o.text)));
                    d.expr("with ", with);
                });
            }
            StmtKind::Freeze { selectors } => self.line(&format!("freeze {}", print_selectors(selectors))),
            StmtKind::Keep { highest, figure } => {
                let side = if *highest { "highest" } else { "lowest" };
                self.line(&format!("keep {side} {}", join(figure, ".")));
            }
            StmtKind::Stop { patience, higher, figure } => {
                let side = if *higher { "higher" } else { "lower" };
                self.node(&format!("stop without {side} {}", join(figure, ".")), |d| d.expr("after ", patience));
            }
            StmtKind::Then => self.line("then"),
            StmtKind::Every { steps, body } => self.node("every", |d| {
                d.expr("steps ", steps);
                d.block("body", body);
            }),
            StmtKind::Init { target, from, layout } => {
                self.node(&format!("init {}", print_selectors(std::slice::from_ref(target))), |d| {
                    d.expr("from ", from);
                    layout.iter().for_each(|l| d.expr("as ", l));
                });
            }
            StmtKind::Assert { condition, message } => self.node("assert", |d| {
                d.expr("", condition);
                message.iter().for_each(|m| d.expr("message ", m));
            }),
            StmtKind::Called { part, form } => self.node(&format!("name {}", part.text), |d| d.expr("as ", form)),
            StmtKind::Yield(value) => self.node("yield", |d| d.expr("", value)),
            StmtKind::Expr(value) => self.expr("", value),
            StmtKind::Invalid(names) => self.line(format!("invalid {}", join(names, ", ")).trim_end()),
        }
    }

    /// An expression, after a word that says what it is there for.
    fn expr(&mut self, role: &str, expr: &Expr) {
        let children = |d: &mut Dump, list: &[Expr]| list.iter().for_each(|e| d.expr("", e));
        match &expr.kind {
            ExprKind::Number(text) => self.line(&format!("{role}{text}")),
            ExprKind::Str(text) => self.line(&format!("{role}{}", escape(text))),
            ExprKind::Bool(value) => self.line(&format!("{role}{value}")),
            ExprKind::Name(name) => self.line(&format!("{role}{name}")),
            ExprKind::Rest => self.line(&format!("{role}..")),
            ExprKind::AllBut(names) => self.line(&format!("{role}all but {}", join(names, ", "))),
            ExprKind::Member(base, name) => self.node(&format!("{role}member {}", name.text), |d| d.expr("", base)),
            ExprKind::Call { callee, args } => {
                let (head, below) = match &callee.kind {
                    ExprKind::Name(name) => (format!("{role}call {name}"), None),
                    _ => (format!("{role}call"), Some(callee)),
                };
                self.node(&head, |d| {
                    below.iter().for_each(|c| d.expr("of ", c));
                    for arg in args {
                        let name = arg.name.as_ref().map_or(String::new(), |n| format!("{} = ", n.text));
                        d.expr(&name, &arg.value);
                    }
                });
            }
            ExprKind::Index { base, items } => self.node(&format!("{role}index"), |d| {
                d.expr("of ", base);
                items.iter().for_each(|i| d.index_item(i));
            }),
            ExprKind::Unary(op, inner) => {
                let op = if *op == UnaryOp::Neg { "-" } else { "not" };
                self.node(&format!("{role}{op}"), |d| d.expr("", inner));
            }
            ExprKind::Binary(op, left, right) => self.node(&format!("{role}{}", op.symbol()), |d| {
                d.expr("", left);
                d.expr("", right);
            }),
            ExprKind::Pipe { input, stage, name } => {
                let name = name.as_ref().map_or(String::new(), |n| format!(" as {}", n.text));
                self.node(&format!("{role}|>{name}"), |d| {
                    d.expr("", input);
                    d.expr("", stage);
                });
            }
            ExprKind::If { condition, then, otherwise } => self.node(&format!("{role}if"), |d| {
                d.expr("", condition);
                d.block("then", then);
                otherwise.iter().for_each(|o| d.block("else", o));
            }),
            ExprKind::Scan(scan) => self.scan(role, scan),
            ExprKind::Repeat { turns, name, body } => {
                let name = name.as_ref().map_or(String::new(), |n| format!(" as {}", n.text));
                self.node(&format!("{role}repeat{name}"), |d| {
                    d.expr("", turns);
                    d.block("body", body);
                });
            }
            ExprKind::Rearrange(r) => self.node(&format!("{role}rearrange"), |d| {
                d.groups("from", &r.from);
                d.groups("to", &r.to);
                r.with.iter().for_each(|(name, value)| d.expr(&format!("{} = ", name.text), value));
            }),
            ExprKind::List(items) => self.node(&format!("{role}list"), |d| children(d, items)),
            ExprKind::Tuple(items) => self.node(&format!("{role}tuple"), |d| children(d, items)),
            ExprKind::Fresh(path) => self.node(&format!("{role}fresh"), |d| d.expr("", path)),
            ExprKind::Invalid => self.line(&format!("{role}invalid")),
        }
    }

    fn scan(&mut self, role: &str, scan: &Scan) {
        let reversed = if scan.reversed { " reversed" } else { "" };
        self.node(&format!("{role}scan {} over {}{reversed}", scan.index.text, scan.axis.text), |d| {
            scan.size.iter().for_each(|s| d.expr("size ", s));
            for (carry, value) in &scan.carries {
                d.node(&format!("with {}", target(carry)), |d| d.expr("", value));
            }
            d.block("body", &scan.body);
        });
    }

    fn groups(&mut self, title: &str, groups: &[Group]) {
        let one = |g: &Group| match g {
            Group::Rest => "..".to_owned(),
            Group::One(name) => name.text.clone(),
            Group::Many(names) => format!("({})", join(names, " ")),
            Group::Unit(_) => "1".to_owned(),
        };
        self.line(&format!("{title} [{}]", groups.iter().map(one).collect::<Vec<_>>().join(", ")));
    }

    fn index_item(&mut self, item: &IndexItem) {
        match item {
            IndexItem::Rest(_) => self.line(".."),
            IndexItem::New(_) => self.line("new"),
            IndexItem::At(expr) => self.expr("", expr),
            IndexItem::Axis(name, expr) => self.expr(&format!("{} = ", name.text), expr),
            IndexItem::Range(name, start, end) => self.node(&format!("range {}", name.text), |d| {
                start.iter().for_each(|s| d.expr("from ", s));
                end.iter().for_each(|e| d.expr("to ", e));
            }),
        }
    }
}
