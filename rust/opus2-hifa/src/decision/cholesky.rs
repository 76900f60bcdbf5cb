//! Solving the small symmetric systems of a Newton step.

/// Solves `a x = b` for a symmetric positive definite `a`, row by row in `a`, whose lower triangle is overwritten by its
/// Cholesky factor; `b` becomes `x`. `None` when `a` is not positive definite, or the lengths do not fit.
pub(super) fn solve(a: &mut [f64], b: &mut [f64]) -> Option<()> {
    let n = b.len();
    if a.len() != n * n {
        return None;
    }
    // What is left of a diagonal element is lost in rounding below this share of it.
    let floor: Vec<f64> = (0..n).map(|i| a[i * n + i].abs() * 1e-13).collect();
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - known;
            a[i * n + j] = if i == j {
                // Written so that NaN is refused.
                if !(rest > floor[i] && rest.is_finite()) {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / a[j * n + j]
            };
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    b.iter().all(|x| x.is_finite()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &[f64], b: &[f64], expect: Option<&[f64]>) {
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        let found = solve(&mut a, &mut b).map(|()| b);
        match (&found, expect) {
            (Some(found), Some(expect)) => {
                assert!(found.iter().zip(expect).all(|(x, y)| (x - y).abs() < 1e-12), "{found:?}");
            }
            _ => assert_eq!(found.as_deref(), expect),
        }
    }

    #[test]
    fn only_a_positive_definite_system_is_solved() {
        check(&[4.0, 2.0, 2.0, 3.0], &[2.0, 1.0], Some(&[0.5, 0.0]));
        check(&[4.0, 2.0, 2.0, 1.0], &[2.0, 1.0], None);
        check(&[-1.0], &[1.0], None);
        check(&[f64::NAN], &[1.0], None);
        check(&[1.0, 2.0], &[1.0], None);
        check(&[], &[], Some(&[]));
    }
}
