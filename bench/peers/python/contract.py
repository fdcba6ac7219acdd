"""What the contract says of a request, without AWS: JSON, validation, redaction, the words of each error."""

import json
import re
from json.encoder import encode_basestring as quoted

MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 60
MAX_FIELDS_BYTES = 16_384
MAX_NAME_BYTES = 128
MAX_PARAM_BYTES = 128
MAX_LISTED = 100
# Of an answer of 16 KiB: the rest of it takes less than 2.
MAX_LISTED_BYTES = 14 * 1024
MAX_LEVELS = 32
DEPTS = ("support", "payments", "hardship", "complaints")
# For the log alone: what the registry asks of them is left out here.
REGISTERED_FORMS = ("contact-us", "complaint", "hardship", "payments", "developer-support", "smoke-test")

INVALID, IDEMPOTENCY, RATE_LIMIT, API = (
    "invalid_request_error",
    "idempotency_error",
    "rate_limit_error",
    "api_error",
)
ANSWERS = {
    "malformed_json": (400, INVALID, "Invalid JSON: {why}."),
    "invalid_idempotency_key": (400, INVALID, "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID. Values such as undefined are invalid."),
    "method_not_allowed": (405, INVALID, "Use POST to send an enquiry."),
    "idempotency_key_reused": (409, IDEMPOTENCY, "This Idempotency-Key was already used for a different enquiry. Use a new key for each enquiry."),
    "idempotency_request_in_progress": (409, IDEMPOTENCY, "Another request with this Idempotency-Key is still being processed. Try again in 1 second."),
    "payload_too_large": (413, INVALID, "The body is too large. The maximum is 64 KiB."),
    "unsupported_media_type": (415, INVALID, "Send JSON in UTF-8, with content-type: application/json and without a content-encoding."),
    "invalid_body": (422, INVALID, 'The body must be a JSON object with "form" and "fields", and optionally "dept".'),
    "rate_limited": (429, RATE_LIMIT, "Too many requests from your network. Try again after the seconds in the retry-after header."),
    "internal_error": (500, API, "Something went wrong on our side. You can safely retry with the same Idempotency-Key. Without a key, a retry may record the enquiry twice."),
    "service_unavailable": (503, API, "The service did not respond in time. Try again in 1 second. You can safely retry with the same Idempotency-Key. Without a key, a retry may record the enquiry twice."),
}
VIOLATIONS = {
    "unknown_key": "Unknown key.",
    "form_required": '"form" is required. Send the key of the form, such as "contact-us".',
    "invalid_form": '"form" must be a string of 1 to 64 characters: a-z, 0-9, _ and -. It must not look like an API key.',
    "invalid_dept": '"dept" must be "support", "payments", "hardship" or "complaints". Omit it to reach the general inbox.',
    "fields_required": '"fields" is required. Send the form\'s answers as an object.',
    "invalid_fields": '"fields" must be an object with the form\'s answers.',
    "too_many_fields": "Too many fields: the maximum is 60.",
    "fields_too_large": "The answers are too long: the maximum is 16,384 bytes. Shorten the longest.",
    "invalid_field_name": "A field name must have 1 to 128 bytes in UTF-8 and no control characters.",
    "invalid_field_value": "A field must be a string, a number or a boolean. Omit the field if it has no value.",
    "invalid_email": "Enter an email address in the format name@example.com, or omit the field.",
    "consent_required": 'Consent is required. Send "fields.consent": "yes" once the person has agreed to be contacted.',
}


def message_of(code, param):
    message = VIOLATIONS[code]
    if code == "unknown_key":
        message += ' Did you mean "dept"?' if param == "department" else ' Send answers inside "fields".'
    return message


class Problem(Exception):
    """Why a call is not answered as its caller hoped: a code, and what is wrong with the submission, if it is that."""

    def __init__(self, code, violations=(), headers=None, **words):
        super().__init__(code)
        self.code = code
        self.violations = listed(violations)
        self.headers = headers or {}
        if violations:
            self.status, self.type, self.message = 422, INVALID, self.violations[0]["message"]
            if more := len(violations) - len(self.violations):
                self.message += f" {more} more {'violation is' if more == 1 else 'violations are'} not listed."
        else:
            self.status, self.type, message = ANSWERS[code]
            self.message = message.format(**words)


def listed(violations):
    """The first of them, as many as an answer may hold."""
    fitting, room = [], MAX_LISTED_BYTES
    for code, param in violations[:MAX_LISTED]:
        violation = {"code": code, "param": param, "message": message_of(code, param)}
        room -= len(compact(violation).encode()) + len(",")
        if room < 0:
            break
        fitting.append(violation)
    return fitting


class Number(str):
    """A JSON number as its text, so that 1.10 stays 1.10."""


def without_duplicates(members):
    unique = dict(members)
    if len(unique) != len(members):
        raise ValueError("duplicate key in an object")
    return unique


def no_constant(_):
    raise ValueError("NaN and Infinity are no JSON")


DECODER = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=no_constant, object_pairs_hook=without_duplicates
)


def parse_json(body):
    try:
        text = body.decode()
        document = DECODER.decode(text)
        if "\\u" in text:
            # Half a surrogate pair has no UTF-8.
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise Problem("malformed_json", why=f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise Problem("malformed_json", why=f"not UTF-8 from byte {error.start} on") from error
    except UnicodeEncodeError as error:
        raise Problem("malformed_json", why="half of a surrogate pair as a \\u escape") from error
    except RecursionError as error:
        raise Problem("malformed_json", why="nested too deep") from error
    except ValueError as error:
        raise Problem("malformed_json", why=str(error)) from error
    if is_deeper_than(document, MAX_LEVELS):
        raise Problem("malformed_json", why=f"nested deeper than {MAX_LEVELS} levels")
    return document


def is_deeper_than(value, levels):
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(is_deeper_than(item, levels - 1) for item in value)


def compact(value):
    """The shortest JSON text, which `json.dumps` cannot write: it has no way to write a number's own text."""
    kind = type(value)
    if kind is str:
        return quoted(value)
    if kind is Number:
        return value
    if kind is dict:
        return "{" + ",".join([f"{quoted(name)}:{compact(item)}" for name, item in value.items()]) + "}"
    if kind is list:
        return "[" + ",".join([compact(item) for item in value]) + "]"
    return {True: "true", False: "false", None: "null"}[value]


FORM = re.compile(r"[a-z0-9_-]{1,64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# White_Space and Default_Ignorable_Code_Point, which `re` does not know by name; its \s takes more.
BLANK = re.compile(
    r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)
LOCAL_PART = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}\.)+(?![0-9]+\Z){LABEL}")


def is_blank(value):
    return type(value) is str and BLANK.fullmatch(value) is not None


def is_email(value):
    """A pattern does for SES's grammar; email-validator would cost 20 ms of the start."""
    if type(value) is not str:
        return False
    local, _, domain = value.partition("@")
    if not domain.isascii():
        import idna  # Rare, and its tables are slow to load.

        try:
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except idna.IDNAError:
            return False
    longest = max(len(value.encode()), len(local) + 1 + len(domain))
    return longest <= 254 and bool(LOCAL_PART.fullmatch(local) and DOMAIN.fullmatch(domain))


class Submission:
    """What was sent, once it is known to be valid. Its `fields_json`, which is stored, holds no credentials."""

    def __init__(self, form, dept, fields, fields_json):
        self.form, self.dept, self.fields = form, dept, fields
        kept, self.redactions = redacted_fields(fields)
        self.fields_json = compact(kept) if self.redactions else fields_json

    @property
    def logged_form(self):
        """The form's key for log lines: any but those is a stranger's text."""
        return self.form if self.form in REGISTERED_FORMS else "unregistered"

    def fingerprint(self):
        """Equal for two submissions that differ in white space and key order alone."""
        return f"{self.form}\0{self.dept or ''}\0{compact(dict(sorted(self.fields.items())))}"

    @classmethod
    def parse(cls, body):
        document = parse_json(body)
        if type(document) is not dict:
            raise Problem("invalid_body")
        wrong, fields_json = [], ""
        for key, value in document.items():
            if key == "form":
                if type(value) is not str or not FORM.fullmatch(value) or redacted(value)[1]:
                    wrong.append(("invalid_form", "form"))
            elif key == "dept":
                if value not in DEPTS:
                    wrong.append(("invalid_dept", "dept"))
            elif key == "fields":
                if type(value) is not dict:
                    wrong.append(("invalid_fields", "fields"))
                elif len(value) > MAX_FIELDS:
                    wrong.append(("too_many_fields", "fields"))
                else:
                    fields_json = compact(value)
                    wrong += wrong_fields(value, fields_json)
            elif key not in ("id", "status"):
                wrong.append(("unknown_key", param_of(key)))
        fields = document.get("fields")
        if "form" not in document:
            wrong.append(("form_required", "form"))
        if "fields" not in document:
            wrong.append(("fields_required", "fields"))
        if type(fields) is not dict or (len(fields) <= MAX_FIELDS and "consent" not in fields):
            wrong.append(("consent_required", "fields.consent"))
        if wrong:
            raise Problem(wrong[0][0], wrong)
        return cls(document["form"], document.get("dept"), fields, fields_json)


def wrong_fields(fields, fields_json):
    wrong = []
    if len(fields_json.encode()) > MAX_FIELDS_BYTES:
        wrong.append(("fields_too_large", "fields"))
    for name, value in fields.items():
        codes = []
        is_value = type(value) in (str, Number, bool)
        if not name or len(name.encode()) > MAX_NAME_BYTES or CONTROL.search(name):
            codes.append("invalid_field_name")
        if name == "email" and is_value and not (is_blank(value) or is_email(value)):
            codes.append("invalid_email")
        if name == "consent" and (type(value) is not str or value != "yes"):
            codes.append("consent_required")
        if not is_value:
            codes.append("invalid_field_value")
        if codes:
            param = param_of(name, "fields.")
            wrong += [(code, param) for code in codes]
    return wrong


def param_of(name, parent=""):
    """Where something is wrong, without credentials; of a name that is too long, only the beginning is looked at."""
    return cut(parent + redacted(cut(name, MAX_NAME_BYTES))[0], MAX_PARAM_BYTES)


def cut(text, most):
    """So many bytes of it, less a character that would be cut in two."""
    return text.encode()[:most].decode(errors="ignore")


# One pattern, its groups named after what they find.
CREDENTIAL = re.compile(
    r"""
      (?P<secret_key>     \bsk_(?:live|test)_[A-Za-z0-9_]{3,} )
    | (?P<restricted_key> \brk_(?:live_|test_)?[A-Za-z0-9_]{8,} )
    | (?P<webhook_secret> \bwhsec_[A-Za-z0-9+/=_-]{3,} )
    | (?P<jwt>            (?<![\w-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4} )
    | (?P<bearer_token>   (?<=\b[Bb]earer\ )[A-Za-z0-9._~+/-]{12,}=* )
    | (?P<aws_access_key> \b(?:AKIA|ASIA)[A-Z2-7]{16}\b )
    | (?P<private_key>    -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z) )
    | (?P<client_secret>  (?<=\bclient_secret=)[^\s&"',;]+ )
    | (?P<access_token>   (?<=\baccess_token=)[^\s&"',;]+ )
    """,
    re.VERBOSE | re.DOTALL,
)


# What each of them holds: most texts hold none, and are not searched any further.
HINTS = ("sk_", "rk_", "whsec_", "eyJ", "earer ", "AKIA", "ASIA", "-----BEGIN ", "client_secret=", "access_token=")


def redacted(text):
    """A text without its credentials, and how many of each kind it held."""
    counts = {}
    if not any(hint in text for hint in HINTS):
        return text, counts

    def mark(found):
        kind = found.lastgroup
        counts[kind] = counts.get(kind, 0) + 1
        return f"[REDACTED:{kind}]"

    return CREDENTIAL.sub(mark, text), counts


def redacted_fields(fields):
    kept, redactions = {}, []
    for name, value in fields.items():
        in_value = {}
        if type(value) is str:
            value, in_value = redacted(value)
        unmarked, (name, counts) = name, redacted(name)
        number = 2
        while name != unmarked and (name in kept or name in fields):
            name, number = f"{redacted(unmarked)[0]} ({number})", number + 1
        for kind, count in in_value.items():
            counts[kind] = counts.get(kind, 0) + count
        kept[name] = value
        redactions += [(f"fields.{name}", kind, count) for kind, count in counts.items()]
    return kept, redactions


def is_utf8_json(media_type):
    essence, *parameters = (part.strip().lower() for part in media_type.split(";"))
    charsets = [part[8:].strip(' "') for part in parameters if part.startswith("charset=")]
    return essence == "application/json" and all(charset in ("utf-8", "utf8") for charset in charsets)


QUOTED_KEY = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")
# What a broken page sends: all of its visitors would share the key. [object Object] has a space, so it is none anyway.
PLACEHOLDERS = ("undefined", "null", "NaN", "true", "false")


def idempotency_key(sent):
    """The key of an Idempotency-Key header, bare or quoted (RFC 9651 section 3.3.3); none if it was not sent."""
    if not sent:
        return None
    key = sent[0]
    if string := QUOTED_KEY.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", string[1])
    if len(sent) > 1 or key in PLACEHOLDERS or not VISIBLE_ASCII.fullmatch(key):
        raise Problem("invalid_idempotency_key")
    return key
