//! One operation as it is described: by the handler's signature first, by what is said beside it then.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use records::fact::Scope;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::problem::{Code, Problem};

/// Where schemas with a name of their own are kept.
const COMPONENTS: &str = "/components/schemas";

/// The schemas of a document: of what is written, and of what is read.
///
/// They differ: a field that is left out when it is empty is always known to who reads, never to who writes.
pub(crate) struct Schemas {
    pub(super) written: SchemaGenerator,
    pub(super) read: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings: &mut SchemaSettings| {
                settings.definitions_path = COMPONENTS.into();
                settings.meta_schema = None;
            })
        };
        Self {
            written: settings().for_serialize().into_generator(),
            read: settings().for_deserialize().into_generator(),
        }
    }
}

/// What is known of one operation so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(super) description: String,
    pub(super) query: Vec<Value>,
    pub(super) headers: Vec<Value>,
    pub(super) body: BTreeMap<String, Value>,
    pub(super) answers: BTreeMap<u16, Value>,
    pub(super) codes: BTreeSet<Code>,
    pub(super) security: Vec<Value>,
    /// Whether the route refuses parameters that are not in `query`.
    pub(super) strict: bool,
}

/// One operation while it is described.
pub struct Sketch<'a> {
    pub(super) told: &'a mut Told,
    pub(super) schemas: &'a mut Schemas,
}

/// What a handler takes from a request: every extractor says what it reads and how it refuses.
pub trait Takes {
    /// Adds it to the operation.
    fn describe(sketch: &mut Sketch<'_>);
}

/// What a handler answers.
pub trait Gives {
    /// Adds it to the operation.
    fn describe(sketch: &mut Sketch<'_>);
}

/// A handler, described by its signature. `T` is that of [`axum::handler::Handler`].
pub trait Described<T> {
    /// Adds all that the handler takes and gives.
    fn describe(sketch: &mut Sketch<'_>);
}

impl<F, R, O> Described<((),)> for F
where
    F: FnOnce() -> R,
    R: Future<Output = O>,
    O: Gives,
{
    fn describe(sketch: &mut Sketch<'_>) {
        O::describe(sketch);
    }
}

macro_rules! described {
    ($($take:ident),+) => {
        impl<F, R, O, M, $($take),+> Described<(M, $($take,)+)> for F
        where
            F: FnOnce($($take),+) -> R,
            R: Future<Output = O>,
            O: Gives,
            $($take: Takes,)+
        {
            fn describe(sketch: &mut Sketch<'_>) {
                $($take::describe(sketch);)+
                O::describe(sketch);
            }
        }
    };
}

described!(A);
described!(A, B);
described!(A, B, C);
described!(A, B, C, D);
described!(A, B, C, D, E);
described!(A, B, C, D, E, G);
described!(A, B, C, D, E, G, H);

impl<T: Gives> Gives for Result<T, Problem> {
    fn describe(sketch: &mut Sketch<'_>) {
        T::describe(sketch);
    }
}

impl Sketch<'_> {
    /// Adds what people should know beyond the summary.
    pub fn text(&mut self, text: &str) {
        if !self.told.description.is_empty() {
            self.told.description += "\n\n";
        }
        self.told.description += text;
    }

    /// Refusals that it may answer with.
    pub fn may(&mut self, codes: &[Code]) {
        self.told.codes.extend(codes);
    }

    /// Takes the fields of `T` as parameters of the query; others are refused.
    pub fn query<T: JsonSchema>(&mut self) {
        self.told.strict = true;
        let schema = T::json_schema(&mut self.schemas.read);
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let parameter = parameter("query", name, property.clone(), required.contains(&name.as_str()));
            self.told.query.push(parameter);
        }
        self.told.codes.insert(Code::ParameterWrong);
    }

    /// Other parameters go on to somebody who knows them.
    pub fn open(&mut self) {
        self.told.strict = false;
    }

    /// The route has no such parameters, although what it reads them into has.
    pub fn without(&mut self, names: &[&str]) {
        self.told.query.retain(|parameter| !names.iter().any(|name| parameter["name"] == *name));
    }

    /// Takes a header.
    pub fn header(&mut self, name: &str, description: &str, schema: Value, required: bool) {
        let mut schema = schema;
        schema["description"] = description.into();
        self.told.headers.push(parameter("header", name, schema, required));
    }

    /// Takes a body of JSON that `T` is read from.
    pub fn body<T: JsonSchema>(&mut self) {
        let schema = self.schemas.read.subschema_for::<T>();
        self.body_as("application/json", schema);
        self.told.codes.extend([Code::BodyUnreadable, Code::BodyTooLarge, Code::TypeUnknown]);
    }

    /// Takes a body of some media type.
    pub fn body_as(&mut self, media: &str, schema: Schema) {
        self.told.body.insert(media.to_owned(), json!({"schema": schema}));
    }

    /// The schema of `T` as it is read.
    pub fn read<T: JsonSchema>(&mut self) -> Schema {
        self.schemas.read.subschema_for::<T>()
    }

    /// The schema of `T` as it is written.
    pub fn written<T: JsonSchema>(&mut self) -> Schema {
        self.schemas.written.subschema_for::<T>()
    }

    /// Answers with JSON that `T` is written as.
    pub fn answers<T: JsonSchema>(&mut self, status: u16, what: &str) {
        let schema = self.written::<T>();
        self.answers_as(status, what, "application/json", schema);
    }

    /// Answers with some media type.
    pub fn answers_as(&mut self, status: u16, what: &str, media: &str, schema: Schema) {
        let answer = self.told.answers.entry(status).or_insert_with(|| json!({"description": what, "content": {}}));
        answer["description"] = what.into();
        answer["content"][media] = json!({"schema": schema});
    }

    /// Answers without a body.
    pub fn answers_empty(&mut self, status: u16, what: &str) {
        self.told.answers.insert(status, json!({"description": what}));
    }

    /// Tells of a header of every answer that is no refusal so far.
    pub fn answers_header(&mut self, name: &str, description: &str, schema: &Value) {
        for answer in self.told.answers.values_mut() {
            answer["headers"][name] = json!({"description": description, "schema": schema});
        }
    }

    /// Wants a key with this scope.
    pub fn key(&mut self, scope: Scope) {
        let word = json!(scope);
        self.told.security = vec![json!({"bearer": [word]}), json!({"basic": [word]})];
        self.told.codes.extend(REFUSED);
    }

    /// Wants somebody who is known: by a key, or by a login as a token or a cookie.
    pub fn somebody(&mut self) {
        self.told.security = ["bearer", "basic", "login"].into_iter().map(|scheme| json!({ scheme: [] })).collect();
        self.told.codes.extend(REFUSED);
    }

    /// Wants a key with this scope, or somebody who is signed in and may.
    pub fn known(&mut self, scope: Scope) {
        self.key(scope);
        self.told.security.push(json!({"login": []}));
    }

    /// Wants somebody who is signed in.
    pub fn person(&mut self) {
        self.told.security = vec![json!({"bearer": []}), json!({"login": []})];
        self.told.codes.extend(REFUSED);
    }
}

/// How somebody is refused who is not known, or may not.
const REFUSED: [Code; 6] =
    [Code::KeyMissing, Code::KeyUnknown, Code::ScopeMissing, Code::LoginEnded, Code::OriginForeign, Code::AccessDenied];

/// A parameter whose schema holds its description.
pub(super) fn parameter(place: &str, name: &str, mut schema: Value, required: bool) -> Value {
    let mut parameter = json!({"name": name, "in": place, "required": required});
    if let Some(fields) = schema.as_object_mut() {
        if let Some(description) = fields.remove("description") {
            parameter["description"] = description;
        }
        // A parameter that is not there is left out; nobody sends null.
        fields.remove("default");
        unwrap_null(fields);
    }
    parameter["schema"] = schema;
    parameter
}

fn unwrap_null(fields: &mut serde_json::Map<String, Value>) {
    if let Some(types) = fields.get_mut("type").filter(|types| types.is_array()) {
        let rest: Vec<Value> = types.as_array().into_iter().flatten().filter(|kind| *kind != "null").cloned().collect();
        *types = if let [one] = &rest[..] { one.clone() } else { rest.into() };
    }
    let choices = fields.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
    if let [one, null] = &choices[..]
        && null["type"] == "null"
    {
        fields.remove("anyOf");
        fields.extend(one.as_object().cloned().unwrap_or_default());
    }
    if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
}
