//! Solving small systems of normal equations.

/// The lower triangle `L` of a symmetric positive definite matrix `A = L L'`, scaled so that `A` has a unit diagonal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cholesky<const N: usize> {
    lower: [[f64; N]; N],
    scale: [f64; N],
}

/// A share of a column's square that remains beside the columns before it; less of it is rounding.
const PIVOT_MIN: f64 = 1e-10;

impl<const N: usize> Cholesky<N> {
    /// Factors `matrix`, of which the lower triangle is read. `None` when it is not positive definite, or nearly not: a
    /// column that is zero, or follows from others.
    pub(super) fn new(matrix: &[[f64; N]; N]) -> Option<Self> {
        let mut scale = [0.0; N];
        for (index, scale) in scale.iter_mut().enumerate() {
            let square = matrix[index][index];
            if !square.is_finite() || square <= 0.0 {
                return None;
            }
            *scale = square.sqrt().recip();
        }
        let mut lower = [[0.0; N]; N];
        for row in 0..N {
            for column in 0..=row {
                let before: f64 = (0..column).map(|index| lower[row][index] * lower[column][index]).sum();
                let rest = matrix[row][column] * scale[row] * scale[column] - before;
                lower[row][column] = if column < row {
                    rest / lower[column][column]
                } else if rest > PIVOT_MIN {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Self { lower, scale })
    }

    /// The `x` of `A x = b`.
    pub(super) fn solve(&self, b: &[f64; N]) -> [f64; N] {
        let Self { lower, scale } = self;
        let mut x = [0.0; N];
        for row in 0..N {
            let before: f64 = (0..row).map(|index| lower[row][index] * x[index]).sum();
            x[row] = (b[row] * scale[row] - before) / lower[row][row];
        }
        for row in (0..N).rev() {
            let after: f64 = (row + 1..N).map(|index| lower[index][row] * x[index]).sum();
            x[row] = (x[row] - after) / lower[row][row];
        }
        for (x, scale) in x.iter_mut().zip(scale) {
            *x *= scale;
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(matrix: [[f64; 3]; 3], x: [f64; 3]) {
        let product = matrix.map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum());
        let found = Cholesky::new(&matrix).unwrap().solve(&product);
        for (found, x) in found.into_iter().zip(x) {
            assert!((found - x).abs() < 1e-9, "{found} {x}");
        }
    }

    #[test]
    fn a_system_is_solved_whatever_its_units_are() {
        check([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]], [1.0, -2.0, 3.0]);
        check([[4e-20, 1e-10, 0.5e-5], [1e-10, 3.0, -1e5], [0.5e-5, -1e5, 2e10]], [1.0, 1e-9, 1e-9]);
    }

    #[test]
    fn columns_that_follow_from_each_other_are_refused() {
        assert!(Cholesky::new(&[[1.0, 2.0], [2.0, 4.0]]).is_none());
        assert!(Cholesky::new(&[[1.0, 0.0], [0.0, 0.0]]).is_none());
        assert!(Cholesky::new(&[[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(Cholesky::new(&[[1.0, f64::NAN], [f64::NAN, 1.0]]).is_none());
        assert!(Cholesky::new(&[[f64::INFINITY]]).is_none());
    }
}
