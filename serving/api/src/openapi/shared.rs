//! What many operations say alike stands once, among the components, and is referred to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Moves parameters, headers and answers without a body that several operations have into the components.
pub(super) fn share(document: &mut Value) {
    for (group, parts) in [("parameters", parameters as Parts), ("headers", headers), ("responses", answers)] {
        let found = shared(document, parts);
        let refer = |part: &mut Value| {
            if let Some(name) = found.get(&part.to_string()) {
                *part = json!({"$ref": format!("#/components/{group}/{name}")});
            }
        };
        each(document, |operation| parts(operation, &mut |_, part| refer(part)));
        let known = document["components"][group].as_object().cloned().unwrap_or_default();
        let named =
            found.into_iter().map(|(text, name)| (name, serde_json::from_str(&text).expect("it was written here")));
        document["components"][group] = Value::Object(known.into_iter().chain(named).collect());
    }
}

/// Shows parts of an operation, each with a name where it has none itself.
type Parts = fn(&mut Value, Visit<'_>);
type Visit<'a> = &'a mut dyn FnMut(&str, &mut Value);

fn parameters(operation: &mut Value, visit: Visit<'_>) {
    operation["parameters"].as_array_mut().into_iter().flatten().for_each(|one| visit("", one));
}

fn headers(operation: &mut Value, visit: Visit<'_>) {
    for (_, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        let told = answer.get_mut("headers").and_then(Value::as_object_mut);
        told.into_iter().flatten().for_each(|(name, header)| visit(name, header));
    }
}

fn answers(operation: &mut Value, visit: Visit<'_>) {
    for (status, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        if answer.get("content").is_none() {
            visit(&format!("status_{status}"), answer);
        }
    }
}

/// Calls something for every operation of a document.
fn each(document: &mut Value, mut visit: impl FnMut(&mut Value)) {
    for (_, path) in document["paths"].as_object_mut().into_iter().flatten() {
        path.as_object_mut().into_iter().flatten().for_each(|(_, operation)| visit(operation));
    }
}

/// What stands more than once, with the name that it is given: of several of the same name, which are sorted by what they say,
/// the first has it alone.
fn shared(document: &mut Value, parts: Parts) -> BTreeMap<String, String> {
    let mut counts = BTreeMap::<(String, String), usize>::new();
    each(document, |operation| {
        parts(operation, &mut |name, part| {
            if part.get("$ref").is_none() {
                let name = part["name"].as_str().unwrap_or(name).replace(|one: char| !one.is_ascii_alphanumeric(), "_");
                *counts.entry((name, part.to_string())).or_default() += 1;
            }
        });
    });
    let mut numbers = BTreeMap::<String, usize>::new();
    let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
    repeated
        .map(|((name, text), _)| {
            let number = numbers.entry(name.clone()).or_default();
            *number += 1;
            let name = if *number == 1 { name } else { format!("{name}_{number}") };
            (text, name)
        })
        .collect()
}

/// The document as text that people can compare: each operation and each component is one line.
pub(super) fn lines(document: &Value) -> String {
    let deep = |name: &str| if matches!(name, "paths" | "components") { 2 } else { 0 };
    let parts = document.as_object().into_iter().flatten();
    let parts: Vec<String> = parts.map(|(name, part)| format!("{}:{}", json!(name), text(part, deep(name)))).collect();
    format!("{{\n{}\n}}\n", parts.join(",\n"))
}

/// JSON with a line for each field, so many levels deep.
fn text(value: &Value, deep: usize) -> String {
    match value.as_object() {
        Some(fields) if deep > 0 && !fields.is_empty() => {
            let fields: Vec<String> =
                fields.iter().map(|(name, field)| format!("{}:{}", json!(name), text(field, deep - 1))).collect();
            format!("{{\n{}}}", fields.join(",\n"))
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_more_than_once_is_referred_to_and_what_stands_once_stays() {
        let parameter = |what: &str| json!({"name": "limit", "in": "query", "description": what});
        let answers = json!({"200": {"description": "It.", "headers": {"ETag": {"schema": {"type": "string"}}}},
            "304": {"description": "As it was."}, "404": {"$ref": "#/components/responses/not_found"}});
        let operation = |parameters: Value| json!({"parameters": parameters, "responses": answers.clone()});
        let mut document = json!({"components": {"responses": {"not_found": {"description": "None."}}}, "paths": {
            "/a": {"get": operation(json!([parameter("one"), parameter("two")]))},
            "/b": {"get": operation(json!([parameter("one")])), "put": operation(json!([parameter("three")]))},
            "/c": {"get": operation(json!([parameter("three")]))},
        }});
        share(&mut document);
        let reference = |group: &str, name: &str| json!({"$ref": format!("#/components/{group}/{name}")});
        let of = |path: &str, method: &str| document["paths"][path][method]["parameters"].clone();
        assert_eq!(of("/a", "get"), json!([reference("parameters", "limit"), parameter("two")]));
        assert_eq!(of("/c", "get"), json!([reference("parameters", "limit_2")]));
        assert_eq!(document["components"]["parameters"]["limit_2"], parameter("three"));
        let answers = &document["paths"]["/b"]["put"]["responses"];
        assert_eq!(answers["304"], reference("responses", "status_304"));
        assert_eq!(answers["404"], reference("responses", "not_found"));
        assert_eq!(document["components"]["responses"]["not_found"]["description"], "None.");
        assert_eq!(document["components"]["headers"]["ETag"]["schema"]["type"], "string");
        let text = lines(&document);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document, "the text is the document");
        assert!(text.contains("\n\"/c\":{\n\"get\":{\"parameters\""), "{text}");
    }
}
