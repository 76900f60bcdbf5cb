//! The methods' laws, over random input, and their answers to made-up markets: one program, so that it is linked once.

mod context_laws;
mod cross_venue;
mod decision_laws;
mod detector_laws;
mod detectors;
mod flow_laws;
mod laws;
mod moves;
mod plans;
mod risk_laws;
mod routing;
mod schedules;
mod trade_features;
