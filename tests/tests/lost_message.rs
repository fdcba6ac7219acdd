//! A lost message is recovered within three minutes. No other time is guaranteed, so this is measured while nothing
//! else runs. The other tests share the table, the queue and the schedule. Their failing sweepers can hold this test's
//! notification, and they queue a thousand messages. Cargo runs one binary at a time, so this test has its own.

use std::time::Duration;

use end_to_end::{Stack, unique_text};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const MAILED_AFTER_AT_MOST: SignedDuration = SignedDuration::from_mins(3);
/// Longer than the limit, to tell a late email from one that never arrives.
const WAITED_FOR: Duration = Duration::from_mins(6);

#[tokio::test]
#[expect(clippy::print_stdout, reason = "how long it took is worth knowing")]
async fn an_enquiry_whose_message_is_lost_is_mailed_by_the_schedule_alone_within_three_minutes() {
    let stack = Stack::from_environment();
    let body = json!({ "form": "contact-us", "fields": { "text": unique_text(), "consent": "yes" } });
    let id = stack.record_unannounced(&body.to_string()).await;
    let record = stack.mailed(&id, WAITED_FOR).await;

    assert_eq!(record.events(), ["recorded", "queued", "claimed", "sent"]);
    let [recorded, queued, _, sent] = [0, 1, 2, 3].map(|index: usize| {
        let entry = &record.timeline()[index];
        entry.text("at").and_then(|at| at.parse::<Timestamp>().ok()).expect("each entry has its time")
    });
    let after = recorded.duration_until(sent);
    println!(
        "a lost message was made up for after {after:#}, and on the queue after {:#}",
        recorded.duration_until(queued)
    );
    assert!(after <= MAILED_AFTER_AT_MOST, "mailed after {after:#}: {record:?}");
    assert_eq!(stack.mails_about(&id).await.len(), 1);
}
