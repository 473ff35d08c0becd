//! The OpenAPI document: nothing is served that it does not name, and the committed copy is the one of this code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::house::{House, request, run};

const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// Whether a path that code names stands for one that the document names, with or without the braces of parameters.
fn documented(paths: &BTreeSet<String>, literal: &str) -> bool {
    let begins = |path: &String| path == literal || path.starts_with(&format!("{}/", literal.trim_end_matches('/')));
    paths.iter().any(begins)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn paths() -> BTreeSet<String> {
    api::openapi::document()["paths"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_committed_copy_is_current() {
    let copy = std::fs::read_to_string(COPY).unwrap_or_default();
    assert!(copy == api::openapi::text(), "docs/openapi.json is stale: run `eventra openapi > docs/openapi.json`");
}

#[test]
fn every_route_that_the_code_names_is_in_the_document() {
    let (paths, mut found, mut named) = (paths(), Vec::new(), 0);
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    for file in found {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for rest in line.split("\"/v1/").skip(1) {
                let literal = format!("/v1/{}", rest.split('"').next().unwrap());
                let literal = literal.split(['*', '?']).next().unwrap().trim_end_matches('{').to_owned();
                // Some literals are formats: what comes before their first value.
                let begin = literal.split('{').next().unwrap();
                assert!(
                    documented(&paths, &literal) || (line.contains("format!") && documented(&paths, begin)),
                    "{}: `{literal}` is in no document",
                    file.display()
                );
                named += 1;
            }
        }
    }
    assert!(named > 40, "the routes were found: {named}");
}

#[test]
fn every_route_of_the_document_is_served() {
    let house = House::new();
    for (path, item) in api::openapi::document()["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let address: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let method = method.to_uppercase().parse().unwrap();
            let answer = run(house.send(request(method, &address, &[], "")));
            let code = answer.body["code"].as_str().unwrap_or_default();
            assert!(!["route_unknown", "method_unknown"].contains(&code), "{path}: {answer:?}");
        }
    }
}

#[test]
fn the_document_is_served_to_anybody() {
    let house = House::new();
    let answer = run(house.send(request(axum::http::Method::GET, "/v1/openapi.json", &[], "")));
    assert_eq!(answer.body, api::openapi::document());
    assert_eq!(answer.body["openapi"], "3.1.0");
}

/// What the document says of a request's answer: the operation of the path that fits.
pub(crate) fn operation<'a>(document: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |known: &str| {
        let known: Vec<&str> = known.split('/').collect();
        known.len() == parts.len()
            && known.iter().zip(&parts).all(|(known, part)| known.starts_with('{') || known == part)
    };
    // Of several the one with the fewest parameters, as the router decides.
    let found = document["paths"].as_object()?.iter().filter(|(known, _)| fits(known));
    found.min_by_key(|(known, _)| known.matches('{').count())?.1.get(method.to_lowercase())
}
