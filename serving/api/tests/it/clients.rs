//! The OpenAPI document before judges of other houses: it is valid, a client generated from it works, and a fuzzer that
//! reads it finds no answer that it does not tell of.
//!
//! The tools are installed through pip into the user's cache, pinned, as the libraries are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use records::Token;

use crate::house::{House, NOW, OTHER, READ, WRITE};
use crate::libraries::{installed, must_run, serve, write};
use crate::reads::{award, board, count};

const PACKAGES: [&str; 3] = ["openapi-python-client==0.29.1", "openapi-spec-validator==0.9.0", "schemathesis==4.32.5"];

const VALIDATE: &str = r#"
import json, sys
from openapi_spec_validator import OpenAPIV31SpecValidator
document = json.load(open(sys.argv[1]))
errors = list(OpenAPIV31SpecValidator(document).iter_errors())
for error in errors:
    print(error.message[:500], list(error.absolute_path), file=sys.stderr)
sys.exit(len(errors) > 0)
"#;

const CLIENT: &str = r#"
import sys
sys.path.insert(0, sys.argv[4])
from eventra_client import AuthenticatedClient, Client
from eventra_client.api.health import get_healthz, get_readyz
from eventra_client.api.tracking import post_track
from eventra_client.api.views import (
    get_views_leaderboards_by_leaderboard as top, get_views_windows as windows,
    get_views_leaderboards_by_leaderboard_participants_by_person as place)
from eventra_client.models import Problem, TrackingMessage, TrackingMessageProperties

address, read_key, write_key = sys.argv[1:4]
anybody = Client(base_url=address)
reader = AuthenticatedClient(base_url=address, token=read_key)
writer = AuthenticatedClient(base_url=address, token=write_key)

assert get_healthz.sync_detailed(client=anybody).status_code == 200
assert get_readyz.sync(client=anybody).ready is True

board = top.sync("points", client=reader, limit=2)
assert [row.score for row in board.data.places] == [30, 20], board
assert board.as_of.epoch == 1, board
mine = place.sync("points", "0000000000000006", client=reader, around=1)
assert (mine.data.place.rank, mine.data.above[0].score) == (2, 30), mine
series = windows.sync(client=reader, event="conf", kind="page_viewed")
assert series.data.total == 3 and series.data.windows[0].count == 3, series

properties = TrackingMessageProperties.from_dict({"session": "talk-12"})
message = TrackingMessage(user_id="ada", event="session_joined", properties=properties, message_id="generated-1")
first = post_track.sync(client=writer, body=message)
assert (first.success, first.taken, first.duplicates) == (True, 1, 0), first
again = post_track.sync(client=writer, body=message)
assert (again.taken, again.duplicates) == (0, 1), again

for refused, code in [
    (top.sync("nothing", client=reader), "not_found"),
    (top.sync("points", client=AuthenticatedClient(base_url=address, token="wrong")), "key_unknown"),
    (top.sync("points", client=writer), "scope_missing"),
    (top.sync("points", client=reader, wait_for="soon"), "parameter_wrong"),
]:
    assert isinstance(refused, Problem) and refused.code == code and refused.mend, (code, refused)
"#;

/// Installed once, however many tests ask at the same time.
fn tools() -> &'static Path {
    static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
        installed("openapi-1", |folder| {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
            must_run(pip.arg(folder).args(PACKAGES), "pip install of the tools for OpenAPI");
        })
    });
    &TOOLS
}

fn python(tools: &Path) -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", tools);
    python
}

/// A house in which something has happened.
fn lively() -> House {
    let mut house = House::new();
    for (token, points) in [(Token(5), 30), (Token(6), 20), (Token(7), 10)] {
        award(&mut house, 1, board(), token, points);
    }
    count(&mut house, 1, "conf", 3);
    house.complete(1, NOW);
    house
}

#[test]
fn the_document_is_valid() {
    let (tools, folder) = (tools(), tempfile::tempdir().unwrap());
    let script = write(folder.path(), "validate.py", VALIDATE);
    let document = write(folder.path(), "openapi.json", &api::openapi::text());
    must_run(python(tools).arg(script).arg(document), "openapi-spec-validator");
}

#[test]
fn a_generated_client_works() {
    let (tools, folder) = (tools(), tempfile::tempdir().unwrap());
    let document = write(folder.path(), "openapi.json", &api::openapi::text());
    // Formatting what is generated is not what is tried.
    let hooks = "post_hooks: []\ncontent_type_overrides:\n  application/x-ndjson: application/octet-stream\n  application/pdf: application/octet-stream\n  application/xml: application/octet-stream\n";
    let settings = write(folder.path(), "settings.yaml", hooks);
    let client = folder.path().join("eventra_client");
    let mut generate = python(tools);
    generate.args(["-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning", "--path"]);
    generate.arg(document).arg("--config").arg(settings).arg("--output-path").arg(&client);
    must_run(&mut generate, "openapi-python-client");
    let house = lively();
    let (address, _runtime) = serve(&house);
    let script = write(folder.path(), "use.py", CLIENT);
    let mut user = python(tools);
    user.arg(script).arg(format!("http://{address}")).args([READ, WRITE]).arg(folder.path());
    must_run(&mut user, "the generated client");
    assert_eq!(house.records().len(), 1, "what was sent twice is there once");
}

/// Seconds that the fuzzer may take.
const FUZZ_SECONDS: &str = "20";

#[test]
fn a_fuzzer_that_reads_the_document_finds_nothing() {
    let (tools, folder) = (tools(), tempfile::tempdir().unwrap());
    let house = lively();
    let (address, _runtime) = serve(&house);
    // A wait in vain is an answer of 504 as it should be, and only takes time.
    write(folder.path(), "schemathesis.toml", "[parameters]\n\"query.wait_for\" = \"1\"\n");
    let mut fuzz = python(tools);
    // Streams have no end to wait for; tests of their own read them.
    fuzz.current_dir(folder.path()).args([
        "-m",
        "schemathesis.cli",
        "run",
        "--exclude-tag",
        "feeds",
        "--exclude-tag",
        "presence",
    ]);
    fuzz.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-time", FUZZ_SECONDS]);
    // One worker: with two, its generator of values races with itself (a KeyError in its own cache, seldom).
    fuzz.args(["--seed", "7", "--generation-database", "none", "--warnings", "off", "--no-color", "--workers", "1"]);
    fuzz.args(["--header", &format!("Authorization: Bearer {OTHER}")]).arg(format!("http://{address}/v1/openapi.json"));
    must_run(&mut fuzz, "schemathesis");
}

/// What each answer is held to: no fault of ours, a status, a media type, headers and a body that the document tells of, and
/// a refusal of what it does not allow.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
response_schema_conformance,unsupported_method";
