//! One number out of the order flow imbalance of several levels.

use super::small_matrix::{Matrix, dot};

/// The direction in which the order flow imbalances of the levels move together.
#[derive(Debug, Clone, PartialEq)]
pub struct CommonFlow {
    /// The weight of each level; absolute values sum to one, and the sum is positive.
    pub weights: Vec<f64>,
    /// The share of the levels' variance that lies in this direction, 0 to 1.
    pub explained: f64,
}

/// The first principal component of rows of level OFIs, best level first, one row a window.
///
/// Give it depth-scaled OFIs ([`MlofiSum::depth_scaled`](super::multi_level_ofi::MlofiSum::depth_scaled)) of a train
/// window, never of the window it is tested on. The covariance is the centred one with `n - 1`. `None` when there are
/// fewer than two rows, no or unequal columns, a number that is not finite, or no variance at all.
///
/// # Source
/// Cont, Cucuringu & Zhang (2023), "Cross-impact of order flow imbalance in equity markets"; methods reference 2.4.
#[must_use]
pub fn common_flow(rows: &[Vec<f64>]) -> Option<CommonFlow> {
    let first = covariance(rows)?.first_eigenvector()?;
    let norm: f64 = first.vector.iter().map(|weight| weight.abs()).sum();
    let weights = first.vector.iter().map(|weight| weight / norm).collect();
    Some(CommonFlow { weights, explained: first.value / first.trace })
}

/// The integrated OFI of one row: its levels, weighted.
#[must_use]
pub fn integrated(weights: &[f64], ofi: &[f64]) -> f64 {
    dot(weights, ofi)
}

/// The covariance of the columns, by deviations from their means.
fn covariance(rows: &[Vec<f64>]) -> Option<Matrix> {
    let deviations = deviations(rows)?;
    let size = deviations.first()?.len();
    let count = f64::from(u32::try_from(rows.len()).ok()?.checked_sub(1).filter(|count| *count > 0)?);
    let mut covariance = Matrix::zeros(size, size);
    for a in 0..size {
        for b in a..size {
            let sum: f64 = deviations.iter().map(|row| row[a] * row[b]).sum();
            covariance.set(a, b, sum / count);
            covariance.set(b, a, sum / count);
        }
    }
    Some(covariance)
}

/// The rows less the means of their columns.
fn deviations(rows: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let means = column_means(rows)?;
    let less_means = |row: &Vec<f64>| row.iter().zip(&means).map(|(value, mean)| value - mean).collect();
    Some(rows.iter().map(less_means).collect())
}

/// `None` for no rows, rows of no or unequal length or of more columns than a small matrix has, or a value that is not
/// finite.
pub(crate) fn column_means(rows: &[Vec<f64>]) -> Option<Vec<f64>> {
    let columns = rows.first()?.len();
    let count = f64::from(u32::try_from(rows.len()).ok()?);
    let is_sound = |row: &Vec<f64>| row.len() == columns && row.iter().all(|value| value.is_finite());
    let is_small = (1..=super::small_matrix::SIZE_MAX).contains(&columns);
    (is_small && rows.iter().all(is_sound))
        .then(|| (0..columns).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_move_as_one_have_equal_weights() {
        let rows: Vec<Vec<f64>> = [3.0, -1.0, 2.0].iter().map(|ofi| vec![*ofi; 5]).collect();
        let found = common_flow(&rows).unwrap();
        assert!((found.explained - 1.0).abs() < 1e-12);
        assert!(found.weights.iter().all(|weight| (weight - 0.2).abs() < 1e-12), "{found:?}");
        assert!((integrated(&found.weights, &rows[0]) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn without_variance_there_is_no_direction() {
        assert_eq!(common_flow(&[]), None);
        assert_eq!(common_flow(&[vec![1.0, 2.0]]), None);
        assert_eq!(common_flow(&[vec![1.0, 2.0], vec![1.0, 2.0]]), None);
        assert_eq!(common_flow(&[vec![1.0, 2.0], vec![1.0]]), None);
        assert_eq!(common_flow(&[vec![1.0, f64::NAN], vec![1.0, 2.0]]), None);
    }
}
