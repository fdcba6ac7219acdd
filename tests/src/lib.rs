//! What the end-to-end tests share: the deployed local stack, callers with their own addresses, the released functions
//! behind a proxy that makes calls fail, and access to stored enquiries and sent emails. It knows the wire format and
//! the tables' attributes. It deliberately shares no code with the functions, so that their mistakes cannot hide here.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that cannot go on fails by panicking")]

mod caller;
mod deployed;
mod environment;
mod events;
mod http;
mod lambda;
mod notifications;
mod proxy;
mod recorded;
mod response;
mod stack;
mod stored;
mod unique;

pub use caller::{Call, Caller, ENQUIRIES};
pub use events::{event_of_delivery, event_of_post, event_of_schedule};
pub use lambda::{Function, Instance, Outcome};
pub use notifications::Mail;
pub use proxy::{AwsCall, Failure, Fault, Proxy};
pub use recorded::{Calls, assert_recorded};
pub use response::{Response, codes};
pub use stack::Stack;
pub use stored::{Item, Table};
pub use unique::{unique_ipv4_address, unique_ipv6_network, unique_text};
