//! Linear algebra of small dense matrices: what fitting a model to a train window needs.

/// The most rows and columns: sixty imbalance and spread states of a micro-price, with room.
pub const SIZE_MAX: usize = 96;

/// A pivot below this part of its row is no pivot: the matrix is singular.
const PIVOT_MIN: f64 = 1e-13;

/// Rounds of Jacobi rotations; six or seven are enough for the sizes here.
const SWEEPS_MAX: usize = 64;

/// A dense matrix of at most [`SIZE_MAX`] columns, by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

/// The direction in which a symmetric matrix stretches most.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstEigenvector {
    /// Of length one; its elements sum to a positive number, or the first one that is not zero is positive.
    pub vector: Vec<f64>,
    /// The eigenvalue.
    pub value: f64,
    /// The sum of all eigenvalues.
    pub trace: f64,
}

impl Matrix {
    /// All zeros.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { columns, values: vec![0.0; rows.saturating_mul(columns)] }
    }

    /// Ones on the diagonal.
    #[must_use]
    pub fn identity(size: usize) -> Self {
        let mut matrix = Self::zeros(size, size);
        for at in 0..size {
            matrix.set(at, at, 1.0);
        }
        matrix
    }

    /// From rows of equal length; `None` for no rows, no columns, more than [`SIZE_MAX`] of either, rows of unequal length,
    /// or a value that is not finite.
    #[must_use]
    pub fn from_rows(rows: &[Vec<f64>]) -> Option<Self> {
        let columns = rows.first()?.len();
        let is_small = (1..=SIZE_MAX).contains(&columns) && rows.len() <= SIZE_MAX;
        let is_sound = |row: &Vec<f64>| row.len() == columns && row.iter().all(|value| value.is_finite());
        (is_small && rows.iter().all(is_sound)).then(|| Self { columns, values: rows.concat() })
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// How many columns.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// One value.
    ///
    /// # Panics
    /// There is no such row or column.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    /// Changes one value.
    ///
    /// # Panics
    /// There is no such row or column.
    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.columns + column] = value;
    }

    /// The rows, in order.
    pub fn iter_rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.columns.max(1))
    }

    /// The product with a column; `None` when it has not as many elements as the matrix has columns.
    #[must_use]
    pub fn times(&self, column: &[f64]) -> Option<Vec<f64>> {
        (column.len() == self.columns).then(|| self.iter_rows().map(|row| dot(row, column)).collect())
    }

    /// `self - other`; `None` when they differ in shape.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let is_same = self.columns == other.columns && self.values.len() == other.values.len();
        let pairs = self.values.iter().zip(&other.values);
        is_same.then(|| Self { columns: self.columns, values: pairs.map(|(a, b)| a - b).collect() })
    }

    /// The `x` with `self * x = right`, by elimination with scaled partial pivoting; `None` when the matrix is not
    /// square, has not as many rows as `right`, or is singular.
    #[must_use]
    pub fn solve(&self, right: &Self) -> Option<Self> {
        let size = self.columns;
        if self.rows() != size || right.rows() != size {
            return None;
        }
        let scales: Vec<f64> = self.iter_rows().map(largest).collect();
        let mut left: Vec<Vec<f64>> = self.iter_rows().map(<[f64]>::to_vec).collect();
        let mut solved: Vec<Vec<f64>> = right.iter_rows().map(<[f64]>::to_vec).collect();
        let mut order: Vec<usize> = (0..size).collect();
        for step in 0..size {
            let share = |row: usize| left[row][step].abs() / scales[row];
            let mut best = step;
            for candidate in step + 1..size {
                if share(order[candidate]) > share(order[best]) {
                    best = candidate;
                }
            }
            order.swap(step, best);
            let pivot = order[step];
            // A row of zeros gives NaN.
            if share(pivot).is_nan() || share(pivot) <= PIVOT_MIN {
                return None;
            }
            let (pivot_left, pivot_right) = (left[pivot].clone(), solved[pivot].clone());
            for &row in &order[step + 1..] {
                let factor = left[row][step] / pivot_left[step];
                subtract(&mut left[row], factor, &pivot_left);
                subtract(&mut solved[row], factor, &pivot_right);
            }
        }
        let mut result = vec![Vec::new(); size];
        for step in (0..size).rev() {
            let row = order[step];
            let mut values = std::mem::take(&mut solved[row]);
            for later in step + 1..size {
                subtract(&mut values, left[row][later], &result[later]);
            }
            for value in &mut values {
                *value /= left[row][step];
            }
            result[step] = values;
        }
        Some(Self { columns: right.columns, values: result.concat() }).filter(Self::is_finite)
    }

    /// The inverse; `None` when the matrix is not square or singular.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        self.solve(&Self::identity(self.columns))
    }

    /// The first eigenvector of a symmetric matrix, by Jacobi's rotations: the same on every machine, and exact also
    /// when the first two eigenvalues are close. Only the upper half is read. `None` when it is empty, not square, or
    /// zero, whose directions are all alike.
    #[must_use]
    pub fn first_eigenvector(&self) -> Option<FirstEigenvector> {
        let size = self.columns;
        if size == 0 || self.rows() != size || !self.is_finite() {
            return None;
        }
        let mut matrix = self.clone();
        let mut vectors = Self::identity(size);
        let trace: f64 = (0..size).map(|at| self.at(at, at)).sum();
        let total = largest(&self.values);
        if total <= 0.0 {
            return None;
        }
        for row in 0..size {
            for column in 0..row {
                matrix.set(row, column, self.at(column, row));
            }
        }
        for _ in 0..SWEEPS_MAX {
            let mut rest = 0.0f64;
            for row in 0..size {
                for column in row + 1..size {
                    rest = rest.max(matrix.at(row, column).abs());
                    rotate(&mut matrix, &mut vectors, row, column);
                }
            }
            if rest <= f64::EPSILON * f64::EPSILON * total {
                break;
            }
        }
        let first =
            (0..size).reduce(|best, at| if matrix.at(at, at) > matrix.at(best, best) { at } else { best })?;
        let mut vector: Vec<f64> = vectors.iter_rows().map(|row| row[first]).collect();
        let sum: f64 = vector.iter().sum();
        let leading = if sum == 0.0 { vector.iter().copied().find(|value| *value != 0.0)? } else { sum };
        if leading < 0.0 {
            for value in &mut vector {
                *value = -*value;
            }
        }
        Some(FirstEigenvector { vector, value: matrix.at(first, first), trace })
    }

    fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}

/// The sum of products, as far as the shorter goes.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

fn subtract(from: &mut [f64], factor: f64, values: &[f64]) {
    for (from, value) in from.iter_mut().zip(values) {
        *from -= factor * value;
    }
}

/// The rotation that makes one element off the diagonal zero.
fn rotate(matrix: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    let off = matrix.at(p, q);
    if off == 0.0 {
        return;
    }
    let theta = (matrix.at(q, q) - matrix.at(p, p)) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |matrix: &mut Matrix, a: (usize, usize), b: (usize, usize)| {
        let (x, y) = (matrix.at(a.0, a.1), matrix.at(b.0, b.1));
        matrix.set(a.0, a.1, cosine * x - sine * y);
        matrix.set(b.0, b.1, sine * x + cosine * y);
    };
    for at in 0..matrix.columns {
        turn(matrix, (at, p), (at, q));
        turn(vectors, (at, p), (at, q));
    }
    for at in 0..matrix.columns {
        turn(matrix, (p, at), (q, at));
    }
    matrix.set(p, q, 0.0);
    matrix.set(q, p, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        Matrix::from_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
    }

    #[track_caller]
    fn near(found: f64, expect: f64) {
        assert!((found - expect).abs() <= 1e-12 * expect.abs().max(1.0), "{found} {expect}");
    }

    #[test]
    fn a_system_is_solved_whatever_the_order_of_its_rows() {
        // The first pivot is zero, and the rows differ by twelve orders of magnitude.
        let left = matrix(&[&[0.0, 2.0, 1.0], &[1e12, 1e12, 0.0], &[1.0, 0.0, 3.0]]);
        let expect = [1.0, -2.0, 5.0];
        let right: Vec<Vec<f64>> =
            left.times(&expect).unwrap().into_iter().map(|value| vec![value]).collect();
        let found = left.solve(&Matrix::from_rows(&right).unwrap()).unwrap();
        for (row, expect) in expect.into_iter().enumerate() {
            near(found.at(row, 0), expect);
        }
    }

    #[test]
    fn what_has_no_single_solution_is_refused() {
        assert_eq!(matrix(&[&[1.0, 2.0], &[2.0, 4.0]]).inverse(), None);
        assert_eq!(matrix(&[&[0.0]]).inverse(), None);
        assert_eq!(matrix(&[&[1.0, 2.0]]).inverse(), None);
        assert_eq!(Matrix::from_rows(&[vec![1.0], vec![1.0, 2.0]]), None);
        assert_eq!(Matrix::from_rows(&[vec![f64::NAN]]), None);
        assert_eq!(Matrix::from_rows(&[]), None);
        assert_eq!(Matrix::zeros(2, 2).first_eigenvector(), None);
    }

    #[test]
    fn the_first_eigenvector_has_a_sign_of_its_own() {
        // Eigenvalues 1 and 3 with (1, -1) and (1, 1).
        let found = matrix(&[&[2.0, 1.0], &[1.0, 2.0]]).first_eigenvector().unwrap();
        near(found.value, 3.0);
        near(found.trace, 4.0);
        found.vector.iter().for_each(|value| near(*value, 0.5f64.sqrt()));
        // Here (1, -1) is first: its elements sum to nothing.
        let found = matrix(&[&[2.0, -1.0], &[-1.0, 2.0]]).first_eigenvector().unwrap();
        near(found.vector[0].abs(), 0.5f64.sqrt());
    }
}
