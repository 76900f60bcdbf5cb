//! Laws of the L3 book: it behaves as a plain list of orders does, and its sums as an L2 book kept apart from it.

use opus2_book::{InsertRefused, L2Book, L3Book, OrderChange, QueuePosition};
use opus2_types::{Level, Order, OrderId, Price, Qty, Side};
use proptest::prelude::*;

const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

#[derive(Debug, Clone)]
enum Step {
    Insert(Side, Order),
    Reduce(OrderId, Qty),
    Resize(OrderId, Qty),
    Modify(OrderId, Price, Qty),
    Remove(OrderId),
    Truncate(usize),
    SaveAndRestore,
}

/// Few ids and prices, so that they meet; now and then a quantity near the limit, or none.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || (0u64..60).prop_map(OrderId::from);
    let price = || prop_oneof![8 => 90i64..110, 1 => Just(1), 1 => Just(i64::MAX)].prop_map(Price);
    let qty = || prop_oneof![12 => 1i64..20, 1 => -2i64..=0, 1 => Just(i64::MAX)].prop_map(Qty);
    let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
    let step = prop_oneof![
        10 => (side, id(), price(), qty()).prop_map(|(side, id, price, qty)| Step::Insert(side, Order { id, price, qty })),
        3 => (id(), qty()).prop_map(|(id, by)| Step::Reduce(id, by)),
        2 => (id(), qty()).prop_map(|(id, qty)| Step::Resize(id, qty)),
        3 => (id(), price(), qty()).prop_map(|(id, price, qty)| Step::Modify(id, price, qty)),
        5 => id().prop_map(Step::Remove),
        1 => (1usize..12).prop_map(Step::Truncate),
        1 => Just(Step::SaveAndRestore),
    ];
    prop::collection::vec(step, 0..300)
}

/// Every order in the order of arrival at its price, and an L2 book that is told each difference.
#[derive(Default)]
struct Model {
    orders: Vec<(Side, Order)>,
    l2: std::collections::BTreeMap<(Side, Price), i128>,
}

impl Model {
    fn find(&self, id: OrderId) -> Option<usize> {
        self.orders.iter().position(|(_, order)| order.id == id)
    }

    fn add(&mut self, side: Side, price: Price, qty: i128) -> Level {
        let sum = self.l2.entry((side, price)).or_default();
        *sum += qty;
        let level = Level { price, qty: Qty(i64::try_from(*sum).unwrap_or(i64::MAX)) };
        if *sum == 0 {
            self.l2.remove(&(side, price));
        }
        level
    }

    fn insert(&mut self, side: Side, order: Order) -> Result<Level, InsertRefused> {
        if order.qty.0 <= 0 {
            return Err(InsertRefused::NoQuantity);
        }
        if self.find(order.id).is_some() {
            return Err(InsertRefused::Duplicate);
        }
        self.orders.push((side, order));
        Ok(self.add(side, order.price, order.qty.0.into()))
    }

    /// Gives an order another price and quantity, at the end of the list if it loses its place.
    fn set(&mut self, at: usize, price: Price, qty: Qty, loses_place: bool) -> OrderChange {
        let (side, before) = self.orders[at];
        let qty = Qty(qty.0.max(0));
        let price = if qty.0 == 0 { before.price } else { price };
        if qty.0 == 0 || loses_place {
            self.orders.remove(at);
        }
        let after = Order { id: before.id, price, qty };
        if qty.0 > 0 && loses_place {
            self.orders.push((side, after));
        } else if qty.0 > 0 {
            self.orders[at].1 = after;
        }
        let left = self.add(side, before.price, -i128::from(before.qty.0));
        let level = self.add(side, price, qty.0.into());
        OrderChange { side, before, qty, level, left: (price != before.price).then_some(left) }
    }

    fn change(&mut self, step: &Step) -> Option<OrderChange> {
        let (Step::Reduce(id, _) | Step::Resize(id, _) | Step::Modify(id, _, _) | Step::Remove(id)) = step
        else {
            return None;
        };
        let at = self.find(*id)?;
        let before = self.orders[at].1;
        Some(match *step {
            Step::Reduce(_, by) => self.set(at, before.price, Qty(before.qty.0 - by.0.max(0)), false),
            Step::Resize(_, qty) => self.set(at, before.price, qty, false),
            Step::Modify(_, price, qty) => {
                self.set(at, price, qty, price != before.price || qty > before.qty)
            }
            _ => self.set(at, before.price, Qty(0), false),
        })
    }

    fn truncate(&mut self, levels_max: usize) -> usize {
        let before = self.orders.len();
        for side in SIDES {
            let mut prices: Vec<Price> = self.levels(side).map(|level| level.price).collect();
            for price in prices.drain(levels_max.min(prices.len())..) {
                self.l2.remove(&(side, price));
                self.orders.retain(|(of, order)| *of != side || order.price != price);
            }
        }
        before - self.orders.len()
    }

    fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let mut levels: Vec<Level> = self
            .l2
            .iter()
            .filter(|((of, _), _)| *of == side)
            .map(|((_, price), sum)| Level {
                price: *price,
                qty: Qty(i64::try_from(*sum).unwrap_or(i64::MAX)),
            })
            .collect();
        if side == Side::Bid {
            levels.reverse();
        }
        levels.into_iter()
    }

    fn queue(&self, side: Side, price: Price) -> Vec<Order> {
        let of_price = |(of, order): &&(Side, Order)| *of == side && order.price == price;
        self.orders.iter().filter(of_price).map(|(_, order)| *order).collect()
    }
}

fn change(book: &mut L3Book, step: &Step) -> Option<OrderChange> {
    match *step {
        Step::Reduce(id, by) => book.reduce(id, by),
        Step::Resize(id, qty) => book.resize(id, qty),
        Step::Modify(id, price, qty) => book.modify(id, price, qty),
        Step::Remove(id) => book.remove(id),
        _ => None,
    }
}

fn compare(book: &L3Book, model: &Model, apart: &L2Book) -> Result<(), TestCaseError> {
    prop_assert_eq!(book.len(), model.orders.len());
    prop_assert_eq!(book.l2(), apart);
    for side in SIDES {
        let levels: Vec<Level> = model.levels(side).collect();
        prop_assert_eq!(book.queues(side).map(|queue| queue.level()).collect::<Vec<_>>(), levels.clone());
        prop_assert_eq!(book.l2().side(side).levels().collect::<Vec<_>>(), levels.clone());
        for queue in book.queues(side) {
            let orders: Vec<Order> = queue.orders().collect();
            prop_assert_eq!(orders.len(), queue.orders_count() as usize);
            prop_assert_eq!(&orders, &model.queue(side, queue.level().price));
            let (mut orders_ahead, mut ahead) = (0, 0i128);
            for order in orders {
                let qty_ahead = Qty(i64::try_from(ahead).unwrap_or(i64::MAX));
                prop_assert_eq!(book.position(order.id), Some(QueuePosition { orders_ahead, qty_ahead }));
                prop_assert_eq!(book.order(order.id), Some((side, order)));
                orders_ahead += 1;
                ahead += i128::from(order.qty.0);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_book_is_a_list_of_orders_and_its_sums_an_l2_book(steps in steps()) {
        let (mut book, mut model, mut apart) = (L3Book::new(), Model::default(), L2Book::new());
        for step in &steps {
            match *step {
                Step::Insert(side, order) => {
                    let inserted = book.insert(side, order);
                    prop_assert_eq!(inserted, model.insert(side, order));
                    if let Ok(level) = inserted {
                        apart.apply(side, level);
                    }
                }
                Step::Truncate(levels_max) => {
                    prop_assert_eq!(book.truncate(levels_max), model.truncate(levels_max));
                    for side in SIDES {
                        while apart.side(side).len() > levels_max {
                            apart.remove_worst(side);
                        }
                    }
                }
                Step::SaveAndRestore => {
                    let restored = L3Book::restore(&book.save());
                    prop_assert_eq!(restored.as_ref(), Some(&book));
                    book = restored.expect("compared just now");
                }
                _ => {
                    let changed = change(&mut book, step);
                    prop_assert_eq!(changed, model.change(step));
                    if let Some(OrderChange { side, level, left, .. }) = changed {
                        apart.apply(side, level);
                        left.map(|left| apart.apply(side, left));
                    }
                }
            }
            compare(&book, &model, &apart)?;
        }
        let mut again = L3Book::new();
        prop_assert_eq!(again.replace(book.orders(Side::Bid), book.orders(Side::Ask)), 0);
        prop_assert_eq!(&again, &book);
        book.clear();
        compare(&book, &Model::default(), &L2Book::new())?;
    }
}

#[test]
fn what_no_book_can_have_saved_is_not_restored() {
    let mut book = L3Book::new();
    for (id, price) in [(1, 10), (2, 10), (3, 9)] {
        book.insert(Side::Bid, Order::new(OrderId(id), price, 5)).expect("ids differ");
    }
    let good = book.save();
    assert_eq!(L3Book::restore(&good), Some(book));
    let check = |what: &str, spoil: &dyn Fn(&mut opus2_book::SavedOrders)| {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert_eq!(L3Book::restore(&bad), None, "{what}");
    };
    check("an order too few", &|bad| bad.bids.orders.truncate(2));
    check("an order too many", &|bad| bad.bids.orders.push((OrderId(4), Qty(1))));
    check("one id twice", &|bad| bad.bids.orders[1].0 = OrderId(1));
    check("one id on both sides", &|bad| bad.asks = bad.bids.clone());
    check("no quantity", &|bad| bad.bids.orders[1].1 = Qty(0));
    check("worst price first", &|bad| bad.bids.prices.reverse());
    check("one price twice", &|bad| bad.bids.prices[1].0 = bad.bids.prices[0].0);
    check("a price without orders", &|bad| bad.asks.prices.push((Price(1), 0)));
    check("more orders than there are", &|bad| bad.bids.prices[1].1 = u32::MAX);
}

#[test]
fn a_refused_order_changes_nothing() {
    let mut book = L3Book::new();
    let order = Order::new(OrderId(7), 10, 1);
    book.insert(Side::Ask, order).expect("the book is empty");
    assert_eq!(book.insert(Side::Bid, order), Err(InsertRefused::Duplicate));
    assert_eq!(book.insert(Side::Bid, Order::new(OrderId(8), 10, 0)), Err(InsertRefused::NoQuantity));
    assert_eq!(book.orders(Side::Ask).collect::<Vec<_>>(), [order]);
    assert!(book.l2().side(Side::Bid).is_empty());
}
