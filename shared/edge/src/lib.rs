//! The edge of the public ring: what every route does before and after its own work.
//!
//! A gateway event becomes a [`Call`]; the limiter counts it; the handler answers or names a [`Problem`]; and the ring puts
//! either into the envelope, with CORS and rate-limit headers on everything, and writes one log line. It calls no table, and it
//! is the only place where a problem becomes a status.
//!
//! The event is read here and not by `lambda_http`, whose adapter refuses a header with a control character and panics on an
//! `X-Forwarded-Proto` that is no scheme: a gateway's 502 that a caller could provoke.

mod call;
mod cors;
mod event;
mod limiter;
mod problem;
mod response;
mod serve;

pub use call::Call;
pub use cors::{AllowedOrigins, InvalidOrigins};
pub use event::Event;
pub use problem::Problem;
pub use response::{Created, Response};
pub use serve::{Ring, guarded};
