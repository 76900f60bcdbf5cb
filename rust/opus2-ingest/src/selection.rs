//! Which of a venue's instruments to follow, and in which order of importance.

use std::collections::{BTreeMap, BTreeSet};

use opus2_types::InstrumentSpec;
use opus2_venue::listing::{ListedInstrument, Listing};

use crate::config::{ConfigError, VenueTable, bad};

/// No name or pattern is longer.
const WORD_BYTES_MAX: usize = 64;

/// What a configuration asks for: names, patterns, quote assets, the most traded; less what it excludes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// In the order of the configuration.
    names: Vec<String>,
    patterns: Vec<Pattern>,
    quotes: BTreeSet<String>,
    /// Of what patterns and quotes select, or of all where there are none, only so many.
    top: Option<usize>,
    exclude: Vec<Pattern>,
    limit: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// To follow, most important first.
    pub specs: Vec<InstrumentSpec>,
    /// Instruments asked for by name that cannot be followed, with the reason.
    pub left_out: Vec<(String, String)>,
    /// How many more were selected than `instruments_limit` allows.
    pub above_limit: usize,
}

impl Selection {
    /// Checks the words of a venue's table.
    pub(crate) fn new(table: &VenueTable, key: &dyn Fn(&str) -> String) -> Result<Self, ConfigError> {
        let mut selection = Self {
            quotes: table.quotes.iter().cloned().collect(),
            top: (table.top_by_volume > 0).then_some(table.top_by_volume),
            limit: table.instruments_limit,
            ..Self::default()
        };
        let mut seen = BTreeSet::new();
        for (name, words) in [("instruments", &table.instruments), ("exclude", &table.exclude)] {
            for word in words {
                if word.is_empty() || word.len() > WORD_BYTES_MAX {
                    return Err(bad(key(name), word, format!("words of 1 to {WORD_BYTES_MAX} bytes")));
                }
                if !seen.insert((name, word.to_lowercase())) {
                    return Err(bad(key(name), word, "every word once"));
                }
                match name {
                    "exclude" => selection.exclude.push(Pattern::new(word)),
                    _ if word.contains(['*', '?']) => selection.patterns.push(Pattern::new(word)),
                    _ => selection.names.push(word.clone()),
                }
            }
        }
        if table.instruments.is_empty() && table.quotes.is_empty() && table.top_by_volume == 0 {
            let expected =
                "at least one name or pattern, as in [\"BTC/USD*\"], or quotes, or top_by_volume above 0";
            return Err(bad(key("instruments"), "[]", expected));
        }
        Ok(selection)
    }

    /// The most instruments there may be.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// True when the order of instruments depends on how much is traded of them.
    #[must_use]
    pub fn wants_volumes(&self) -> bool {
        !self.patterns.is_empty() || !self.quotes.is_empty() || self.top.is_some()
    }

    /// Applies itself to a venue's list. `volumes` are comparable; an instrument without one ranks last, and those of
    /// equal rank are in the venue's order.
    #[must_use]
    pub fn choose(&self, listing: &Listing, volumes: &BTreeMap<String, u64>) -> Chosen {
        let mut chosen = Chosen::default();
        let mut taken = BTreeSet::new();
        for name in &self.names {
            match self.named(name, listing) {
                Ok(listed) if taken.insert(listed.spec.symbol.clone()) => {
                    chosen.specs.push(listed.spec.clone());
                }
                Ok(_) => {}
                Err(reason) => chosen.left_out.push((name.clone(), reason)),
            }
        }
        let mut others: Vec<&ListedInstrument> =
            listing.instruments.iter().filter(|listed| self.is_selected(listed)).collect();
        let volume =
            |listed: &ListedInstrument| volumes.get(&listed.spec.symbol).copied().unwrap_or_default();
        others.sort_by_key(|listed| std::cmp::Reverse(volume(listed)));
        others.truncate(self.top.unwrap_or(usize::MAX));
        others.retain(|listed| taken.insert(listed.spec.symbol.clone()));
        chosen.specs.extend(others.into_iter().map(|listed| listed.spec.clone()));
        chosen.above_limit = chosen.specs.len().saturating_sub(self.limit);
        chosen.specs.truncate(self.limit);
        chosen
    }

    /// Adds to what was chosen the instruments followed already that have only just fallen out of the most traded: one
    /// at the edge must not come and go at every poll. They may rank a fifth lower than newcomers.
    #[must_use]
    pub fn keep_followed(
        &self,
        mut chosen: Chosen,
        listing: &Listing,
        volumes: &BTreeMap<String, u64>,
        is_followed: impl Fn(&str) -> bool,
    ) -> Chosen {
        let Some(top) = self.top else { return chosen };
        let wider = Self { top: Some(top + top / 5 + 1), ..self.clone() }.choose(listing, volumes);
        let taken: BTreeSet<String> = chosen.specs.iter().map(|spec| spec.symbol.clone()).collect();
        let kept =
            wider.specs.into_iter().filter(|spec| is_followed(&spec.symbol) && !taken.contains(&spec.symbol));
        chosen.specs.extend(kept);
        chosen.specs.truncate(self.limit);
        chosen
    }

    fn named<'a>(&self, name: &str, listing: &'a Listing) -> Result<&'a ListedInstrument, String> {
        let mut reason = None;
        let pattern = Pattern::new(name);
        for listed in &listing.instruments {
            if !pattern.is_of(listed) {
                continue;
            }
            if self.exclude.iter().any(|exclude| exclude.is_of(listed)) {
                reason = Some("excluded".to_owned());
            } else if let Some(other) = &listed.alias_of {
                reason = Some(format!("the venue publishes it as {other}"));
            } else if listed.is_trading() {
                return Ok(listed);
            } else {
                reason = Some(format!("status {}, spot {}", listed.status, listed.is_spot));
            }
        }
        let refused = || listing.refused.iter().find(|refused| pattern.matches(&refused.symbol));
        Err(reason
            .or_else(|| refused().map(|refused| refused.reason.to_string()))
            .unwrap_or_else(|| "not in the venue's list".to_owned()))
    }

    fn is_selected(&self, listed: &ListedInstrument) -> bool {
        let is_of_any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_of(listed));
        let is_wanted = is_of_any(&self.patterns)
            || self.quotes.contains(&listed.spec.quote)
            || (self.top.is_some() && self.patterns.is_empty() && self.quotes.is_empty());
        is_wanted && listed.is_trading() && listed.alias_of.is_none() && !is_of_any(&self.exclude)
    }
}

/// A name in which `*` stands for any text and `?` for one character. ASCII case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<char>);

impl Pattern {
    fn new(text: &str) -> Self {
        Self(text.to_ascii_uppercase().chars().collect())
    }

    /// The venue's symbol, or the canonical name.
    fn is_of(&self, listed: &ListedInstrument) -> bool {
        let spec = &listed.spec;
        self.matches(&spec.symbol) || self.matches(&format!("{}/{}", spec.base, spec.quote))
    }

    /// Goes back to the last star only, so a pattern costs at most its length times that of the text.
    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_ascii_uppercase().chars().collect();
        let (mut at, mut in_text) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while in_text < text.len() {
            match self.0.get(at) {
                Some('*') => {
                    star = Some((at, in_text));
                    at += 1;
                }
                Some(one) if *one == '?' || *one == text[in_text] => {
                    at += 1;
                    in_text += 1;
                }
                _ => {
                    let Some((star_at, from)) = star else { return false };
                    star = Some((star_at, from + 1));
                    at = star_at + 1;
                    in_text = from + 1;
                }
            }
        }
        self.0[at..].iter().all(|rest| *rest == '*')
    }
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
