//! What the model says of a market now, and what the stages after this one are told.

use super::MarketContext;
use super::features::{FEATURES_COUNT, FastContext, SIGNAL_FEATURES};
use super::rules::ContextRules;
use crate::context::{Candidate, ContextEvidence, ContextMultiplier, Outlook};
use crate::decision::combine::{FEATURES_MAX, StageFactors};
use crate::exact::scaled;
use crate::measure::finite;
use crate::{Absent, Direction, Measure};

impl MarketContext {
    /// What changes within a second, at `now`.
    pub(super) fn fast(&mut self, now: i64, rules: &ContextRules) -> FastContext {
        let half_life_secs = rules.pressure_half_life_secs;
        let (lead_signal, lead_z) = self.state.lead.signal(self.state.pairs.as_mut(), now, rules);
        let primary = self.primary_place().and_then(|primary| self.instruments.get(primary));
        FastContext {
            market_ofi: self.market_ofi(now),
            lead_signal,
            lead_z,
            sweep_pressure: finite(self.state.sweep_pressure.level(now, half_life_secs)),
            absorption: primary.map_or(Err(Absent::Cold), |primary| primary.state.absorption(now, rules)),
            refill_pressure: finite(self.state.refill_pressure.level(now, half_life_secs)),
        }
    }

    /// The mean of `ofi_normalised_1s` over the instruments that have one.
    fn market_ofi(&self, now: i64) -> Measure {
        let (mut sum, mut count, mut reason) = (0.0, 0i64, Absent::Cold);
        // One behind a fence has no features.
        for instrument in &self.instruments {
            match instrument.state.ofi_normalised(0, now).value {
                Ok(value) => (sum, count) = (sum + value, count + 1),
                Err(why) => reason = why,
            }
        }
        if count == 0 { Err(reason) } else { finite(sum / scaled(count.into(), 0)) }
    }

    /// The model's opinion at a reading of the primary instrument; `None` when it has none.
    pub(super) fn opine(&mut self, now: i64, rules: &ContextRules) -> Option<Candidate> {
        if !self.has_model {
            return None;
        }
        let context = if rules.asks_for_context {
            let fast = self.fast(now, rules);
            self.state.slow.features(&fast)
        } else {
            [Err(Absent::DataType); super::CONTEXT_FEATURES_COUNT]
        };
        let primary = self.instruments.get(self.primary_place()?)?;
        let features = primary.state.features.as_ref()?;
        let mut known = [Err(Absent::Cold); FEATURES_COUNT];
        let (of_signal, of_context) = known.split_at_mut(SIGNAL_FEATURES);
        for (slot, feature) in of_signal.iter_mut().zip(features.values()) {
            *slot = feature.value;
        }
        of_context.copy_from_slice(&context);
        let mut values = [Err(Absent::Cold); FEATURES_MAX];
        for (slot, place) in values.iter_mut().zip(&rules.places) {
            *slot = known.get(*place).copied().unwrap_or(Err(Absent::Cold));
        }
        let plain = rules.model.combine(values, StageFactors::default()).ok()?;
        let evidence = self.state.slow.evidence().towards(Direction::of(plain.logit));
        let multiplier = ContextMultiplier::of(&evidence, &rules.multiplier);
        let factors = StageFactors { ctx_mult: multiplier.value, risk_gate: 1.0 };
        let opinion = rules.model.opine(values, factors).ok()?;
        Some(Candidate {
            instrument: primary.name,
            mid: primary.state.mid()?,
            half_spread_bps: 0.5 * features.spread_bps.value.ok()?,
            logit: opinion.combined.logit,
            p_raw: opinion.combined.p_up,
            p_up: opinion.p_up,
            score: opinion.score,
            missing: opinion.combined.missing,
            features_count: u8::try_from(rules.places.len()).ok()?,
            values,
        })
    }

    /// The context multiplier of the candidate, and the direction it was weighed against. Without a candidate nothing
    /// points anywhere, and only what takes confidence away counts.
    pub(super) fn multiplier(&self, rules: &ContextRules) -> (ContextMultiplier, Option<Direction>) {
        let direction = self.state.candidate.map(|candidate| Direction::of(candidate.logit));
        let evidence = self.state.slow.evidence();
        let evidence = match direction {
            Some(direction) => evidence.towards(direction),
            None => ContextEvidence {
                agreement: Err(Absent::NoEvents),
                lead_z: Err(Absent::NoEvents),
                ..evidence
            },
        };
        (ContextMultiplier::of(&evidence, &rules.multiplier), direction)
    }

    /// What the stages after this one are told: at an event, or at the end of a second.
    #[must_use]
    pub fn outlook(&self, now: i64, bar_end: Option<i64>, rules: &ContextRules) -> Outlook {
        let slow = &self.state.slow;
        Outlook {
            now,
            bar_end,
            candidate: self.state.candidate,
            multiplier: self.multiplier(rules).0.value,
            toxicity: slow.vpin_percentile,
            has_jump: slow.is_jump == Ok(true),
            volatility: slow.volatility,
            volatility_slow: slow.volatility_slow,
            lambda: slow.lambda,
            volume_rate: slow.volume_rate,
            illiquidity: slow.illiquidity,
        }
    }

    /// The candidate.
    #[must_use]
    pub const fn candidate(&self) -> Option<&Candidate> {
        self.state.candidate.as_ref()
    }
}
