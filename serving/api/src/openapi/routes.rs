//! Routes that cannot be added without being described.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};

use super::operation::{Described, Schemas, Sketch, Told};
use crate::Api;
use crate::problem::{Code, Problem};

type Saying = Arc<dyn Fn(&mut Sketch<'_>) + Send + Sync>;

/// One operation of one route.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) summary: &'static str,
    describe: fn(&mut Sketch<'_>),
    more: Vec<Saying>,
}

impl Entry {
    /// The same, spelled otherwise.
    pub(super) fn about(&self, summary: &'static str) -> Self {
        Self { summary, ..self.clone() }
    }

    /// All that is known of it.
    pub(super) fn told(&self, schemas: &mut Schemas) -> Told {
        let mut told = Told::default();
        let mut sketch = Sketch { told: &mut told, schemas };
        (self.describe)(&mut sketch);
        self.more.iter().for_each(|more| more(&mut sketch));
        told
    }
}

/// Routes with what the document says of them.
///
/// ```
/// use api::openapi::Routes;
/// use api::problem::Code;
///
/// async fn greet() -> &'static str {
///     "hello"
/// }
/// let routes: Routes = Routes::new()
///     .get("/v1/greeting", "A greeting", greet)
///     .with(|operation| operation.may(&[Code::NotFound]));
/// # drop(routes);
/// ```
#[derive(Clone)]
pub struct Routes<S = Api> {
    // Each with its operations; routers are made at the end, when everything about them has been said.
    added: Vec<Added<S>>,
    router: Router<S>,
    told: Vec<Entry>,
}

type Adding<S> = Arc<dyn Fn(Router<S>, Arc<[String]>, bool) -> Router<S> + Send + Sync>;

#[derive(Clone)]
struct Added<S> {
    entry: Entry,
    add: Adding<S>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { added: Vec::new(), router: Router::new(), told: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a read, with what it is in a line.
    #[must_use]
    pub fn get<H, T>(self, path: &str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S> + Described<T> + Sync,
        T: 'static,
    {
        self.on(Method::GET, path, summary, handler)
    }

    /// Adds something that makes or does.
    #[must_use]
    pub fn post<H, T>(self, path: &str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S> + Described<T> + Sync,
        T: 'static,
    {
        self.on(Method::POST, path, summary, handler)
    }

    /// Adds something that replaces.
    #[must_use]
    pub fn put<H, T>(self, path: &str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S> + Described<T> + Sync,
        T: 'static,
    {
        self.on(Method::PUT, path, summary, handler)
    }

    /// Adds something that changes.
    #[must_use]
    pub fn patch<H, T>(self, path: &str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S> + Described<T> + Sync,
        T: 'static,
    {
        self.on(Method::PATCH, path, summary, handler)
    }

    /// Adds something that takes away.
    #[must_use]
    pub fn delete<H, T>(self, path: &str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S> + Described<T> + Sync,
        T: 'static,
    {
        self.on(Method::DELETE, path, summary, handler)
    }

    fn on<H, T>(mut self, method: Method, path: &str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S> + Described<T> + Sync,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("the five methods above have filters");
        let entry = Entry { method, path: path.to_owned(), summary, describe: H::describe, more: Vec::new() };
        let route = path.to_owned();
        let add: Adding<S> = Arc::new(move |router, names, strict| {
            let methods = on(filter, handler.clone());
            if !strict {
                return router.route(&route, methods);
            }
            let check = move |request: Request, next: Next| only(Arc::clone(&names), request, next);
            router.route(&route, methods.layer(from_fn(check)))
        });
        self.added.push(Added { entry, add });
        self
    }

    /// Says more about the operation that was added last.
    #[must_use]
    pub fn with(mut self, more: impl Fn(&mut Sketch<'_>) + Send + Sync + 'static) -> Self {
        if let Some(last) = self.added.last_mut() {
            last.entry.more.push(Arc::new(more));
        }
        self
    }

    /// Refusals that the operation that was added last may answer with, beyond those of what it takes.
    #[must_use]
    pub fn may(self, codes: &'static [Code]) -> Self {
        self.with(|sketch| sketch.may(codes))
    }

    /// Adds other routes.
    #[must_use]
    pub fn merge(mut self, others: Self) -> Self {
        self.added.extend(others.added);
        self.told.extend(others.told);
        self.router = self.router.merge(others.router);
        self
    }

    /// Changes the router of all routes so far: layers, states, routes that no document names (preflight requests).
    #[must_use]
    pub fn map<S2: Clone + Send + Sync + 'static>(self, change: impl FnOnce(Router<S>) -> Router<S2>) -> Routes<S2> {
        let (router, told) = self.finish();
        Routes { added: Vec::new(), router: change(router), told }
    }

    /// The router alone.
    pub fn into_router(self) -> Router<S> {
        self.finish().0
    }

    /// The router, and what there is to say about it.
    pub(crate) fn finish(self) -> (Router<S>, Vec<Entry>) {
        let Self { added, mut router, mut told } = self;
        let mut schemas = Schemas::new();
        for Added { entry, add } in added {
            let known = entry.told(&mut schemas);
            let names = known.query.iter().filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
            router = add(router, names.collect(), known.strict);
            told.push(entry);
        }
        (router, told)
    }
}

/// Refuses a slip such as `evnt=`, which would otherwise be answered about no event at all.
async fn only(names: Arc<[String]>, request: Request, next: Next) -> Response {
    for (name, _) in form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()) {
        if !names.iter().any(|known| *known == name) {
            let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            let detail = format!("there is no parameter `{}` here; there is {known}", shown(&name));
            return Problem::new(Code::ParameterWrong, detail).into_response();
        }
    }
    next.run(request).await
}

/// What came from outside, short enough to be told again.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

/// The names of a query's parameters in a description.
pub(super) fn query_names(told: &Told) -> Vec<&str> {
    told.query.iter().filter_map(|parameter| parameter["name"].as_str()).collect::<Vec<_>>()
}
