//! Backtest realism: latency, queues, fees, round trips.

use opus2_exec::latency::{Entry, LatencyRow, LatencyTable};
use opus2_exec::queue::{BehindShare, ProbabilisticQueue, RiskAverseQueue};
use opus2_exec::round_trips::{FifoLedger, Fill, RoundTrip, TripSummary};
use opus2_exec::taker::{TakerOrder, TakerOutcome, TimedBook, execute};
use opus2_types::{Aggressor, Level, Price, Qty, Scaled, UnixNanos};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{
    integer, ladder, list, money_scale_of, nanos, number, qty_scale_of, rows_of, units, whole,
};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("latency_interpolation", latency_interpolation),
    ("queue_prob_model", queue_prob_model),
    ("queue_risk_averse", queue_risk_averse),
    ("taker_fill_after_latency", taker_fill_after_latency),
    ("round_trips_fifo", round_trips_fifo),
];

fn latency_interpolation(inputs: &Value) -> Result<Value, String> {
    let row = |row: &Value| {
        let at = |index: usize| whole(&row[index]).map(UnixNanos).ok_or("a row is not of three integers");
        Ok(LatencyRow { req_ts: at(0)?, exch_ts: at(1)?, resp_ts: at(2)? })
    };
    let rows: Result<Vec<LatencyRow>, &str> = list(inputs, "rows")?.iter().map(row).collect();
    let sent_at = UnixNanos(integer(inputs, "t")?);
    let table = LatencyTable::new(rows?).ok();
    Ok(json!({ "entry": table.map(|table| table.entry(sent_at).signed_ns()) }))
}

/// What happened at a level, in units of one scale.
enum LevelEvent {
    Trade(Qty),
    Depth(Qty, Qty),
}

/// The quantity at the level when the order joined, what happened since, and their scale.
fn level_events(inputs: &Value) -> Result<(Qty, Vec<LevelEvent>, u8), String> {
    let shown = number(inputs, "q0")?;
    let events = list(inputs, "events")?;
    let amounts = events.iter().flat_map(|event| [&event[1], &event[2]]).filter_map(Value::as_f64);
    let scale = qty_scale_of(amounts.chain([shown]))?;
    let qty = |value: &Value| {
        let value = value.as_f64().ok_or("an event's quantity is not a number")?;
        units(value, scale).map(Qty)
    };
    let event = |event: &Value| match event[0].as_str() {
        Some("trade") => Ok(LevelEvent::Trade(qty(&event[1])?)),
        Some("depth") => Ok(LevelEvent::Depth(qty(&event[1])?, qty(&event[2])?)),
        _ => Err(format!("{event} is no event of a level")),
    };
    let events: Result<Vec<LevelEvent>, String> = events.iter().map(event).collect();
    Ok((Qty(units(shown, scale)?), events?, scale))
}

fn queue_prob_model(inputs: &Value) -> Result<Value, String> {
    let (shown, events, scale) = level_events(inputs)?;
    let n = || number(inputs, "n");
    let share = match inputs["kind"].as_str() {
        Some("power") => BehindShare::Power(n()?),
        Some("log") => BehindShare::Log,
        Some("power2") => BehindShare::Power2(n()?),
        Some("log2") => BehindShare::Log2,
        Some("power3") => BehindShare::Power3(n()?),
        _ => return Err(format!("{} is no kind of queue", inputs["kind"])),
    };
    let mut queue = ProbabilisticQueue::join(shown, share, scale);
    let mut path = Vec::new();
    for event in events {
        match event {
            LevelEvent::Trade(qty) => queue.on_trade(qty),
            LevelEvent::Depth(before, after) => queue.on_depth(before, after),
        }
        path.push(queue.front());
    }
    Ok(json!({ "front_path": path, "fillable": queue.fillable() }))
}

fn queue_risk_averse(inputs: &Value) -> Result<Value, String> {
    let (shown, events, scale) = level_events(inputs)?;
    let mut queue = RiskAverseQueue::join(shown);
    let mut path = Vec::new();
    for event in events {
        match event {
            LevelEvent::Trade(qty) => queue.on_trade(qty),
            LevelEvent::Depth(_, after) => queue.on_depth(after),
        }
        path.push(Scaled::new(queue.front_units(), scale).to_f64());
    }
    Ok(json!({ "front_path": path, "fillable": Scaled::new(queue.fillable().0, scale).to_f64() }))
}

fn aggressor(sign: f64) -> Aggressor {
    if sign < 0.0 { Aggressor::Sell } else { Aggressor::Buy }
}

/// A book of a vector: from when on, and both sides.
struct BookRow<T> {
    at: UnixNanos,
    bids: Vec<T>,
    asks: Vec<T>,
}

fn book_rows(inputs: &Value) -> Result<Vec<BookRow<[f64; 2]>>, String> {
    let book = |row: &Value| {
        let at = whole(&row[0]).map(UnixNanos).ok_or("a book's time is not an integer")?;
        let sides = json!({ "bids": row[1], "asks": row[2] });
        Ok(BookRow { at, bids: rows_of::<2>(&sides, "bids")?, asks: rows_of::<2>(&sides, "asks")? })
    };
    list(inputs, "books")?.iter().map(book).collect()
}

fn taker_fill_after_latency(inputs: &Value) -> Result<Value, String> {
    let rows = book_rows(inputs)?;
    let (qty, fee) = (number(inputs, "qty")?, number(inputs, "fee")?);
    let levels = || rows.iter().flat_map(|book| book.bids.iter().chain(&book.asks));
    let price_scale = money_scale_of(levels().map(|level| level[0]))?;
    let qty_scale = money_scale_of(levels().map(|level| level[1]).chain([qty]))?;
    let fee_scale = money_scale_of([fee])?;
    let side = |rows: &[[f64; 2]]| ladder(rows, price_scale, qty_scale);
    let ladders = rows
        .iter()
        .map(|book| Ok(BookRow { at: book.at, bids: side(&book.bids)?, asks: side(&book.asks)? }))
        .collect::<Result<Vec<BookRow<Level>>, String>>()?;
    let books: Vec<TimedBook<'_>> =
        ladders.iter().map(|book| TimedBook { at: book.at, bids: &book.bids, asks: &book.asks }).collect();
    let order = TakerOrder {
        side: aggressor(number(inputs, "side")?),
        qty: Qty(units(qty, qty_scale)?),
        limit: None,
    };
    let entry = Entry::from_signed(integer(inputs, "entry")?);
    let sent_at = UnixNanos(integer(inputs, "t_local")?);
    Ok(match execute(&order, sent_at, entry, integer(inputs, "resp")?, &books) {
        TakerOutcome::Matched { exec_ts, ack_ts, fill } => {
            let rate = Scaled::new(units(fee, fee_scale)?, fee_scale).to_decimal();
            let fee_cash = fill.fee(rate, price_scale, qty_scale).and_then(|fee| f64::try_from(fee).ok());
            json!({
                "exec_ts": exec_ts.0,
                "ack_ts": ack_ts.0,
                "filled": Scaled::new(fill.filled.0, qty_scale).to_f64(),
                "vwap": fill.vwap(price_scale),
                "fee_cash": fee_cash,
            })
        }
        TakerOutcome::Rejected { ack_ts } => {
            json!({ "exec_ts": null, "ack_ts": ack_ts.0, "filled": 0.0, "vwap": null, "fee_cash": 0.0 })
        }
    })
}

fn round_trips_fifo(inputs: &Value) -> Result<Value, String> {
    let rows = rows_of::<5>(inputs, "fills")?;
    let column = |at: usize| rows.iter().map(move |row| row[at]);
    let (qty_scale, price_scale, fee_scale) =
        (money_scale_of(column(2))?, money_scale_of(column(3))?, money_scale_of(column(4))?);
    let mut ledger = FifoLedger::new(price_scale, qty_scale);
    let mut trips: Vec<RoundTrip> = Vec::new();
    for [at_secs, side, qty, price, fee] in rows {
        let fill = Fill {
            at: UnixNanos(nanos(at_secs)?),
            side: aggressor(side),
            qty: Qty(units(qty, qty_scale)?),
            price: Price(units(price, price_scale)?),
            fee: Scaled::new(units(fee, fee_scale)?, fee_scale).to_decimal(),
        };
        trips.extend(ledger.book(&fill).map_err(|error| error.to_string())?);
    }
    let summary = TripSummary::of(&trips);
    let trip = |trip: &RoundTrip| {
        json!({
            "net_pnl": f64::try_from(trip.net_pnl).ok(),
            "gross_pnl": f64::try_from(trip.gross_pnl).ok(),
            "fees": f64::try_from(trip.fees).ok(),
            "duration": trip.duration_secs,
        })
    };
    Ok(json!({
        "trades": trips.iter().map(trip).collect::<Vec<Value>>(),
        "win_rate": summary.win_rate,
        "profit_factor": summary.profit_factor,
        "mean_duration": summary.mean_duration_secs,
    }))
}
