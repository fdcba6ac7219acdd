// POST /public/v1/enquiries in Node: the AWS SDK for JavaScript v3.

import { createHmac, randomInt } from "node:crypto";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactionInProgressException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

import {
  fingerprintOf,
  idempotencyKeyOf,
  isUtf8Json,
  loggedForm,
  MAX_BODY_BYTES,
  parseSubmission,
  Problem,
} from "./contract.mjs";

const {
  ENVIRONMENT,
  ENQUIRIES_TABLE,
  IDEMPOTENCY_TABLE,
  RATE_COUNTERS_TABLE,
  NOTIFICATIONS_QUEUE_URL,
  PEPPER,
  DOC_URL_BASE,
  AWS_REGION,
  AWS_ACCESS_KEY_ID,
  AWS_SECRET_ACCESS_KEY,
  AWS_SESSION_TOKEN,
} = process.env;
const ALLOWED_ORIGINS = process.env.ALLOWED_ORIGINS.split(",").map((origin) => origin.trim());
const LIMIT = Number(process.env.RATE_LIMIT);
const WARM_UP_MS = Number(process.env.WARM_UP_TIMEOUT_MS || 1_000);

const ROUTE = "POST /public/v1/enquiries";
const WINDOW_SECONDS = 60;
const COUNTER_KEPT_SECONDS = 300;
const KEY_KEPT_SECONDS = 24 * 60 * 60;
const MAIL_DUE_AFTER_MS = 60_000;
const MAIL_DUE_SHARDS = 16;
const MAX_IDS = 8;
const MAX_CONFLICTS = 3;
const MAX_REMEMBERED = 1_024;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// Lambda's own variables: the default chain would look for profiles and services first.
const lambda = {
  region: AWS_REGION,
  credentials: {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN,
  },
};
const dynamodb = new DynamoDBClient({
  ...lambda,
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 800 },
});
// Retries belong to a client, and an ADD that is retried counts twice. The connections are the same.
const counters = new DynamoDBClient({ ...lambda, maxAttempts: 1, requestHandler: dynamodb.config.requestHandler });
const sqs = new SQSClient({
  ...lambda,
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 150, requestTimeout: 150 },
  useQueueUrlAsEndpoint: false,
});

const S = (value) => ({ S: value });
const N = (value) => ({ N: String(value) });

/** The clients known to be over their quota in this window: a flood of theirs costs no call. */
const over = { window: 0, clients: new Set() };
let isCold = true;

function randomText(prefix, length, alphabet) {
  let text = prefix;
  for (let index = 0; index < length; index++) text += alphabet[randomInt(alphabet.length)];
  return text;
}

function hmac(key, text) {
  return createHmac("sha256", key).update(text);
}

function writeLine(level, fields) {
  console.log(JSON.stringify({ timestamp: new Date().toISOString(), level, ...fields }));
}

/** One request, as API Gateway's payload 1.0 tells of it. */
class Call {
  requestId = randomText("req_", 12, ALPHANUMERIC);
  submission = undefined;

  constructor(event) {
    this.event = event;
    this.context = event.requestContext ?? {};
    this.now = this.context.requestTimeEpoch ?? Date.now();
    this.headers = {};
    const many = event.multiValueHeaders && Object.keys(event.multiValueHeaders).length > 0;
    for (const [name, values] of Object.entries((many ? event.multiValueHeaders : event.headers) ?? {}))
      if (values !== null) (this.headers[name.toLowerCase()] ??= []).push(...(many ? values : [values]));
  }

  header(name) {
    return this.headers[name] ?? [];
  }

  /** An IPv4 address, or the /64 of an IPv6 one. */
  network() {
    const address = this.context.identity?.sourceIp ?? "";
    const version = isIP(address);
    if (version === 4) return address;
    if (version === 0 || address.includes("%")) return "unknown";
    const [before, after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
    const [head, tail] = [before, after].map((groups) => (groups ? groups.split(":") : []));
    const groups = [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
    if (groups.slice(0, 6).join(":") !== "0:0:0:0:0:ffff") return groups.slice(0, 4).join(":");
    return groups
      .slice(6)
      .map((group) => parseInt(group, 16))
      .map((group) => `${group >> 8}.${group & 255}`)
      .join(".");
  }

  jsonBody() {
    const bytes = Buffer.from(this.event.body ?? "", this.event.isBase64Encoded ? "base64" : "utf8");
    if (bytes.length > MAX_BODY_BYTES) throw new Problem("payload_too_large");
    const mediaTypes = this.header("content-type");
    if (mediaTypes.length === 0 || !mediaTypes.every(isUtf8Json) || this.header("content-encoding").length > 0)
      throw new Problem("unsupported_media_type");
    return bytes;
  }
}

/** Counts one request. Gives the headers that say so, none if counting failed: then everyone is let through. */
async function admit(call) {
  const start = Math.floor(call.now / 1_000 / WINDOW_SECONDS) * WINDOW_SECONDS;
  const reset = Math.ceil(start + WINDOW_SECONDS - call.now / 1_000);
  const day = new Date(call.now).toISOString().slice(0, 10);
  const clientKey = hmac(hmac(PEPPER, day).digest(), call.network()).digest("hex");
  if (over.window !== start) Object.assign(over, { window: start, clients: new Set() });
  const quota = (left) => ({
    "ratelimit-policy": `"public";q=${LIMIT};w=${WINDOW_SECONDS}`,
    ratelimit: `"public";r=${left};t=${reset}`,
  });
  const refusal = () => new Problem("rate_limited", { headers: { ...quota(0), "retry-after": String(reset) } });
  if (over.clients.has(clientKey)) throw refusal();
  try {
    const { Attributes } = await counters.send(
      new UpdateItemCommand({
        TableName: RATE_COUNTERS_TABLE,
        Key: { client_window: S(`${clientKey}#${start}`) },
        ConditionExpression: "attribute_not_exists(hits) OR hits < :limit",
        UpdateExpression: "SET expires_at = if_not_exists(expires_at, :expires_at) ADD hits :one",
        ExpressionAttributeValues: {
          ":limit": N(LIMIT),
          ":expires_at": N(start + WINDOW_SECONDS + COUNTER_KEPT_SECONDS),
          ":one": N(1),
        },
        ReturnValues: "UPDATED_NEW",
      }),
    );
    return quota(Math.max(0, LIMIT - Number(Attributes.hits.N)));
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) {
      if (over.clients.size < MAX_REMEMBERED) over.clients.add(clientKey);
      throw refusal();
    }
    writeLine("WARN", { event: "limiter_failed_open", request_id: call.requestId, cause: error.name });
    return {};
  }
}

function enquiryItem(id, call, { form, dept, fieldsJson, redactions }) {
  const now = S(new Date(call.now).toISOString());
  const item = {
    id: S(id),
    form: S(form),
    fields: S(fieldsJson),
    status: S("new"),
    created_at: now,
    request_id: S(call.requestId),
    environment: S(ENVIRONMENT),
    mail_state: S("pending"),
    mail_attempts: N(0),
    mail_due_shard: S(String((Buffer.from(id).reduce((sum, byte) => sum + byte) % 256) % MAIL_DUE_SHARDS)),
    mail_due_at: S(new Date(call.now + MAIL_DUE_AFTER_MS).toISOString()),
    timeline: { L: [{ M: { event: S("recorded"), at: now, request_id: S(call.requestId) } }] },
  };
  if (dept) item.dept = S(dept);
  if (redactions.length > 0)
    item.redactions = {
      L: redactions.map(({ param, kind, count }) => ({ M: { param: S(param), kind: S(kind), count: N(count) } })),
    };
  return item;
}

/** Records the submission under a new id, once for each key: both are written, or neither. */
async function record(call, submission, key) {
  const fingerprint = key && hmac(PEPPER, fingerprintOf(submission)).digest("hex");
  for (let ids = 0, conflicts = 0; ids < MAX_IDS; ) {
    const id = randomText("enq_", 6, CROCKFORD);
    const put = {
      TableName: ENQUIRIES_TABLE,
      Item: enquiryItem(id, call, submission),
      ConditionExpression: "attribute_not_exists(id)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    };
    // The first answer to this very call may have been lost.
    const isOurs = (item) => item?.request_id?.S === call.requestId;
    try {
      if (key === undefined) await dynamodb.send(new PutItemCommand(put));
      else {
        const claim = keyRecord(key, fingerprint, id, call);
        await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: put }, { Put: claim }] }));
      }
      return { id };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) {
        if (isOurs(error.Item)) return { id };
        ids++;
        continue;
      }
      if (error instanceof TransactionInProgressException) throw inProgress();
      if (!(error instanceof TransactionCanceledException)) throw error;
      const [ofEnquiry, ofKey] = error.CancellationReasons;
      if (ofKey.Code === "ConditionalCheckFailed") {
        const first = ofKey.Item;
        if (isOurs(first)) return { id: first.enquiry_id.S };
        if (first.fingerprint?.S !== fingerprint) throw new Problem("idempotency_key_reused");
        return { id: first.enquiry_id.S, isReplayed: true };
      }
      if (ofEnquiry.Code === "ConditionalCheckFailed") ids++;
      else if ([ofEnquiry.Code, ofKey.Code].includes("TransactionConflict")) {
        if (++conflicts === MAX_CONFLICTS) throw inProgress();
        await sleep(25 * (1 + Math.random()));
      } else throw error;
    }
  }
  throw new Problem("service_unavailable", { headers: { "retry-after": "1" } });
}

function keyRecord(key, fingerprint, id, call) {
  const seconds = Math.floor(call.now / 1_000);
  return {
    TableName: IDEMPOTENCY_TABLE,
    Item: {
      key: S(hmac(PEPPER, `${ROUTE}\0${key}`).digest("hex")),
      fingerprint: S(fingerprint),
      enquiry_id: S(id),
      request_id: S(call.requestId),
      created_at: S(new Date(call.now).toISOString()),
      expires_at: N(seconds + KEY_KEPT_SECONDS),
    },
    ConditionExpression: "attribute_not_exists(#key) OR expires_at <= :now",
    ExpressionAttributeNames: { "#key": "key" },
    ExpressionAttributeValues: { ":now": N(seconds) },
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  };
}

function inProgress() {
  return new Problem("idempotency_request_in_progress", { headers: { "retry-after": "1" } });
}

/** Best effort: the record knows that its mail is due. */
async function announce(call, id) {
  try {
    const MessageBody = JSON.stringify({ enquiry_id: id });
    await sqs.send(new SendMessageCommand({ QueueUrl: NOTIFICATIONS_QUEUE_URL, MessageBody }));
  } catch (error) {
    writeLine("WARN", { event: "enqueue_failed", request_id: call.requestId, enquiry_id: id, cause: error.name });
  }
}

/** Records the submission that the call carries, once for each key, and announces it. */
async function createEnquiry(call) {
  if (call.event.httpMethod !== "POST")
    throw new Problem("method_not_allowed", { headers: { allow: "OPTIONS, POST" } });
  const body = call.jsonBody();
  const key = idempotencyKeyOf(call.header("idempotency-key"));
  call.submission = parseSubmission(body);
  const created = await record(call, call.submission, key);
  if (!created.isReplayed) await announce(call, created.id);
  return created;
}

/** What a failure of ours is answered with: 503 where another attempt may well succeed. */
function problemOf(error) {
  const status = error.$metadata?.httpStatusCode;
  const isFleeting =
    error.name === "TimeoutError" || error.code || status >= 500 || /Throttl|Throughput|RequestLimit/.test(error.name);
  return isFleeting
    ? new Problem("service_unavailable", { headers: { "retry-after": "1" } })
    : new Problem("internal_error");
}

function corsHeaders(call) {
  const headers = {
    "access-control-expose-headers":
      "x-credicorp-request-id, retry-after, ratelimit, ratelimit-policy, idempotent-replayed",
  };
  if (ALLOWED_ORIGINS[0] === "*") return { ...headers, "access-control-allow-origin": "*" };
  const [origin] = call.header("origin");
  const allowed = ALLOWED_ORIGINS.includes(origin) ? { "access-control-allow-origin": origin } : {};
  return { ...headers, vary: "origin", ...allowed };
}

const PREFLIGHT = {
  "access-control-allow-methods": "OPTIONS, POST",
  "access-control-allow-headers": "content-type, idempotency-key",
  "access-control-max-age": "86400",
};

export async function handler(event) {
  const started = performance.now();
  const call = new Call(event);
  const headers = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-credicorp-request-id": call.requestId,
    ...corsHeaders(call),
  };
  let status, body, told;
  try {
    if (event.httpMethod === "OPTIONS") {
      [status, body, told] = [200, {}, { outcome: "preflight" }];
      Object.assign(headers, PREFLIGHT);
    } else {
      Object.assign(headers, await admit(call));
      const { id, isReplayed } = await createEnquiry(call);
      [status, body] = [201, { id, status: "new" }];
      told = { enquiry_id: id, outcome: isReplayed ? "replayed" : "created" };
      if (isReplayed) headers["idempotent-replayed"] = "true";
    }
  } catch (error) {
    const problem = error instanceof Problem ? error : problemOf(error);
    const { type, code, words, violations } = problem;
    status = problem.status;
    Object.assign(headers, problem.headers);
    body = {
      error: {
        type,
        code,
        message: words,
        param: violations[0]?.param,
        doc_url: `${DOC_URL_BASE}#${code}`,
        violations: violations.length > 0 ? violations : undefined,
      },
    };
    told = status >= 500 ? { outcome: "failed", code, cause: error.name } : { outcome: "refused", code };
  }
  writeLine("INFO", {
    request_id: call.requestId,
    gateway_request_id: call.context.requestId,
    gateway_extended_request_id: call.context.extendedRequestId,
    form: call.submission && loggedForm(call.submission.form),
    dept: call.submission?.dept,
    ...told,
    duration_ms: Math.floor(performance.now() - started),
    cold: isCold,
  });
  isCold = false;
  body.meta = { request_id: call.requestId, environment: ENVIRONMENT };
  return { statusCode: status, headers, body: JSON.stringify(body), isBase64Encoded: false };
}

/** Opens the connections that the handler will use, both at once, while Lambda still gives a full core. */
async function warmUp() {
  const nothing = { TableName: RATE_COUNTERS_TABLE, Key: { client_window: S("warm-up") } };
  const arn = { QueueUrl: NOTIFICATIONS_QUEUE_URL, AttributeNames: ["QueueArn"] };
  const opened = Promise.allSettled([
    counters.send(new GetItemCommand(nothing)),
    sqs.send(new GetQueueAttributesCommand(arn)),
  ]);
  await Promise.race([opened, sleep(WARM_UP_MS, undefined, { ref: false })]);
}

/** Init is over when this is. No top-level await: a CommonJS bundle, which starts faster than an ES one, cannot have it. */
export const ready = WARM_UP_MS > 0 ? warmUp() : Promise.resolve();
