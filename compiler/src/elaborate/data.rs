//! Data blocks: where rows come from, how they are split, and the fields that columns become.

use super::Elab;
use super::items::Item;
use super::scope::Frame;
use super::value::{Axis, From, Tensor, Value};
use crate::ir::attrs::Slot;
use crate::ir::dim::Dim;
use crate::ir::types::{DType, TensorType};
use crate::program::{DataPlan, Input, SourceSpec};
use nnc_grammar::ast::{Block, Expr, ExprKind, Name, StmtKind, Target, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::data::{DataError, Format, Schema};

/// The free size of a batch.
pub(super) const BATCH: &str = "batch";
const SETTINGS: [&str; 2] = ["source", "split"];

/// A checked data block.
#[derive(Clone)]
pub(super) struct Data<'a> {
    pub(super) plan: DataPlan,
    pub(super) schema: Schema,
    /// Rows to train on, after the split.
    pub(super) train_rows: usize,
    fields: Vec<(&'a Target, &'a Expr)>,
    name: &'a Name,
}

impl<'a> Elab<'a> {
    /// Reads a data block: its settings, and the header of its source.
    pub(super) fn data_block(&mut self, name: &'a Name) -> Option<Data<'a>> {
        let main = self.items.main;
        let (data_name, block) = match self.items.lookup(main, &name.text) {
            Some(Item::Data(data_name, block)) => (data_name, block),
            found => {
                let names: Vec<&str> =
                    self.items.own(main).filter(|(_, i)| matches!(i, Item::Data(..))).map(|(n, _)| n).collect();
                let d = match found {
                    Some(Item::Invalid(_)) => return None,
                    Some(_) => {
                        Diagnostic::error(codes::WRONG_KIND, name.span, format!("`{}` is no data block", name.text))
                    }
                    None => Diagnostic::error(
                        codes::UNKNOWN_NAME,
                        name.span,
                        format!("there is no data block `{}`", name.text),
                    ),
                };
                let d = super::suggest::suggest(d, name, names.into_iter());
                self.report(d);
                return None;
            }
        };
        self.usage.mark(data_name.span);
        let frame = self.new_frame(data_name.span.source, data_name.span, None, String::new());
        self.frames.push(frame);
        let data = self.read_block(data_name, block);
        self.frames.pop();
        data
    }

    fn read_block(&mut self, name: &'a Name, block: &'a Block) -> Option<Data<'a>> {
        let mut source: Option<SourceSpec> = None;
        let mut shares = (0.0, 0.0, name.span);
        let mut fields = vec![];
        let mut seen: Vec<&Name> = vec![];
        let mut ok = true;
        for stmt in &block.stmts {
            match &stmt.kind {
                StmtKind::Setting { name, value } => {
                    if let Some(first) = seen.iter().find(|n| n.text == name.text) {
                        let d = Diagnostic::error(
                            codes::DUPLICATE_SETTING,
                            name.span,
                            format!("`{}` is set twice", name.text),
                        );
                        let d = d.origin(Role::Previous, first.span, "first set here");
                        self.report(d);
                        ok = false;
                        continue;
                    }
                    seen.push(name);
                    match name.text.as_str() {
                        "source" => {
                            source = self.source_spec(value);
                            ok &= source.is_some();
                        }
                        "split" => match self.holdout(value) {
                            Some((valid, test)) => shares = (valid, test, value.span),
                            None => ok = false,
                        },
                        _ => {
                            let d = Diagnostic::error(
                                codes::UNKNOWN_SETTING,
                                name.span,
                                format!("a data block has no setting `{}`", name.text),
                            );
                            let d = super::suggest::suggest(d, name, SETTINGS.into_iter());
                            self.report(d.note("settings of a data block: source, split"));
                            ok = false;
                        }
                    }
                }
                StmtKind::Bind { targets, value, form: None } if targets.len() == 1 => {
                    self.usage.declare(&targets[0].name, "field");
                    fields.push((&targets[0], value));
                }
                StmtKind::Fit { .. } => {
                    self.unsupported(stmt.span, "`fit`");
                    ok = false;
                }
                StmtKind::Invalid(_) => ok = false,
                _ => {
                    let d = Diagnostic::error(codes::MISPLACED, stmt.span, "a data block has settings and fields only");
                    self.report(d.help("a field is `name: [batch, …] = column`"));
                    ok = false;
                }
            }
        }
        if !ok {
            return None;
        }
        let Some(spec) = source else {
            let d = Diagnostic::error(
                codes::MISSING_SETTING,
                name.span,
                format!("`{}` does not say where its rows come from", name.text),
            );
            self.report(d.help("add `source: idx(\"folder\")` or `source: csv(\"file.csv\")`"));
            return None;
        };
        let from = self.sources.get(name.span.source).map(|s| s.name.clone()).unwrap_or_default();
        let schema = match self.world.schema(&from, &spec) {
            Ok(schema) => schema,
            Err(e) => {
                let d = data_error(spec.span, &e);
                self.report(d);
                return None;
            }
        };
        let train_rows = self.train_rows(&schema, shares)?;
        let plan = DataPlan { name: name.text.clone(), source: spec, valid: shares.0, test: shares.1 };
        Some(Data { plan, schema, train_rows, fields, name })
    }

    /// `idx("path")`, `csv("path")`
    fn source_spec(&mut self, e: &'a Expr) -> Option<SourceSpec> {
        let readers = Format::ALL.map(Format::name);
        let help = "write `idx(\"folder\")` or `csv(\"file.csv\")`";
        let (callee, args) = match &e.kind {
            ExprKind::Call { callee, args } => (callee, args),
            _ => {
                self.report(
                    Diagnostic::error(codes::WRONG_KIND, e.span, "a source is a reader and its path").help(help),
                );
                return None;
            }
        };
        let ExprKind::Name(reader) = &callee.kind else {
            self.report(
                Diagnostic::error(codes::WRONG_KIND, callee.span, "a source is a reader and its path").help(help),
            );
            return None;
        };
        let Some(format) = Format::named(reader) else {
            let d = Diagnostic::error(codes::UNKNOWN_NAME, callee.span, format!("there is no reader `{reader}`"));
            let name = Name { text: reader.clone(), span: callee.span };
            let d = super::suggest::suggest(d, &name, readers.into_iter());
            self.report(d.note(format!("readers of this version: {}", readers.join(", "))));
            return None;
        };
        let [arg] = args.as_slice() else {
            self.report(
                Diagnostic::error(codes::MISSING_ARGUMENT, e.span, format!("`{reader}` takes one path")).help(help),
            );
            return None;
        };
        if let Some(name) = &arg.name {
            let d =
                Diagnostic::error(codes::UNKNOWN_ARGUMENT, name.span, format!("the path of `{reader}` has no name"));
            self.report(d.help(help));
            return None;
        }
        match self.expr(&arg.value) {
            Value::Text(path) => Some(SourceSpec { format, path, span: arg.value.span }),
            other => {
                self.wrong_kind(&other, arg.value.span, "a path in quotes");
                None
            }
        }
    }

    /// `holdout(valid = 0.1, test = 0.2)`
    fn holdout(&mut self, e: &'a Expr) -> Option<(f64, f64)> {
        let args = match &e.kind {
            ExprKind::Call { callee, args } if matches!(&callee.kind, ExprKind::Name(n) if n == "holdout") => args,
            _ => {
                let d = Diagnostic::error(codes::WRONG_KIND, e.span, "a split is `holdout(valid = …)`");
                self.report(d.help("write `holdout(valid = 0.1)`, with `test = 0.2` for a source without a test part"));
                return None;
            }
        };
        let mut shares = (0.0, 0.0);
        for (i, arg) in args.iter().enumerate() {
            let same = |other: &&nnc_grammar::ast::Arg| {
                other.name.as_ref().map(|n| &n.text) == arg.name.as_ref().map(|n| &n.text)
            };
            if let Some(first) = args[..i].iter().find(same).filter(|_| arg.name.is_some()) {
                let d = Diagnostic::error(codes::DUPLICATE_ARGUMENT, arg.span, "this share is given twice");
                self.report(d.origin(Role::Previous, first.span, "first given here"));
                return None;
            }
            let place = match arg.name.as_ref().map(|n| n.text.as_str()) {
                Some("valid") => &mut shares.0,
                Some("test") => &mut shares.1,
                _ => {
                    let at = arg.name.as_ref().map_or(arg.span, |n| n.span);
                    let d = Diagnostic::error(
                        codes::UNKNOWN_ARGUMENT,
                        at,
                        "`holdout` has the arguments `valid` and `test`",
                    );
                    let d = match &arg.name {
                        Some(name) => super::suggest::suggest(d, name, ["valid", "test"].into_iter()),
                        None => d.help("name it: `valid = 0.1`"),
                    };
                    self.report(d);
                    return None;
                }
            };
            let value = self.expr(&arg.value);
            *place = self.share(&value, arg.value.span, "a share")?;
        }
        Some(shares)
    }

    fn train_rows(&mut self, schema: &Schema, (valid, test, span): (f64, f64, Span)) -> Option<usize> {
        use nnc_runtime::data::split::{Choice, Holdout, split};
        match split(schema.train_rows, schema.test_rows, Holdout { valid, test }, Choice::Sequential) {
            Ok(split) => Some(split.train.len()),
            Err(e) => {
                self.report(Diagnostic::error(codes::OUT_OF_RANGE, span, e.to_string()));
                None
            }
        }
    }

    /// Makes the fields of a data block that `body` mentions visible in the block being elaborated, and its axis names with
    /// them. `also` names a field by `Data.field`.
    pub(super) fn bind_fields(&mut self, data: &Data<'a>, body: &'a Block) {
        let mut mentioned: Vec<String> = vec![];
        super::names::walk_block(body, &mut |seen| {
            if let super::names::Seen::Expr(e) = seen {
                match &e.kind {
                    ExprKind::Name(n) => mentioned.push(n.clone()),
                    ExprKind::Member(base, field) if matches!(&base.kind, ExprKind::Name(b) if *b == data.name.text) => {
                        mentioned.push(field.text.clone());
                    }
                    _ => {}
                }
            }
        });
        let scope = self.frame().scope;
        let mut frame = self.new_frame(data.name.span.source, data.name.span, None, String::new());
        // The block sees the axis names of its data as its own.
        frame.scope = scope;
        frame.dims.insert(
            BATCH.into(),
            super::scope::BoundAxis { size: Dim::sym(BATCH), span: data.name.span, outer: None, from: None },
        );
        self.frames.push(frame);
        let mut bound = vec![];
        for (target, e) in &data.fields {
            if mentioned.contains(&target.name.text) {
                let value = self.field(data, target, e);
                bound.push((&target.name, value, e.span));
                self.usage.mark(target.name.span);
            }
        }
        let dims = self.frames.pop().map(|f| f.dims).unwrap_or_default();
        for (name, value, span) in bound {
            self.bind(name, value, span);
        }
        self.frame().dims.extend(dims);
        self.data_fields.clear();
        for (target, _) in &data.fields {
            self.data_fields.push((data.name.text.clone(), target.name.text.clone()));
        }
    }

    /// `A.image`
    pub(super) fn field_of(&mut self, data: &str, field: &Name) -> Option<Value<'a>> {
        let known = self.data_fields.iter().any(|(d, f)| d == data && *f == field.text);
        if known { self.local(&field.text) } else { None }
    }

    fn field(&mut self, data: &Data<'a>, target: &'a Target, e: &'a Expr) -> Value<'a> {
        let classes = match target.ty.as_ref().map(|t| &t.kind) {
            Some(TypeKind::Tensor { element: Some(element), .. } | TypeKind::Scalar(element))
                if element.name.text == "index" =>
            {
                match &element.size {
                    Some(size) => match self.size_of(size) {
                        Some(n) => Some(n),
                        None => return Value::Invalid,
                    },
                    None => {
                        let d = Diagnostic::error(
                            codes::UNDETERMINED_SIZE,
                            element.name.span,
                            "how many classes there are must be said",
                        );
                        return self.fail(d.help("write `index(10)`"));
                    }
                }
            }
            _ => None,
        };
        self.bind_columns(data, e, classes.as_ref());
        let value = self.expr(e);
        let value = match (value, &classes) {
            (Value::Tensor(t), Some(n)) => match &e.kind {
                ExprKind::Name(_) => {
                    self.here(e.span);
                    let handle = self.b.clone();
                    let node = handle.val(t.node).cast(DType::I32).value;
                    Value::Tensor(Tensor { node, dtype: DType::I32, classes: Some(n.clone()), ..t })
                }
                _ => self.unsupported(e.span, "arithmetic on class numbers"),
            },
            (Value::Tensor(t), None) if !t.dtype.is_float() => {
                self.here(e.span);
                let handle = self.b.clone();
                let node = handle.val(t.node).cast(self.float).value;
                Value::Tensor(Tensor { node, dtype: self.float, ..t })
            }
            (value, _) => value,
        };
        match &target.ty {
            Some(ty) => self.bind_type(ty, value, e.span, &target.name.text).unwrap_or(Value::Invalid),
            None => {
                let d = Diagnostic::error(
                    codes::UNDETERMINED_SIZE,
                    target.name.span,
                    format!("the field `{}` needs its shape", target.name.text),
                );
                self.fail(d.help("write `name: [batch, …] = column`"))
            }
        }
    }

    /// Makes the columns that an expression mentions locals of the data block.
    fn bind_columns(&mut self, data: &Data<'a>, e: &'a Expr, classes: Option<&Dim>) {
        let mut names: Vec<(&'a str, Span)> = vec![];
        super::names::walk(e, &mut |seen| {
            if let super::names::Seen::Expr(Expr { kind: ExprKind::Name(n), span }) = seen {
                names.push((n, *span));
            }
        });
        for (name, span) in names {
            let Some(column) = data.schema.columns.iter().find(|c| c.name == name) else {
                if self.frame().locals.contains_key(name)
                    || self.item(self.items.main, name).is_some()
                    || super::primitives::lookup(name).is_some()
                {
                    continue;
                }
                let known = data.schema.columns.iter().map(|c| c.name.as_str());
                let d =
                    Diagnostic::error(codes::DATA, span, format!("`{}` has no column `{name}`", data.plan.source.path));
                let d = super::suggest::suggest(d, &Name { text: name.to_owned(), span }, known.clone());
                let d = d.note(format!("columns: {}", known.take(20).collect::<Vec<_>>().join(", ")));
                self.report(d.origin(Role::Data, data.plan.source.span, "the source is named here"));
                self.bind_given(name, Value::Invalid, span);
                continue;
            };
            if matches!(self.frame().locals.get(name).map(|l| &l.value), Some(Value::Tensor(t)) if (t.dtype == DType::I32) == classes.is_some() || t.dtype == DType::U8)
            {
                continue;
            }
            let raw = match &column.dtype {
                Ok(dtype) => *dtype,
                Err(why) => {
                    let d = data_error(span, why).origin(Role::Data, data.plan.source.span, "the source is named here");
                    self.report(d);
                    self.bind_given(name, Value::Invalid, span);
                    continue;
                }
            };
            let dtype = match (raw, classes) {
                (DType::U8, _) => DType::U8,
                (_, Some(_)) => DType::I32,
                _ => self.precision,
            };
            let n_classes = classes.and_then(Dim::as_constant).and_then(|n| usize::try_from(n).ok());
            let shape = column.row_shape.clone();
            let number = self.input(data, name, dtype, &shape, n_classes, span);
            let from = |n: usize| Some(From { span: data.plan.source.span, text: format!("{n} is what the data has") });
            let batch = Axis { name: Some(self.axis_name(BATCH)), ..Axis::of(Dim::sym(BATCH)) };
            let rest = shape.iter().map(|&n| Axis { from: from(n), ..Axis::of(Dim::from(n)) });
            let axes: Vec<Axis> = std::iter::once(batch).chain(rest).collect();
            self.here(span);
            let handle = self.b.clone();
            let ty = TensorType::new(dtype, axes.iter().map(|a| a.size.clone()).collect());
            let node = handle.read(Slot::Input(number), ty).value;
            let tensor = Tensor { node, dtype, axes, classes: None, scalar: false };
            self.bind_given(name, Value::Tensor(tensor), span);
        }
    }

    /// The number of an input: one a column and element type.
    fn input(
        &mut self,
        data: &Data<'a>,
        column: &str,
        dtype: DType,
        row_shape: &[usize],
        classes: Option<usize>,
        span: Span,
    ) -> u32 {
        let known = self.inputs.iter().position(|i| i.data == data.name.text && i.column == column && i.dtype == dtype);
        let number = known.unwrap_or_else(|| {
            let (data, column) = (data.name.text.clone(), column.to_owned());
            self.inputs.push(Input { data, column, dtype, row_shape: row_shape.to_vec(), classes: None, span });
            self.inputs.len() - 1
        });
        if classes.is_some() {
            self.inputs[number].classes = classes;
        }
        number as u32
    }

    /// A frame for a `train` or `predict` block.
    pub(super) fn block_frame(&mut self, span: Span) -> Frame<'a> {
        self.new_frame(self.items.main, span, None, String::new())
    }
}

/// A data error at a place of the text.
fn data_error(span: Span, e: &DataError) -> Diagnostic {
    let place = e.place.as_ref().map_or_else(String::new, |p| format!(", {p}"));
    let d = Diagnostic::error(codes::DATA, span, e.what.clone()).label(format!("{}{place}", e.file.display()));
    match &e.help {
        Some(help) => d.help(help.clone()),
        None => d,
    }
}
