//! `Idempotency-Key`: the same write twice is one.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use records::fact::CommandTag;
use records::json::FieldError;
use records::{CommandId, OrganizationId};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::openapi::{Sketch, Takes};
use crate::problem::{Code, Problem};
use crate::{Api, limits};

/// The header.
const HEADER: &str = "idempotency-key";
/// The longest key, bytes.
const KEY_BYTES_MAX: usize = 255;

/// The body of a write, and the tag by which the desk knows the same write again.
///
/// The id is that of what the write makes: a UUID or a short name is taken as it is, a longer text is hashed; without a
/// key it is drawn. The hash is of method, address, body and caller, *under the installation's secret*: it goes into the
/// log, and a body may hold a password that could be guessed from a plain hash.
#[derive(Debug)]
pub struct Idempotent<T = ()> {
    /// What was sent.
    pub body: T,
    id: CommandId,
    digest: blake3::Hash,
    secret: Secret,
}

/// The secret's holder, never shown.
struct Secret(Api);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    fn keyed(&self, text: &str) -> u64 {
        self.0.door.appender().subjects().token(OrganizationId::NONE, "command", text).0
    }
}

impl<T> Idempotent<T> {
    /// The tag for the desk. `caller` says who asks, in words that stay the same (`acme/page`, a user's id): another
    /// caller with the same key is another write, and is refused rather than told the first one's answer.
    pub fn tag(&self, caller: &str) -> CommandTag {
        let text = format!("{}\n{caller}", self.digest.to_hex());
        CommandTag { id: self.id, hash: self.secret.keyed(&text) }
    }

    /// The id of what the write makes.
    pub fn id(&self) -> CommandId {
        self.id
    }

    /// The id of something that is shown to whoever names it: a random UUID, which nobody guesses.
    ///
    /// # Errors
    /// When the key that was sent is none of version 4 or 7 (RFC 9562).
    pub fn unguessable(&self) -> Result<CommandId, Problem> {
        let (version, variant) = ((self.id.0 >> 76) & 0xF, (self.id.0 >> 62) & 0x3);
        if matches!(version, 4 | 7) && variant == 2 {
            return Ok(self.id);
        }
        Err(wrong_key("what this makes is shown to whoever names its id: send a random UUID of version 4 or 7"))
    }
}

impl<T: DeserializeOwned + Send> FromRequest<Api> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let id = match key_of(&parts.headers)? {
            Some(key) => CommandId::parse(key).map_err(|error| wrong_key(&error.to_string()))?,
            None => drawn(api),
        };
        let bytes = read(body).await?;
        let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
        let digest = digest(parts.method.as_str(), address, &bytes);
        let body = parse(&parts.headers, &bytes)?;
        Ok(Self { body, id, digest, secret: Secret(api.clone()) })
    }
}

/// The key that was sent. The draft of the IETF quotes it, most clients do not.
fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut sent = headers.get_all(HEADER).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(wrong_key("it was sent twice"));
    }
    let text = value.to_str().map_err(|_| wrong_key("it holds other bytes than visible ASCII"))?;
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong_key("it has 1 to 255 visible ASCII characters"));
    }
    Ok(Some(key))
}

fn wrong_key(detail: &str) -> Problem {
    Problem::new(Code::IdempotencyKeyWrong, detail)
}

fn drawn(api: &Api) -> CommandId {
    let mut chance = [0; 16];
    (api.chance)(&mut chance);
    CommandId::mint(api.clock.now(), u128::from_le_bytes(chance))
}

/// A body within bounds.
pub(crate) async fn read(body: axum::body::Body) -> Result<Bytes, Problem> {
    let read = Limited::new(body, limits::WRITE_BYTES_MAX).collect().await;
    let read = read.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::new(Code::BodyTooLarge, format!("a body here has at most {} bytes", limits::WRITE_BYTES_MAX))
        } else {
            Problem::new(Code::BodyUnreadable, "the body was cut off")
        }
    })?;
    Ok(read.to_bytes())
}

/// A hash of what is asked for. Lengths part the pieces, so that no two requests are the same text.
fn digest(method: &str, address: &str, body: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for piece in [method.as_bytes(), address.as_bytes(), body] {
        hasher.update(&(piece.len() as u64).to_le_bytes()).update(piece);
    }
    hasher.finalize()
}

/// A body of JSON; `null` when it is empty.
pub(crate) fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    // A write without a body says all in its address.
    if bytes.is_empty() {
        return serde_json::from_str("null").map_err(|_| Problem::new(Code::BodyUnreadable, "a JSON body is missing"));
    }
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media = text(header::CONTENT_TYPE).split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if media != "application/json" && !(media.starts_with("application/") && media.ends_with("+json")) {
        return Err(Problem::new(Code::TypeUnknown, "send `Content-Type: application/json`"));
    }
    if !matches!(text(header::CONTENT_ENCODING), "" | "identity") {
        return Err(Problem::new(Code::TypeUnknown, "send the body as it is, not compressed"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let field = FieldError::new(path, spoken(&inner));
            Problem::new(Code::FieldsWrong, field.to_string()).with_fields(vec![field])
        } else {
            Problem::new(Code::BodyUnreadable, inner.to_string())
        }
    })?;
    json.end().map_err(|error| Problem::new(Code::BodyUnreadable, error.to_string()))?;
    Ok(body)
}

/// The message without the place, which the field's name says better.
fn spoken(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

impl<T: JsonSchema> Takes for Idempotent<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.header(
            "Idempotency-Key",
            "Names the write: the same key with the same body is done once and gets the first answer again, with another \
             body it is refused. What is made has this id. Without it a key is drawn.",
            json!({"type": "string", "minLength": 1, "maxLength": KEY_BYTES_MAX, "pattern": "^[!-~]+$"}),
            false,
        );
        if std::any::type_name::<T>() != "()" {
            sketch.body::<T>();
            sketch.may(&[Code::FieldsWrong]);
        }
        sketch.may(&[Code::IdempotencyKeyWrong, Code::IdempotencyConflict, Code::BodyUnreadable, Code::BodyTooLarge]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn keys_are_visible_text_with_or_without_quotes() {
        let long = "x".repeat(KEY_BYTES_MAX);
        for (sent, read) in [("a-1", "a-1"), ("\"a-1\"", "a-1"), (long.as_str(), long.as_str())] {
            assert_eq!(key_of(&headers(&[sent])).unwrap(), Some(read));
        }
        assert_eq!(key_of(&HeaderMap::new()).unwrap(), None);
        for wrong in [&[""][..], &["a b"], &["\"\""], &["a", "a"], &["é"], &[&format!("{long}x")]] {
            assert_eq!(key_of(&headers(wrong)).unwrap_err().code, Code::IdempotencyKeyWrong, "{wrong:?}");
        }
    }

    #[test]
    fn requests_that_look_alike_when_written_in_one_are_told_apart() {
        let one = digest("POST", "/v1/a", b"b");
        assert_eq!(one, digest("POST", "/v1/a", b"b"));
        assert_ne!(one, digest("POST", "/v1/", b"ab"));
        assert_ne!(one, digest("PUT", "/v1/a", b"b"));
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        #[derive(Debug, serde::Deserialize)]
        struct Inner {
            #[serde(rename = "seats")]
            _seats: u32,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[serde(rename = "rooms")]
            _rooms: Vec<Inner>,
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        let problem = parse::<Outer>(&headers, br#"{"rooms": [{"seats": 3}, {"seats": "many"}]}"#).unwrap_err();
        assert_eq!((problem.code, problem.fields[0].field.as_str()), (Code::FieldsWrong, "rooms[1].seats"));
        assert!(!problem.fields[0].problem.contains("line"), "{problem:?}");
        let code = |bytes: &[u8]| parse::<Outer>(&headers, bytes).map_err(|problem| problem.code).unwrap_err();
        assert_eq!(code(b"{"), Code::BodyUnreadable);
        assert_eq!(code(b""), Code::BodyUnreadable);
        assert_eq!(code(br#"{"rooms": []} x"#), Code::BodyUnreadable);
        assert_eq!(parse::<()>(&HeaderMap::new(), b"").map_err(|problem| problem.code), Ok(()));
        assert_eq!(parse::<()>(&HeaderMap::new(), b"null").unwrap_err().code, Code::TypeUnknown);
    }
}
