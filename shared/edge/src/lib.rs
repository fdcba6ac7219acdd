//! The edge of the public API: what every route does before and after its own work.
//!
//! A gateway event becomes a [`Call`]; the limiter counts it; the route's handler gives a [`Reply`] or a [`Problem`]; and the edge
//! makes the response of either, with CORS and rate-limit headers on everything, and writes one log line. It is the only place
//! where a problem becomes a status, and it knows no enquiry: what a route takes, and its own words, are in its [`Route`].

mod call;
mod cors;
mod edge;
mod envelope;
mod guard;
mod limiter;
mod problem;
mod reply;
mod response;
mod route;
mod settings;

pub use call::Call;
pub use cors::{AllowedOrigins, InvalidOrigins};
pub use edge::Edge;
pub use guard::GatewayEvent;
/// The types of HTTP that routes are written in.
pub use lambda_http::http;
pub use problem::{ErrorKind, ErrorReply, Problem};
pub use reply::{Meta, Reply};
pub use response::Response;
pub use route::Route;
pub use settings::Settings;
