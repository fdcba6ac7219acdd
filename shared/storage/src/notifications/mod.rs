//! The table `enquiries` again: the notifications, a file for each function that works on them.

mod claim;
mod delivery;
mod due;
mod table;

pub use claim::{Claim, Claimed, Claims, Postponed};
pub use delivery::{Deliveries, DeliveryMoved};
pub use due::{Due, DueInShard, DueNotifications, Moved};
pub use table::Written;
