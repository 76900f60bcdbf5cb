//! Which instrument of a market speaks for it, and which are compared with it.

use arrayvec::ArrayVec;

use super::instrument::{Instrument, InstrumentState};
use crate::cross_venue::{INSTRUMENTS_MAX, VenuePairs};

/// The instrument that trades most, by what it traded lately: it takes the place of another one only when it trades more
/// by the share `margin`. Of equal ones the first. `None` while none has had a mid.
pub(super) fn choose_primary(
    instruments: &[Instrument],
    current: Option<usize>,
    margin: f64,
) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (at, instrument) in instruments.iter().enumerate().filter(|(_, one)| one.state.has_had_mid) {
        let notional = instrument.state.notional;
        if best.is_none_or(|(_, most)| notional > most) {
            best = Some((at, notional));
        }
    }
    let (at, most) = best?;
    match current.and_then(|current| Some((current, instruments.get(current)?))) {
        Some((current, instrument)) if most <= instrument.state.notional * (1.0 + margin) => Some(current),
        _ => Some(at),
    }
}

/// The place of the instrument `at` among those that are compared.
pub(super) fn compared_place(instruments: &[Instrument], at: usize) -> Option<usize> {
    let before = instruments.get(..at)?;
    let is_compared = |instrument: &&Instrument| instrument.state.is_compared;
    instruments.get(at).filter(is_compared)?;
    Some(before.iter().filter(is_compared).count())
}

/// Gives the instruments with a mid a place among those that are compared, while there is room; the primary one takes the
/// place of the one that trades least. Rearranges `pairs` when anything changed, and tells true then.
pub(super) fn arrange(
    instruments: &mut [Instrument],
    primary: usize,
    pairs: &mut Option<VenuePairs>,
) -> bool {
    let places: ArrayVec<Option<usize>, { super::MARKET_INSTRUMENTS_MAX }> = (0..instruments.len())
        .map(|at| compared_place(instruments, at))
        .take(super::MARKET_INSTRUMENTS_MAX)
        .collect();
    join(instruments, primary);
    let sources: ArrayVec<Option<usize>, INSTRUMENTS_MAX> = instruments
        .iter()
        .zip(&places)
        .filter(|(instrument, _)| instrument.state.is_compared)
        .map(|(_, place)| *place)
        .take(INSTRUMENTS_MAX)
        .collect();
    let Some(place) = compared_place(instruments, primary) else { return false };
    if sources.len() < 2 {
        return false;
    }
    let is_same = |pairs: &VenuePairs| {
        pairs.primary() == place
            && pairs.len() == sources.len()
            && sources.iter().enumerate().all(|(to, from)| *from == Some(to))
    };
    if pairs.as_ref().is_some_and(is_same) {
        return false;
    }
    *pairs = match pairs.take() {
        Some(before) => before.rearranged(&sources, place),
        None => VenuePairs::new(sources.len(), place),
    };
    true
}

fn join(instruments: &mut [Instrument], primary: usize) {
    let mut count = instruments.iter().filter(|instrument| instrument.state.is_compared).count();
    if instruments.get(primary).is_some_and(|instrument| !instrument.state.is_compared)
        && count >= INSTRUMENTS_MAX
        && let Some(least) = least_traded(instruments)
    {
        least.is_compared = false;
        count -= 1;
    }
    // The primary one first: it must have a place.
    let others = (0..instruments.len()).filter(|at| *at != primary);
    for at in std::iter::once(primary).chain(others) {
        let Some(Instrument { state, .. }) = instruments.get_mut(at) else { continue };
        if state.has_had_mid && !state.is_compared && count < INSTRUMENTS_MAX {
            state.is_compared = true;
            count += 1;
        }
    }
}

/// Of those that are compared; of equal ones the last.
fn least_traded(instruments: &mut [Instrument]) -> Option<&mut InstrumentState> {
    let compared = instruments.iter_mut().map(|one| &mut one.state).filter(|state| state.is_compared);
    compared.reduce(|least, next| if next.notional <= least.notional { next } else { least })
}
