//! Why a fit gives nothing.

/// Why data cannot be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// No samples.
    #[error("there is nothing to fit")]
    Empty,
    /// Lists whose lengths do not belong together, or more columns than a model may have.
    #[error("the lengths of features and labels do not belong together")]
    Shape,
    /// A number that is not finite, or a label or probability outside 0 to 1.
    #[error("a number is not finite, or a label or probability is outside 0 to 1")]
    BadNumber,
    /// Every label is the same: there is nothing to tell apart.
    #[error("every label is the same")]
    OneClass,
    /// The samples do not determine the parameters: a column does not vary, and nothing regularises it.
    #[error("the samples do not determine the parameters")]
    Singular,
    /// The best parameters were not reached in the allowed number of steps.
    #[error("the fit did not converge")]
    NotConverged,
    /// A calibration map of more knots than a model may hold.
    #[error("the calibration map has more knots than a model may hold")]
    TooManyKnots,
}
