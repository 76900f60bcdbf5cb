//! Reading a file of vectors, and comparing what is found with what is expected.

use serde_json::Value;

use crate::{ADAPTERS, Adapter};

/// The form of file that is read.
const SCHEMA: &str = "hifa-vectors/1";

/// Why a file of vectors cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// It is not JSON.
    #[error("the file of vectors is not JSON")]
    Json(#[from] serde_json::Error),
    /// It is JSON of another form.
    #[error("schema {found:?} is not {SCHEMA:?}; the file must say \"schema\": {SCHEMA:?}")]
    Schema {
        /// What the file says.
        found: String,
    },
    /// There is nothing to run.
    #[error("the file has no list \"vectors\", or an empty one")]
    Empty,
}

/// One value that does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The vector's name.
    pub vector: String,
    /// Where in `expected`: a path such as `path.3`; empty when nothing could be computed.
    pub at: String,
    /// What the file expects.
    pub expected: String,
    /// What was found, or why nothing was.
    pub found: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { vector, at, expected, found } = self;
        let at = if at.is_empty() { String::new() } else { format!(" {at}") };
        write!(out, "{vector}{at}: expected {expected}, found {found}")
    }
}

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Vectors that agree in every value.
    pub passed: usize,
    /// Vectors that do not.
    pub failed: usize,
    /// Every value that does not agree, in the order of the file.
    pub failures: Vec<Failure>,
}

/// Runs every vector of a file's text.
///
/// Numbers agree when `|found - expected| <= max(abs, rel * |expected|)` with the vector's own tolerances; integers, text,
/// booleans and null must be equal. Names that the code gives beyond those expected are not looked at.
///
/// # Errors
/// The text is not a file of vectors. A vector that disagrees is no error: it is in the report.
pub fn run(text: &str) -> Result<Report, VectorError> {
    let file: Value = serde_json::from_str(text)?;
    let schema = file["schema"].as_str().unwrap_or_default();
    if schema != SCHEMA {
        return Err(VectorError::Schema { found: schema.to_owned() });
    }
    let vectors = file["vectors"].as_array().filter(|vectors| !vectors.is_empty());
    let mut report = Report::default();
    for vector in vectors.ok_or(VectorError::Empty)? {
        let failures = check(vector);
        if failures.is_empty() {
            report.passed += 1;
        } else {
            report.failed += 1;
            report.failures.extend(failures);
        }
    }
    Ok(report)
}

fn check(vector: &Value) -> Vec<Failure> {
    let quantity = vector["quantity"].as_str().unwrap_or_default();
    let name = vector["name"].as_str().unwrap_or(quantity);
    let expected = &vector["expected"];
    let fail = |why: String| {
        vec![Failure {
            vector: name.to_owned(),
            at: String::new(),
            expected: expected.to_string(),
            found: why,
        }]
    };
    let Some(adapter) = adapter(quantity) else {
        return fail(format!("nothing computes the quantity {quantity:?}"));
    };
    let Some(fields) = expected.as_object().filter(|fields| !fields.is_empty()) else {
        return fail("a vector that expects nothing".to_owned());
    };
    let found = match adapter(&vector["inputs"]) {
        Ok(found) => found,
        Err(reason) => return fail(reason),
    };
    let bound = |key: &str| vector["tolerance"][key].as_f64().unwrap_or(0.0);
    let mut comparison =
        Comparison { vector: name, abs: bound("abs"), rel: bound("rel"), failures: Vec::new() };
    for (key, expected) in fields {
        comparison.compare(key, expected, found.get(key));
    }
    comparison.failures
}

fn adapter(quantity: &str) -> Option<Adapter> {
    ADAPTERS.into_iter().flatten().find(|(name, _)| *name == quantity).map(|(_, adapter)| *adapter)
}

struct Comparison<'a> {
    vector: &'a str,
    abs: f64,
    rel: f64,
    failures: Vec<Failure>,
}

impl Comparison<'_> {
    fn compare(&mut self, at: &str, expected: &Value, found: Option<&Value>) {
        match (expected, found) {
            (Value::Array(expected), Some(Value::Array(found))) if expected.len() == found.len() => {
                for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                    self.compare(&format!("{at}.{index}"), expected, Some(found));
                }
            }
            (Value::Object(expected), Some(Value::Object(found))) => {
                for (key, expected) in expected {
                    self.compare(&format!("{at}.{key}"), expected, found.get(key));
                }
            }
            (Value::Number(expected), Some(Value::Number(found))) if self.is_close(expected, found) => {}
            (expected, Some(found)) if expected == found => {}
            (expected, found) => self.failures.push(Failure {
                vector: self.vector.to_owned(),
                at: at.to_owned(),
                expected: expected.to_string(),
                found: found.map_or_else(|| "nothing".to_owned(), Value::to_string),
            }),
        }
    }

    fn is_close(&self, expected: &serde_json::Number, found: &serde_json::Number) -> bool {
        let (Some(expected), Some(found)) = (expected.as_f64(), found.as_f64()) else { return false };
        (found - expected).abs() <= self.abs.max(self.rel * expected.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(vector: &str, expect: &str) {
        let report = run(&format!("{{\"schema\":\"{SCHEMA}\",\"vectors\":[{vector}]}}")).unwrap();
        let shown: Vec<String> = report.failures.iter().map(Failure::to_string).collect();
        assert_eq!(shown.join("; "), expect);
        assert_eq!((report.passed, report.failed), if expect.is_empty() { (1, 0) } else { (0, 1) });
    }

    #[test]
    fn a_value_that_disagrees_is_shown_with_both() {
        let vector = |value: &str| {
            format!(
                r#"{{"name":"q#1","quantity":"queue_imbalance_l1","inputs":{{"qb":3.0,"qa":1.0}},
                    "expected":{{"value":{value}}},"tolerance":{{"abs":1e-9,"rel":0}}}}"#
            )
        };
        check(&vector("0.5"), "");
        check(&vector("0.4"), "q#1 value: expected 0.4, found 0.5");
        check(&vector("null"), "q#1 value: expected null, found 0.5");
        check(&vector("[0.5]"), "q#1 value: expected [0.5], found 0.5");
    }

    #[test]
    fn what_cannot_be_computed_is_a_failure() {
        check(
            r#"{"name":"n","quantity":"nothing","inputs":{},"expected":{"value":1}}"#,
            r#"n: expected {"value":1}, found nothing computes the quantity "nothing""#,
        );
        check(
            r#"{"name":"n","quantity":"queue_imbalance_l1","inputs":{"qb":1},"expected":{"value":1}}"#,
            r#"n: expected {"value":1}, found input "qa" is not a number"#,
        );
        check(
            r#"{"name":"n","quantity":"queue_imbalance_l1","inputs":{"qb":1,"qa":1},"expected":{}}"#,
            "n: expected {}, found a vector that expects nothing",
        );
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        assert!(matches!(run("["), Err(VectorError::Json(_))));
        assert!(matches!(run("{}"), Err(VectorError::Schema { .. })));
        assert!(matches!(run(r#"{"schema":"hifa-vectors/1","vectors":[]}"#), Err(VectorError::Empty)));
    }

    #[test]
    fn no_quantity_has_two_adapters() {
        let mut names: Vec<&str> = ADAPTERS.into_iter().flatten().map(|(name, _)| *name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
