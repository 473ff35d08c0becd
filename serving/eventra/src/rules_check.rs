//! Checks a rules document before it becomes a fact: what is published must be understood by every later reader.

use anyhow::{Context as _, bail};
use rules::RuleDocument;
use serde_json::Value;

/// The most faults that one message lists.
const FAULTS_MAX: usize = 20;

/// Reads the document as the rules crate does.
///
/// # Errors
/// Everything that is wrong, field by field.
pub(crate) fn check(document: &Value) -> anyhow::Result<()> {
    let document = RuleDocument::from_value(document).context("the rules cannot be read")?;
    let faults = document.validate();
    if faults.is_empty() {
        return Ok(());
    }
    let listed: Vec<String> =
        faults.iter().take(FAULTS_MAX).map(|fault| format!("  {}: {}", fault.field, fault.message)).collect();
    bail!("{} fault(s) in the rules:\n{}", faults.len(), listed.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_conferences_rules_are_in_order() {
        check(&workload::rules_document()).unwrap();
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(check(&serde_json::json!({"format": 1, "leaderbords": []})).is_err());
    }
}
