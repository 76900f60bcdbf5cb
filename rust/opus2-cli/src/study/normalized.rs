//! What the operator `normalize` makes of a recording, event by event.

use anyhow::{Context, Result};
use opus2_operators::{Entry, Output, OutputChannel, create};
use opus2_types::MarketEvent;
use opus2_wire::event::decode_event;

use crate::recording::{Files, Survey, play};

/// Gives every event that the stages would see, with its market. Timers are not kept: by its contract the operator does
/// what they would have done before it reads the next record.
pub(super) fn for_each_event(
    files: &Files,
    survey: &Survey,
    mut visit: impl FnMut(&str, &MarketEvent<'_>) -> Result<()>,
) -> Result<()> {
    let mut normalize = create("normalize", "")?;
    let (mut out, mut bytes) = (Output::new(), Vec::new());
    play(files, survey, "study", |record| {
        bytes.clear();
        record.encode(&mut bytes)?;
        out.clear();
        normalize
            .process(record.market, &bytes, &mut out)
            .with_context(|| format!("operator normalize, market {}", record.market))?;
        for entry in out.entries() {
            if let Entry::Record { channel: OutputChannel::Main, payload, .. } = entry {
                visit(record.market, &decode_event(payload)?)?;
            }
        }
        Ok(())
    })?;
    Ok(())
}
