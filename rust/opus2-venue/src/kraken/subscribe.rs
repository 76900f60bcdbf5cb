//! Requests to the venue: their text, and which answers are still to come.

use std::collections::VecDeque;

use opus2_types::FeedKind;
use serde_json::json;

/// The path of every v2 connection.
pub const PATH: &str = "/v2";
/// How many instruments one connection may follow: the venue's own limit for `level3`, and twice what clients find good
/// for `book`.
pub const INSTRUMENTS_PER_CONNECTION_MAX: usize = 200;
/// How many symbols one request names.
pub const SYMBOLS_PER_REQUEST_MAX: usize = 50;
/// The least time between two requests: the venue answers haste with "Exceeded msg rate".
pub const REQUEST_NANOS_MIN: i64 = 100_000_000;
/// What `level3` subscriptions of a standard account may cost in a second.
pub const ORDERS_COST_PER_SEC_MAX: u32 = 200;
/// How many requests are remembered until all of their answers have come; the oldest are forgotten first.
const OPEN_REQUESTS_MAX: usize = 1024;

/// What is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// `instrument`, of all pairs.
    Pairs,
    /// The book that the instruments are followed by.
    Book,
    /// `trade`.
    Trades,
    /// `ticker`, at every change of the best prices.
    Quotes,
}

/// What a symbol's subscription costs of [`ORDERS_COST_PER_SEC_MAX`]; zero where the venue does not count.
///
/// # Source
/// Kraken WebSocket v2, "Level 3", rate limits, read November 2026.
#[must_use]
pub const fn subscription_cost(feed: FeedKind) -> u32 {
    match feed {
        FeedKind::KrakenOrders { depth: 0..=10 } => 5,
        FeedKind::KrakenOrders { depth: 11..=100 } => 25,
        FeedKind::KrakenOrders { .. } => 100,
        _ => 0,
    }
}

/// How many symbols a book request may name.
pub(super) const fn symbols_per_request(feed: FeedKind) -> usize {
    match subscription_cost(feed) {
        0 => SYMBOLS_PER_REQUEST_MAX,
        cost => (ORDERS_COST_PER_SEC_MAX / cost) as usize,
    }
}

/// A request that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) topic: Topic,
    pub(super) is_subscribe: bool,
    /// Indices of instruments; none for [`Topic::Pairs`].
    pub(super) instruments: Vec<usize>,
}

impl Request {
    /// Its text. `feed` says which book; `token` is needed by books of orders alone.
    pub(super) fn text(&self, id: u64, feed: FeedKind, symbols: &[&str], token: Option<&str>) -> String {
        let mut params = match (self.topic, feed) {
            (Topic::Pairs, _) => json!({"channel": "instrument"}),
            (Topic::Book, FeedKind::KrakenOrders { depth }) => json!({"channel": "level3", "depth": depth}),
            (Topic::Book, _) => json!({"channel": "book", "depth": feed.depth()}),
            (Topic::Trades, _) => json!({"channel": "trade"}),
            (Topic::Quotes, _) => json!({"channel": "ticker", "event_trigger": "bbo"}),
        };
        if self.topic != Topic::Pairs {
            params["symbol"] = json!(symbols);
        }
        if self.is_subscribe {
            // Old trades are of no use; of everything else the present state is.
            params["snapshot"] = json!(self.topic != Topic::Trades);
        }
        if let (Topic::Book, Some(token)) = (self.topic, token) {
            params["token"] = json!(token);
        }
        let method = if self.is_subscribe { "subscribe" } else { "unsubscribe" };
        json!({"method": method, "params": params, "req_id": id}).to_string()
    }
}

/// Requests whose answers have not all come.
#[derive(Debug, Default)]
pub(super) struct OpenRequests {
    last_id: u64,
    open: VecDeque<(u64, Request)>,
}

impl OpenRequests {
    /// A number for a request, never used before on this connection.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Remembers a request that was sent.
    pub(super) fn sent(&mut self, id: u64, request: Request) {
        if self.open.len() == OPEN_REQUESTS_MAX {
            self.open.pop_front();
        }
        self.open.push_back((id, request));
    }

    /// An answer to request `id` came, about one instrument or, if that is `None`, about whatever is unanswered of it.
    /// Gives the request as far as this answers it.
    pub(super) fn answered(&mut self, id: u64, instrument: Option<usize>) -> Option<Request> {
        let at = self.open.iter().position(|open| open.0 == id)?;
        let request = &mut self.open[at].1;
        let answered = match instrument {
            Some(instrument) => {
                let place = request.instruments.iter().position(|other| *other == instrument)?;
                vec![request.instruments.swap_remove(place)]
            }
            None => std::mem::take(&mut request.instruments),
        };
        let answer = Request { instruments: answered, ..*request };
        if request.instruments.is_empty() {
            self.open.remove(at);
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: FeedKind = FeedKind::KrakenBook { depth: 100 };
    const ORDERS: FeedKind = FeedKind::KrakenOrders { depth: 1000 };

    #[test]
    fn requests_have_the_venues_form() {
        for (topic, is_subscribe, feed, token, expect) in [
            (
                Topic::Pairs,
                true,
                BOOK,
                None,
                r#"{"method":"subscribe","params":{"channel":"instrument","snapshot":true},"req_id":7}"#,
            ),
            (
                Topic::Book,
                true,
                BOOK,
                None,
                r#"{"method":"subscribe","params":{"channel":"book","depth":100,"snapshot":true,"symbol":["BTC/USD","\"x"]},"req_id":7}"#,
            ),
            (
                Topic::Book,
                false,
                BOOK,
                None,
                r#"{"method":"unsubscribe","params":{"channel":"book","depth":100,"symbol":["BTC/USD","\"x"]},"req_id":7}"#,
            ),
            (
                Topic::Book,
                true,
                ORDERS,
                Some("t0"),
                r#"{"method":"subscribe","params":{"channel":"level3","depth":1000,"snapshot":true,"symbol":["BTC/USD","\"x"],"token":"t0"},"req_id":7}"#,
            ),
            (
                Topic::Trades,
                true,
                BOOK,
                None,
                r#"{"method":"subscribe","params":{"channel":"trade","snapshot":false,"symbol":["BTC/USD","\"x"]},"req_id":7}"#,
            ),
            (
                Topic::Quotes,
                true,
                BOOK,
                None,
                r#"{"method":"subscribe","params":{"channel":"ticker","event_trigger":"bbo","snapshot":true,"symbol":["BTC/USD","\"x"]},"req_id":7}"#,
            ),
        ] {
            let request = Request { topic, is_subscribe, instruments: vec![0, 1] };
            let text = request.text(7, feed, &["BTC/USD", "\"x"], token);
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(parse(&text), parse(expect));
        }
    }

    #[test]
    fn a_second_of_the_budget_fits_into_one_request() {
        for (depth, expect) in [(10, 40), (100, 8), (1000, 2)] {
            assert_eq!(symbols_per_request(FeedKind::KrakenOrders { depth }), expect);
        }
        assert_eq!(symbols_per_request(BOOK), SYMBOLS_PER_REQUEST_MAX);
    }

    #[test]
    fn answers_are_matched_with_what_is_unanswered() {
        let mut open = OpenRequests::default();
        let request = Request { topic: Topic::Book, is_subscribe: true, instruments: vec![4, 5, 6] };
        let id = open.next_id();
        open.sent(id, request.clone());
        let of =
            |instruments: &[usize]| Some(Request { instruments: instruments.to_vec(), ..request.clone() });
        assert_eq!(open.answered(id, Some(5)), of(&[5]));
        assert_eq!(open.answered(id, Some(5)), None, "answered already");
        assert_eq!(open.answered(id + 1, Some(4)), None, "never asked");
        let mut rest = open.answered(id, None).unwrap();
        rest.instruments.sort_unstable();
        assert_eq!(Some(rest), of(&[4, 6]));
        assert_eq!(open.answered(id, None), None);
        for _ in 0..2 * OPEN_REQUESTS_MAX {
            let id = open.next_id();
            open.sent(id, request.clone());
        }
        assert_eq!(open.open.len(), OPEN_REQUESTS_MAX);
    }
}
