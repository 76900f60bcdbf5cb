//! Reading the Prometheus text format, as far as the ingest daemon uses it: counters and gauges with labels.

/// One sample: a name, its labels, its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }

    /// The value of a counter, which is a whole number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub(super) fn count(&self) -> u64 {
        self.value as u64
    }
}

/// Every sample of a page. Comments, blank lines and lines that are no sample are passed over.
pub(crate) fn samples(page: &str) -> impl Iterator<Item = Sample> + '_ {
    page.lines().filter_map(|line| sample(line.trim()))
}

/// The sum of a counter over all its labels; zero when the page does not have it.
pub(crate) fn metric_sum(page: &str, name: &str) -> u64 {
    samples(page).filter(|sample| sample.name == name).map(|sample| sample.count()).sum()
}

fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    // A timestamp may follow the value.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Labels up to the closing brace, and what comes after it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// Text up to the closing quote with its escapes resolved, and what comes after the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            (_, other) => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page: &str, expect: &[&str]) {
        let found: Vec<String> =
            samples(page).map(|s| format!("{} {:?} {}", s.name, s.labels, s.value)).collect();
        assert_eq!(found, expect, "{page}");
    }

    #[test]
    fn counters_gauges_and_their_labels_are_read() {
        check("# HELP a Things.\n# TYPE a counter\na 12\n\n", &["a [] 12"]);
        check(
            "a_total{venue=\"binance\",reason=\"gap\"} 3\na_total{} 4 1723161253937\n",
            &["a_total [(\"venue\", \"binance\"), (\"reason\", \"gap\")] 3", "a_total [] 4"],
        );
        check(r#"a{b="x\"}\\\n,",} 1e3"#, &[r#"a [("b", "x\"}\\\n,")] 1000"#]);
    }

    #[test]
    fn lines_that_are_no_samples_are_passed_over() {
        check("a\na{\na{b=\"\na{b=\"c\"}\na b\nb 1", &["b [] 1"]);
        check("<html>not found</html>", &[]);
    }
}
