//! What order flow says about prices, and what routing saves, measured on recordings.
//!
//! | module | answers |
//! | --- | --- |
//! | [`planted`] | what features recover of an edge that was planted, and that they find none where there is none |
//! | [`detectors`] | which injected episodes were detected, and which alarms were false |
//! | [`bars`] | how did price, book and trades change between common cuts |
//! | [`fit`] | least squares, ridge and the integrated form, all by the estimators that decide |
//! | [`newey_west`] | how sure is a slope whose errors are neither alike nor independent |
//! | [`regression`] | one regression: in sample, by blocks of time, out of sample |
//! | [`ofi`] | the table: every regression of one instrument |
//! | [`routing`] | how much the cheapest split over venues saves against the best single one |
//!
//! Everything here is pure. A regression of a bar's price change on the same bar's flow explains and does not forecast;
//! none of it says that money can be made (methods reference, section 10).

pub mod bars;
pub mod detectors;
pub mod fit;
pub mod newey_west;
pub mod ofi;
pub mod planted;
pub mod regression;
pub mod routing;
