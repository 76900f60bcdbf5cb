//! Reading what others recorded of this venue.

use std::fmt::Write as _;

use opus2_types::Side;

use super::message::{required, side};
use crate::Reject;
use crate::json::Scanner;

/// Turns a REST book that a recorder wrote as `open` messages, all with the snapshot's number, back into the body that
/// the venue sent: [`OrderFollower`](crate::Feed) joins it as any other.
#[derive(Debug, Clone, Default)]
pub struct SnapshotRows {
    symbol: String,
    sequence: u64,
    bids: String,
    asks: String,
}

impl SnapshotRows {
    /// Takes in a row.
    ///
    /// # Errors
    /// Not an `open` message.
    pub fn push(&mut self, row: &[u8]) -> Result<(), Reject> {
        let (mut symbol, mut sequence, mut of_side) = (None, None, None);
        let (mut price, mut size, mut id) = (None, None, None);
        Scanner::new(row).object(|scanner, key| {
            match key {
                b"product_id" => symbol = Some(scanner.text()?),
                b"sequence" => sequence = Some(scanner.u64()?),
                b"side" => of_side = Some(side(scanner)?),
                b"price" => price = Some(scanner.text()?),
                b"remaining_size" => size = Some(scanner.text()?),
                b"order_id" => id = Some(scanner.text()?),
                _ => scanner.skip_value()?,
            }
            Ok(())
        })?;
        let (price, size) = (required(price, "price")?, required(size, "remaining_size")?);
        let id = required(id, "order_id")?;
        required(symbol, "product_id")?.clone_into(&mut self.symbol);
        self.sequence = required(sequence, "sequence")?;
        let orders = match required(of_side, "side")? {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        let separator = if orders.is_empty() { "" } else { "," };
        write!(orders, r#"{separator}["{price}","{size}","{id}"]"#).expect("a string takes every write");
        Ok(())
    }

    /// True while there is nothing to take.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.symbol.is_empty()
    }

    /// The product and the body of all rows since the last call; `None` when there were none.
    pub fn take(&mut self) -> Option<(String, String)> {
        let Self { symbol, sequence, bids, asks } = std::mem::take(self);
        (!symbol.is_empty())
            .then(|| (symbol, format!(r#"{{"sequence":{sequence},"bids":[{bids}],"asks":[{asks}]}}"#)))
    }
}
