//! The notifications that are due, for the sweeper.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Select};
use aws_types::SdkConfig;
use domain::notification::DUE_AFTER_REQUEUE;
use domain::{EnquiryId, saturating_add};
use jiff::Timestamp;

use super::table::{SETTLED_REMOVE, Table, Written, send};
use crate::attributes::{parsed, text, text_of, time, timestamp_text};
use crate::enquiry_item::{created_at_of, id_of};
use crate::error::StorageError;
use crate::notification_item::{FAILED, state_of, timeline_entry};

const MAIL_DUE_INDEX: &str = "mail-due";
const QUERY: &str = "Query enquiries mail-due";
const QUERY_WHERE: &str = "mail_due_shard = :shard AND mail_due_at <= :now";

const IF_STILL_DUE: &str = "mail_due_at = :seen";
const MOVE: &str = "UpdateItem enquiries (move)";
const MOVE_UPDATE: &str = "SET mail_due_at = :until REMOVE expires_at";
const GIVE_UP: &str = "UpdateItem enquiries (give up)";
const GIVE_UP_SET: &str = "SET mail_state = :failed, \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";

/// The notifications that are due.
#[derive(Clone, Debug)]
pub struct DueNotifications {
    table: Table,
}

/// A notification that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// The enquiry's id.
    pub id: EnquiryId,
    due_at: String,
}

/// The due notifications of one shard.
#[derive(Clone, Debug, Default)]
pub struct DueInShard {
    /// The notifications, longest overdue first.
    pub due: Vec<Due>,
    /// How many more are due. Above about ten thousand, this is a lower bound. It is 1 if they could not be counted.
    pub left: usize,
    /// How many of the items read are not enquiries.
    pub unreadable: usize,
}

/// The result of moving a due time.
#[derive(Clone, Debug)]
pub enum Moved {
    /// It is now due later, and the caller may queue it.
    Later {
        /// When its wait for an email began: when it was recorded, or when an operator made it due again after a
        /// failure. `None` if the record has no readable time.
        pending_since: Option<Timestamp>,
        /// The notification with its new due time.
        due: Due,
    },
    /// It was emailed, claimed or moved in the meantime.
    Overtaken,
}

impl DueNotifications {
    /// The notifications of the enquiries in `table`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String) -> Self {
        Self { table: Table::new(sdk, table) }
    }

    /// The due notifications of one of the [`MAIL_DUE_SHARDS`](crate::MAIL_DUE_SHARDS), up to `limit`.
    ///
    /// # Errors
    /// When DynamoDB did not respond.
    pub async fn in_shard(&self, shard: u8, now: Timestamp, limit: u16) -> Result<DueInShard, StorageError> {
        let query = || {
            self.table
                .client
                .query()
                .table_name(&self.table.name)
                .index_name(MAIL_DUE_INDEX)
                .key_condition_expression(QUERY_WHERE)
                .expression_attribute_values(":shard", text(shard.to_string()))
                .expression_attribute_values(":now", time(now))
        };
        let mut found = DueInShard::default();
        let mut start = None;
        loop {
            let missing = i32::from(limit) - i32::try_from(found.due.len() + found.unreadable).unwrap_or(i32::MAX);
            let page = query().limit(missing).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| StorageError::of(QUERY, &error))?;
            for item in page.items() {
                let due_at = text_of(item, "mail_due_at").unwrap_or_default().to_owned();
                match id_of(item, QUERY) {
                    Ok(id) => found.due.push(Due { id, due_at }),
                    Err(_) => found.unreadable += 1,
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() || found.due.len() + found.unreadable >= usize::from(limit) {
                break;
            }
        }
        if start.is_some() {
            let rest = query().select(Select::Count).set_exclusive_start_key(start).send().await;
            // Even without the count, the notifications found can be requeued.
            found.left = rest.map_or(1, |rest| usize::try_from(rest.count).unwrap_or_default());
        }
        Ok(found)
    }

    /// Moves the due time, if it has not changed since the query. Only one caller succeeds, and may queue the
    /// notification.
    ///
    /// # Errors
    /// When the call to DynamoDB failed. If it has moved the due time, the notification becomes due again.
    pub async fn move_due(&self, due: &Due, now: Timestamp) -> Result<Moved, StorageError> {
        let until = timestamp_text(saturating_add(now, DUE_AFTER_REQUEUE));
        let update = self
            .table
            .update(&due.id, IF_STILL_DUE, MOVE_UPDATE)
            .expression_attribute_values(":seen", text(&due.due_at))
            .expression_attribute_values(":until", text(&until))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let item = match send(update, MOVE).await? {
            Ok(item) => item,
            // The response to our first attempt was lost.
            Err(Some(old)) if text_of(&old, "mail_due_at") == Some(&until) => old,
            Err(_) => return Ok(Moved::Overtaken),
        };
        let pending_since = parsed(&item, "mail_pending_since", MOVE).or_else(|_| created_at_of(&item, MOVE)).ok();
        Ok(Moved::Later { pending_since, due: Due { id: due.id.clone(), due_at: until } })
    }

    /// Gives up a notification that has been due for too long, if its due time has not changed since it was read.
    ///
    /// # Errors
    /// When the call to DynamoDB failed. The notification becomes due again.
    pub async fn give_up(&self, due: &Due, cause: &str, now: Timestamp) -> Result<Written, StorageError> {
        let entry = timeline_entry("failed", now, [("cause", cause)]);
        let update = self
            .table
            .update_with_timeline(&due.id, IF_STILL_DUE, &format!("{GIVE_UP_SET} {SETTLED_REMOVE}"), [entry])
            .expression_attribute_values(":seen", text(&due.due_at))
            .expression_attribute_values(":failed", text(FAILED));
        match send(update, GIVE_UP).await? {
            // A record that is already marked as failed needs no change.
            Err(old) if old.as_ref().and_then(state_of) != Some(FAILED) => Ok(Written::Overtaken),
            _ => Ok(Written::Done),
        }
    }
}
