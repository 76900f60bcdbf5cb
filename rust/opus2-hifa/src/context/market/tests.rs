//! A market in stage 2, told of events by hand.

use opus2_types::{
    Aggressor, BookView, Level, Price, Qty, QualityEvent, QualityFlags, QuoteEvent, SeqRange, Side,
    StatusEvent, TradeEvent, UnixNanos,
};

use super::*;
use crate::context::{ContextConfig, VpinHorizon};
use crate::decision::model::{Model, ModelFeature};
use crate::detector::iceberg::RefillFound;
use crate::detector::sweep::Sweep;
use crate::signal::{AbsorbedFlow, Feature, InstrumentState as SignalState, ReadingHead};
use crate::{Measure, SignalConfig};

const MARKET: &str = "BTC/USD*";
const MILLI: i64 = 1_000_000;

/// A market, told by words: a letter for the instrument (`b`inance, `c`oinbase, `k`raken), `@` and the time in ms, and
/// what happened: `=2001` a quote with that doubled mid, `=2001+5` one with that OFI, `=-` one without a mid, `!2001` one
/// after lost data, `*3` a bought quantity (`*-3` a sold one), `gap`, `live`, `fence`, `free`, `up` and `down` a sweep,
/// `bid` and `ask` a refill. `.@1000` fires the timer.
struct Play {
    rules: ContextRules,
    market: MarketContext,
    seconds: Vec<ClosedSecond>,
    /// The venues whose instruments are behind a fence.
    fenced: Vec<Venue>,
}

fn rules(model: Model) -> ContextRules {
    let config = ContextConfig { vpin_horizon: VpinHorizon::Hour, ..ContextConfig::default() };
    ContextRules::new(&config, model).unwrap()
}

fn play(script: &str) -> Play {
    let rules = rules(Model::unfitted());
    let mut play = Play::new(rules);
    play.go_on(script);
    play
}

/// What stage 1 says; the values of no feature but the spread, and OFI when it is told.
fn reading(mid_doubled: Option<i64>, ofi: Option<f64>) -> Reading {
    let mut state = SignalState::new(Venue::Binance, 1, 3);
    let mut features = state.features(&SignalConfig::default());
    features.spread_bps = Feature::from(Ok(2.0));
    if let Some(ofi) = ofi {
        features.ofi_normalised_1s.value = Ok(ofi);
    }
    let reading = Reading::new(&mut state, Some(features), std::iter::empty(), false);
    Reading { head: ReadingHead { mid_doubled, ..reading.head }, ..reading }
}

/// The same, after lost data.
fn lost(reading: &Reading) -> Reading {
    Reading { head: ReadingHead { is_reset: true, ..reading.head }, ..*reading }
}

fn sweep(aggressor: Aggressor, received: i64) -> DetectorEvent {
    DetectorEvent::Sweep(Sweep {
        aggressor,
        since: received,
        until: received,
        received,
        levels: 3,
        volume: 5_000,
        notional: 5_000_000,
        first: Price(1_000),
        last: Price(1_002),
        shown_before: None,
        is_shown_cut: false,
    })
}

fn refill(side: Side) -> DetectorEvent {
    DetectorEvent::Refill(RefillFound {
        side,
        price: Price(1_000),
        refills: 3,
        refilled: 3,
        traded: 4,
        peak_cv: 0.0,
        refill_share: 0.75,
    })
}

impl Play {
    fn new(rules: ContextRules) -> Self {
        let market = MarketContext::new(MARKET, &rules);
        Self { rules, market, seconds: Vec::new(), fenced: Vec::new() }
    }

    fn go_on(&mut self, script: &str) {
        for word in script.split_whitespace() {
            let (who, rest) = word.split_at(1);
            let rest = rest.strip_prefix('@').unwrap();
            let split = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            let (ms, what) = rest.split_at(split);
            let now = ms.parse::<i64>().unwrap() * MILLI;
            if who == "." {
                self.close(now);
                continue;
            }
            let (venue, symbol) = match who {
                "b" => (Venue::Binance, "BTCUSDT"),
                "c" => (Venue::Coinbase, "BTC-USD"),
                _ => (Venue::Kraken, "XBTUSD"),
            };
            self.tell(venue, symbol, now, what);
        }
    }

    fn tell(&mut self, venue: Venue, symbol: &str, now: i64, what: &str) {
        let level = |price| Level::new(price, 1_000);
        let quote = EventBody::Quote(QuoteEvent { bid: level(1_000), ask: level(1_001) });
        let book = EventBody::Book(BookView::default());
        let silent = Reading { features: None, ..reading(None, None) };
        let numbers = |text: &str| {
            let (mid, ofi) = text.split_once('+').map_or((text, None), |(mid, ofi)| (mid, Some(ofi)));
            reading(mid.parse().ok(), ofi.map(|ofi| ofi.parse().unwrap()))
        };
        let status = |to| EventBody::Status(StatusEvent { from: BookState::Live, to });
        let quality = |is_fenced| EventBody::Quality(QualityEvent { score_thousandths: 90_000, is_fenced });
        let with = |event: DetectorEvent| {
            let mut reading = silent;
            reading.events[0] = Some(event);
            (book, reading)
        };
        let (body, reading) = match what {
            "gap" => (status(BookState::Gap), lost(&silent)),
            "live" => (status(BookState::Live), silent),
            "fence" => (quality(true), silent),
            "free" => (quality(false), lost(&silent)),
            "up" => with(sweep(Aggressor::Buy, now)),
            "down" => with(sweep(Aggressor::Sell, now)),
            "bid" => with(refill(Side::Bid)),
            "ask" => with(refill(Side::Ask)),
            _ => match what.split_at(1) {
                ("=", text) => (quote, numbers(text)),
                ("!", text) => (quote, lost(&numbers(text))),
                ("*", text) => {
                    let qty = text.parse::<i64>().unwrap();
                    let aggressor = if qty > 0 { Aggressor::Buy } else { Aggressor::Sell };
                    let (price, qty) = (Price(1_000), Qty(1_000 * qty.abs()));
                    (EventBody::Trade(TradeEvent { trade_id: 1, price, qty, aggressor, maker: None }), silent)
                }
                _ => panic!("{what}"),
            },
        };
        match what {
            "fence" => self.fenced.push(venue),
            "free" => self.fenced.retain(|fenced| *fenced != venue),
            _ => {}
        }
        let is_fenced = self.fenced.contains(&venue);
        let reading = Reading { head: ReadingHead { is_fenced, ..reading.head }, ..reading };
        self.observe(venue, symbol, now, &body, &reading);
    }

    fn observe(
        &mut self,
        venue: Venue,
        symbol: &str,
        now: i64,
        body: &EventBody,
        reading: &Reading,
    ) -> Observed {
        let event = MarketEvent {
            id: "",
            venue,
            symbol,
            price_scale: 1,
            qty_scale: 3,
            tick: Price(1),
            lot: Qty(1),
            exch_ts: Some(UnixNanos(now - 7 * MILLI)),
            recv_ts: UnixNanos(now),
            seq: SeqRange::default(),
            flags: QualityFlags::default(),
            body: *body,
        };
        self.close(now - 1);
        self.market.observe(&event, reading, &self.rules)
    }

    fn close(&mut self, until: i64) {
        let mut second = ClosedSecond::default();
        while self.market.close_due(until, &self.rules, &mut second) {
            self.seconds.push(second.clone());
        }
    }

    fn primary(&self) -> &str {
        self.market
            .state
            .primary
            .and_then(|at| self.market.instrument(at))
            .map_or("", |facts| facts.venue.as_str())
    }

    fn feature(&self, name: &str) -> Measure {
        let at = CONTEXT_FEATURES.iter().position(|known| *known == name).unwrap();
        self.seconds.last().unwrap().features[at]
    }
}

#[track_caller]
fn check_primary(script: &str, expect: &str) {
    assert_eq!(play(script).primary(), expect, "{script}");
}

#[test]
fn the_instrument_that_trades_most_speaks_for_the_market() {
    check_primary("c@100=2001", "");
    check_primary("c@100=2001 b@200=2001 .@1000", "binance");
    check_primary("c@100=2001 b@200=2001 c@300*3 .@1000", "coinbase");
    // One without a mid does not, however much it trades.
    check_primary("c@100=2001 b@200*9 .@1000", "coinbase");
}

#[test]
fn another_one_takes_its_place_only_when_it_trades_a_fifth_more() {
    let before = "b@100=2001 c@200=2001 b@300*100 .@1000";
    check_primary(&format!("{before} c@1300*119 .@2000"), "binance");
    check_primary(&format!("{before} c@1300*121 .@2000"), "coinbase");
    // Within a second nothing changes.
    check_primary(&format!("{before} c@1300*121"), "binance");
}

#[track_caller]
fn check_candidate(script: &str, expect: Option<&str>) {
    let play = play(script);
    let found =
        play.market.candidate().map(|candidate| format!("{} {}", candidate.instrument, candidate.mid));
    assert_eq!(found.as_deref(), expect, "{script}");
}

#[test]
fn the_model_speaks_at_readings_of_the_primary_instrument() {
    let mid = Some("binance:BTCUSDT 100.05");
    check_candidate("b@100=2001", None);
    check_candidate("b@100=2001 .@1000", None);
    check_candidate("b@100=2001 b@1001=2001", mid);
    check_candidate("b@100=2001 c@200=1999 c@1001=1999", None);
    // It is carried over everything that does not silence the instrument, a silence of a minute too.
    let before = "b@100=2001 c@200=1999 b@1001=2001";
    check_candidate(&format!("{before} b@1100*3 c@1200=1999 b@1300=- c@1400gap b@1500live .@90000"), mid);
}

#[test]
fn what_silences_the_primary_instrument_takes_the_candidate_until_its_next_reading() {
    for word in ["gap", "fence", "free", "!-"] {
        let before = format!("b@100=2001 b@1001=2001 b@1100{word}");
        check_candidate(&before, None);
        check_candidate(&format!("{before} b@1150*1 .@2000"), None);
        let after = format!("{before} b@1200free b@1300=2003");
        check_candidate(&after, Some("binance:BTCUSDT 100.15"));
    }
    check_candidate("b@100=2001 b@1001=2001 b@1100!2003", Some("binance:BTCUSDT 100.15"));
}

#[test]
fn a_model_of_another_market_says_nothing() {
    let rules = rules(Model { market: "ETH/USD*".to_owned(), ..Model::unfitted() });
    let mut play = Play::new(rules);
    play.go_on("b@100=2001 b@1001=2001");
    assert_eq!(play.market.candidate(), None);
}

#[test]
fn the_multiplier_is_weighed_against_the_direction_of_the_candidate() {
    let mut model = Model::unfitted();
    let (name, weight) = ("market_ofi".to_owned(), 1.0);
    model.features.push(ModelFeature { name, mean: 0.0, sd: 1.0, weight });
    let rules = rules(model);
    let mut play = Play::new(rules);
    play.go_on("b@100=2001 .@1000");
    play.market.state.slow.agreement = Ok(0.6);
    for (ofi, multiplier) in [("+3", 1.3), ("+-3", 0.7)] {
        play.go_on(&format!("b@1100=2001{ofi}"));
        let outlook = play.market.outlook(0, None, &play.rules);
        let candidate = outlook.candidate.unwrap();
        assert!((outlook.multiplier - multiplier).abs() < 1e-12, "{outlook:?}");
        let p = crate::decision::combine::probability(candidate.logit * multiplier).unwrap();
        assert!((candidate.p_raw - p).abs() < 1e-12, "{candidate:?}");
        assert!((candidate.score - (2.0 * p - 1.0)).abs() < 1e-12, "{candidate:?}");
        assert_eq!((candidate.missing, candidate.features_count), (0b1011, 5));
        assert_eq!(candidate.values().last(), Some(&Ok(ofi[1..].parse().unwrap())));
    }
}

#[test]
fn seconds_close_once_each_and_for_a_minute_after_the_last_event() {
    let ends = |script: &str| {
        play(script).seconds.iter().map(|second| second.end / SECOND_NANOS).collect::<Vec<_>>()
    };
    assert_eq!(ends("b@100=2001 b@3500=2001"), [1, 2, 3]);
    assert_eq!(ends("b@100=2001 .@2000 b@3500=2001"), [1, 2, 3]);
    assert_eq!(ends("b@1000=2001 b@1001=2001"), [1]);
    assert_eq!(ends("b@100=2001 b@900000=2001").len(), 61);
}

#[test]
fn the_bar_of_a_second_holds_what_was_traded_in_it() {
    let play = play("b@100=2001 b@200*3 b@300*-1 b@1000*2 c@1001*9 .@2000");
    let bars: Vec<_> = play
        .seconds
        .iter()
        .map(|second| {
            second.instruments.iter().map(|one| (one.bar.signed_volume, one.bar.trades)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(bars, [vec![(4_000, 3)], vec![(0, 0), (9_000, 1)]]);
    let [first, ..] = &play.seconds[..] else { panic!() };
    assert_eq!(first.instruments[0].latency_ms, Ok(7.0));
    assert_eq!(first.instruments[0].frames[1].windows[0].value, Ok(4.0 / 6.0));
    assert_eq!(first.instruments[0].mid_doubled, Some(2_001));
}

#[test]
fn nothing_is_believed_behind_a_fence() {
    let play = play("b@100=2001+5 b@200fence b@300*3 b@400up .@1000");
    let second = &play.seconds[0];
    assert_eq!((second.instruments[0].bar.volume, second.found.len()), (0, 0));
    assert!(second.instruments[0].bar.is_broken);
    assert_eq!(play.feature("market_ofi"), Err(Absent::Resync));
    assert_eq!(play.feature("sweep_pressure"), Ok(0.0));
}

#[test]
fn the_order_flow_of_a_market_is_the_mean_over_its_instruments() {
    let check = |script: &str, expect| assert_eq!(play(script).feature("market_ofi"), expect, "{script}");
    check("b@100=2001 .@1000", Err(Absent::Cold));
    check("b@100=2001+3 c@200=2001+-1 k@300=2001 .@1000", Ok(1.0));
    // What is older than the window is silence.
    check("b@100=2001+3 c@1200=2001+-1 .@2000", Ok(-1.0));
    check("b@100=2001+3 .@2000", Err(Absent::NoEvents));
}

#[test]
fn sweeps_press_and_two_venues_at_once_press_more() {
    let check = |script: &str, expect: f64, found: usize| {
        let play = play(script);
        let pressure = play.feature("sweep_pressure").unwrap();
        assert!((pressure - expect).abs() < 1e-9, "{script}: {pressure}");
        let count: usize = play.seconds.iter().map(|second| second.found.len()).sum();
        assert_eq!(count, found, "{script}");
    };
    check("b@0=2001 b@1000up .@1000", 1.0, 1);
    check("b@0=2001 b@1000down .@1000", -1.0, 1);
    check("b@0=2001 b@1000up c@1000up .@1000", 3.0, 3);
    check("b@0=2001 b@1000up c@1000down .@1000", 0.0, 2);
    check("b@0=2001 b@1000up .@6000", 0.5, 1);
    let refills = play("b@0=2001 b@1000bid c@1000bid b@1000ask .@1000");
    assert_eq!(refills.feature("refill_pressure"), Ok(1.0));
}

#[test]
fn a_newcomer_moves_the_places_of_the_others() {
    let mut play = play("k@100=2001 k@200*9 .@1000 k@1100up c@1200=2001 b@1300down .@2000");
    assert_eq!(play.primary(), "kraken");
    let found: Vec<_> = play.seconds[1]
        .found
        .iter()
        .map(|found| match found {
            Found::Of { instrument, .. } => play.market.instrument(*instrument).unwrap().venue.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(found, ["kraken", "binance"]);
    // Binance has no mid yet: two are compared, then three.
    assert_eq!(play.seconds[1].pairs.len(), 1);
    assert!(play.seconds[1].is_rearranged);
    play.go_on("b@2100=2001 .@3000 .@4000");
    assert_eq!(play.seconds[2].pairs.len(), 2);
    assert!(play.seconds[2].is_rearranged && !play.seconds[3].is_rearranged);
    assert_eq!(play.seconds[2].pairs[0].latency_difference_ms, Ok(0.0));
}

#[test]
fn there_is_a_limit_of_instruments_and_of_those_compared() {
    let mut play = play("b@100=2001 b@200*9");
    for number in 0..40 {
        let quote = QuoteEvent { bid: Level::new(1, 1), ask: Level::new(2, 1) };
        let symbol = format!("BTCUSD{number:02}");
        let observed = play.observe(
            Venue::Binance,
            &symbol,
            300 * MILLI,
            &EventBody::Quote(quote),
            &reading(Some(2_001), None),
        );
        assert_eq!(observed.is_skipped, number >= 31);
    }
    play.go_on(".@1000");
    assert_eq!((play.seconds[0].instruments.len(), play.seconds[0].pairs.len()), (32, 7));
    // One of those that had no place becomes the primary one.
    let trade = TradeEvent {
        trade_id: 1,
        price: Price(1_000),
        qty: Qty(90_000),
        aggressor: Aggressor::Buy,
        maker: None,
    };
    let silent = Reading { features: None, ..reading(None, None) };
    play.observe(Venue::Binance, "BTCUSD30", 1_100 * MILLI, &EventBody::Trade(trade), &silent);
    play.go_on(".@2000");
    let primary = play.seconds[1].primary.and_then(|at| play.market.instrument(at)).unwrap();
    assert_eq!((primary.symbol, play.seconds[1].pairs.len()), ("BTCUSD30", 7));
}

/// Two minutes in which Coinbase moves at random twice a second and Binance follows after 100 ms.
fn followed() -> Play {
    let mut play = play("b@10=200001 c@20=200001 b@30*9");
    let mut random = 7u32;
    let mut mid = 200_001;
    for step in 1..=260i64 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        mid += 2 * (i64::from(random >> 24) - 128);
        let at = 500 * step;
        play.go_on(&format!("c@{}={mid} b@{}={mid}", at + 15, at + 115));
    }
    play
}

#[test]
fn a_venue_that_leads_foretells_the_primary_one() {
    let mut play = followed();
    let leader = play.seconds.last().unwrap().leader.and_then(|at| play.market.instrument(at)).unwrap();
    assert_eq!(leader.venue, Venue::Coinbase);
    // Coinbase has jumped up two bins before the one that is open, and Binance is yet to follow.
    play.go_on("c@130885=210001 .@131000");
    let (signal, z) = (play.feature("lead_signal").unwrap(), play.feature("lead_z").unwrap());
    assert!(signal > 0.0 && z > 0.0, "{signal} {z}");
    assert_eq!(play.market.state.slow.lead_z, Ok(z));
    let only = super::tests::play("b@10=200001 .@1000");
    assert_eq!(only.feature("lead_signal"), Err(Absent::DataType));
}

#[test]
fn absorption_points_against_the_aggressor_and_needs_lambda() {
    let absorbed = Reading {
        absorbed: Ok(AbsorbedFlow {
            aggressor: Aggressor::Sell,
            volume: 50.0,
            signed_move: 0.0,
            added: 3.0,
            executed: 4.0,
        }),
        ..reading(Some(2_001), None)
    };
    let body = || EventBody::Book(BookView::default());
    let mut cold = play("b@100=2001 .@1000");
    cold.observe(Venue::Binance, "BTCUSDT", 1_100 * MILLI, &body(), &absorbed);
    cold.go_on(".@2000");
    assert_eq!(cold.feature("absorption"), Err(Absent::Cold));
    let mut warm = play("b@100=2001");
    for second in 1..90i64 {
        let qty = second % 7 - 3;
        if qty != 0 {
            warm.go_on(&format!("b@{}*{qty}", second * 1_000 + 1));
        }
        warm.go_on(&format!("b@{}={}", second * 1_000 + 2, 2_001 + 2 * (qty + second)));
    }
    warm.observe(Venue::Binance, "BTCUSDT", 90_000 * MILLI, &body(), &absorbed);
    warm.go_on(".@90000");
    assert_eq!(warm.feature("absorption"), Ok(0.75));
    let found = warm.seconds.last().unwrap().found.clone();
    assert!(matches!(found[..], [Found::Absorbed { instrument: 0, .. }]), "{found:?}");
}

#[test]
fn it_is_saved_and_loaded_whole() {
    let mut play = followed();
    play.go_on("b@131000up c@131010up c@131020*4 k@131100=2001");
    let saved = serde_json::to_string(&play.market.to_saved()).unwrap();
    let loaded = serde_json::from_str(&saved).unwrap();
    let loaded = MarketContext::from_saved(MARKET, loaded, &play.rules).unwrap();
    assert!(loaded == play.market);
    assert_eq!(serde_json::to_string(&loaded.to_saved()).unwrap(), saved);
    // Measured over another horizon, VPIN begins anew and the rest goes on.
    let day = ContextRules::new(&ContextConfig::default(), Model::unfitted()).unwrap();
    let other = MarketContext::from_saved(MARKET, serde_json::from_str(&saved).unwrap(), &day).unwrap();
    assert!(other != play.market && other.state == play.market.state);
    for (from, to) in [
        ("\"primary\":0", "\"primary\":7"),
        ("\"is_compared\":true", "\"is_compared\":false"),
        ("\"next_end\":132000000000", "\"next_end\":0"),
        ("\"instrument\":1", "\"instrument\":3"),
    ] {
        let broken = saved.replacen(from, to, 1);
        assert!(broken != saved, "{from}");
        let broken = serde_json::from_str(&broken);
        let is_refused = broken.is_err()
            || broken.is_ok_and(|broken| MarketContext::from_saved(MARKET, broken, &play.rules).is_none());
        assert!(is_refused, "{to}");
    }
}
