//! One case: a program, the tensors it starts from, and what it must give.

use super::call::Reason;
use super::execute::{Machine, Named, Pools, check};
use super::measure::{SINGLE, Tally, distance};
use super::tensors::Tensor;
use super::text::{Nn, T};
use nnc_runtime::dtype::DType;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Bounds of a tensor's distance: in double precision, and the farther one in single precision.
const DOUBLE: f64 = 1e-12;
const SINGLE_AT_MOST: f64 = 1e-5;

/// How a program is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a prediction, in evaluation mode; gradients by `grad`.
    Predict,
    /// As one step of training; gradients as an optimizer gets them.
    Train,
}

/// A case.
pub(crate) struct Case {
    /// What it is called in reports.
    pub(crate) name: String,
    /// The lines that compute it.
    pub(crate) nn: Nn,
    /// What they compute, or why there is no program.
    pub(crate) outputs: Result<Vec<T>, Reason>,
    /// How it is run.
    pub(crate) form: Form,
    /// Tensors that the lines start from, by the name they have there.
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// Expected outputs by number.
    pub(crate) outs: BTreeMap<usize, Tensor>,
    /// Cotangents of the differentiable ones.
    pub(crate) cts: BTreeMap<usize, Tensor>,
    /// Expected gradients by the name or path of what they are taken by.
    pub(crate) grads: Vec<(String, Tensor)>,
    /// Parameters of layers inside: path below the model, value.
    pub(crate) layers: Vec<(String, Tensor)>,
}

fn shape(shape: &[usize]) -> String {
    format!("{shape:?}")
}

impl Case {
    /// Runs the case in both precisions and counts what came of it.
    pub(crate) fn judge(&self, tally: &mut Tally, pools: &Pools) {
        let outputs = match &self.outputs {
            Ok(outputs) => outputs,
            Err(reason) => {
                *tally.left_out.entry(reason.clone()).or_default() += 1;
                return;
            }
        };
        let text = self.text(outputs);
        tally.note(&text);
        let mut failures: Vec<String> = vec![];
        match self.results(&text, DType::F64, false, pools) {
            Ok(results) => {
                for (what, ours, theirs) in results {
                    let r = distance(&ours, theirs, self.scale());
                    let bound =
                        super::LOOSE.iter().find(|(name, ..)| *name == self.name).map_or(DOUBLE, |known| known.1);
                    if r.is_nan() || r > bound {
                        failures.push(format!("{what} differs by {r:.1e} in double precision"));
                    }
                }
            }
            Err(why) => failures.push(why),
        }
        match self.results(&text, DType::F32, false, pools) {
            Ok(results) if failures.is_empty() => {
                let mut exact: Option<Vec<(String, Tensor, &Tensor)>> = None;
                for (i, (what, ours, theirs)) in results.iter().enumerate() {
                    let r = distance(ours, theirs, self.scale());
                    tally.singles += 1;
                    if r.is_nan() || r > SINGLE {
                        let exact = exact
                            .get_or_insert_with(|| self.results(&text, DType::F64, true, pools).unwrap_or_default());
                        let least =
                            exact.get(i).map_or(0.0, |(_, exact, theirs)| distance(exact, theirs, self.scale()));
                        tally.rough.push((format!("{} {what}", self.name), r, least));
                    }
                    let known = super::ROUGH.iter().any(|(name, _)| *name == self.name);
                    if (r.is_nan() || r > SINGLE_AT_MOST) && !known {
                        failures.push(format!("{what} differs by {r:.1e} in single precision"));
                    }
                }
            }
            Ok(_) => {}
            Err(why) => failures.push(why),
        }
        if failures.is_empty() {
            tally.passed += 1;
        } else {
            failures.truncate(3);
            if std::env::var_os("NNC_GOLDEN_TEXT").is_some() {
                failures.push(text);
            }
            tally.failed.push(format!("{}: {}", self.name, failures.join("; ")));
        }
    }

    /// The largest input or cotangent.
    fn scale(&self) -> f64 {
        let layers = self.layers.iter().map(|(_, t)| t);
        self.tensors.values().chain(self.cts.values()).chain(layers).fold(0.0, |m, t| m.max(t.largest()))
    }

    fn is_by_grad(&self, name: &str) -> bool {
        self.form == Form::Predict && self.tensors.contains_key(name)
    }

    /// The whole program.
    pub(crate) fn text(&self, outputs: &[T]) -> String {
        let mut out = String::from("data Rows {\n    source: csv(\"rows\")\n    row: [batch] = row\n}\n\n");
        out.push_str(&self.nn.functions);
        out.push_str("\nmodel Case(_row: [batch]) {\n");
        for (name, tensor) in &self.tensors {
            let kind = if self.grads.iter().any(|(g, _)| g == name) { "param" } else { "state" };
            let _ = writeln!(out, "    {kind} {name}: {} = 0", shape(&tensor.shape));
        }
        for (j, ct) in &self.cts {
            let _ = writeln!(out, "    state ct{j}: {} = 0", shape(&ct.shape));
        }
        out.push_str(&self.nn.lines);
        let terms: Vec<String> =
            self.cts.keys().filter_map(|j| Some(format!("sum(ct{j} * {})", outputs.get(*j)?.name))).collect();
        match self.form {
            Form::Predict => {
                let mut values: Vec<String> = outputs.iter().map(|t| t.name.clone()).collect();
                let mut targets: Vec<String> = (0..outputs.len()).map(|j| format!("o{j}")).collect();
                if !terms.is_empty() && !self.grads.is_empty() {
                    let _ = writeln!(out, "    y = {}", terms.join(" + "));
                    for (i, (name, _)) in self.grads.iter().enumerate().filter(|(_, (g, _))| self.is_by_grad(g)) {
                        values.push(format!("grad(y, {name})"));
                        targets.push(format!("g{i}"));
                    }
                }
                let _ = write!(
                    out,
                    "    {}\n}}\n\npredict on Rows {{ {} = Case(row) }}\n",
                    values.join(", "),
                    targets.join(", ")
                );
            }
            Form::Train => {
                for (j, t) in outputs.iter().enumerate() {
                    let _ = writeln!(out, "    state o{j}: {} = 0\n    update o{j} = {}", shape(&t.shape), t.name);
                }
                let _ = write!(
                    out,
                    "    {}\n}}\n\n/// Keeps the gradient.\noptimizer Keep()(w: [..], g: [..]) -> [..] {{\n    state of: [..] = zeros()\n    \
                     update of = g\n    w\n}}\n\ntrain on Rows {{\n    batch: 1\n    epochs: 1\n    loss = Case(row)\n    \
                     optimize Case with Keep()\n}}\n",
                    terms.join(" + ")
                );
            }
        }
        out
    }

    /// What the program gives, and what it should.
    fn results(
        &self,
        text: &str,
        precision: DType,
        rounded: bool,
        pools: &Pools,
    ) -> Result<Vec<(String, Tensor, &Tensor)>, String> {
        let program = check(text, precision)?;
        let cts = self.cts.iter().map(|(j, t)| (format!("ct{j}"), t));
        let own = self.tensors.iter().map(|(n, t)| (n.clone(), t)).chain(cts);
        let layers = self.layers.iter().map(|(n, t)| (n.clone(), t));
        let given: Named = own.chain(layers).map(|(n, t)| (format!("Case.{n}"), t.clone())).collect();
        let given =
            if rounded { given.into_iter().map(|(n, t)| (n, t.in_single_precision())).collect() } else { given };
        let mut machine = Machine::new(&program, &given, pools)?;
        let mut left = Named::new();
        match self.form {
            Form::Predict => left = machine.predict()?,
            Form::Train => {
                machine.train(1, &mut |_, _, machine| {
                    for j in self.outs.keys() {
                        left.extend(machine.state(&format!("Case.o{j}")).map(|t| (format!("o{j}"), t)));
                    }
                    for (i, (name, _)) in self.grads.iter().enumerate() {
                        left.extend(machine.state(&format!("Case.{name}#Keep.of")).map(|t| (format!("g{i}"), t)));
                    }
                })?;
            }
        }
        let wanted = self.outs.iter().map(|(j, t)| (format!("o{j}"), t));
        let grads = self.grads.iter().enumerate().map(|(i, (_, t))| (format!("g{i}"), t));
        let mut results = vec![];
        for (what, theirs) in wanted.chain(grads) {
            let ours = left.remove(&what).ok_or_else(|| format!("there is no {what}"))?;
            results.push((what, ours, theirs));
        }
        Ok(results)
    }
}
