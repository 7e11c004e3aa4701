//! Figures of a pass: single numbers in a line, matrices as tables.

use nnc_compiler::program::Figure;
use nnc_runtime::train::Figures;

use super::numbers::short;
use super::table::columns;

/// The figures that are single numbers: `loss 0.3412  accuracy 0.8812`.
pub(crate) fn brief(figures: &Figures) -> String {
    let scalars = figures.0.iter().filter_map(|value| Some((&value.name, value.scalar()?)));
    scalars.map(|(name, number)| format!("{name} {}", short(number))).collect::<Vec<_>>().join("  ")
}

/// The figures that are vectors or matrices, each a table with the numbers of its rows and columns, and what these are by
/// the axis names of its declaration. Figures of more axes are told by their shape.
pub(crate) fn matrices(figures: &Figures, declared: &[Figure]) -> String {
    let mut text = String::new();
    for value in figures.0.iter().filter(|value| !value.shape.is_empty()) {
        let (height, width) = match value.shape[..] {
            [width] => (1, width),
            [height, width] => (height, width),
            _ => {
                text.push_str(&format!("{}: {:?}\n", value.name, value.shape));
                continue;
            }
        };
        let mut rows = vec![std::iter::once(String::new()).chain((0..width).map(|c| c.to_string())).collect()];
        let lines = value.data.chunks(width.max(1)).take(height).enumerate();
        rows.extend(lines.map(|(r, line)| {
            let head = if value.shape.len() == 1 { String::new() } else { r.to_string() };
            std::iter::once(head).chain(line.iter().map(|x| short(*x))).collect::<Vec<String>>()
        }));
        let axes = declared.iter().find(|figure| figure.name == value.name).map_or(&[][..], |figure| &figure.axes);
        let what = match (axes, height) {
            ([across], 1) => format!(" ({across} across)"),
            ([down, across], _) => format!(" ({down} down, {across} across)"),
            _ if value.shape.len() == 1 => String::new(),
            _ => " (first axis down, second across)".to_owned(),
        };
        text.push_str(&format!("{}{what}\n{}", value.name, columns(&rows)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_compiler::program::Gather;
    use nnc_grammar::span::{SourceId, Span};
    use nnc_runtime::train::Value;

    #[test]
    fn numbers_stand_in_a_line_and_matrices_in_tables() {
        let value = |name: &str, shape: &[usize], data: &[f64]| Value {
            name: name.into(),
            shape: shape.to_vec(),
            data: data.to_vec(),
        };
        let figures = Figures(vec![value("loss", &[], &[0.25]), value("confusion", &[2, 2], &[980.0, 1.0, 12.0, 7.0])]);
        assert_eq!(brief(&figures), "loss 0.2500");
        let table = "     0  1\n0  980  1\n1   12  7\n";
        assert_eq!(matrices(&figures, &[]), format!("confusion (first axis down, second across)\n{table}"));
        let declared = Figure {
            name: "confusion".into(),
            is_loss: false,
            gather: Gather::Last,
            shape: vec![2, 2],
            axes: vec!["truth".into(), "prediction".into()],
            in_training: false,
            span: Span::new(SourceId(0), 0, 0),
        };
        assert_eq!(matrices(&figures, &[declared]), format!("confusion (truth down, prediction across)\n{table}"));
    }
}
