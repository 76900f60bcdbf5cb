//! How much the price moves with order flow imbalance: ordinary and ridge least squares.

use super::integrated_ofi::column_means;
use super::small_matrix::{Matrix, dot};

/// A straight line through points, and how well it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineFit {
    /// Where it crosses `x = 0`.
    pub alpha: f64,
    /// Its slope: ticks per unit of OFI.
    pub beta: f64,
    /// The share of the variance of `y` that it explains; `None` when `y` does not vary.
    pub r2: Option<f64>,
    /// The slope over its standard error; `None` with fewer than three points, or when nothing is left unexplained.
    pub t_beta: Option<f64>,
}

/// Ordinary least squares of `y` on `x`: `dP = alpha + beta * OFI + eps`.
///
/// `None` when they differ in length, there are fewer than two points, `x` does not vary, or a number is not finite.
///
/// # Source
/// Cont, Kukanov & Stoikov (2014), sections 2 and 3; methods reference 2.3.
#[must_use]
pub fn fit_line(x: &[f64], y: &[f64]) -> Option<LineFit> {
    if x.len() != y.len() || x.len() < 2 || x.iter().chain(y).any(|value| !value.is_finite()) {
        return None;
    }
    let count = f64::from(u32::try_from(x.len()).ok()?);
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / count, y.iter().sum::<f64>() / count);
    let (mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        sxx += dx * dx;
        sxy += dx * dy;
        syy += dy * dy;
    }
    if sxx <= 0.0 {
        return None;
    }
    let beta = sxy / sxx;
    let alpha = mean_y - beta * mean_x;
    let unexplained: f64 = x.iter().zip(y).map(|(x, y)| (y - alpha - beta * x).powi(2)).sum();
    let error = (unexplained / (count - 2.0) / sxx).sqrt();
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    Some(LineFit {
        alpha: finite(alpha)?,
        beta: finite(beta)?,
        r2: if syy > 0.0 { finite(1.0 - unexplained / syy) } else { None },
        t_beta: if x.len() > 2 && error > 0.0 { finite(beta / error) } else { None },
    })
}

/// A plane whose slopes are held back.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeFit {
    /// One slope a column.
    pub beta: Vec<f64>,
    /// Where all columns are zero.
    pub intercept: f64,
    /// The penalty that was used.
    pub lambda: f64,
}

/// Ridge regression of `y` on rows of level OFIs: `(X'X + lambda I)^-1 X'y` of the centred columns.
///
/// Columns are not scaled and the intercept is not held back. Without a `lambda` it is a tenth of the mean of the
/// diagonal of `X'X`, where validation is to start. `None` when rows and `y` differ in number, rows in length, a number
/// is not finite, the penalty negative, or the columns are collinear and not held back.
///
/// # Source
/// Xu, Gould & Howison (2019), "Multi-level order-flow imbalance in a limit order book"; methods reference 2.4.
#[must_use]
pub fn fit_ridge(rows: &[Vec<f64>], y: &[f64], lambda: Option<f64>) -> Option<RidgeFit> {
    let means = column_means(rows)?;
    if rows.len() != y.len() || y.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let count = f64::from(u32::try_from(y.len()).ok()?);
    let mean_y = y.iter().sum::<f64>() / count;
    let size = means.len();
    let (mut squares, mut products) = (Matrix::zeros(size, size), Matrix::zeros(size, 1));
    for (row, y) in rows.iter().zip(y) {
        let row: Vec<f64> = row.iter().zip(&means).map(|(value, mean)| value - mean).collect();
        for a in 0..size {
            products.set(a, 0, products.at(a, 0) + row[a] * (y - mean_y));
            for b in 0..size {
                squares.set(a, b, squares.at(a, b) + row[a] * row[b]);
            }
        }
    }
    let columns = f64::from(u32::try_from(size).ok()?);
    let trace: f64 = (0..size).map(|at| squares.at(at, at)).sum();
    let lambda = lambda.unwrap_or(0.1 * trace / columns);
    if !(lambda >= 0.0 && lambda.is_finite()) {
        return None;
    }
    for at in 0..size {
        squares.set(at, at, squares.at(at, at) + lambda);
    }
    let solved = squares.solve(&products)?;
    let beta: Vec<f64> = solved.iter_rows().map(|row| row[0]).collect();
    let intercept = mean_y - dot(&beta, &means);
    Some(RidgeFit { beta, intercept, lambda })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_only_as_sure_as_its_points() {
        let exact = fit_line(&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]).unwrap();
        assert_eq!((exact.alpha, exact.beta, exact.r2, exact.t_beta), (1.0, 2.0, Some(1.0), None));
        assert_eq!(fit_line(&[0.0, 1.0], &[1.0, 3.0]).unwrap().t_beta, None);
        assert_eq!(fit_line(&[0.0, 1.0, 2.0], &[4.0; 3]).unwrap().r2, None);
        for (x, y) in
            [(&[][..], &[][..]), (&[1.0], &[1.0]), (&[1.0, 1.0], &[1.0, 2.0]), (&[1.0, 2.0], &[1.0])]
        {
            assert_eq!(fit_line(x, y), None);
        }
        assert_eq!(fit_line(&[0.0, f64::NAN], &[1.0, 3.0]), None);
    }

    #[test]
    fn collinear_levels_need_a_penalty() {
        let rows: Vec<Vec<f64>> = [1.0, 2.0, -4.0, 0.5].iter().map(|x| vec![*x, *x]).collect();
        let y = [2.0, 4.0, -8.0, 1.0];
        assert_eq!(fit_ridge(&rows, &y, Some(0.0)), None);
        let found = fit_ridge(&rows, &y, None).unwrap();
        assert!((found.beta[0] - found.beta[1]).abs() < 1e-12, "{found:?}");
        assert!(found.beta[0] > 0.9 && found.beta[0] < 1.0, "{found:?}");
        assert_eq!(fit_ridge(&rows, &y[1..], None), None);
        assert_eq!(fit_ridge(&rows, &y, Some(-1.0)), None);
    }
}
