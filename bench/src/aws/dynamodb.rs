//! A fake DynamoDB with the parts of the protocol that the functions and peers use: conditional puts, counters with a
//! limit, and updates that set attributes.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

pub(crate) const ENQUIRIES_TABLE: &str = "enquiries";
pub(crate) const IDEMPOTENCY_TABLE: &str = "idempotency";
pub(crate) const RATE_COUNTERS_TABLE: &str = "rate-counters";

const ERRORS: &str = "com.amazonaws.dynamodb.v20120810#";
/// The error if the item already exists.
pub(super) const CONDITION_FAILED: &str = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";

#[derive(Default)]
pub(super) struct Tables(HashMap<(String, String), Map<String, Value>>);

impl Tables {
    /// Tables that hold only this item, if there is one.
    pub(super) fn holding(table: &str, item: Option<&Value>) -> Self {
        let mut tables = Self::default();
        if let Some(item) = item {
            tables.put(&json!({ "TableName": table, "Item": item }));
        }
        tables
    }

    pub(super) fn all(&self, table: &str) -> Vec<Value> {
        let of_table = self.0.iter().filter(|((of, _), _)| of == table);
        of_table.map(|(_, item)| Value::Object(item.clone())).collect()
    }

    /// Responds to one call with a status and a body.
    pub(super) fn respond(&mut self, operation: &str, asked: &Value) -> (u16, Value) {
        match operation {
            "GetItem" => (200, self.get(asked)),
            "PutItem" => self.put(asked),
            "TransactWriteItems" => self.transact(asked),
            "UpdateItem" if asked["TableName"] == RATE_COUNTERS_TABLE => self.count(asked),
            "UpdateItem" => (200, self.set(asked)),
            "Query" => (200, self.due(asked)),
            _ => error("UnknownOperationException", json!({})),
        }
    }

    fn get(&self, asked: &Value) -> Value {
        let item = key(asked, &asked["Key"]).and_then(|key| self.0.get(&key));
        item.map_or_else(|| json!({}), |item| json!({ "Item": item }))
    }

    /// Our puts and the peers' all require that the item does not exist.
    fn put(&mut self, asked: &Value) -> (u16, Value) {
        let Some(key) = key(asked, &asked["Item"]) else { return error("ValidationException", json!({})) };
        if let Some(taken) = self.0.get(&key) {
            return error("ConditionalCheckFailedException", json!({ "Item": taken }));
        }
        self.0.insert(key, asked["Item"].as_object().cloned().unwrap_or_default());
        (200, json!({}))
    }

    fn transact(&mut self, asked: &Value) -> (u16, Value) {
        let puts: Vec<_> = asked["TransactItems"].as_array().into_iter().flatten().map(|item| &item["Put"]).collect();
        let taken = |put: &&Value| self.0.get(&key(put, &put["Item"])?);
        if puts.iter().any(|put| taken(put).is_some()) {
            let reason = |put| match taken(put) {
                Some(item) => {
                    json!({ "Code": "ConditionalCheckFailed", "Item": item, "Message": "The conditional request failed" })
                }
                None => json!({ "Code": "None" }),
            };
            let reasons: Vec<_> = puts.iter().map(reason).collect();
            return error("TransactionCanceledException", json!({ "CancellationReasons": reasons }));
        }
        for put in puts {
            self.put(put);
        }
        (200, json!({}))
    }

    /// `ADD hits :one` while `hits < :limit`.
    fn count(&mut self, asked: &Value) -> (u16, Value) {
        let Some(key) = key(asked, &asked["Key"]) else { return error("ValidationException", json!({})) };
        let number = |value: &Value| value["N"].as_str().and_then(|digits| digits.parse::<u32>().ok());
        let limit = number(&asked["ExpressionAttributeValues"][":limit"]).unwrap_or(u32::MAX);
        let counter = self.0.entry(key).or_default();
        let hits = counter.get("hits").and_then(number).unwrap_or_default();
        if hits >= limit {
            return error("ConditionalCheckFailedException", json!({}));
        }
        let hits = json!({ "N": (hits + 1).to_string() });
        counter.insert("hits".to_owned(), hits.clone());
        (200, json!({ "Attributes": { "hits": hits } }))
    }

    /// `SET a = :a, #b = :b`. Other clauses, which our mailers use, are ignored.
    fn set(&mut self, asked: &Value) -> Value {
        let Some(key) = key(asked, &asked["Key"]) else { return json!({}) };
        let item = self.0.entry(key).or_default();
        let expression = asked["UpdateExpression"].as_str().unwrap_or_default();
        let assignments = expression.strip_prefix("SET ").unwrap_or_default().split(',');
        for (name, value) in assignments.filter_map(|assignment| assignment.split_once('=')) {
            let name = asked["ExpressionAttributeNames"][name.trim()].as_str().unwrap_or(name.trim());
            let value = &asked["ExpressionAttributeValues"][value.split_whitespace().next().unwrap_or_default()];
            if !value.is_null() {
                item.insert(name.to_owned(), value.clone());
            }
        }
        json!({ "Attributes": item })
    }

    /// The enquiries of one shard that are not emailed yet.
    fn due(&self, asked: &Value) -> Value {
        let shard = &asked["ExpressionAttributeValues"][":shard"];
        let items = self
            .0
            .iter()
            .filter(|((table, _), item)| table == ENQUIRIES_TABLE && item.get("mail_due_shard") == Some(shard));
        let due: Vec<_> = items.map(|(_, item)| item).collect();
        json!({ "Items": due, "Count": due.len(), "ScannedCount": due.len() })
    }
}

/// The key under which a table holds an item.
fn key(asked: &Value, item: &Value) -> Option<(String, String)> {
    let table = asked["TableName"].as_str()?;
    let attribute = match table {
        ENQUIRIES_TABLE => "id",
        IDEMPOTENCY_TABLE => "key",
        RATE_COUNTERS_TABLE => "client_window",
        _ => return None,
    };
    Some((table.to_owned(), item[attribute]["S"].as_str()?.to_owned()))
}

fn error(code: &str, mut body: Value) -> (u16, Value) {
    body["__type"] = json!(format!("{ERRORS}{code}"));
    body["message"] = json!("The conditional request failed");
    (400, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(tables: &mut Tables, id: &str, form: &str) -> (u16, Value) {
        let item = json!({ "id": { "S": id }, "form": { "S": form } });
        tables.respond("PutItem", &json!({ "TableName": ENQUIRIES_TABLE, "Item": item }))
    }

    #[test]
    fn an_item_is_put_once_and_the_one_that_is_there_is_shown() {
        let mut tables = Tables::default();
        assert_eq!(put(&mut tables, "enq_1", "complaint").0, 200);
        let (status, body) = put(&mut tables, "enq_1", "hardship");
        assert_eq!((status, &body["Item"]["form"]["S"]), (400, &json!("complaint")));
    }

    #[test]
    fn a_transaction_puts_everything_or_nothing() {
        let mut tables = Tables::default();
        let item = |table: &str, key: &str, value: &str| json!({ "Put": { "TableName": table, "Item": { key: { "S": value } } } });
        let transaction = |id: &str| json!({ "TransactItems": [item(ENQUIRIES_TABLE, "id", id), item(IDEMPOTENCY_TABLE, "key", "k")] });
        assert_eq!(tables.respond("TransactWriteItems", &transaction("enq_1")).0, 200);
        let (status, body) = tables.respond("TransactWriteItems", &transaction("enq_2"));
        let codes = [0, 1].map(|index: usize| body["CancellationReasons"][index]["Code"].clone());
        assert_eq!((status, codes), (400, [json!("None"), json!("ConditionalCheckFailed")]));
        assert_eq!(tables.all(ENQUIRIES_TABLE).len(), 1);
    }

    #[test]
    fn a_counter_counts_up_to_its_limit() {
        let mut tables = Tables::default();
        let count = json!({
            "TableName": RATE_COUNTERS_TABLE,
            "Key": { "client_window": { "S": "c#0" } },
            "ExpressionAttributeValues": { ":limit": { "N": "2" } },
        });
        for hits in ["1", "2"] {
            assert_eq!(tables.respond("UpdateItem", &count), (200, json!({ "Attributes": { "hits": { "N": hits } } })));
        }
        assert_eq!(tables.respond("UpdateItem", &count).0, 400);
    }

    #[test]
    fn an_update_sets_attributes_by_name_or_by_placeholder() {
        let mut tables = Tables::default();
        let update = json!({
            "TableName": IDEMPOTENCY_TABLE,
            "Key": { "key": { "S": "k" } },
            "UpdateExpression": "SET #status = :status, data = :data",
            "ExpressionAttributeNames": { "#status": "status" },
            "ExpressionAttributeValues": { ":status": { "S": "COMPLETED" }, ":data": { "S": "{}" } },
        });
        tables.respond("UpdateItem", &update);
        let (_, got) =
            tables.respond("GetItem", &json!({ "TableName": IDEMPOTENCY_TABLE, "Key": { "key": { "S": "k" } } }));
        assert_eq!(got["Item"], json!({ "status": { "S": "COMPLETED" }, "data": { "S": "{}" } }));
    }
}
