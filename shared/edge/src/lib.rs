//! The edge of the public API: what every route does before and after its own work.
//!
//! It turns a gateway event into a [`Call`], and the limiter counts it. The route's handler returns a [`Reply`] or a
//! [`Problem`], and the edge builds the response, adds the CORS and rate-limit headers, and writes one log line. Only
//! the edge turns a problem into a status. It knows nothing about enquiries: a [`Route`] has the route's limits and
//! messages.

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
/// The HTTP types that routes use.
pub use lambda_http::http;
pub use problem::{ErrorKind, ErrorReply, Problem};
pub use reply::{Meta, Reply};
pub use response::Response;
pub use route::Route;
pub use settings::Settings;
