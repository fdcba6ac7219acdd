// What the contract says of a request, without AWS: JSON, validation, redaction, the words of each error.

import { domainToASCII } from "node:url";

export const MAX_BODY_BYTES = 64 * 1024;
const MAX_FIELDS = 60;
const MAX_FIELDS_BYTES = 16_384;
const MAX_NAME_BYTES = 128;
const MAX_PARAM_BYTES = 128;
const MAX_LISTED = 100;
// Of an answer of 16 KiB: the rest of it takes less than 2.
const MAX_LISTED_BYTES = 14 * 1024;
const MAX_LEVELS = 32;
const DEPTS = ["support", "payments", "hardship", "complaints"];
// For the log alone: what the registry asks of them is left out here.
const REGISTERED_FORMS = ["contact-us", "complaint", "hardship", "payments", "developer-support", "smoke-test"];

const INVALID = "invalid_request_error";
const IDEMPOTENCY = "idempotency_error";
const RATE_LIMIT = "rate_limit_error";
const API = "api_error";
const ANSWERS = {
  malformed_json: [400, INVALID, "Invalid JSON: "],
  invalid_idempotency_key: [400, INVALID, "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID. Values such as undefined are invalid."],
  method_not_allowed: [405, INVALID, "Use POST to send an enquiry."],
  idempotency_key_reused: [409, IDEMPOTENCY, "This Idempotency-Key was already used for a different enquiry. Use a new key for each enquiry."],
  idempotency_request_in_progress: [409, IDEMPOTENCY, "Another request with this Idempotency-Key is still being processed. Try again in 1 second."],
  payload_too_large: [413, INVALID, "The body is too large. The maximum is 64 KiB."],
  unsupported_media_type: [415, INVALID, "Send JSON in UTF-8, with content-type: application/json and without a content-encoding."],
  invalid_body: [422, INVALID, 'The body must be a JSON object with "form" and "fields", and optionally "dept".'],
  rate_limited: [429, RATE_LIMIT, "Too many requests from your network. Try again after the seconds in the retry-after header."],
  internal_error: [500, API, "Something went wrong on our side. You can safely retry with the same Idempotency-Key. Without a key, a retry may record the enquiry twice."],
  service_unavailable: [503, API, "The service did not respond in time. Try again in 1 second. You can safely retry with the same Idempotency-Key. Without a key, a retry may record the enquiry twice."],
};
const VIOLATIONS = {
  unknown_key: "Unknown key.",
  form_required: '"form" is required. Send the key of the form, such as "contact-us".',
  invalid_form:
    '"form" must be a string of 1 to 64 characters: a-z, 0-9, _ and -. It must not look like an API key.',
  invalid_dept:
    '"dept" must be "support", "payments", "hardship" or "complaints". Omit it to reach the general inbox.',
  fields_required: '"fields" is required. Send the form\'s answers as an object.',
  invalid_fields: '"fields" must be an object with the form\'s answers.',
  too_many_fields: "Too many fields: the maximum is 60.",
  fields_too_large: "The answers are too long: the maximum is 16,384 bytes. Shorten the longest.",
  invalid_field_name: "A field name must have 1 to 128 bytes in UTF-8 and no control characters.",
  invalid_field_value:
    "A field must be a string, a number or a boolean. Omit the field if it has no value.",
  invalid_email:
    "Enter an email address in the format name@example.com, or omit the field.",
  consent_required: 'Consent is required. Send "fields.consent": "yes" once the person has agreed to be contacted.',
};

function messageOf(code, param) {
  if (code !== "unknown_key") return VIOLATIONS[code];
  const hint = param === "department" ? 'Did you mean "dept"?' : 'Send answers inside "fields".';
  return `${VIOLATIONS[code]} ${hint}`;
}

/** The first of them, as many as an answer may hold. */
function listed(violations) {
  const fitting = [];
  let room = MAX_LISTED_BYTES;
  for (const [code, param] of violations.slice(0, MAX_LISTED)) {
    const violation = { code, param, message: messageOf(code, param) };
    room -= Buffer.byteLength(JSON.stringify(violation)) + ",".length;
    if (room < 0) break;
    fitting.push(violation);
  }
  return fitting;
}

/** Why a call is not answered as its caller hoped: a code, and what is wrong with the submission, if it is that. */
export class Problem extends Error {
  constructor(code, { headers = {}, violations = [], why = "" } = {}) {
    super(code);
    this.code = code;
    this.headers = headers;
    this.violations = listed(violations);
    [this.status, this.type, this.words] = ANSWERS[code] ?? [422, INVALID, this.violations[0].message];
    this.words += why;
    const more = violations.length - this.violations.length;
    if (more > 0) this.words += ` ${more} more ${more === 1 ? "violation is" : "violations are"} not listed.`;
  }
}

/** A JSON number as its text, so that 1.10 stays 1.10. */
class Digits {
  constructor(text) {
    this.text = text;
  }
}

const malformed = (why) => new Problem("malformed_json", { why: `${why}.` });
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]|[^\s{}[\]:,"]+/g;

/**
 * JSON.parse checks the grammar; but it forgets duplicate keys, the digits of numbers and the place of keys that look like
 * numbers. So objects are read again as Maps, from tokens that are known to be right.
 */
function parseJson(bytes) {
  let text;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw malformed("it is not UTF-8");
  }
  try {
    JSON.parse(text);
  } catch {
    throw malformed("the syntax is wrong"); // V8's own message quotes the body.
  }
  TOKEN.lastIndex = 0;
  return readValue(text, TOKEN.exec(text)[0], 1);
}

function readValue(text, token, level) {
  switch (token[0]) {
    case "{": {
      checkLevel(level);
      const members = new Map();
      for (let key; (key = TOKEN.exec(text)[0]) !== "}"; ) {
        const name = readString(key);
        if (members.has(name)) throw malformed("duplicate key in an object");
        members.set(name, readValue(text, TOKEN.exec(text)[0], level + 1));
      }
      return members;
    }
    case "[": {
      checkLevel(level);
      const items = [];
      for (let item; (item = TOKEN.exec(text)[0]) !== "]"; ) items.push(readValue(text, item, level + 1));
      return items;
    }
    case '"':
      return readString(token);
    case "t":
      return true;
    case "f":
      return false;
    case "n":
      return null;
    default:
      return new Digits(token);
  }
}

function checkLevel(level) {
  if (level > MAX_LEVELS) throw malformed(`nested deeper than ${MAX_LEVELS} levels`);
}

function readString(token) {
  if (!token.includes("\\")) return token.slice(1, -1);
  const value = JSON.parse(token);
  if (!value.isWellFormed()) throw malformed("half of a surrogate pair as a \\u escape");
  return value;
}

/** The shortest JSON text, which JSON.stringify cannot write: it has no way to write a number's own text. */
function compact(value) {
  if (value instanceof Digits) return value.text;
  if (value instanceof Map) {
    const members = [];
    for (const [name, item] of value) members.push(`${JSON.stringify(name)}:${compact(item)}`);
    return `{${members.join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(compact).join(",")}]`;
  return JSON.stringify(value);
}

const FORM = /^[a-z0-9_-]{1,64}$/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const BLANK = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}]*$/u;
const LOCAL_PART = /^(?=.{1,64}$)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const HOST_CHARACTERS = /^[a-z0-9.\u0080-\u{10ffff}-]+$/iu;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

function isEmailOrBlank(value) {
  if (typeof value !== "string") return false;
  if (BLANK.test(value)) return true;
  const at = value.indexOf("@");
  const [local, domain] = [value.slice(0, at), value.slice(at + 1)];
  // domainToASCII reads a URL's host, which ends at a slash or colon and may be escaped.
  const ascii = HOST_CHARACTERS.test(domain) ? domainToASCII(domain) : "";
  const longest = Math.max(Buffer.byteLength(value), at + 1 + ascii.length);
  return longest <= 254 && LOCAL_PART.test(local) && DOMAIN.test(ascii);
}

/** What was sent, once it is known to be valid; its `fieldsJson`, which is stored, holds no credentials. */
export function parseSubmission(bytes) {
  const document = parseJson(bytes);
  if (!(document instanceof Map)) throw new Problem("invalid_body");
  const violations = [];
  let fieldsJson;
  for (const [key, value] of document) {
    if (key === "form") {
      if (typeof value !== "string" || !FORM.test(value) || redacted(value).counts.size > 0)
        violations.push(["invalid_form", "form"]);
    } else if (key === "dept") {
      if (!DEPTS.includes(value)) violations.push(["invalid_dept", "dept"]);
    } else if (key === "fields") {
      if (!(value instanceof Map)) violations.push(["invalid_fields", "fields"]);
      else if (value.size > MAX_FIELDS) violations.push(["too_many_fields", "fields"]);
      else {
        fieldsJson = compact(value);
        addWrongFields(violations, value, fieldsJson);
      }
    } else if (key !== "id" && key !== "status") violations.push(["unknown_key", paramOf(key)]);
  }
  const fields = document.get("fields");
  if (!document.has("form")) violations.push(["form_required", "form"]);
  if (!document.has("fields")) violations.push(["fields_required", "fields"]);
  if (!(fields instanceof Map && (fields.has("consent") || fields.size > MAX_FIELDS)))
    violations.push(["consent_required", "fields.consent"]);
  if (violations.length > 0) throw new Problem(violations[0][0], { violations });
  const { kept, redactions } = redactedFields(fields);
  if (redactions.length > 0) fieldsJson = compact(kept);
  return { form: document.get("form"), dept: document.get("dept"), fields, fieldsJson, redactions };
}

/** The form's key for log lines: any but those is a stranger's text. */
export function loggedForm(form) {
  return REGISTERED_FORMS.includes(form) ? form : "unregistered";
}

/** Equal for two submissions that differ in white space and key order alone. */
export function fingerprintOf({ form, dept, fields }) {
  const sorted = [...fields].sort(([one], [other]) => (one < other ? -1 : 1));
  return `${form}\0${dept ?? ""}\0${compact(new Map(sorted))}`;
}

function addWrongFields(violations, fields, fieldsJson) {
  if (Buffer.byteLength(fieldsJson) > MAX_FIELDS_BYTES) violations.push(["fields_too_large", "fields"]);
  for (const [name, value] of fields) {
    const refuse = (code) => violations.push([code, paramOf(name, "fields.")]);
    const isValue = value !== null && !Array.isArray(value) && !(value instanceof Map);
    if (name === "" || Buffer.byteLength(name) > MAX_NAME_BYTES || CONTROL.test(name)) refuse("invalid_field_name");
    if (name === "email" && isValue && !isEmailOrBlank(value)) refuse("invalid_email");
    if (name === "consent" && value !== "yes") refuse("consent_required");
    if (!isValue) refuse("invalid_field_value");
  }
}

/** Where something is wrong, without credentials; of a name that is too long, only the beginning is looked at. */
function paramOf(name, parent = "") {
  return cut(parent + redacted(cut(name, MAX_NAME_BYTES)).text, MAX_PARAM_BYTES);
}

const encoder = new TextEncoder();

/** So many bytes of it, less a character that would be cut in two. */
function cut(text, most) {
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(most)).read);
}

// One pattern, its groups named after what they find.
const CREDENTIAL = new RegExp(
  [
    /(?<secret_key>\bsk_(?:live|test)_[A-Za-z0-9_]{3,})/,
    /(?<restricted_key>\brk_(?:live_|test_)?[A-Za-z0-9_]{8,})/,
    /(?<webhook_secret>\bwhsec_[A-Za-z0-9+/=_-]{3,})/,
    /(?<jwt>(?<![\w-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4})/,
    /(?<bearer_token>(?<=\b[Bb]earer )[A-Za-z0-9._~+/-]{12,}=*)/,
    /(?<aws_access_key>\b(?:AKIA|ASIA)[A-Z2-7]{16}\b)/,
    /(?<private_key>-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$))/,
    /(?<client_secret>(?<=\bclient_secret=)[^\s&"',;]+)/,
    /(?<access_token>(?<=\baccess_token=)[^\s&"',;]+)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

// What each of them holds: most texts hold none, and are not searched any further.
const HINTS = ["sk_", "rk_", "whsec_", "eyJ", "earer ", "AKIA", "ASIA", "-----BEGIN ", "client_secret=", "access_token="];

/** A text without its credentials, and how many of each kind it held. */
function redacted(text) {
  const counts = new Map();
  if (!HINTS.some((hint) => text.includes(hint))) return { text, counts };
  const mark = (...found) => {
    const groups = found.at(-1);
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return `[REDACTED:${kind}]`;
  };
  return { text: text.replace(CREDENTIAL, mark), counts };
}

function redactedFields(fields) {
  const kept = new Map();
  const redactions = [];
  for (const [name, value] of fields) {
    const inName = redacted(name);
    const inValue = typeof value === "string" ? redacted(value) : { text: value, counts: new Map() };
    let keptName = inName.text;
    for (let number = 2; keptName !== name && (kept.has(keptName) || fields.has(keptName)); number++)
      keptName = `${inName.text} (${number})`;
    kept.set(keptName, inValue.text);
    for (const [kind, count] of inValue.counts) inName.counts.set(kind, (inName.counts.get(kind) ?? 0) + count);
    for (const [kind, count] of inName.counts) redactions.push({ param: `fields.${keptName}`, kind, count });
  }
  return { kept, redactions };
}

export function isUtf8Json(mediaType) {
  const [essence, ...parameters] = mediaType.split(";").map((part) => part.trim().toLowerCase());
  const charsets = parameters.filter((part) => part.startsWith("charset="));
  return essence === "application/json" && charsets.every((charset) => /^charset="?utf-?8"?$/.test(charset));
}

// What a broken page sends: all of its visitors would share the key. [object Object] has a space, so it is none anyway.
const PLACEHOLDERS = ["undefined", "null", "NaN", "true", "false"];

/** The key of an Idempotency-Key header, bare or quoted (RFC 9651 section 3.3.3); none if it was not sent. */
export function idempotencyKeyOf(sent) {
  if (sent.length === 0) return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(sent[0]);
  const key = quoted ? quoted[1].replace(/\\(.)/g, "$1") : sent[0];
  if (sent.length > 1 || PLACEHOLDERS.includes(key) || !/^[!-~]{1,255}$/.test(key))
    throw new Problem("invalid_idempotency_key");
  return key;
}
