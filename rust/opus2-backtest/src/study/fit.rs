//! A fitted regression, whatever its form: an intercept and a weight a column.

use opus2_hifa::estimator::integrated_ofi::{common_flow, integrated};
use opus2_hifa::estimator::ofi_regression::{fit_line, fit_ridge};

use crate::statistics::sample::mean;

/// How columns become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Least squares; of one column, a line.
    LeastSquares,
    /// Least squares held back by a tenth of the mean of the diagonal of `X'X`.
    Ridge,
    /// The line on the first principal component of the columns, whose weights' absolute values sum to one.
    Integrated,
}

/// What was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Where all columns are zero.
    pub intercept: f64,
    /// What a unit of each column counts.
    pub weights: Vec<f64>,
    /// The slopes as fitted: those of the columns, or the one of the principal component.
    pub slopes: Vec<f64>,
}

impl Fit {
    /// Fits `y` on rows; `None` where the estimators give none (too few rows, no variance, collinear columns).
    #[must_use]
    pub fn of(method: Method, rows: &[Vec<f64>], y: &[f64]) -> Option<Self> {
        let columns = rows.first()?.len();
        match method {
            Method::LeastSquares if columns == 1 => Self::line(&[1.0], rows, y),
            Method::LeastSquares => Self::plane(rows, y, Some(0.0)),
            Method::Ridge => Self::plane(rows, y, None),
            Method::Integrated => Self::line(&common_flow(rows)?.weights, rows, y),
        }
    }

    fn line(weights: &[f64], rows: &[Vec<f64>], y: &[f64]) -> Option<Self> {
        let x: Vec<f64> = rows.iter().map(|row| integrated(weights, row)).collect();
        let line = fit_line(&x, y)?;
        let scaled = weights.iter().map(|weight| weight * line.beta).collect();
        Some(Self { intercept: line.alpha, weights: scaled, slopes: vec![line.beta] })
    }

    fn plane(rows: &[Vec<f64>], y: &[f64], lambda: Option<f64>) -> Option<Self> {
        // With as many unknowns as rows there is nothing left to judge the fit by.
        let plane = fit_ridge(rows, y, lambda).filter(|plane| rows.len() > plane.beta.len() + 1)?;
        Some(Self { intercept: plane.intercept, slopes: plane.beta.clone(), weights: plane.beta })
    }

    /// What the fit says of a row.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.intercept + integrated(&self.weights, row)
    }

    /// What it leaves unexplained: the sum of squared errors.
    #[must_use]
    pub fn unexplained(&self, rows: &[Vec<f64>], y: &[f64]) -> f64 {
        rows.iter().zip(y).map(|(row, y)| (y - self.predict(row)).powi(2)).sum()
    }

    /// The share of the variance of `y` that it explains; `None` when `y` does not vary.
    #[must_use]
    pub fn r2(&self, rows: &[Vec<f64>], y: &[f64]) -> Option<f64> {
        let variation = variation(y, mean(y)?);
        (variation > 0.0).then(|| 1.0 - self.unexplained(rows, y) / variation).filter(|r2| r2.is_finite())
    }
}

/// Squared deviations from `centre`.
pub(super) fn variation(y: &[f64], centre: f64) -> f64 {
    y.iter().map(|y| (y - centre).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, rows: &[&[f64]], y: &[f64], expect: Option<(f64, &[f64])>) {
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        let found = Fit::of(method, &rows, y);
        let Some((intercept, weights)) = expect else { return assert_eq!(found, None) };
        let found = found.unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(found.intercept, intercept), "{found:?}");
        assert!(found.weights.iter().zip(weights).all(|(a, b)| near(*a, *b)), "{found:?}");
    }

    #[test]
    fn every_form_finds_what_is_exact() {
        let line: [&[f64]; 4] = [&[0.0], &[1.0], &[2.0], &[5.0]];
        check(Method::LeastSquares, &line, &[1.0, 3.0, 5.0, 11.0], Some((1.0, &[2.0])));
        let plane: [&[f64]; 4] = [&[0.0, 1.0], &[1.0, 0.0], &[2.0, 2.0], &[5.0, -1.0]];
        check(Method::LeastSquares, &plane, &[5.0, 3.0, 10.0, 4.0], Some((2.0, &[1.0, 3.0])));
        let twins: [&[f64]; 3] = [&[3.0, 3.0], &[-1.0, -1.0], &[2.0, 2.0]];
        check(Method::Integrated, &twins, &[6.0, -2.0, 4.0], Some((0.0, &[1.0, 1.0])));
        check(Method::LeastSquares, &twins, &[6.0, -2.0, 4.0], None);
        check(Method::LeastSquares, &[], &[], None);
    }
}
