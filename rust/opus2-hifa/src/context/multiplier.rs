//! What the context does to a signal's confidence.

use crate::{Absent, Direction, Measure, measure::finite};

/// What is known of a signal's circumstances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContextEvidence {
    /// How far the windows agree with the signal, -1 to 1; positive when they point the way it does.
    pub agreement: Measure,
    /// How strongly a venue that leads points the way the signal does, in standard errors.
    pub lead_z: Measure,
    /// Where VPIN stands in its own history, 0 to 1.
    pub vpin_percentile: Measure,
    /// Whether the last minutes had a jump.
    pub is_jump: Result<bool, Absent>,
}

impl ContextEvidence {
    /// The same, where `agreement` and `lead_z` so far were positive for up: seen from a signal of this direction.
    #[must_use]
    pub fn towards(self, direction: Direction) -> Self {
        match direction {
            Direction::Up => self,
            Direction::Down => Self {
                agreement: self.agreement.map(|value| -value),
                lead_z: self.lead_z.map(|value| -value),
                ..self
            },
        }
    }
}

/// How much each part weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiplierSettings {
    /// Of full agreement.
    pub agreement_weight: f64,
    /// Of a lead of `lead_scale` standard errors.
    pub lead_weight: f64,
    /// So many standard errors of lead count one weight.
    pub lead_scale: f64,
    /// Leads beyond so many standard errors count as that.
    pub lead_clip: f64,
    /// Of VPIN at its highest.
    pub toxicity_weight: f64,
    /// From this percentile on VPIN counts as toxic.
    pub toxicity_from: f64,
    /// Of a jump.
    pub jump_weight: f64,
    /// The multiplier is never less.
    pub min: f64,
    /// The multiplier is never more.
    pub max: f64,
}

impl Default for MultiplierSettings {
    fn default() -> Self {
        Self {
            agreement_weight: 0.5,
            lead_weight: 0.3,
            lead_scale: 3.0,
            lead_clip: 5.0,
            toxicity_weight: 0.4,
            toxicity_from: 0.9,
            jump_weight: 0.4,
            min: 0.25,
            max: 1.5,
        }
    }
}

/// The multiplier of a signal's logit, and what it is made of.
///
/// It is a temperature: never negative, so that it changes confidence and never the direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContextMultiplier {
    /// What agreement adds.
    pub agreement: Measure,
    /// What a leading venue adds.
    pub lead: Measure,
    /// What toxic flow takes away: 0 or less.
    pub toxicity: Measure,
    /// What a jump takes away: 0 or less.
    pub jump: Measure,
    /// One and all parts. A part that is not known adds nothing.
    pub unclamped: f64,
    /// The multiplier.
    pub value: f64,
}

impl ContextMultiplier {
    /// `1 + 0.5 agreement + 0.3 lead_z / 3 - 0.4 toxicity - 0.4 jump`, between 0.25 and 1.5 by default.
    ///
    /// What is not known changes nothing, and its part says why. Evidence that is not finite is not known.
    ///
    /// # Source
    /// Methods reference 3.13 (defined by the project).
    #[must_use]
    pub fn of(evidence: &ContextEvidence, settings: &MultiplierSettings) -> Self {
        let agreement = evidence.agreement.and_then(finite);
        let agreement =
            agreement.and_then(|value| finite(settings.agreement_weight * value.clamp(-1.0, 1.0)));
        let lead = evidence.lead_z.and_then(finite).and_then(|z| {
            let z = z.max(-settings.lead_clip).min(settings.lead_clip);
            finite(settings.lead_weight * z / settings.lead_scale)
        });
        let toxicity = evidence.vpin_percentile.and_then(finite).and_then(|percentile| {
            let toxicity = (percentile - settings.toxicity_from) / (1.0 - settings.toxicity_from);
            finite(-settings.toxicity_weight * toxicity.clamp(0.0, 1.0))
        });
        let jump = evidence.is_jump.map(|is_jump| if is_jump { -settings.jump_weight } else { 0.0 });
        let known = [agreement, lead, toxicity, jump].into_iter().flatten();
        let unclamped = 1.0 + known.sum::<f64>();
        let value = unclamped.max(settings.min).min(settings.max);
        Self { agreement, lead, toxicity, jump, unclamped, value }
    }

    /// True when a limit held the multiplier.
    #[must_use]
    pub fn is_clamped(&self) -> bool {
        (self.value - self.unclamped).abs() > 0.0
    }

    /// The parts by name, in the order of the formula.
    pub const fn parts(&self) -> [(&'static str, Measure); 4] {
        [("agreement", self.agreement), ("lead", self.lead), ("toxicity", self.toxicity), ("jump", self.jump)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: ContextEvidence = ContextEvidence {
        agreement: Err(Absent::Cold),
        lead_z: Err(Absent::Cold),
        vpin_percentile: Err(Absent::Cold),
        is_jump: Err(Absent::Cold),
    };

    #[track_caller]
    fn check(evidence: ContextEvidence, value: f64, is_clamped: bool) -> ContextMultiplier {
        let found = ContextMultiplier::of(&evidence, &MultiplierSettings::default());
        assert!((found.value - value).abs() < 1e-12, "{found:?}");
        assert_eq!(found.is_clamped(), is_clamped, "{found:?}");
        found
    }

    #[test]
    fn what_is_not_known_changes_nothing_and_says_why() {
        let found = check(NOTHING, 1.0, false);
        assert_eq!(found.parts().map(|(_, part)| part), [Err(Absent::Cold); 4]);
        check(ContextEvidence { agreement: Ok(f64::NAN), lead_z: Ok(f64::INFINITY), ..NOTHING }, 1.0, false);
    }

    #[test]
    fn every_part_has_its_weight() {
        check(ContextEvidence { agreement: Ok(0.5), ..NOTHING }, 1.25, false);
        check(ContextEvidence { agreement: Ok(9.0), ..NOTHING }, 1.5, false);
        check(ContextEvidence { lead_z: Ok(3.0), ..NOTHING }, 1.3, false);
        check(ContextEvidence { lead_z: Ok(-1e9), ..NOTHING }, 0.5, false);
        check(ContextEvidence { vpin_percentile: Ok(0.9), ..NOTHING }, 1.0, false);
        check(ContextEvidence { vpin_percentile: Ok(0.95), ..NOTHING }, 0.8, false);
        check(ContextEvidence { vpin_percentile: Ok(1.0), ..NOTHING }, 0.6, false);
        check(ContextEvidence { is_jump: Ok(true), ..NOTHING }, 0.6, false);
        check(ContextEvidence { is_jump: Ok(false), ..NOTHING }, 1.0, false);
    }

    #[test]
    fn it_stays_within_its_limits() {
        let best = ContextEvidence { agreement: Ok(1.0), lead_z: Ok(5.0), ..NOTHING };
        check(best, 1.5, true);
        let worst = ContextEvidence { vpin_percentile: Ok(1.0), is_jump: Ok(true), ..best };
        check(worst, 1.2, false);
        check(worst.towards(Direction::Up), 1.2, false);
        check(worst.towards(Direction::Down), 0.25, true);
    }
}
