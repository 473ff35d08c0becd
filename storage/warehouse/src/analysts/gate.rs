//! What a question may say: read before the engine gets it.
//!
//! The engine refuses most of this by itself. The gate is for what it does not guard: functions that tell about the machine,
//! settings inside of subqueries, and plans that count other organizations' granules.

use super::lexer::{Token, tokens};
use super::settings;
use super::words::{is_refused, is_refused_table};

/// What statements may begin with.
const STATEMENTS: [&str; 8] = ["SELECT", "WITH", "FROM", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"];

/// Words of `EXPLAIN` that count granules of all organizations.
const COUNTING_PLANS: [&str; 3] = ["indexes", "projections", "estimate"];

/// Why a question was not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub struct Forbidden {
    what: String,
    why: &'static str,
}

impl Forbidden {
    pub(super) fn sign(sign: &str) -> Self {
        Self { what: format!("`{sign}`"), why: "is not taken outside of text literals" }
    }

    fn function(name: &str) -> Self {
        Self { what: format!("`{name}`"), why: "is not available here" }
    }

    fn statement(word: &str) -> Self {
        Self { what: format!("`{word}`"), why: "is no question: SELECT, SHOW, DESCRIBE and EXPLAIN are" }
    }

    fn setting(name: &str) -> Self {
        Self { what: format!("setting `{name}`"), why: "cannot be changed here" }
    }
}

/// What the gate has seen in a question that it let pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Passed {
    /// Names and words in lower case, sorted.
    names: Vec<String>,
}

impl Passed {
    /// Whether a name stands in the question, anywhere.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }
}

/// Reads a question and the values of its parameters.
///
/// # Errors
/// The first thing that is not taken.
pub(super) fn check<'a>(text: &str, parameters: impl Iterator<Item = &'a str>) -> Result<Passed, Forbidden> {
    let tokens = tokens(text)?;
    let first = tokens.iter().find(|token| **token != Token::Sign('(')).copied();
    match first {
        Some(token) if STATEMENTS.iter().any(|keyword| token.is(keyword)) => {}
        Some(Token::Word(word)) => return Err(Forbidden::statement(word)),
        _ => return Err(Forbidden::statement("nothing")),
    }
    names(&tokens)?;
    changed_settings(&tokens)?;
    plans(&tokens)?;
    // A parameter of type Identifier names whatever it likes: functions, tables, columns.
    let named: Vec<&str> =
        if tokens.iter().any(|token| token.is("identifier")) { parameters.collect() } else { vec![] };
    if let Some(value) = named.iter().find(|value| is_refused(value.trim())) {
        return Err(Forbidden::function(value));
    }
    databases(&tokens, &named)?;
    let mut names: Vec<String> = tokens.iter().filter_map(|token| token.name()).map(str::to_ascii_lowercase).collect();
    names.sort();
    names.dedup();
    Ok(Passed { names })
}

fn names(tokens: &[Token<'_>]) -> Result<(), Forbidden> {
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = token.name() else { continue };
        let called = tokens.get(at + 1) == Some(&Token::Sign('('));
        if is_refused(name) || (called && is_refused_table(name)) {
            return Err(Forbidden::function(name));
        }
    }
    // What a client may not write into a file, it may not read from one either.
    for pair in tokens.windows(2) {
        if (pair[0].is("into") && pair[1].is("outfile")) || (pair[0].is("from") && pair[1].is("infile")) {
            return Err(Forbidden::function("a file"));
        }
    }
    Ok(())
}

/// `SETTINGS a = 1, b = 'x'` at any depth: the engine checks only those of the outermost SELECT.
fn changed_settings(tokens: &[Token<'_>]) -> Result<(), Forbidden> {
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.is("settings")) {
        let mut rest = &tokens[at + 1..];
        // A column or table may have this name: then no `name =` follows.
        while let [name, Token::Sign('='), value, after @ ..] = rest {
            let Some(name) = name.name() else { break };
            let after = match (value, after) {
                (Token::Sign('-'), [Token::Number, after @ ..]) => after,
                (Token::Number | Token::Text(_) | Token::Word(_), after) => after,
                _ => return Err(Forbidden::setting(name)),
            };
            if !settings::is_changeable(name) {
                return Err(Forbidden::setting(name));
            }
            // A number with a fraction is several tokens.
            let after = match after {
                [Token::Sign('.'), Token::Number, after @ ..] => after,
                after => after,
            };
            match after {
                [Token::Sign(','), after @ ..] => rest = after,
                _ => break,
            }
        }
    }
    Ok(())
}

/// `system.databases` tells where on the disk they are, to everybody: it is there for clients that ask for names.
fn databases(tokens: &[Token<'_>], named: &[&str]) -> Result<(), Forbidden> {
    let says = |word: &str| {
        let known = |name: &str| name.split('.').any(|part| part.trim().eq_ignore_ascii_case(word));
        tokens.iter().any(|token| token.name().is_some_and(known)) || named.iter().any(|value| known(value))
    };
    let everything =
        tokens.contains(&Token::Sign('*')) || ["columns", "data_path", "metadata_path"].into_iter().any(says);
    if says("system") && says("databases") && everything {
        return Err(Forbidden::function("the path of a database"));
    }
    Ok(())
}

fn plans(tokens: &[Token<'_>]) -> Result<(), Forbidden> {
    if !tokens.iter().any(|token| token.is("explain")) {
        return Ok(());
    }
    match tokens.iter().find(|token| COUNTING_PLANS.iter().any(|word| token.is(word))) {
        Some(token) => Err(Forbidden::function(&format!("EXPLAIN {}", token.name().unwrap_or_default()))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &str) {
        assert!(check(text, std::iter::empty()).is_ok(), "{text}: {:?}", check(text, std::iter::empty()));
    }

    fn refused(text: &str, because: &str) {
        let error = check(text, std::iter::empty()).expect_err(text).to_string();
        assert!(error.contains(because), "{text}: {error}");
    }

    #[test]
    fn questions_pass() {
        passes("SELECT kind, count() FROM records GROUP BY kind ORDER BY 2 DESC LIMIT 5 FORMAT JSON");
        passes("(select 1) union all (select 2)");
        passes("with t as (select 'file(''x'')' as a) select * from t settings max_threads = 1, join_use_nulls=1");
        passes("SELECT format('{} of {}', a, b), url, merge, input FROM t WHERE path = '/etc/file' -- file");
        passes("EXPLAIN SELECT 1");
        passes("SELECT settings, settings FROM t WHERE settings = 1.5");
    }

    #[test]
    fn functions_that_tell_about_the_machine_are_refused_wherever_they_stand() {
        for text in [
            "select file('/etc/passwd')",
            "select FILE /* x */ ('/etc/passwd')",
            "select `file`('/etc/passwd')",
            "select \"file\"('/etc/passwd')",
            "select * apply file from t",
            "select arrayMap(file, ['/etc/passwd'])",
            "select count() from (select hostName() as h)",
            "explain query tree select file('/etc/passwd')",
        ] {
            refused(text, "not available");
        }
        let named = check("select arrayMap({f:Identifier}, ['/etc/passwd'])", ["file"].into_iter());
        assert!(named.unwrap_err().to_string().contains("file"));
    }

    #[test]
    fn table_functions_are_refused_where_they_are_called() {
        refused("select * from url('http://127.0.0.1', CSV, 'a String')", "`url`");
        refused("select * from remote('127.0.0.1', default, records)", "`remote`");
        refused("select * from eval('select 1')", "`eval`");
        passes("select * from numbers(3)");
    }

    #[test]
    fn statements_that_are_no_questions_are_refused() {
        for text in
            ["insert into t values (1)", "kill query where 1", "system flush logs", "set x = 1", "", "drop table t"]
        {
            refused(text, "no question");
        }
    }

    #[test]
    fn settings_of_subqueries_are_read_too() {
        refused("select * from (select 1 settings allow_experimental_eval_table_function = 1)", "eval_table_function");
        refused("select 1 settings max_threads = 1, readonly = 0", "`readonly`");
        refused("select 1 settings additional_table_filters = {'t': 'file(1)'}", "additional_table_filters");
        refused("select 1 settings max_threads = {'a': 'b'}", "max_threads");
        refused("select 1 settings max_execution_time = 1.5, readonly = -1", "`readonly`");
        refused("select 1 settings `readonly` = 0", "`readonly`");
    }

    #[test]
    fn plans_that_count_others_rows_are_refused() {
        refused("explain indexes = 1 select 1", "EXPLAIN indexes");
        refused("explain estimate select 1", "EXPLAIN estimate");
    }

    #[test]
    fn places_on_the_disk_are_not_told() {
        refused("select * from system.databases", "path of a database");
        refused("select data_path from system.`databases`", "path of a database");
        refused("select columns('.*path') from system.databases", "path of a database");
        let named = check("select {c:Identifier} from {t:Identifier}", ["data_path", "system.databases"].into_iter());
        assert!(named.is_err());
        passes("select name, engine from system.databases where name = 'eventra'");
        passes("select * from databases");
    }

    #[test]
    fn what_passed_knows_its_names() {
        let passed = check("select * from attendance_current", std::iter::empty()).unwrap();
        assert!(passed.mentions("attendance_current") && !passed.mentions("attendance"));
    }
}
