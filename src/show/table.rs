//! Text in columns, and the table of a model.

use nnc_compiler::program::Row;

use super::numbers::grouped;

/// Rows of cells as lines: text to the left, numbers (cells that begin with a digit or a sign) to the right, two blanks apart.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| {
            match cell.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The parameters of a program: path, shape, how many, multiply-adds of one row; and the totals.
pub(crate) fn model_table(table: &[Row]) -> String {
    let cells = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    let mut rows = vec![cells(["path", "shape", "parameters", "multiply-adds"])];
    for row in table {
        let shape = format!("{:?}", row.shape);
        rows.push(vec![row.path.clone(), shape, grouped(row.elements as u64), grouped(row.multiply_adds as u64)]);
    }
    let sum = |what: fn(&Row) -> usize| grouped(table.iter().map(|row| what(row) as u64).sum());
    rows.push(vec!["total".into(), String::new(), sum(|row| row.elements), sum(|row| row.multiply_adds)]);
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_totals() {
        let row = |path: &str, shape: &[usize], multiply_adds| Row {
            path: path.into(),
            shape: shape.to_vec(),
            elements: shape.iter().product(),
            multiply_adds,
        };
        let text = model_table(&[row("Mlp.dense.w", &[784, 64], 50_176), row("Mlp.dense.b", &[64], 0)]);
        let expected = "\
path         shape      parameters  multiply-adds
Mlp.dense.w  [784, 64]      50,176         50,176
Mlp.dense.b  [64]               64              0
total                       50,240         50,176
";
        assert_eq!(text, expected);
    }
}
