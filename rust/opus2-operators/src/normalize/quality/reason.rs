//! Why points are taken from a feed.

use opus2_hifa::quality::Component;

/// What is wrong with a feed. Each takes points through one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    UpdatesMissing,
    TradesMissing,
    RecordsLost,
    Late,
    Stale,
    OutOfStep,
    Crossed,
    Locked,
    WideSpread,
    InsaneVolume,
    OffTick,
    Unreadable,
    ChecksumWrong,
    QuoteMismatch,
    CrossVenue,
    RecordRepeated,
    UpdateRepeated,
    TradeRepeated,
    OrderRepeated,
    RecvClockBack,
    ExchClockBack,
    UpdateOutOfOrder,
}

/// How many reasons there are.
pub(crate) const REASONS: usize = Reason::ALL.len();

impl Reason {
    /// Every reason, in the order of its code.
    pub(crate) const ALL: [Self; 22] = [
        Self::UpdatesMissing,
        Self::TradesMissing,
        Self::RecordsLost,
        Self::Late,
        Self::Stale,
        Self::OutOfStep,
        Self::Crossed,
        Self::Locked,
        Self::WideSpread,
        Self::InsaneVolume,
        Self::OffTick,
        Self::Unreadable,
        Self::ChecksumWrong,
        Self::QuoteMismatch,
        Self::CrossVenue,
        Self::RecordRepeated,
        Self::UpdateRepeated,
        Self::TradeRepeated,
        Self::OrderRepeated,
        Self::RecvClockBack,
        Self::ExchClockBack,
        Self::UpdateOutOfOrder,
    ];

    /// The name as a counter: `quality_` and the name in records.
    pub(crate) const fn counter_name(self) -> &'static str {
        match self {
            Self::UpdatesMissing => "quality_updates_missing",
            Self::TradesMissing => "quality_trades_missing",
            Self::RecordsLost => "quality_records_lost",
            Self::Late => "quality_late",
            Self::Stale => "quality_stale",
            Self::OutOfStep => "quality_out_of_step",
            Self::Crossed => "quality_crossed",
            Self::Locked => "quality_locked",
            Self::WideSpread => "quality_wide_spread",
            Self::InsaneVolume => "quality_insane_volume",
            Self::OffTick => "quality_off_tick",
            Self::Unreadable => "quality_unreadable",
            Self::ChecksumWrong => "quality_checksum_wrong",
            Self::QuoteMismatch => "quality_quote_mismatch",
            Self::CrossVenue => "quality_cross_venue",
            Self::RecordRepeated => "quality_record_repeated",
            Self::UpdateRepeated => "quality_update_repeated",
            Self::TradeRepeated => "quality_trade_repeated",
            Self::OrderRepeated => "quality_order_repeated",
            Self::RecvClockBack => "quality_recv_clock_back",
            Self::ExchClockBack => "quality_exch_clock_back",
            Self::UpdateOutOfOrder => "quality_update_out_of_order",
        }
    }

    /// The name in records.
    pub(crate) fn as_str(self) -> &'static str {
        &self.counter_name()["quality_".len()..]
    }

    /// The component it takes points through.
    pub(crate) const fn component(self) -> Component {
        match self {
            Self::UpdatesMissing | Self::TradesMissing | Self::RecordsLost => Component::Completeness,
            Self::Late | Self::Stale | Self::OutOfStep => Component::Timeliness,
            Self::Crossed
            | Self::Locked
            | Self::WideSpread
            | Self::InsaneVolume
            | Self::OffTick
            | Self::Unreadable => Component::Validity,
            Self::ChecksumWrong | Self::QuoteMismatch | Self::CrossVenue => Component::Consistency,
            Self::RecordRepeated | Self::UpdateRepeated | Self::TradeRepeated | Self::OrderRepeated => {
                Component::Uniqueness
            }
            Self::RecvClockBack | Self::ExchClockBack | Self::UpdateOutOfOrder => Component::Ordering,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_at_its_own_number() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number, "{}", reason.as_str());
        }
    }
}
