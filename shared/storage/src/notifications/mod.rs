//! The enquiries' notifications, in the table `enquiries`, with one file for each function that uses them.

mod claim;
mod delivery;
mod due;
mod table;

pub use claim::{Claim, Claimed, Claims, Postponed};
pub use delivery::{Deliveries, DeliveryMoved};
pub use due::{Due, DueInShard, DueNotifications, Moved};
pub use table::Written;
