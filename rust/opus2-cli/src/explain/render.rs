//! A decision as a page of text.

use std::fmt::Write as _;

use super::format::{Paint, Tone, UNKNOWN, bar, fixed, floating_bar, short, signed_bar, span, utc};
use super::record::{Cost, Decision, Measure, Plan, Venue};

/// Columns of a bar.
const BAR: usize = 30;

/// Features are clipped to so many standard deviations.
const X_MAX: f64 = 5.0;

/// The page, with a line's end at its end.
pub(super) fn render(decision: &Decision, paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    page.head(decision);
    page.probability(decision);
    page.features(decision);
    page.gate(decision);
    page.costs(decision);
    page.plan(decision);
    page.books(decision);
    page.versions(decision);
    page.text
}

struct Page {
    text: String,
    paint: Paint,
}

impl Page {
    /// Adds a line, without blanks at its end. Colours do not count as columns.
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn title(&mut self, title: &str, note: &str) {
        let strong = self.paint.tone(Tone::Strong, title);
        self.line("");
        self.line(&format!("{strong}  {note}"));
    }

    fn head(&mut self, decision: &Decision) {
        let tone = match decision.action.as_str() {
            "enter" | "hold" => Tone::Good,
            _ => Tone::Bad,
        };
        let action = self.paint.tone(tone, &decision.action.to_uppercase());
        let strong = self.paint.tone(Tone::Strong, &decision.id);
        self.line(&format!("{strong}  {action} {}  {}", decision.direction, decision.size.qty));
        let trigger = match &decision.event_id {
            Some(event) => format!("{} {event}", decision.trigger),
            None => "the end of a second".to_owned(),
        };
        self.line(&format!("{} UTC, after {trigger}", utc(decision.recv_ts)));
        if !decision.reasons.is_empty() {
            let reasons = self.paint.tone(Tone::Strong, &decision.reasons.join(", "));
            self.line(&format!("because: {reasons}"));
        }
        let mut position = format!("now {}", decision.decision.position);
        if let Some(entry) = &decision.entry_id {
            write!(position, ", entered by {entry}").expect("a string takes every write");
        }
        let told = if decision.size.position_source == "told" { "told" } else { "nobody told" };
        write!(position, "; held {} ({told})", decision.size.held_qty).expect("a string takes every write");
        self.line(&position);
    }

    fn probability(&mut self, decision: &Decision) {
        let (rule, model) = (&decision.decision, &decision.model);
        let proven = if model.proven { "proven" } else { "not proven" };
        let note =
            format!("of model {:?} ({proven}), {} s ahead", model.name, f64::from(model.horizon_ms) / 1e3);
        self.title("PROBABILITY", &note);
        for (name, value) in [
            (format!("p of {}", decision.direction), rule.p.value),
            ("lower bound".to_owned(), rule.p_lower.value),
            ("enters at".to_owned(), rule.p_in.value),
            ("leaves at".to_owned(), Some(rule.p_out)),
            ("break-even".to_owned(), rule.break_even.value),
        ] {
            let drawn = value.map(|value| bar(value, BAR)).unwrap_or_default();
            self.line(&format!("  {name:<14} {:>7}  {drawn}", fixed(value, 3)));
        }
        let reason = rule.edge_bps.reason.as_deref().map(|reason| format!(" ({reason})"));
        let edge = rule.edge_bps.value.map_or_else(|| UNKNOWN.to_owned(), |edge| format!("{edge:+.2} bps"));
        self.line(&format!("  expected net edge {edge}{}", reason.unwrap_or_default()));
        if let Some(forecast) = &decision.forecast {
            let stretched = forecast.logit * forecast.multiplier;
            self.line(&format!("  of the mid of {}, {}", forecast.instrument, price(Some(forecast.mid))));
            self.line(&format!(
                "  logit {:+.3} × context {} = {stretched:+.3} → p(up) {:.3}, calibrated {:.3}",
                forecast.logit,
                short(forecast.multiplier),
                forecast.p_raw,
                forecast.p_up
            ));
        }
    }

    fn features(&mut self, decision: &Decision) {
        if decision.features.is_empty() {
            return;
        }
        self.title(
            "FEATURES",
            "in standard deviations from the training mean, the largest contribution first",
        );
        let mut features: Vec<_> = decision.features.iter().collect();
        features.sort_by(|left, right| right.1.contribution.abs().total_cmp(&left.1.contribution.abs()));
        for (name, feature) in features {
            let value = match (feature.value, &feature.reason) {
                (Some(value), _) if !feature.missing => short(value),
                (_, Some(reason)) => format!("({reason})"),
                _ => "(missing)".to_owned(),
            };
            let drawn = signed_bar(feature.x, X_MAX, 12);
            let x = if feature.missing { UNKNOWN.to_owned() } else { format!("{:+.2}", feature.x) };
            let line = format!("  {name:<30} {value:>12} {x:>6} {drawn} {:+.3}", feature.contribution);
            let line = if feature.missing { self.paint.tone(Tone::Faint, &line) } else { line };
            self.line(&line);
        }
        let sum: f64 = decision.features.values().map(|feature| feature.contribution).sum();
        self.line(&format!("  together {sum:+.3}, with the bias {:+.3}", sum + decision.model.bias));
    }

    fn gate(&mut self, decision: &Decision) {
        let gate = &decision.gate;
        // What shuts the gate binds it; the least part only does where nothing shuts it.
        let is_shut = !gate.blocks.is_empty();
        let binding = if is_shut { "shut".to_owned() } else { format!("{} binds", gate.binding) };
        self.title("RISK GATE", &format!("{:.2} of what is wanted; {binding}", gate.value));
        let parts = &gate.parts;
        for (name, part) in [
            ("es_headroom", &parts.es_headroom),
            ("liquidity", &parts.liquidity),
            ("health", &parts.health),
            ("quality", &parts.quality),
            ("slippage", &parts.slippage),
        ] {
            let is_binding = name == gate.binding && !is_shut;
            let drawn = part.value.map(|value| bar(value, BAR)).unwrap_or_default();
            let tone = if is_binding { Tone::Bad } else { Tone::Good };
            let mark = if is_binding { " ← binds" } else { "" };
            let drawn = self.paint.tone(tone, &drawn);
            self.line(&format!("  {name:<14} {:>7}  {drawn}{mark}", measure(part, 2)));
        }
        if is_shut {
            let blocks = self.paint.tone(Tone::Bad, &gate.blocks.join(", "));
            self.line(&format!("  shut by: {blocks}"));
        }
    }

    fn costs(&mut self, decision: &Decision) {
        match (&decision.round_trip_bps.value, &decision.round_trip_bps.reason) {
            (Some(cost), _) => {
                self.title("COST OF A ROUND TRIP", "basis points of the mid");
                self.waterfall(cost);
            }
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("unknown");
                self.title("COST OF A ROUND TRIP", &format!("not known: {reason}"));
            }
        }
        if let Some(plan) = &decision.plan {
            self.title("EXPECTED COST OF THIS ORDER", "basis points of the mid");
            self.waterfall(&plan.expected_bps);
        }
    }

    /// Parts that begin where the one before ended.
    fn waterfall(&mut self, cost: &Cost) {
        let parts = [
            ("spread", cost.spread),
            ("slippage", cost.slippage),
            ("fee", cost.fee),
            ("latency", cost.latency),
        ];
        let (mut at, mut low, mut high) = (0.0, 0.0f64, 0.0f64);
        for (_, part) in parts {
            at += part;
            (low, high) = (low.min(at), high.max(at));
        }
        let place = |value: f64| if high > low { (value - low) / (high - low) } else { 0.0 };
        let mut from = 0.0;
        for (name, part) in parts {
            let drawn = floating_bar(place(from), place(from + part), BAR);
            self.line(&format!("  {name:<14} {part:>7.2}  {drawn}"));
            from += part;
        }
        let drawn = floating_bar(place(0.0), place(from), BAR);
        let strong = self.paint.tone(Tone::Strong, &format!("{:<14} {:>7.2}", "total", cost.total));
        self.line(&format!("  {strong}  {drawn}"));
    }

    fn plan(&mut self, decision: &Decision) {
        let Some(plan) = &decision.plan else { return };
        let after = span(plan.expiry_ts.saturating_sub(decision.recv_ts));
        let note = format!(
            "{} {} by {}, because {}; valid for {after}",
            plan.side, plan.qty, plan.style, plan.reason
        );
        self.title("ORDER", &note);
        self.line(&format!(
            "  {:<28} {:>16} {:>14} {:>14} {:>16}",
            "takes first", "quantity", "limit", "worst", "all in"
        ));
        let dash = || UNKNOWN.to_owned();
        for taken in &plan.route {
            self.line(&format!(
                "  {:<28} {:>16} {:>14} {:>14} {:>16}",
                taken.instrument,
                taken.qty,
                taken.limit_price.clone().unwrap_or_else(dash),
                taken.worst_price.clone().unwrap_or_else(dash),
                price(taken.average_all_in)
            ));
        }
        self.line(&format!(
            "  all of it at {}, one unit more at {}",
            price(plan.average_all_in),
            price(plan.marginal_price)
        ));
        if let Some(single) = &plan.best_single {
            self.line(&format!(
                "  alone at {}: {}; the split saves {} bps",
                single.instrument,
                price(single.average_all_in),
                fixed(plan.saving_bps, 3)
            ));
        }
        self.line(&format!(
            "  walking the books {} bps, a schedule {} bps, both before fees",
            fixed(plan.walk_bps, 2),
            fixed(plan.schedule_bps, 2)
        ));
        self.parts(plan);
    }

    fn parts(&mut self, plan: &Plan) {
        if plan.slices.len() > 1 {
            self.line("  slices:");
            let most = plan.slices.iter().filter_map(|slice| slice.qty.parse().ok()).fold(0.0, f64::max);
            for slice in &plan.slices {
                let share = slice.qty.parse::<f64>().unwrap_or(0.0) / most;
                let after = span(i64::try_from(slice.after_ns).unwrap_or(i64::MAX));
                self.line(&format!("  {:>10} {:>16}  {}", format!("+{after}"), slice.qty, bar(share, BAR)));
            }
        }
        if let Some(resting) = &plan.resting {
            self.line(&format!("  rests: {} at {} on {}", resting.qty, resting.price, resting.instrument));
        }
        if plan.left_out != "0" {
            self.line(&format!("  left out, below a lot: {}", plan.left_out));
        }
    }

    fn books(&mut self, decision: &Decision) {
        if decision.venues.is_empty() {
            return;
        }
        self.title("BOOKS AS THEY WERE SEEN", "best five levels");
        for venue in &decision.venues {
            self.book(venue, decision.recv_ts);
        }
    }

    fn book(&mut self, venue: &Venue, now: i64) {
        let strong = self.paint.tone(Tone::Strong, &venue.instrument);
        let heard = span(now.saturating_sub(venue.recv_ts));
        let late = venue.exch_ts.map(|exch_ts| span(venue.recv_ts.saturating_sub(exch_ts)));
        let late = late.map(|late| format!(", {late} after the venue's time")).unwrap_or_default();
        let or_dash = |value: Option<f64>| value.map_or_else(|| UNKNOWN.to_owned(), short);
        let state = if venue.usable { "" } else { "; NOT USED: no live book, or fenced" };
        self.line(&format!("  {strong}  heard {heard} before{late}{state}"));
        self.line(&format!(
            "    may take {} of it, health {}, quality {}",
            or_dash(venue.share),
            or_dash(venue.health),
            measure(&venue.quality, 1)
        ));
        let most = venue.bids.iter().chain(&venue.asks).filter_map(|level| level.1.parse().ok());
        let most = most.fold(0.0, f64::max);
        let share = |qty: &str| qty.parse::<f64>().unwrap_or(0.0) / most;
        for rank in 0..venue.bids.len().max(venue.asks.len()) {
            let bid = venue.bids.get(rank).map_or_else(
                || format!("{:>46}", ""),
                |(price, qty)| {
                    let drawn = format!("{:>12}", "█".repeat(bar(share(qty), 12).chars().count()));
                    format!("{} {qty:>16} {price:>16}", self.paint.tone(Tone::Good, &drawn))
                },
            );
            let ask = venue.asks.get(rank).map_or_else(String::new, |(price, qty)| {
                let drawn = "█".repeat(bar(share(qty), 12).chars().count());
                format!("{price:<16} {qty:<16} {}", self.paint.tone(Tone::Bad, &drawn))
            });
            self.line(&format!("  {bid} │ {ask}"));
        }
    }

    fn versions(&mut self, decision: &Decision) {
        self.title("VERSIONS AND SEAL", "");
        for (name, value) in [
            ("configuration", decision.config_hash.clone()),
            ("model", decision.model.hash.clone()),
            ("fees as of", decision.fees_as_of.clone()),
            ("data", format!("{} events, {}", decision.data.events, decision.data.hash)),
            ("follows upon", decision.prev.clone()),
            ("hash", decision.hash.clone()),
        ] {
            let line = format!("  {name:<14} {value}");
            let line = self.paint.tone(Tone::Faint, &line);
            self.line(&line);
        }
    }
}

/// A number, or the reason why there is none.
fn measure(measure: &Measure, digits: usize) -> String {
    match (measure.value, &measure.reason) {
        (Some(value), _) => format!("{value:.digits$}"),
        (None, Some(reason)) => reason.clone(),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn price(price: Option<f64>) -> String {
    price.map_or_else(|| UNKNOWN.to_owned(), |price| format!("{price:.4}"))
}

#[cfg(test)]
mod tests {
    use super::super::format::COLUMNS;
    use super::*;

    const ENTER: &str = include_str!("samples/enter.json");
    const REJECT: &str = include_str!("samples/reject.json");

    fn page(text: &str, has_colours: bool) -> String {
        let decision: Decision = serde_json::from_str(text).unwrap();
        render(&decision, Paint { has_colours })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the page is as long as it is")]
    fn an_entry_is_a_page() {
        insta::assert_snapshot!(page(ENTER, false), @r#"
        BTC/USD*:decision:2  ENTER up  0.1
        2024-08-09 00:00:01.500000000 UTC, after quote binance:BTCUSDT:18c2f0a1b2c3-0-1:4
        now long; held 0 (nobody told)

        PROBABILITY  of model "unfitted" (proven), 15 s ahead
          p of up          0.700  █████████████████████
          lower bound      0.600  ██████████████████
          enters at        0.600  ██████████████████
          leaves at        0.500  ███████████████
          break-even       0.344  ██████████▍
          expected net edge +28.50 bps
          of the mid of binance:BTCUSDT, 60000.0050
          logit +0.750 × context 1.25 = +0.938 → p(up) 0.700, calibrated 0.700

        FEATURES  in standard deviations from the training mean, the largest contribution first
          ofi_normalised_1s                         3  +1.50 ············│████········ +0.450
          queue_imbalance_ewma                    0.5  +1.00 ············│██·········· +0.400
          depth_imbalance_5                     -0.25  -0.50 ···········█│············ -0.100
          ofi_normalised_5s                    (cold)      – ············│············ +0.000
          together +0.750, with the bias +0.750

        RISK GATE  0.90 of what is wanted; liquidity binds
          es_headroom       1.00  ██████████████████████████████
          liquidity         0.90  ███████████████████████████ ← binds
          health            1.00  ██████████████████████████████
          quality           1.00  ██████████████████████████████
          slippage          1.00  ██████████████████████████████

        COST OF A ROUND TRIP  basis points of the mid
          spread            1.00  ████
          slippage          1.00      ████
          fee               5.00          ████████████████████
          latency           0.50                              ██
          total             7.50  ██████████████████████████████

        EXPECTED COST OF THIS ORDER  basis points of the mid
          spread            0.40  █
          slippage          3.00  ████████
          fee              10.00         ███████████████████████
          latency           0.06                               █
          total            13.46  ██████████████████████████████

        ORDER  buy 0.1 by almgren_chriss, because walk_is_dear; valid for 16 s
          takes first                          quantity          limit          worst           all in
          binance:BTCUSDT                          0.03       60006.02       60000.02       60060.0144
          coinbase:BTC-USD                         0.02       60006.03              –                –
          all of it at 60060.0144, one unit more at 60060.3594
          alone at binance:BTCUSDT: 60060.0144; the split saves 0.125 bps
          walking the books 0.00 bps, a schedule 3.00 bps, both before fees
          slices:
               +0 ms             0.05  ██████████████████████████████
             +1.48 s             0.03  ██████████████████
             +3.02 s             0.02  ████████████
          rests: 0.01 at 60000 on binance:BTCUSDT
          left out, below a lot: 0.00001

        BOOKS AS THEY WERE SEEN  best five levels
          binance:BTCUSDT  heard 0 ms before, 5 ms after the venue's time
            may take 1 of it, health 100, quality 99.0
          ████████████             0.09            60000 │ 60000.01         0.07             ██████████
           ███████████          0.08001         59999.99 │ 60000.02         0.08001          ███████████
           ███████████          0.08002         59999.98 │ 60000.03         0.08002          ███████████
           ███████████          0.08003         59999.97 │ 60000.04         0.08003          ███████████
           ███████████          0.08004         59999.96 │ 60000.05         0.08004          ███████████
          coinbase:BTC-USD  heard 12 ms before
            may take 1 of it, health 100, quality 99.0
          ████████████             0.08            60000 │ 60000.01         0.08             ████████████
          ████████████          0.08001         59999.99 │ 60000.02         0.08001          ████████████
          ████████████          0.08002         59999.98 │ 60000.03         0.08002          ████████████
          ████████████          0.08003         59999.97 │ 60000.04         0.08003          ████████████
          ████████████          0.08004         59999.96 │ 60000.05         0.08004          ████████████
          kraken:BTC/USD  heard 12 ms before, 5 ms after the venue's time; NOT USED: no live book, or fenced
            may take 0 of it, health 100, quality no_events

        VERSIONS AND SEAL
          configuration  ff22ab4ceea17e945325504ff4ca9399302d6cff46d15f25a563760f93486ec5
          model          7f411a10ea66b02332c0856597a7135ec559c82b45289f8828af2674e18faff0
          fees as of     2026
          data           4 events, fe3eb4279601c31d
          follows upon   2a6cf21c3d5d06f25e2cb3a6fc2542b8bfa5711c0d49a20b610d070f49dc350a
          hash           6c60d5df6954afeec95125d042d710a0f4d711c1b8910fc5508786e3ac37a8fd
        "#);
    }

    #[test]
    fn a_refusal_says_what_speaks_against_it() {
        insta::assert_snapshot!(page(REJECT, false), @r#"
        BTC/USD*:decision:1  REJECT up  0.1
        2024-08-09 00:00:01.500000000 UTC, after the end of a second
        because: low_gate
        now flat; held 0 (nobody told)

        PROBABILITY  of model "unfitted" (proven), 15 s ahead
          p of up          0.700  █████████████████████
          lower bound      0.600  ██████████████████
          enters at        0.600  ██████████████████
          leaves at        0.500  ███████████████
          break-even       0.344  ██████████▍
          expected net edge +28.50 bps

        RISK GATE  0.00 of what is wanted; shut
          es_headroom       1.00  ██████████████████████████████
          liquidity         0.90  ███████████████████████████
          health            1.00  ██████████████████████████████
          quality           1.00  ██████████████████████████████
          slippage          1.00  ██████████████████████████████
          shut by: stale_data

        COST OF A ROUND TRIP  not known: empty_side

        VERSIONS AND SEAL
          configuration  ff22ab4ceea17e945325504ff4ca9399302d6cff46d15f25a563760f93486ec5
          model          7f411a10ea66b02332c0856597a7135ec559c82b45289f8828af2674e18faff0
          fees as of     2026
          data           3 events, 1d651dad76761269
          follows upon   0000000000000000000000000000000000000000000000000000000000000000
          hash           2a6cf21c3d5d06f25e2cb3a6fc2542b8bfa5711c0d49a20b610d070f49dc350a
        "#);
    }

    #[test]
    fn a_page_has_a_hundred_columns_and_colours_none() {
        for text in [ENTER, REJECT] {
            let plain = page(text, false);
            for line in plain.lines() {
                assert!(line.chars().count() <= COLUMNS, "{line}");
            }
            let mut coloured = page(text, true);
            assert!(coloured.contains("\u{1b}[1m"));
            for code in ["1", "2", "31", "32", "0"] {
                coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
            }
            let trimmed: Vec<&str> = coloured.lines().map(str::trim_end).collect();
            assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
        }
    }
}
